//! Ctrl-C and SIGTERM: once to stop in order, twice to stop at once.

use eocube::Cancel;

use crate::printer::Printer;

/// Exit code of a program that Ctrl-C has ended, as shells have it.
const ABORTED: i32 = 130;
/// The same of one that was asked to end.
const TERMINATED: i32 = 143;

/// Listens for a command that writes a file and has nothing else to bring to an end: a signal ends it at once, and what it had begun to write is removed.
pub(crate) fn listen_to_end() {
    tokio::spawn(async {
        if let Ok(code) = asked_to_end().await {
            end(code);
        }
    });
}

/// Waits for a signal that asks the program to end; answers the exit code of one that does so at once.
async fn asked_to_end() -> std::io::Result<i32> {
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.map(|()| ABORTED),
        asked = terminated() => asked.map(|()| TERMINATED),
    }
}

#[cfg(unix)]
async fn terminated() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> std::io::Result<()> {
    std::future::pending().await
}

#[expect(clippy::exit, reason = "the signal asks for just that")]
fn end(code: i32) -> ! {
    eocube::remove_unfinished();
    std::process::exit(code)
}

/// Listens for as long as the runtime lives; `stopping` says what the first one does. Schedulers of clusters send SIGTERM some time before they kill.
pub(crate) fn listen(cancel: Cancel, printer: Printer, stopping: &'static str) {
    tokio::spawn(async move {
        if asked_to_end().await.is_err() {
            return;
        }
        cancel.cancel();
        printer.line(stopping);
        if let Ok(code) = asked_to_end().await {
            printer.line("stopped; what was committed is safe");
            end(code);
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
            // The prompt waits for a line that nobody will end.
            end(ABORTED);
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
