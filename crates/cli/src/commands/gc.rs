use std::{fmt, time::Duration};

use clap::Args;
use eocube::{Environment, GcReport, Result};
use serde::Serialize;

use crate::{
    exit::Exit,
    printer::Printer,
    units::{self, several},
};

const EXAMPLES: &str = "\
Examples:
  # Forget versions and remove orphans older than a week
  cube gc alps
  cube gc alps --older-than 36h

What belongs to nothing yet may be part of a load that is under way: the age must be longer than
the longest load.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Path or URL of the cube.
    cube: String,
    /// Age of what is forgotten: a number with s, m, h, d or w.
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = age)]
    older_than: Duration,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let cube = environment.open_cube(&arguments.cube).await?;
    let done = cube.gc(arguments.older_than).await;
    cube.close().await;
    printer.summary(&Answer { cube: arguments.cube.clone(), removed: done? });
    Ok(Exit::Done)
}

/// What was removed. The keys are stable.
#[derive(Debug, Serialize)]
struct Answer {
    cube: String,
    #[serde(flatten)]
    removed: GcReport,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let r = &self.removed;
        if r.versions + r.chunks + r.files == 0 {
            return f.write_str("nothing to remove");
        }
        write!(
            f,
            "forgot {}; removed {} and {}, {}",
            several(r.versions, "version"),
            several(r.chunks, "chunk"),
            several(r.files, "other file"),
            units::bytes(r.bytes)
        )
    }
}

/// `90s`, `15m`, `36h`, `7d`, `2w`.
fn age(text: &str) -> Result<Duration, String> {
    let problem = || format!("`{text}` is not an age; give a number with s, m, h, d or w, for example `7d`");
    let unit = text.chars().last().ok_or_else(problem)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(problem()),
    };
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| problem())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units() {
        assert_eq!(["90s", "15m", "36h", "7d", "2w"].map(|t| age(t).map(|d| d.as_secs())), [90, 900, 129_600, 604_800, 1_209_600].map(Ok));
        for text in ["", "7", "d", "7 days", "-1d", "99999999999999999999d", "7µ"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
