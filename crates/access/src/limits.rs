//! How many requests a host gets at once, and when it wants none.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use url::Url;

/// The hosts met so far.
#[derive(Debug)]
pub(crate) struct Hosts {
    connections: usize,
    known: Mutex<HashMap<String, Arc<Host>>>,
}

/// One host (scheme, name and port).
#[derive(Debug)]
pub(crate) struct Host {
    seats: Arc<Semaphore>,
    not_before: Mutex<Option<Instant>>,
}

impl Hosts {
    pub(crate) fn new(connections: usize) -> Self {
        Self { connections: connections.max(1), known: Mutex::default() }
    }

    pub(crate) fn of(&self, url: &Url) -> Arc<Host> {
        self.named(&url.origin().ascii_serialization())
    }

    pub(crate) fn named(&self, origin: &str) -> Arc<Host> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = known.get(origin) {
            return Arc::clone(host);
        }
        let host = Arc::new(Host { seats: Arc::new(Semaphore::new(self.connections)), not_before: Mutex::default() });
        known.insert(origin.to_owned(), Arc::clone(&host));
        host
    }
}

impl Host {
    /// Waits for a seat, and until the host wants to be asked again. The seat is free when the permit is dropped.
    pub(crate) async fn seat(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.seats).acquire_owned().await.ok();
        loop {
            let until = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
            match until.filter(|t| *t > Instant::now()) {
                Some(t) => tokio::time::sleep_until(t).await,
                None => return permit,
            }
        }
    }

    /// Nobody asks the host before this instant.
    pub(crate) fn pause_until(&self, t: Instant) {
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(not_before.map_or(t, |old| old.max(t)));
    }
}
