use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::OnceLock,
};

use eocube::{Error, Result};
use serde::Serialize;

use crate::{
    args::{Color, Global},
    paint::Paint,
};

/// Decides what reaches the user: answers on stdout, everything else on stderr.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    json: bool,
    quiet: bool,
    verbose: bool,
    pub(crate) paint: Paint,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let colored = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !global.no_color && io::stderr().is_terminal(),
        };
        Self { json: global.json, quiet: global.quiet, verbose: global.verbose > 0, paint: Paint(colored) }
    }

    /// What a command was asked for: the same facts as text or as JSON.
    pub(crate) fn answer<A: Serialize + Display>(&self, answer: &A) {
        if self.json { self.json(answer) } else { out(answer) }
    }

    /// What a command did, where the doing is what counts: not said when quiet.
    pub(crate) fn summary<A: Serialize + Display>(&self, summary: &A) {
        if self.json || !self.quiet {
            self.answer(summary);
        }
    }

    /// A text for the program that reads stdout, such as a script.
    pub(crate) fn raw(&self, text: &str) {
        out(&text.trim_end());
    }

    /// JSON for the program that reads stdout, whether or not facts are printed as JSON.
    pub(crate) fn document<A: Serialize>(&self, document: &A) {
        self.json(document);
    }

    /// Something by the way that few want to know: said with `-v`.
    pub(crate) fn detail(&self, text: impl Display) {
        if self.verbose {
            self.line(text);
        }
    }

    /// Something by the way, on stderr.
    pub(crate) fn say(&self, text: impl Display) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// Something that the user must know.
    pub(crate) fn warn(&self, text: impl Display) {
        self.line(format_args!("{} {text}", self.paint.yellow("warning:")));
    }

    /// A line on stderr, whatever was asked.
    pub(crate) fn line(&self, text: impl Display) {
        // When stderr is closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Whether a progress bar may be drawn.
    pub(crate) fn draws(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Whether facts are printed as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether to speak of progress at all.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn json<A: Serialize>(&self, answer: &A) {
        match serde_json::to_string_pretty(answer) {
            Ok(text) => out(&text),
            Err(error) => self.line(format_args!("{} the answer cannot be written as JSON: {error}", self.paint.red("error:"))),
        }
    }
}

/// Why an answer did not reach stdout.
static LOST: OnceLock<io::Error> = OnceLock::new();

fn out(text: &impl Display) {
    to_stdout(format!("{text}\n").as_bytes());
}

/// Writes a part of an answer; false when nobody reads any more. A reader such as `head` may have had enough; what else is wrong is known at the end.
pub(crate) fn to_stdout(bytes: &[u8]) -> bool {
    let mut stdout = io::stdout();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    if let Err(error) = written {
        if error.kind() != io::ErrorKind::BrokenPipe {
            let _ = LOST.set(error);
        }
        return false;
    }
    true
}

/// Whether all answers were written, as far as somebody read them.
///
/// # Errors
/// A disk that is full.
pub(crate) fn check_stdout() -> Result<()> {
    match LOST.get() {
        None => Ok(()),
        Some(error) => Err(Error::failed("the answer cannot be written to stdout", io::Error::new(error.kind(), error.to_string()))),
    }
}
