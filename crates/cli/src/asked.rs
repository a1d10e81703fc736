//! What is searched for, as it is typed: the service, and the conditions.

use clap::{Args, builder::TypedValueParser, error::ErrorKind};
use eocube::{
    Crs, Environment, Error, Result, Toi,
    query::{GranuleQuery, Season, When},
    search::{Asked, AssetFields, AssetFilter, CMR, CMR_UAT, SearchOptions, SearchRegion, SearchService, read_query},
};
use serde_json::Value;

/// Which service is asked.
#[derive(Debug, Clone, Args)]
#[group(id = "service", multiple = false)]
pub(crate) struct ServiceFlags {
    /// Ask NASA's CMR; with a value another root of it, `uat` for the one of trials.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", value_parser = CmrRoot, help_heading = "Service")]
    pub(crate) cmr: Option<String>,
    /// Ask a STAC API; also a static catalogue, an item collection or a stac-geoparquet file.
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) stac: Option<String>,
}

/// Where CMR is when `--cmr` says nothing.
#[derive(Debug, Clone, Args)]
pub(crate) struct CmrUrl {
    #[arg(long, hide = true, env = "CUBE_CMR_URL", hide_env = true, value_name = "URL")]
    cmr_url: Option<String>,
}

/// `--cmr` takes an address, and nothing else that stands after it by chance.
#[derive(Debug, Clone, Copy)]
struct CmrRoot;

impl TypedValueParser for CmrRoot {
    type Value = String;

    fn parse_ref(&self, command: &clap::Command, _: Option<&clap::Arg>, value: &std::ffi::OsStr) -> std::result::Result<String, clap::Error> {
        let text = value.to_string_lossy();
        match text.as_ref() {
            "" | "prod" => Ok(String::new()),
            "uat" => Ok(CMR_UAT.to_owned()),
            address if address.contains("://") => Ok(address.trim_end_matches('/').to_owned()),
            other => {
                let message = format!("`{other}` after --cmr is not an address of CMR: give a URL, `uat`, or nothing (and put --cmr last)\n");
                Err(clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command))
            }
        }
    }
}

impl ServiceFlags {
    /// The service that is named; `None` when none is.
    pub(crate) fn named(&self, default: &CmrUrl) -> Option<SearchService> {
        let root = |given: &String| match (given.as_str(), &default.cmr_url) {
            ("", Some(url)) => url.trim_end_matches('/').to_owned(),
            ("", None) => CMR.to_owned(),
            (url, _) => url.to_owned(),
        };
        let root = |given: &String| root(given).trim_end_matches("/search").to_owned();
        self.cmr.as_ref().map(|given| SearchService::Cmr(root(given))).or_else(|| self.stac.clone().map(SearchService::Stac))
    }

    /// The service that is named.
    pub(crate) fn service(&self, default: &CmrUrl) -> Result<SearchService> {
        self.named(default).ok_or_else(|| Error::refused("no service is named", "add --cmr for NASA's CMR, or --stac URL"))
    }
}

