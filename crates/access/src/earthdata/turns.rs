//! Who uses the token when: together, unless it is used up by others before somebody had it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::{Inner, Token};
use crate::Result;

/// Until the answers to others' requests are there.
const PATIENCE: Duration = Duration::from_secs(120);

/// The turns of one run, in the order in which they are asked for.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    lock: Arc<RwLock<()>>,
    /// Fingerprint of the token that a host took last.
    taken: Mutex<Option<String>>,
}

impl Turns {
    fn taken(&self) -> MutexGuard<'_, Option<String>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use the token until the answer is there.
#[derive(Debug)]
#[expect(dead_code, reason = "guards are held, not read")]
pub(crate) enum Turn {
    Shared(Option<OwnedRwLockReadGuard<()>>),
    /// For a request whose token others used up before it, twice: nobody else of this process can use up the next one.
    Alone(OwnedRwLockWriteGuard<()>),
}

/// A token for one request.
#[derive(Debug)]
pub(crate) struct Lent {
    pub(crate) token: Token,
    /// Whether it was not at hand before: who is alone is the first to use it.
    pub(crate) is_fresh: bool,
}

impl Inner {
    /// As [`Inner::token`], with whether it was at hand already.
    pub(crate) async fn lend(&self, refused: Option<&str>) -> Result<Lent> {
        let before = self.current_fingerprint();
        let token = self.token(refused).await?;
        Ok(Lent { is_fresh: before.as_deref() != Some(token.secret().fingerprint().as_str()), token })
    }

    /// Waits for a turn: with others, or, for a short time, instead of them. Nobody waits for ever: who is on his way may wait for us in turn.
    pub(crate) async fn turn(&self, alone: bool) -> Turn {
        let turns = || Arc::clone(&self.session.turns.lock);
        if alone && let Ok(guard) = tokio::time::timeout(PATIENCE, turns().write_owned()).await {
            return Turn::Alone(guard);
        }
        Turn::Shared(tokio::time::timeout(PATIENCE, turns().read_owned()).await.ok())
    }

    /// A host took the token.
    pub(crate) fn took(&self, token: &Token) {
        let fingerprint = token.secret().fingerprint();
        // A late answer says nothing about the token that requests get now.
        if self.current_fingerprint().as_ref() == Some(&fingerprint) {
            *self.session.turns.taken() = Some(fingerprint);
        }
    }

    /// Whether a token that was refused was good for somebody else, or has been replaced.
    pub(crate) fn was_used_by_others(&self, refused: &str) -> bool {
        self.current_fingerprint().as_deref() != Some(refused) || self.session.turns.taken().as_deref() == Some(refused)
    }

    fn current_fingerprint(&self) -> Option<String> {
        self.session.token.current().map(|t| t.secret().fingerprint())
    }
}
