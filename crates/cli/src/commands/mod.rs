//! One file per command: its arguments, and `run`, which resolves them, calls the library and answers.

pub(crate) mod completions;
pub(crate) mod create;
pub(crate) mod gc;
pub(crate) mod index;
pub(crate) mod load;
pub(crate) mod patches;
pub(crate) mod plan;
pub(crate) mod preview;
pub(crate) mod status;

use eocube::{Environment, Error, Result};

use crate::{
    args::{Cli, Command},
    exit::Exit,
    printer::Printer,
};

/// Carries out a command.
pub(crate) fn run(cli: Cli, printer: &Printer) -> Result<Exit> {
    if let Command::Completions(arguments) = &cli.command {
        return Ok(completions::run(arguments, printer));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| Error::failed("the program cannot start its threads", e))?;
    let exit = runtime.block_on(async {
        let environment = Environment::from_env()?;
        match cli.command {
            Command::Create(arguments) => create::run(&arguments, &environment, printer).await,
            Command::Load(arguments) => load::run(&arguments, &environment, printer).await,
            Command::Plan(arguments) => plan::run(&arguments, &environment, printer).await,
            Command::Status(arguments) => status::run(&arguments, &environment, printer).await,
            Command::Patches(arguments) => patches::run(&arguments, &environment, printer).await,
            Command::Preview(arguments) => preview::run(&arguments, &environment, printer).await,
            Command::Gc(arguments) => gc::run(&arguments, &environment, printer).await,
            Command::Index(arguments) => index::run(&arguments, &environment, printer).await,
            Command::Completions(arguments) => Ok(completions::run(&arguments, printer)),
        }
    });
    // Threads that still wait for the network have nothing left to say.
    runtime.shutdown_background();
    exit
}
