use std::fmt;

use clap::{Args, ValueEnum};
use eocube::{
    Environment, Result,
    access::earthdata::{LoggedOut, Source, Status, Strategy},
};
use serde::Serialize;

use crate::{exit::Exit, printer::Printer, units::several};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where user and password, or a token, are looked for.
    #[arg(long, value_name = "HOW", default_value = "all")]
    strategy: How,
    /// Write user and password to the netrc file (readable by you alone), for other programs too.
    #[arg(long)]
    pub(super) save: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArguments {
    /// Remove the entry of the netrc file too.
    #[arg(long)]
    netrc: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum How {
    /// The environment, then netrc, then the prompt.
    All,
    /// EARTHDATA_TOKEN, else EARTHDATA_USERNAME and EARTHDATA_PASSWORD.
    Environment,
    /// The netrc file.
    Netrc,
    /// The prompt.
    Interactive,
}

impl From<How> for Strategy {
    fn from(how: How) -> Self {
        match how {
            How::All => Self::All,
            How::Environment => Self::Environment,
            How::Netrc => Self::Netrc,
            How::Interactive => Self::Interactive,
        }
    }
}

pub(super) async fn login(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let status = environment.access().earthdata().login(arguments.strategy.into(), arguments.save).await?;
    printer.answer(&Answer(status));
    if arguments.save {
        printer.say("user and password are in the netrc file, readable by you alone");
    }
    Ok(Exit::Done)
}

/// Exit code 1 when there is nothing to log in with, or a token alone that has ended, so that scripts can ask.
pub(super) fn status(environment: &Environment, printer: &Printer) -> Result<Exit> {
    let status = environment.access().earthdata().status();
    let has_ended = status.is_given && !status.has_token;
    let exit = if status.source.is_some() && !has_ended { Exit::Done } else { Exit::Failed };
    printer.answer(&Answer(status));
    Ok(exit)
}

pub(super) async fn logout(arguments: &LogoutArguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let done = environment.access().earthdata().logout(arguments.netrc).await?;
    let status = environment.access().earthdata().status();
    printer.answer(&Gone(done));
    if let Some(source) = &status.source {
        printer.say(format_args!("there is still a login from {source}"));
    }
    Ok(Exit::Done)
}

/// The state of the login. It holds no secret; the keys are stable.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Answer(Status);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { system, login, user, source, has_token, is_given, expires, cache, missing } = &self.0;
        let Some(source) = source else {
            write!(f, "not logged in to Earthdata ({system}, {login})")?;
            for reason in missing {
                write!(f, "\n  {reason}")?;
            }
            return write!(f, "\n`cube auth login` asks for user and password");
        };
        let from = if *is_given { "EARTHDATA_TOKEN".to_owned() } else { source.to_string() };
        write!(f, "{} at Earthdata ({system}, {login}), from {from}", user.as_deref().unwrap_or("a user"))?;
        match (has_token, expires) {
            (true, Some(until)) => write!(f, "\n  token until {}", until.format("%Y-%m-%d %H:%M UTC"))?,
            (true, None) => write!(f, "\n  token, which does not say until when")?,
            (false, Some(until)) if *is_given => {
                write!(f, "\n  token ended {}; nothing can renew it: make a new one at {login}", until.format("%Y-%m-%d %H:%M UTC"))?;
            }
            (false, Some(until)) => write!(f, "\n  token ended {}; the next request gets another", until.format("%Y-%m-%d %H:%M UTC"))?,
            (false, None) => write!(f, "\n  no token yet; the first request gets one")?,
        }
        if *is_given {
            return write!(f, "\n  not checked: it is used as it is, and the first host that asks for a login says whether it is good");
        }
        let is_kept = (*has_token || expires.is_some()) && !matches!(source, Source::Driver);
        if let (Some(folder), true) = (cache, is_kept) {
            write!(f, "\n  kept in {}", folder.display())?;
            if matches!(source, Source::Environment | Source::Netrc(_)) {
                write!(f, ", and used for as long as {source} says who you are")?;
            }
        }
        Ok(())
    }
}

/// What a log-out removed. The keys are stable.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Gone(LoggedOut);

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = || format!("{} that was kept (tokens, keys)", several(self.0.kept as u64, "secret"));
        match (self.0.kept, self.0.netrc) {
            (0, false) => f.write_str("nothing was kept"),
            (0, true) => f.write_str("removed the entry of the netrc file"),
            (_, false) => write!(f, "removed {}", secrets()),
            (_, true) => write!(f, "removed {}, and the entry of the netrc file", secrets()),
        }
    }
}
