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

/// Listens while a person may be asked: Ctrl-C ends the program, also while a password is typed, and the terminal shows again what is typed.
pub(crate) fn listen_at_prompt(printer: Printer) {
    let terminal = Shown::now();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            terminal.restore();
            printer.line("\nstopped: nothing was kept");
            #[expect(clippy::exit, reason = "the prompt waits for a line that nobody will end")]
            std::process::exit(ABORTED);
        }
    });
}

/// How the terminal shows what is typed.
#[cfg(unix)]
struct Shown(Option<rustix::termios::Termios>);

#[cfg(unix)]
impl Shown {
    fn now() -> Self {
        Self(rustix::termios::tcgetattr(std::io::stdin()).ok())
    }

    fn restore(&self) {
        if let Some(state) = &self.0 {
            // A terminal that is gone needs nothing.
            let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Flush, state);
        }
    }
}

#[cfg(not(unix))]
struct Shown;

#[cfg(not(unix))]
impl Shown {
    fn now() -> Self {
        Self
    }

    fn restore(&self) {}
}