/// Conditions on granules and items.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(crate) struct QueryFlags {
    /// Collection: short name, versioned id (HLSL30.v2.0) or concept id; may be repeated, or with commas.
    #[arg(long, short = 'c', value_name = "ID", value_delimiter = ',')]
    collection: Vec<String>,
    /// Region: `west,south,east,north`, WKT, GeoJSON, a vector file, or `@file.tif` for its grid.
    #[arg(long, value_name = "ROI", allow_hyphen_values = true)]
    roi: Option<String>,
    /// CRS of the region's coordinates [default: longitude and latitude, or what a file says].
    #[arg(long, value_name = "CRS", requires = "roi")]
    roi_crs: Option<String>,
    /// Most points that the service is asked with; a region of more is asked with one that contains it, and results are filtered.
    #[arg(long, value_name = "N", default_value_t = SearchRegion::POINTS)]
    max_points: usize,
    /// Ask with the region as it is, however many points it has.
    #[arg(long, conflicts_with = "max_points")]
    no_simplify: bool,
    /// Circle: `longitude,latitude,metres`.
    #[arg(long, value_name = "CIRCLE", allow_hyphen_values = true, conflicts_with = "roi")]
    circle: Option<String>,
    /// Time: `2024-06-01`, `2024-06`, `2024`, `a/b`, `a/..`, `../b`, or a comma list.
    #[arg(long, value_name = "TOI", allow_hyphen_values = true)]
    toi: Option<String>,
    /// Only these days of each year: `152,243`.
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
    /// day, night, both or unspecified.
    #[arg(long, value_name = "WHEN")]
    day_night: Option<String>,
    /// Provider in CMR, such as LPCLOUD; may be repeated.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) provider: Vec<String>,
    /// DOI of the collection.
    #[arg(long, value_name = "DOI")]
    doi: Vec<String>,
    /// Version of the collection.
    #[arg(long, value_name = "VERSION")]
    collection_version: Vec<String>,
    /// Platform; may be repeated.
    #[arg(long, value_name = "NAME")]
    platform: Vec<String>,
    /// Instrument; may be repeated.
    #[arg(long, value_name = "NAME")]
    instrument: Vec<String>,
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
    /// Whether the collection is hosted in the cloud.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    cloud_hosted: Option<bool>,
    /// Whether there is something to download.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    downloadable: Option<bool>,
    /// Changed at or after this time.
    #[arg(long, value_name = "TIME")]
    updated_since: Option<String>,
    /// Condition in CQL2, as text or JSON: `eo:cloud_cover < 20 AND platform = 'sentinel-2a'`.
    #[arg(long, value_name = "CQL2")]
    filter: Option<String>,
    /// Any other field of a query by its name: `FIELD=VALUE`, the value as text or JSON; may be repeated.
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    conditions: Vec<String>,
    /// A query in a file (JSON, TOML, YAML): of granules or STAC items. Conditions typed beside it are added.
    #[arg(long, value_name = "FILE")]
    query: Option<String>,
    /// What to sort by, with `-` for the highest first: `-start_date`; may be repeated.
    #[arg(long, value_name = "KEY", value_delimiter = ',', allow_hyphen_values = true)]
    sort: Vec<String>,
    /// How many to find at most.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

impl QueryFlags {
    /// Whether nothing is asked, other than how many.
    pub(crate) fn is_empty(&self) -> bool {
        let asks = self.granules().is_ok_and(|query| GranuleQuery { limit: None, sort: Vec::new(), ..query } == GranuleQuery::new());
        asks && [&self.roi, &self.filter, &self.query].iter().all(|f| f.is_none())
    }

    /// Understands what was typed. What is wrong with values is found when the query is validated, all at once.
    pub(crate) async fn understand(&self, environment: &Environment) -> Result<Asked> {
        let base = match &self.query {
            Some(file) => Some(read_query(file, environment).await?),
            None => None,
        };
        let region = match &self.roi {
            Some(roi) => {
                let crs = self.roi_crs.as_deref().map(Crs::parse).transpose().map_err(|e| Error::option("--roi-crs", e))?;
                let points = (!self.no_simplify).then_some(self.max_points);
                Some(SearchRegion::read(roi, crs, points, environment).await?)
            }
            None => None,
        };
        let filter =
            self.filter.as_ref().map(|text| serde_json::from_str(text).ok().filter(Value::is_object).unwrap_or_else(|| text.as_str().into()));
        Ok(Asked { base, query: self.granules()?, filter, region, assets: None })
    }

