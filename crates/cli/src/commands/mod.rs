//! One file per command: its arguments, and `run`, which resolves them, calls the library and answers.

pub(crate) mod auth;
pub(crate) mod collections;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod create;
pub(crate) mod describe;
pub(crate) mod gc;
pub(crate) mod index;
pub(crate) mod inspect;
pub(crate) mod load;
pub(crate) mod patches;
pub(crate) mod plan;
pub(crate) mod preview;
pub(crate) mod search;
pub(crate) mod status;
pub(crate) mod validate;
pub(crate) mod virtualize;

use std::{sync::Arc, time::Duration};

use eocube::{Access, AccessOptions, Environment, Error, Result};
use tokio::runtime::Runtime;

use crate::{
    access::Overrides,
    args::{Cli, Command},
    exit::Exit,
    interrupt,
    printer::Printer,
};

/// How long threads are waited for at the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Carries out a command.
pub(crate) fn run(cli: Cli, printer: &Printer) -> Result<Exit> {
    if let Command::Completions(arguments) = &cli.command {
        return Ok(completions::run(arguments, printer));
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| Error::failed("the program cannot start its threads", e))?;
    let exit = runtime.block_on(async {
        let environment = environment(&cli.command, printer)?;
        // `load` and `virtualize` have more to bring to an end, and listen for themselves.
        if matches!(cli.command, Command::Search(_) | Command::Convert(_) | Command::Index(_) | Command::Preview(_)) {
            interrupt::listen_to_end();
        }
        match cli.command {
            Command::Create(arguments) => create::run(&arguments, &environment, printer).await,
            Command::Load(arguments) => load::run(&arguments, &environment, printer).await,
            Command::Plan(arguments) => plan::run(&arguments, &environment, printer).await,
            Command::Status(arguments) => status::run(&arguments, &environment, printer).await,
            Command::Patches(arguments) => patches::run(&arguments, &environment, printer).await,
            Command::Preview(arguments) => preview::run(&arguments, &environment, printer).await,
            Command::Gc(arguments) => gc::run(&arguments, &environment, printer).await,
            Command::Index(arguments) => index::run(&arguments, &environment, printer).await,
            Command::Virtualize(arguments) => virtualize::run(&arguments, &environment, printer).await,
            Command::Inspect(arguments) => inspect::run(&arguments, &environment, printer).await,
            Command::Search(arguments) => search::run(&arguments, &environment, printer).await,
            Command::Collections(arguments) => collections::run(&arguments, &environment, printer).await,
            Command::Describe(arguments) => describe::run(&arguments, &environment, printer).await,
            Command::Convert(arguments) => convert::run(&arguments, &environment, printer).await,
            Command::Auth(arguments) => auth::run(&arguments, &environment, printer).await,
            Command::Validate(arguments) => validate::run(&arguments, &environment, printer).await,
            Command::Completions(arguments) => Ok(completions::run(&arguments, printer)),
        }
    });
    settle(runtime);
    exit
}

/// What a command has of the world: what the environment says, and over it what was typed.
fn environment(command: &Command, printer: &Printer) -> Result<Environment> {
    let overrides = match command {
        Command::Auth(arguments) => arguments.overrides(),
        Command::Create(arguments) => arguments.reading.overrides(),
        Command::Load(arguments) => arguments.reading.overrides(),
        Command::Plan(arguments) => arguments.reading.overrides(),
        Command::Inspect(arguments) => arguments.keys.overrides(),
        Command::Search(arguments) => Overrides { flags: arguments.access.clone(), ..Overrides::default() },
        Command::Virtualize(arguments) => arguments.overrides(),
        _ => Overrides::default(),
    };
    let mut options = overrides.over(AccessOptions::from_env()?)?;
    if let Command::Auth(arguments) = command
        && let Some(prompt) = arguments.prompt()
    {
        interrupt::listen_at_prompt(printer.clone());
        options.earthdata.prompt = Some(Arc::new(prompt));
    }
    Ok(Environment::new(Access::new(options)?))
}

/// Waits for every thread before the process ends: PROJ is taken down with the process, and a thread that still computes coordinates, or
/// still lets go of its handles, would crash it. Threads that wait for the network alone are not waited for long.
fn settle(runtime: Runtime) {
    runtime.shutdown_timeout(PATIENCE);
    rayon::broadcast(|_| ());
}
