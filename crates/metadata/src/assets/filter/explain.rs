//! Why an asset is kept or left out.

use std::fmt;

use super::{Expression, Verdict, term::Candidate};
use crate::Asset;

/// What becomes of one asset, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation<'a> {
    /// The asset.
    pub asset: &'a Asset,
    /// Is it wanted?
    pub verdict: Verdict,
    /// The conditions that decided; none for a filter without conditions.
    pub findings: Vec<Finding>,
}

/// One condition, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The condition, as an expression.
    pub condition: String,
    /// Does it hold?
    pub verdict: Verdict,
    /// What of the asset was looked at: ``file name `a.tif` ``.
    pub seen: String,
}

impl<'a> Explanation<'a> {
    pub(super) fn of(expression: &Expression, candidate: &Candidate<'_>, asset: &'a Asset) -> Self {
        let mut findings = Vec::new();
        expression.reasons(candidate, &mut findings);
        Self { asset, verdict: expression.verdict(candidate), findings }
    }
}

impl Expression {
    /// The conditions that decide: those that would have to turn out otherwise.
    fn reasons(&self, candidate: &Candidate<'_>, out: &mut Vec<Finding>) {
        let verdict = self.verdict(candidate);
        match self {
            Self::And(parts) | Self::Or(parts) => {
                // One `No` is enough for `and`, one `Yes` for `or`.
                let enough = if matches!(self, Self::And(_)) { Verdict::No } else { Verdict::Yes };
                let deciding = parts.iter().filter(|part| part.verdict(candidate) == verdict);
                let count = if verdict == enough { 1 } else { usize::MAX };
                deciding.take(count).for_each(|part| part.reasons(candidate, out));
            }
            Self::Not(inner) => inner.reasons(candidate, out),
            Self::Term(term) => out.push(Finding { condition: term.to_string(), verdict, seen: term.seen(candidate) }),
        }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = if self.verdict.keeps() { "kept" } else { "left out" };
        write!(f, "`{}` is {fate}", self.asset.key)?;
        for (i, finding) in self.findings.iter().enumerate() {
            write!(f, "{}{finding}", if i == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holds = match self.verdict {
            Verdict::No => "does not fit",
            Verdict::Unknown => "cannot be told",
            Verdict::Yes => "fits",
        };
        write!(f, "`{}` {holds} ({})", self.condition, self.seen)
    }
}
