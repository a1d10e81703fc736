//! Conditions on granules and items.

use clap::Args;
use eocube::{
    Environment, Error, Result,
    query::{GranuleQuery, Input, Season, When},
    search::{Asked, SearchRegion},
};
use serde_json::Value;

use super::common::{CommonFlags, PlaceFlags, lists, singles};

/// Conditions on granules and items.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(crate) struct QueryFlags {
    #[command(flatten)]
    place: PlaceFlags,
    /// Most points that the service is asked with; a region of more is asked with one that contains it, and results are filtered.
    #[arg(long, value_name = "N", default_value_t = SearchRegion::POINTS)]
    max_points: usize,
    /// Ask with the region as it is, however many points it has.
    #[arg(long, conflicts_with = "max_points")]
    no_simplify: bool,
    /// Circle: `longitude,latitude,metres`.
    #[arg(long, value_name = "CIRCLE", allow_hyphen_values = true, conflicts_with = "roi")]
    circle: Option<String>,
    /// Only these days of each year: `152,243`; `335,59` reaches over the turn of the year.
    #[arg(long, value_name = "FIRST,LAST", requires = "toi")]
    days: Option<String>,
    /// Cloud cover in per cent: `0,20`; either end may be left out.
    #[arg(long, value_name = "MIN,MAX", allow_hyphen_values = true)]
    cloud_cover: Option<String>,
    /// Name of granules or of their files, with * and ?; may be repeated.
    #[arg(long, value_name = "PATTERN")]
    name: Vec<String>,
    /// Granule UR, or id of an item, with * and ?; may be repeated.
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// Condition in CQL2, as text or JSON: `eo:cloud_cover < 20 AND platform = 'sentinel-2a'`.
    #[arg(long, value_name = "CQL2")]
    filter: Option<String>,
    /// day, night, both or unspecified.
    #[arg(long, value_name = "WHEN")]
    day_night: Option<String>,
    /// Number of the orbit, or `first,last`.
    #[arg(long, value_name = "RANGE")]
    orbit: Option<String>,
    /// Orbital cycle; may be repeated.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    cycle: Vec<String>,
    /// Pass of the one cycle; may be repeated.
    #[arg(long, value_name = "N", value_delimiter = ',', requires = "cycle")]
    pass: Vec<String>,
    /// Additional attribute as CMR writes it: `float,NAME,min,max`; may be repeated.
    #[arg(long, value_name = "CONDITION")]
    attribute: Vec<String>,
    /// Whether there is something to download.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    downloadable: Option<bool>,
    /// Version of the collection.
    #[arg(long, value_name = "VERSION")]
    collection_version: Vec<String>,
    #[command(flatten)]
    common: CommonFlags,
}

impl QueryFlags {
    /// Whether nothing is asked, other than how many.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty_but(|query| GranuleQuery { limit: None, sort: Vec::new(), ..query })
    }

    /// Whether nothing is asked but a provider, which beside named files is whose keys open their buckets.
    pub(crate) fn names_at_most_a_provider(&self) -> bool {
        self.is_empty_but(|query| GranuleQuery { provider: Vec::new(), limit: None, sort: Vec::new(), ..query })
    }

    fn is_empty_but(&self, without: impl FnOnce(GranuleQuery) -> GranuleQuery) -> bool {
        let asks = self.granules().is_ok_and(|query| without(query) == GranuleQuery::new());
        asks && !self.place.has_region() && !self.common.has_file() && self.filter.is_none()
    }

    /// The first provider that is named.
    pub(crate) fn provider(&self) -> Option<&String> {
        self.common.provider.first()
    }

    /// Understands what was typed. What is wrong with values is found when the query is validated, all at once.
    pub(crate) async fn understand(&self, environment: &Environment) -> Result<Asked> {
        let base = self.common.base(environment).await?;
        let region = self.place.region((!self.no_simplify).then_some(self.max_points), environment).await?;
        let filter =
            self.filter.as_ref().map(|text| serde_json::from_str(text).ok().filter(Value::is_object).unwrap_or_else(|| text.as_str().into()));
        Ok(Asked { base, query: self.granules()?, filter, region, assets: None })
    }

    fn granules(&self) -> Result<GranuleQuery> {
        let mut fields = self.place.fields();
        fields.extend(lists([
            ("granule_name", &self.name),
            ("granule_ur", &self.id),
            ("version", &self.collection_version),
            ("cycle", &self.cycle),
            ("passes", &self.pass),
            ("attribute", &self.attribute),
        ]));
        fields.extend(singles([
            ("circle", self.circle.as_deref()),
            ("cloud_cover", self.cloud_cover.as_deref()),
            ("day_night", self.day_night.as_deref()),
            ("orbit_number", self.orbit.as_deref()),
        ]));
        fields.extend(singles([("downloadable", self.downloadable)]));
        fields.extend(singles([("temporal", self.times()?)]));
        fields.extend(self.common.fields()?);
        Ok(fields.into_iter().fold(GranuleQuery::new(), |query, (field, value)| query.with(&field, value)))
    }

    fn times(&self) -> Result<Option<Input>> {
        let Some(toi) = self.place.time()? else { return Ok(None) };
        let Some(days) = &self.days else { return Ok(Some(toi.into())) };
        let season = Some(season(days)?);
        let times: Vec<When> = toi.periods().iter().map(|period| When { period: *period, season }).collect();
        Ok(Some(times.into()))
    }
}

/// `FIRST,LAST`, either of which may be left out; or the one day.
fn season(days: &str) -> Result<Season> {
    let day = |text: &str| match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Error::refused(format!("`--days {days}` has `{text}`"), "write two days of the year: `152,243`")),
    };
    let (first, last) = days.split_once(',').unwrap_or((days, days));
    Ok(Season { first: day(first)?, last: day(last)? })
}
