//! GDAL writes its errors to stderr unless told otherwise; here they reach the caller as results.

use std::sync::{Mutex, Once, PoisonError};

use gdal::errors::CplErrType;

/// Failures since the program began, and what the last one said.
static FAILURES: Mutex<(u64, String)> = Mutex::new((0, String::new()));

/// Keeps GDAL silent from now on.
pub(crate) fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gdal::config::set_error_handler(|class, _, message| {
            if matches!(class, CplErrType::Failure | CplErrType::Fatal) {
                let mut failures = FAILURES.lock().unwrap_or_else(PoisonError::into_inner);
                *failures = (failures.0 + 1, message.to_owned());
            }
        });
    });
}

/// Notices what fails in GDAL without reaching the caller: blocks that it writes later, and files that it finishes as they are closed.
#[derive(Debug)]
pub(crate) struct Watch(u64);

impl Watch {
    /// From now on.
    pub(crate) fn new() -> Self {
        catch();
        Self(FAILURES.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// What GDAL said last, if anything failed since.
    pub(crate) fn failure(&self) -> Option<String> {
        let failures = FAILURES.lock().unwrap_or_else(PoisonError::into_inner);
        (failures.0 > self.0).then(|| failures.1.clone())
    }
}
