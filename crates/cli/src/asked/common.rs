//! What granules and collections alike are looked for by.

use clap::Args;
use eocube::{
    Crs, Environment, Error, Result, Toi,
    query::{Input, Query},
    search::{SearchRegion, read_query},
};
use serde_json::Value;

/// Fields of a query, and what they are given. What is wrong with it is found when the query is validated, all at once.
pub(super) type Fields = Vec<(String, Input)>;

/// Which collections, where and when.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(super) struct PlaceFlags {
    /// Collection: short name, versioned id (HLSL30.v2.0) or concept id; may be repeated, or with commas.
    #[arg(long, short = 'c', value_name = "ID", value_delimiter = ',')]
    collection: Vec<String>,
    /// Region: `west,south,east,north`, WKT, GeoJSON, a vector file, or `@file.tif` for its grid.
    #[arg(long, value_name = "ROI", allow_hyphen_values = true)]
    roi: Option<String>,
    /// CRS of the region's coordinates [default: longitude and latitude, or what a file says].
    #[arg(long, value_name = "CRS", requires = "roi")]
    roi_crs: Option<String>,
    /// Time: `2024-06-01`, `2024-06`, `2024`, `a/b`, `a/..`, `../b`, or a comma list.
    #[arg(long, value_name = "TOI", allow_hyphen_values = true)]
    toi: Option<String>,
}

impl PlaceFlags {
    pub(super) fn has_region(&self) -> bool {
        self.roi.is_some()
    }

    /// The region; a service is asked with at most so many points of it.
    pub(super) async fn region(&self, max_points: Option<usize>, environment: &Environment) -> Result<Option<SearchRegion>> {
        let Some(roi) = &self.roi else { return Ok(None) };
        let crs = self.roi_crs.as_deref().map(Crs::parse).transpose().map_err(|e| Error::option("--roi-crs", e))?;
        SearchRegion::read(roi, crs, max_points, environment).await.map(Some)
    }

    pub(super) fn time(&self) -> Result<Option<Toi>> {
        self.toi.as_deref().map(Toi::parse).transpose().map_err(|e| Error::option("--toi", e))
    }

    pub(super) fn fields(&self) -> Fields {
        lists([("collections", &self.collection)])
    }
}

/// Where things come from, and how many are wanted.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(super) struct CommonFlags {
    /// Provider in CMR, such as LPCLOUD; may be repeated.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) provider: Vec<String>,
    /// DOI of the collection; may be repeated.
    #[arg(long, value_name = "DOI")]
    doi: Vec<String>,
    /// Platform; may be repeated.
    #[arg(long, value_name = "NAME")]
    platform: Vec<String>,
    /// Instrument; may be repeated.
    #[arg(long, value_name = "NAME")]
    instrument: Vec<String>,
    /// Whether the collection is hosted in the cloud.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    cloud_hosted: Option<bool>,
    /// Changed at or after this time.
    #[arg(long, value_name = "TIME")]
    updated_since: Option<String>,
    /// Any other field of a query by its name: `FIELD=VALUE`, the value as text or JSON; may be repeated.
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    conditions: Vec<String>,
    /// A query in a file (JSON, TOML, YAML). What is typed beside it is added to its lists, and replaces its times and single values.
    #[arg(long, value_name = "FILE")]
    query: Option<String>,
    /// What to sort by, with `-` for the highest first: `-start_date`; may be repeated.
    #[arg(long, value_name = "KEY", value_delimiter = ',', allow_hyphen_values = true)]
    sort: Vec<String>,
    /// How many to find at most.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

impl CommonFlags {
    pub(super) fn has_file(&self) -> bool {
        self.query.is_some()
    }

    /// The query of the file.
    pub(super) async fn base(&self, environment: &Environment) -> Result<Option<Query>> {
        match &self.query {
            Some(file) => read_query(file, environment).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn fields(&self) -> Result<Fields> {
        let mut fields = lists([
            ("provider", &self.provider),
            ("doi", &self.doi),
            ("platform", &self.platform),
            ("instrument", &self.instrument),
            ("sort", &self.sort),
        ]);
        fields.extend(singles([("cloud_hosted", self.cloud_hosted)]));
        fields.extend(singles([("updated_since", self.updated_since.as_deref())]));
        fields.extend(singles([("limit", self.limit)]));
        for given in &self.conditions {
            let (field, value) = condition(given)?;
            fields.push((field, value.into()));
        }
        Ok(fields)
    }
}

/// Fields that take several values, those that were given.
pub(super) fn lists<const N: usize>(fields: [(&str, &Vec<String>); N]) -> Fields {
    fields.into_iter().filter(|(_, values)| !values.is_empty()).map(|(field, values)| (field.to_owned(), values.as_slice().into())).collect()
}

/// Fields that take one value, those that were given.
pub(super) fn singles<T: Into<Input>, const N: usize>(fields: [(&str, Option<T>); N]) -> Fields {
    fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?.into()))).collect()
}

/// `FIELD=VALUE`, the value as JSON where it is some, else as text.
fn condition(text: &str) -> Result<(String, Value)> {
    let (field, value) = text
        .split_once('=')
        .ok_or_else(|| Error::refused(format!("`--where {text}` names no value"), "write `--where FIELD=VALUE`, for example `--where sensor=OLI`"))?;
    let value = serde_json::from_str::<Value>(value).unwrap_or_else(|_| value.into());
    Ok((field.trim().to_owned(), value))
}
