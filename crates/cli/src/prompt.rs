//! Asking a person for user and password.

use std::io;

use console::{Key, Term};
use eocube::access::{
    Secret,
    earthdata::{Answer, Prompt, Question},
};

/// Asks on the terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// Whether it is said already that both are to be written to the netrc file.
    pub(crate) save: bool,
}

impl Prompt for Terminal {
    fn ask(&self, question: &Question) -> Option<Answer> {
        let term = Term::stderr();
        if !term.is_term() {
            return None;
        }
        match self.converse(&term, question) {
            Ok(answer) => answer,
            // The signal that came with it ends the program.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => loop {
                std::thread::park();
            },
            Err(_) => None,
        }
    }

    fn may_save(&self) -> bool {
        let term = Term::stderr();
        self.save
            || term.is_term()
                && match wants_to_save(&term) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => loop {
                        std::thread::park();
                    },
                    answer => answer.unwrap_or(false),
                }
    }
}

impl Terminal {
    fn converse(&self, term: &Term, question: &Question) -> io::Result<Option<Answer>> {
        match &question.problem {
            Some(problem) => term.write_line(&format!("{problem}\n"))?,
            None => {
                term.write_line(&format!("Earthdata Login at {} (no account yet? https://urs.earthdata.nasa.gov/users/new)", question.host))?;
            }
        }
        term.write_str("user: ")?;
        let username = term.read_line()?.trim().to_owned();
        if username.is_empty() {
            return Ok(None);
        }
        term.write_str("password (not shown): ")?;
        let typed = term.read_secure_line()?;
        if typed.is_empty() {
            return Ok(None);
        }
        let password = Secret::new(typed);
        Ok(Some(Answer { username, password }))
    }
}

fn wants_to_save(term: &Term) -> io::Result<bool> {
    term.write_str("write both to the netrc file too, readable by you alone? [y/N] ")?;
    let save = matches!(term.read_key()?, Key::Char('y' | 'Y'));
    term.write_line(if save { "yes" } else { "no" })?;
    Ok(save)
}
