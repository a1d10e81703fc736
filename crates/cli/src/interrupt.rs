//! Ctrl-C: once to stop in order, twice to stop at once.

use eocube::Cancel;

use crate::printer::Printer;

/// Exit code of a program that a signal has ended, as shells have it.
const ABORTED: i32 = 130;

/// Listens for as long as the runtime lives; `stopping` says what the first one does.
pub(crate) fn listen(cancel: Cancel, printer: Printer, stopping: &'static str) {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        cancel.cancel();
        printer.line(stopping);
        if tokio::signal::ctrl_c().await.is_ok() {
            printer.line("stopped; what was committed is safe");
            #[expect(clippy::exit, reason = "the second Ctrl-C asks for just that")]
            std::process::exit(ABORTED);
        }
    });
}
