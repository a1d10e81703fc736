use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{args::Cli, exit::Exit, printer::Printer};

const EXAMPLES: &str = "\
Examples:
  cube completions bash > ~/.local/share/bash-completion/completions/cube
  cube completions zsh > ~/.zfunc/_cube
  cube completions fish > ~/.config/fish/completions/cube.fish";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Whose script to print.
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "cube", &mut script);
    printer.raw(&String::from_utf8_lossy(&script));
    Exit::Done
}
