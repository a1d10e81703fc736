use std::fmt;

use clap::{Args, ValueEnum};
use eocube::{
    Environment, Result,
    query::{Problem, ProblemKind, Service},
    search::{read_query, validate},
};
use serde::Serialize;

use crate::{exit::Exit, printer::Printer, units::several};

const EXAMPLES: &str = "\
Examples:
  cube validate query.json
  # Also what a service has no words for
  cube validate query.json --for cmr
  cube validate query.json --for stac --json

A query is an object of fields:
  {\"collections\": [\"HLSL30.v2.0\"], \"temporal\": \"2024-06\", \"cloud_cover\": [0, 20]}
Its kind is said by `type` (granules, collections or items), or seen from the fields.

Exit codes: 0 the query can be sent; 2 something in it is wrong, or it cannot be read.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A query: JSON, or TOML or YAML by its name.
    query: String,
    /// Name also what this service has no words for.
    #[arg(long = "for", value_name = "SERVICE")]
    service: Option<ServiceName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ServiceName {
    /// NASA's CMR.
    Cmr,
    /// A STAC API with `query` and `filter`.
    Stac,
    /// A STAC API with `query` alone.
    StacQuery,
    /// A STAC API with `filter` alone.
    StacFilter,
    /// CMR-STAC.
    CmrStac,
}

impl From<ServiceName> for Service {
    fn from(name: ServiceName) -> Self {
        match name {
            ServiceName::Cmr => Self::Cmr,
            ServiceName::Stac => Self::Stac,
            ServiceName::StacQuery => Self::StacQuery,
            ServiceName::StacFilter => Self::StacFilter,
            ServiceName::CmrStac => Self::CmrStac,
        }
    }
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let query = read_query(&arguments.query, environment).await?;
    let problems = validate(&query, arguments.service.map(Service::from));
    let answer = Answer { query: arguments.query.clone(), valid: problems.iter().all(|p| p.kind != ProblemKind::Wrong), problems };
    let exit = if answer.valid { Exit::Done } else { Exit::Usage };
    printer.answer(&answer);
    Ok(exit)
}

/// What is wrong with a query. The keys are stable.
#[derive(Debug, Serialize)]
struct Answer {
    query: String,
    valid: bool,
    problems: Vec<Problem>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = self.problems.iter().filter(|p| p.kind == ProblemKind::Wrong).count() as u64;
        let weak = self.problems.len() as u64 - wrong;
        match (wrong, weak) {
            (0, 0) => return write!(f, "{} is valid", self.query),
            (0, n) => write!(f, "{} is valid, and {} cannot be said", self.query, several(n, "condition"))?,
            (n, 0) => write!(f, "{} has {}", self.query, several(n, "mistake"))?,
            (n, w) => write!(f, "{} has {}, and {} cannot be said", self.query, several(n, "mistake"), several(w, "condition"))?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
            if let Some(hint) = problem.hint() {
                write!(f, "\n      {hint}")?;
            }
        }
        Ok(())
    }
}