    fn granules(&self) -> Result<GranuleQuery> {
        let mut query = GranuleQuery::new();
        let lists = [
            ("collections", &self.collection),
            ("granule_name", &self.name),
            ("granule_ur", &self.id),
            ("provider", &self.provider),
            ("doi", &self.doi),
            ("version", &self.collection_version),
            ("platform", &self.platform),
            ("instrument", &self.instrument),
            ("cycle", &self.cycle),
            ("passes", &self.pass),
            ("attribute", &self.attribute),
            ("sort", &self.sort),
        ];
        for (field, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
            query = query.with(field, values.as_slice());
        }
        let texts = [
            ("circle", &self.circle),
            ("cloud_cover", &self.cloud_cover),
            ("day_night", &self.day_night),
            ("orbit_number", &self.orbit),
            ("updated_since", &self.updated_since),
        ];
        for (field, value) in texts.into_iter().filter_map(|(field, value)| Some((field, value.as_deref()?))) {
            query = query.with(field, value);
        }
        for (field, value) in [("cloud_hosted", self.cloud_hosted), ("downloadable", self.downloadable)] {
            query = query.with(field, value);
        }
        if let Some(toi) = &self.toi {
            query = with_time(query, toi, self.days.as_deref())?;
        }
        for given in &self.conditions {
            let (field, value) = condition(given)?;
            query = query.with(&field, value);
        }
        Ok(query.with("limit", self.limit))
    }
}

/// `FIELD=VALUE`, the value as JSON where it is some, else as text.
pub(crate) fn condition(text: &str) -> Result<(String, Value)> {
    let (field, value) = text
        .split_once('=')
        .ok_or_else(|| Error::refused(format!("`--where {text}` names no value"), "write `--where FIELD=VALUE`, for example `--where sensor=OLI`"))?;
    let value = serde_json::from_str::<Value>(value).unwrap_or_else(|_| value.into());
    Ok((field.trim().to_owned(), value))
}

fn with_time(query: GranuleQuery, toi: &str, days: Option<&str>) -> Result<GranuleQuery> {
    let toi = Toi::parse(toi).map_err(|e| Error::option("--toi", e))?;
    let Some(days) = days else { return Ok(query.temporal(toi)) };
    let day = |text: &str| match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Error::refused(format!("`--days {days}` has `{text}`"), "write two days of the year: `152,243`")),
    };
    let (first, last) = days.split_once(',').unwrap_or((days, days));
    let season = Season { first: day(first)?, last: day(last)? };
    let all: Vec<When> = toi.periods().iter().map(|period| When { period: *period, season: Some(season) }).collect();
    Ok(query.temporal(all))
}

/// Which files of results are wanted.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct AssetFlags {
    /// Files that are wanted: an expression such as `B04,B05`, `name:*.h5 and not role:metadata`, `size<200MB`.
    #[arg(long, value_name = "EXPR")]
    assets: Option<String>,
    /// Files that are wanted, by a word or pattern for granule, file, role, media type, key or band; may be repeated.
    #[arg(long, value_name = "WORD")]
    include: Vec<String>,
    /// Files that are not wanted, in the same way.
    #[arg(long, value_name = "WORD")]
    exclude: Vec<String>,
}

impl AssetFlags {
    /// The filter that they say; `None` when they say none.
    pub(crate) fn filter(&self) -> Result<Option<AssetFilter>> {
        let fields = AssetFields { include: self.include.clone(), exclude: self.exclude.clone(), ..AssetFields::default() };
        let mut filter = fields.filter()?;
        if let Some(expression) = &self.assets {
            filter = filter.and(expression.parse()?);
        }
        Ok((!filter.is_all()).then_some(filter))
    }
}

/// How a service is asked for its pages.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Paging")]
pub(crate) struct PagingFlags {
    /// Records of a page [default: 2000 of CMR, 250 of STAC].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    page_size: Option<u16>,
    /// Pages asked for ahead; their product with the size of a page bounds memory.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=16))]
    prefetch_pages: u8,
}

impl PagingFlags {
    pub(crate) fn options(&self) -> SearchOptions {
        SearchOptions { page_size: self.page_size.map(usize::from), prefetch_pages: self.prefetch_pages.into(), ..SearchOptions::default() }
    }
}
