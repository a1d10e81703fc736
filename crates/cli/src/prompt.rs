//! Asking a person for user and password.

use console::{Key, Term};
use eocube::access::{
    Secret,
    earthdata::{Answer, Prompt, Question},
};

/// Asks on the terminal.
#[derive(Debug)]
pub(crate) struct Terminal;

impl Prompt for Terminal {
    fn ask(&self, question: &Question) -> Option<Answer> {
        let term = Term::stderr();
        if !term.is_term() {
            return None;
        }
        if let Some(problem) = &question.problem {
            term.write_line(problem).ok()?;
        }
        term.write_line(&format!("Earthdata Login at {} (no account yet? https://urs.earthdata.nasa.gov/users/new)", question.host)).ok()?;
        term.write_str("user: ").ok()?;
        let username = term.read_line().ok()?.trim().to_owned();
        if username.is_empty() {
            return None;
        }
        term.write_str("password (not shown): ").ok()?;
        let password = Secret::new(term.read_secure_line().ok()?);
        term.write_str("write both to the netrc file, readable by you alone? [y/N] ").ok()?;
        let key = term.read_key().ok()?;
        let save = matches!(key, Key::Char('y' | 'Y'));
        term.write_line(if save { "yes" } else { "no" }).ok()?;
        Some(Answer { username, password, save })
    }
}
