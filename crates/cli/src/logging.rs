//! What developers read: `-v`, `-vv`, or a filter in `CUBE_LOG`.

use tracing_subscriber::EnvFilter;

use crate::{args::Global, printer::Printer};

/// Sends the log to stderr, as loud as was asked. Warnings of our own libraries are always said, unless quiet; what Icechunk says (on every local
/// disk that it does not lock, which the store does) is for developers: what fails there is told as an error of ours.
pub(crate) fn install(global: &Global, printer: &Printer) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "off",
        (false, 0) => {
            "cube_catalog_stac=warn,cube_catalog_cmr=warn,cube_geometry=warn,cube_engine=warn,cube_access=warn,cube_store=warn,cube_virtual=warn,cube_format_hdf5=warn,eocube=warn,off"
        }
        (false, 1) => {
            "cube_core=info,cube_catalog_stac=info,cube_catalog_cmr=info,cube_geometry=info,cube_format_cog=info,cube_engine=info,cube_access=info,cube_store=info,cube_virtual=info,cube_format_hdf5=info,eocube=info,icechunk=off,warn"
        }
        (false, 2) => {
            "cube_core=debug,cube_catalog_stac=debug,cube_catalog_cmr=debug,cube_geometry=debug,cube_format_cog=debug,cube_engine=debug,cube_access=debug,cube_store=debug,cube_virtual=debug,cube_format_hdf5=debug,eocube=debug,info"
        }
        (false, _) => "trace",
    };
    let filter = global.log.as_ref().and_then(|text| EnvFilter::try_new(text).ok()).unwrap_or_else(|| EnvFilter::new(level));
    let format = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(printer.paint.0);
    // A second subscriber can only come from a test in the same process.
    let _ = if global.verbose == 0 { format.without_time().with_target(false).compact().try_init() } else { format.try_init() };
}
