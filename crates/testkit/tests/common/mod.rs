//! Runs a Python check with the interpreter named by `CUBE_PYTHON`.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::Path;
use std::process::Command;

/// Runs `tests/<script>` with arguments and fails with its output if it fails; prints a note and returns if no interpreter is named.
pub(crate) fn python(script: &str, arguments: &[&str]) {
    let Ok(interpreter) = std::env::var("CUBE_PYTHON") else {
        println!("CUBE_PYTHON is not set: {script} skipped");
        return;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let output = Command::new(interpreter).arg(path).args(arguments).output().expect("the interpreter starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}:\n{text}");
    println!("{text}");
}
