//! Conditions on collections.

use clap::Args;
use eocube::{Environment, Result, query::CollectionQuery, search::CollectionsAsked};

use super::common::{CommonFlags, PlaceFlags, lists, singles};

/// Conditions on collections.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Conditions")]
pub(crate) struct CollectionFlags {
    /// Words to be found anywhere in the record; in CMR with * and ?.
    #[arg(long, short = 'k', value_name = "WORDS")]
    keyword: Option<String>,
    #[command(flatten)]
    place: PlaceFlags,
    /// Processing level; may be repeated.
    #[arg(long, value_name = "LEVEL")]
    level: Vec<String>,
    /// Whether they have granules.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    has_granules: Option<bool>,
    #[command(flatten)]
    common: CommonFlags,
}

impl CollectionFlags {
    /// Understands what was typed. What is wrong with values is found when the query is validated, all at once.
    pub(crate) async fn understand(&self, environment: &Environment) -> Result<CollectionsAsked> {
        let base = self.common.base(environment).await?;
        // Its box is what counts, however many points it has.
        let region = self.place.region(None, environment).await?;
        let mut fields = self.place.fields();
        fields.extend(lists([("processing_level_id", &self.level)]));
        fields.extend(singles([("keyword", self.keyword.as_deref())]));
        fields.extend(singles([("has_granules", self.has_granules)]));
        fields.extend(singles([("temporal", self.place.time()?)]));
        fields.extend(self.common.fields()?);
        let query = fields.into_iter().fold(CollectionQuery::new(), |query, (field, value)| query.with(&field, value));
        Ok(CollectionsAsked { base, query, region })
    }
}
