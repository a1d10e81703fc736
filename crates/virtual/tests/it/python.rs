//! Runs checks with the Python that the environment variable `CUBE_PYTHON` names; it needs icechunk, zarr, xarray, fsspec and kerchunk.

use std::{path::Path, process::Command};

use serde_json::Value;

/// Whether there is a Python; says so when there is none.
pub fn available() -> bool {
    let found = std::env::var_os("CUBE_PYTHON").is_some();
    if !found {
        println!("CUBE_PYTHON is not set: what readers see was skipped");
    }
    found
}

/// Runs a function of `check.py` with JSON, and fails with what it says.
pub fn check(directory: &Path, function: &str, argument: &Value) {
    let Some(python) = std::env::var_os("CUBE_PYTHON") else { return };
    let file = directory.join(format!("{function}.json"));
    std::fs::write(&file, argument.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/check.py");
    let output = Command::new(python).arg(script).arg(function).arg(&file).output().unwrap();
    let said = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said.lines().filter(|line| line.starts_with("# ")).for_each(|line| println!("{line}"));
}
