//! What is said when the program itself is wrong.

use std::{io::Write, panic::PanicHookInfo};

/// Replaces the message of a panic by a plain sentence.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let _ = writeln!(std::io::stderr(), "{}", text(info));
    }));
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let what = info
        .payload()
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| info.payload().downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    format!(
        "error: cube {version} met a mistake of its own and stopped: {what}\n  at: {place}\n\nhint: what was committed before is safe; please report this message, the command and the spec at {repository}/issues",
        version = env!("CARGO_PKG_VERSION"),
        repository = env!("CARGO_PKG_REPOSITORY"),
    )
}
