//! What all emulated hosts share, and the control paths that every one of them answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::{HeaderMap, Method, StatusCode};
use serde_json::json;

use super::accounts::Accounts;
use super::cmr::Cmr;
use super::plan::Plan;
use super::records::Holdings;
use super::roots::{Role, Roots};
use super::{counts, data, login, page};
use crate::Result;
use crate::server::{Answer, Call, Faults, Files, Log, Service};

/// What all emulated hosts share.
#[derive(Debug)]
pub(super) struct World {
    accounts: Mutex<Accounts>,
    plan: Mutex<Arc<Plan>>,
    pub(super) logs: BTreeMap<Role, Arc<Log>>,
    pub(super) faults: BTreeMap<Role, Arc<Faults>>,
    ready: OnceLock<Ready>,
    pages: AtomicU64,
    requests: AtomicU64,
}

/// What can only be made once every host has its port.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) roots: Roots,
    pub(super) holdings: Holdings,
    /// The given files, then those of the archive.
    pub(super) files: [Files; 2],
    pub(super) cmr: Cmr,
}

impl Ready {
    /// True if a data host has this file.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.iter().any(|files| files.has(path)) || self.holdings.file(path).is_some()
    }

    /// A file, whole or in part.
    pub(super) fn content(&self, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
        if let Some(files) = self.files.iter().find(|files| files.has(path)) {
            return files.answer(method, path, headers, None, false);
        }
        let made_up = Files::new(None);
        if let Some(bytes) = self.holdings.file(path) {
            made_up.put_at(path, bytes, self.holdings.since());
        }
        made_up.answer(method, path, headers, None, false)
    }
}

impl World {
    pub(super) fn new(accounts: Accounts) -> Self {
        Self {
            accounts: Mutex::new(accounts),
            plan: Mutex::default(),
            logs: Role::ALL.into_iter().map(|role| (role, Arc::default())).collect(),
            faults: Role::ALL.into_iter().map(|role| (role, Arc::default())).collect(),
            ready: OnceLock::new(),
            pages: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        }
    }

    pub(super) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn ready(&self) -> Option<&Ready> {
        self.ready.get()
    }

    /// From now on the hosts answer.
    pub(super) fn open(&self, ready: Ready) {
        let _ = self.ready.set(ready);
    }

    /// The number of a page of granules, from 1.
    pub(super) fn next_page(&self) -> u64 {
        self.pages.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The number of a request to the CMR.
    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::SeqCst)
    }

    /// Replaces the plan; everything that counts begins anew, what was given out stays.
    pub(super) fn set_plan(&self, plan: Plan) {
        for (role, faults) in &self.faults {
            faults.set(plan.rules.get(role.name()).cloned().unwrap_or_default());
        }
        self.pages.store(0, Ordering::SeqCst);
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
    }

    /// As at the start: no plan, no log, nothing given out.
    pub(super) fn reset(&self) {
        self.set_plan(Plan::default());
        self.logs.values().for_each(|log| log.reset());
        let mut accounts = self.accounts();
        *accounts = accounts.emptied();
    }

    /// A plan as JSON, its `{hostile}` and the like filled in.
    pub(super) fn read_plan(&self, text: &str) -> Result<Plan> {
        let text = self.ready().map_or_else(|| text.to_owned(), |ready| ready.roots.fill(text));
        Ok(serde_json::from_str(&text)?)
    }

    fn control(&self, call: &Call) -> Option<Answer> {
        let json = |value| Answer::json(StatusCode::OK, "application/json", &value);
        match (&call.method, call.path.as_str()) {
            (&Method::GET, "/_counts") => Some(json(counts::counts(self))),
            (&Method::GET, "/_secrets") => Some(json(json!(self.accounts().secrets()))),
            (&Method::POST, "/_reset") => {
                self.reset();
                Some(Answer::empty(StatusCode::NO_CONTENT))
            }
            (&Method::POST, "/_revoke") => {
                self.accounts().revoke(None);
                Some(Answer::empty(StatusCode::NO_CONTENT))
            }
            (&Method::POST, "/_plan") => Some(match self.read_plan(&String::from_utf8_lossy(&call.body)) {
                Ok(plan) => {
                    self.set_plan(plan);
                    Answer::empty(StatusCode::NO_CONTENT)
                }
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    Answer::new(StatusCode::BAD_REQUEST, format!("{error}: {source}").into())
                }
            }),
            _ => None,
        }
    }
}

/// One host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) role: Role,
    pub(super) world: Arc<World>,
}

impl Service for Host {
    fn answer(&self, call: &Call) -> Answer {
        let world = &*self.world;
        let Some(ready) = world.ready() else { return page(503, "Not yet", "The emulator is starting") };
        match self.role {
            Role::Cmr => super::cmr::answer(world, ready, call),
            Role::Login => login::answer(world, ready, call),
            Role::Lpdaac | Role::Podaac | Role::Nsidc => data::answer(world, ready, self.role, call),
            Role::Presigned => data::presigned(ready, call),
            Role::Hostile => data::hostile(),
        }
    }

    fn control(&self, call: &Call) -> Option<Answer> {
        self.world.control(call)
    }
}
