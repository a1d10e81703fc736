//! Logging in to NASA's Earthdata, and what that gives.

mod keys;
mod login;
mod providers;

use clap::{Args, Subcommand};
use eocube::{Environment, Result, access::earthdata::System};

use crate::{access::Overrides, exit::Exit, printer::Printer, prompt::Terminal};

const EXAMPLES: &str = "\
Examples:
  # Log in by hand, and keep the login for later commands
  cube auth login
  # Who am I, until when, and where from; asks nobody
  cube auth status
  # Temporary S3 keys for other programs (in the region of the data only)
  eval \"$(cube auth s3 --provider POCLOUD --format env)\"
  cube auth s3 s3://lp-prod-protected/HLSL30.020/ --format boto3
  # The archive centres
  cube auth providers

User and password are taken from EARTHDATA_TOKEN, else EARTHDATA_USERNAME and EARTHDATA_PASSWORD,
else netrc, else asked for. Other commands log in by themselves when a host asks for it.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// NASA's installation: prod, or uat for trials [default: prod].
    #[arg(long, value_name = "SYSTEM", global = true)]
    system: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Log in, and keep the token for later commands.
    Login(login::Arguments),
    /// Say who is logged in, until when, and where from.
    Status,
    /// Forget tokens and keys that are kept.
    Logout(login::LogoutArguments),
    /// List NASA's archive centres.
    Providers,
    /// Print temporary S3 keys.
    S3(keys::Arguments),
}

impl Arguments {
    pub(crate) fn overrides(&self) -> Overrides {
        let mut overrides = Overrides { system: self.system.clone(), ..Overrides::default() };
        if let Command::S3(arguments) = &self.command {
            overrides.flags.endpoint.credentials_endpoint.clone_from(&arguments.credentials_endpoint);
            overrides.provider.clone_from(&arguments.provider);
        }
        overrides
    }

    /// The way to ask a person, where one may be asked.
    pub(crate) fn prompt(&self) -> Option<Terminal> {
        match &self.command {
            Command::Login(arguments) => Some(Terminal { save: arguments.save }),
            _ => None,
        }
    }
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    match &arguments.command {
        Command::Login(arguments) => login::login(arguments, environment, printer).await,
        Command::Status => login::status(environment, printer),
        Command::Logout(arguments) => login::logout(arguments, environment, printer).await,
        Command::Providers => {
            if environment.access().options().earthdata.system == System::Uat {
                printer.say("these are the centres as they are in production; where those of UAT give out keys is not known here");
            }
            printer.answer(&providers::Answer::new());
            Ok(Exit::Done)
        }
        Command::S3(arguments) => keys::run(arguments, environment, printer).await,
    }
}
