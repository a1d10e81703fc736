//! The program `cube`: fills cubes of Earth-observation data on demand.
//!
//! `main` knows exit codes and nothing else; each command is a file under `commands/` that resolves its arguments and calls the
//! library. Only [`printer`] and [`errors`] write to the terminal.

mod access;
mod args;
mod asked;
mod collections;
mod commands;
mod errors;
mod exit;
mod granules;
mod interrupt;
mod logging;
mod paint;
mod panic;
mod picture;
mod printer;
mod progress;
mod prompt;
mod request;
mod results;
mod table;
mod units;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, exit::Exit, printer::Printer};

/// Gives memory back between tasks: with the allocator of glibc the peak grew with the region, from 257 MiB to 322 MiB for four times the
/// area. Its two arenas and the half second after which it lets go are set in `.cargo/config.toml`.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    panic::install();
    let cli = Cli::parse();
    let printer = Printer::new(&cli.global);
    logging::install(&cli.global, &printer);
    commands::run(cli, &printer)
        .and_then(|exit| printer::check_stdout().map(|()| exit))
        .unwrap_or_else(|error| {
            errors::print(&error, &printer);
            if error.is_usage() { Exit::Usage } else { Exit::Failed }
        })
        .into()
}
