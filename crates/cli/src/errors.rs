//! How an error is told: what happened, what caused it, and after a blank line what to type.

use eocube::Error;

use crate::printer::Printer;

/// Prints `error: message`, its causes without repeats, a blank line, and `hint: …`.
pub(crate) fn print(error: &Error, printer: &Printer) {
    for (i, message) in error.messages().iter().enumerate() {
        let head = if i == 0 { printer.paint.red("error:") } else { "  caused by:".to_owned() };
        printer.line(format_args!("{head} {message}"));
    }
    let hint = error.hint().unwrap_or_default();
    let mut said: Vec<&str> = Vec::new();
    for line in hint.lines() {
        if said.is_empty() {
            printer.line("");
        }
        // Two values that are wrong in the same way have the same advice.
        if !said.contains(&line) {
            printer.line(format_args!("{} {line}", printer.paint.cyan("hint:")));
            said.push(line);
        }
    }
}
