//! GDAL writes its errors to stderr unless told otherwise; here they reach the caller as results.

use std::sync::Once;

/// Keeps GDAL silent from now on.
pub(crate) fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| gdal::config::set_error_handler(|_, _, _| {}));
}
