//! One piece of work for all who wait for it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::{Error, Kind, Result};

/// A value that is made by one task while all others wait for it, and share its failure too.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    current: Mutex<Option<T>>,
    attempts: AtomicU64,
    failed: tokio::sync::Mutex<Option<(u64, Error)>>,
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self { current: Mutex::default(), attempts: AtomicU64::default(), failed: tokio::sync::Mutex::default() }
    }
}

impl<T: Clone> Flight<T> {
    /// The value that is there, else one that `make` makes. Whoever came while another made it gets that one's value or failure. A refusal is final:
    /// nobody asks again with the same credentials, since a login host locks those out who do.
    pub(crate) async fn get(&self, is_usable: impl Fn(&T) -> bool, make: impl Future<Output = Result<T>>) -> Result<T> {
        if let Some(value) = self.current().filter(&is_usable) {
            return Ok(value);
        }
        let seen = self.attempts.load(Ordering::Acquire);
        let mut failed = self.failed.lock().await;
        if let Some(value) = self.current().filter(&is_usable) {
            return Ok(value);
        }
        if let Some((attempt, error)) = &*failed
            && (*attempt > seen || error.kind() == Kind::Denied)
        {
            return Err(error.clone());
        }
        let made = make.await;
        let attempt = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        match made {
            Ok(value) => {
                *failed = None;
                self.set(value.clone());
                Ok(value)
            }
            Err(error) => {
                *failed = Some((attempt, error.clone()));
                Err(error)
            }
        }
    }

    pub(crate) fn current(&self) -> Option<T> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, value: T) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    /// Forgets value and failure.
    pub(crate) async fn reset(&self) {
        *self.failed.lock().await = None;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicUsize};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn value_and_failure_are_shared() -> Result<()> {
        let (flight, made) = (Arc::new(Flight::<usize>::default()), Arc::new(AtomicUsize::new(0)));
        let ask = |fails: Option<Kind>| {
            let (flight, made) = (Arc::clone(&flight), Arc::clone(&made));
            tokio::spawn(async move {
                let make = async {
                    tokio::task::yield_now().await;
                    let n = made.fetch_add(1, Ordering::SeqCst);
                    // The others come while this one works.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    fails.map_or(Ok(n), |kind| Err(Error::new(kind, "x", "fails")))
                };
                flight.get(|_| true, make).await
            })
        };
        let failing: Vec<_> = (0..64).map(|_| ask(Some(Kind::Unavailable))).collect();
        for task in failing {
            assert!(task.await.expect("a task").is_err());
        }
        assert_eq!(made.load(Ordering::SeqCst), 1, "one failure for all");
        let working: Vec<_> = (0..64).map(|_| ask(None)).collect();
        for task in working {
            assert_eq!(task.await.expect("a task")?, 1);
        }
        assert_eq!(made.load(Ordering::SeqCst), 2, "a passing failure is not the end");
        flight.reset().await;
        for _ in 0..3 {
            assert!(ask(Some(Kind::Denied)).await.expect("a task").is_err());
        }
        assert_eq!(made.load(Ordering::SeqCst), 3, "a refusal is");
        Ok(())
    }
}
