//! What a user declares of a cube.

mod document;
mod fields;
mod read;
mod rules;

use std::{collections::BTreeMap, ops::RangeInclusive};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{Anchor, Codec, Crs, DType, Error, Extent, Number, Resolution, Result, Shape, Shuffle, TimeStep};

pub use document::SpecFormat;

/// Inner compressors of blosc that every reader of Zarr v3 knows.
const COMPRESSORS: [&str; 5] = ["zstd", "lz4", "lz4hc", "zlib", "blosclz"];

/// What a user declares of a cube: source, grid, time axis, bands. Written as TOML or YAML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CubeSpec {
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where patches come from.
    pub source: SourceSpec,
    /// The grid.
    pub grid: GridSpec,
    /// The time axis.
    #[serde(default)]
    pub time: TimeSpec,
    /// How overlapping patches become one array.
    #[serde(default)]
    pub mosaic: MosaicSpec,
    /// The variables, as they are written one after the other: so they lie in a tile, too.
    pub bands: IndexMap<String, BandSpec>,
    /// Pixels and steps per chunk.
    #[serde(default)]
    pub chunks: ChunkSpec,
    /// Compression.
    #[serde(default)]
    pub encoding: EncodingSpec,
}

/// Where patches come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Name of the catalogue backend, e.g. `stac`.
    pub backend: String,
    /// API root, `catalog.json`, `items.json`, `index.parquet`: a path or URL. Empty for a catalogue that is one service and knows its own address.
    #[serde(default)]
    pub url: String,
    /// Collections to search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<String>,
    /// Property filters in the form of STAC's `query` extension.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, serde_json::Value>,
    /// A CQL2 filter, as text or JSON; instead of `query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<serde_json::Value>,
    /// Narrows the source itself: `a/b`. Mostly for cubes without time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datetime: Option<String>,
    /// Which files are wanted: an expression, a list of them, or a table; what it means is up to the library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assets: Option<serde_json::Value>,
    /// The provider whose collections the catalogue has, where it has those of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Whether gridded files have a DMR++ beside them, also where the catalogue lists none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sidecars: bool,
}

/// The grid: `resolution`, or `shape` with `extent`, or `like`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridSpec {
    /// A CRS, or `native` for one group per source CRS. Absent only with `like`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crs: Option<String>,
    /// Pixel size in units of the CRS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// `[rows, cols]`, with `extent`: the exact grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// A raster file whose grid is taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// `[west, south, east, north]` in the CRS (longitude and latitude when it is `native`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// Where pixel edges lie.
    #[serde(default)]
    pub anchor: Anchor,
}

/// The time axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSpec {
    /// How acquisitions are gathered into steps.
    #[serde(default)]
    pub step: TimeStep,
    /// Declares the axis: every step from `a` to `b`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// Declares the axis: these steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// ISO 8601 duration after which a step counts as complete.
    #[serde(default = "default_settle")]
    pub settle: String,
}

fn default_settle() -> String {
    "P3D".into()
}

impl Default for TimeSpec {
    fn default() -> Self {
        Self { step: TimeStep::default(), range: None, values: None, settle: default_settle() }
    }
}

/// How overlapping patches become one array.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MosaicSpec {
    /// The rule.
    #[serde(default)]
    pub method: MosaicMethod,
    /// The order of patches: `time` (then id), or a property, least first; a leading `-` means greatest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// What becomes of several valid pixels at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MosaicMethod {
    /// The first in mosaic order.
    #[default]
    First,
    /// The last.
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean.
    Mean,
    /// The median; of an even number the mean of the middle two.
    Median,
    /// How many there are.
    Count,
}

/// One variable of the cube.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandSpec {
    /// The asset (key or common name; `asset.2` for its second band) when it is not called as the variable is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Type of the pixels; from the source when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<DType>,
    /// Value for "no data"; from the source when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodata: Option<Number>,
    /// How pixels are resampled.
    #[serde(default)]
    pub resampling: Resampling,
    /// What the stored numbers mean.
    #[serde(default)]
    pub values: Values,
    /// `value = pixel × scale + offset`, overriding the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// See `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// CF `units`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// CF `long_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_name: Option<String>,
}

/// Resampling methods, as GDAL names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "GDAL's names")]
pub enum Resampling {
    #[default]
    Nearest,
    Bilinear,
    Cubic,
    CubicSpline,
    Lanczos,
    Average,
    Mode,
    Min,
    Max,
    Med,
    Q1,
    Q3,
    Sum,
    Rms,
}

impl Resampling {
    /// Whether it asks for the pixels of the source themselves, which pixels that were made of several do not tell.
    pub fn is_of_single_pixels(self) -> bool {
        matches!(self, Self::Mode | Self::Min | Self::Max | Self::Med | Self::Q1 | Self::Q3 | Self::Sum | Self::Rms)
    }
}

/// What the stored numbers of a band mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Values {
    /// The source's numbers; patches whose scale or offset differ are refused by name.
    #[default]
    Raw,
    /// `pixel × scale + offset`, as floating point.
    Scaled,
    /// The source's numbers, brought to the scale and offset of the cube where they differ.
    Harmonized,
}

/// Steps and pixels per chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkSpec {
    /// Steps.
    #[serde(default = "one")]
    pub time: usize,
    /// Rows.
    #[serde(default = "chunk_side")]
    pub y: usize,
    /// Columns.
    #[serde(default = "chunk_side")]
    pub x: usize,
}

fn one() -> usize {
    1
}

fn chunk_side() -> usize {
    512
}

impl Default for ChunkSpec {
    fn default() -> Self {
        Self { time: one(), y: chunk_side(), x: chunk_side() }
    }
}

/// Compression; what is absent is chosen by dtype.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodingSpec {
    /// The codec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<Codec>,
    /// Its level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Blosc's inner compressor: `zstd`, `lz4`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compressor: Option<String>,
    /// Blosc's shuffle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffle: Option<Shuffle>,
    /// `[time, y, x]` of a shard; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<[usize; 3]>,
}

impl GridSpec {
    /// Whether each source CRS gets a group of its own.
    pub fn is_native(&self) -> bool {
        self.crs.as_deref() == Some("native")
    }

    /// The CRS of a cube that has one.
    pub fn single_crs(&self) -> Result<Option<Crs>> {
        self.crs.as_deref().filter(|c| *c != "native").map(Crs::parse).transpose()
    }
}

impl CubeSpec {
    /// Reads a spec in TOML; see [`CubeSpec::read`].
    pub fn from_toml(text: &str) -> Result<Self> {
        Self::read(text, SpecFormat::Toml, &[])
    }

    /// Reads a spec in YAML; see [`CubeSpec::read`].
    pub fn from_yaml(text: &str) -> Result<Self> {
        Self::read(text, SpecFormat::Yaml, &[])
    }

    /// Reads and checks a spec. `backends` are the names of the catalogues there are; when empty any name will do.
    ///
    /// [`Error::Spec`] with *every* mistake: unknown keys, wrong types, unknown words, parts that do not fit together; each names its key and,
    /// where that is known, its line.
    pub fn read(text: &str, format: SpecFormat, backends: &[&str]) -> Result<Self> {
        read::read(text, format, backends)
    }

    /// Checks a spec that was put together by a program, by the same rules. [`Error::Spec`] with every mistake.
    pub fn validate(&self) -> Result<()> {
        let mistakes = fields::Mistakes::default();
        rules::check(self, &[], &mistakes);
        let errors = mistakes.into_errors();
        if errors.is_empty() { Ok(()) } else { Err(Error::Spec(errors)) }
    }

    /// The spec as TOML, which [`CubeSpec::from_toml`] reads back as the same spec.
    pub fn to_toml(&self) -> Result<String> {
        let failed = |e: String| Error::invalid("spec", self.title.clone().unwrap_or_default(), format!("cannot be written as TOML: {e}"));
        let value = serde_json::to_value(self).map_err(|e| failed(e.to_string()))?;
        let table = to_toml_value(value).unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
        toml::to_string(&table).map_err(|e| failed(e.to_string()))
    }
}

/// TOML has no null, and no integer beyond 64 bits with sign.
fn to_toml_value(value: serde_json::Value) -> Option<toml::Value> {
    use serde_json::Value as Json;
    Some(match value {
        Json::Null => return None,
        Json::Bool(b) => b.into(),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => i.into(),
            (None, Some(f)) if !n.is_u64() => f.into(),
            _ => n.to_string().into(),
        },
        Json::String(s) => s.into(),
        Json::Array(all) => toml::Value::Array(all.into_iter().filter_map(to_toml_value).collect()),
        Json::Object(all) => toml::Value::Table(all.into_iter().filter_map(|(k, v)| Some((k, to_toml_value(v)?))).collect()),
    })
}

/// The levels of a codec.
fn levels(codec: Codec) -> RangeInclusive<u8> {
    match codec {
        Codec::Blosc | Codec::Gzip => 0..=9,
        Codec::Zstd => 1..=22,
        Codec::None => 0..=0,
    }
}

impl EncodingSpec {
    /// Codec, level, blosc's compressor and blosc's shuffle for a dtype, what is absent being chosen by measurement
    /// (`docs/design/0002-default-codec.md`): blosc with zstd at level 1, shuffled by bit, but not shuffled where a pixel is one byte.
    pub fn resolve(&self, dtype: DType) -> (Codec, u8, String, Shuffle) {
        let codec = self.codec.unwrap_or(Codec::Blosc);
        let level = self.level.unwrap_or(match codec {
            Codec::Blosc => 1,
            Codec::Zstd => 3,
            Codec::Gzip => 5,
            Codec::None => 0,
        });
        let compressor = self.compressor.clone().unwrap_or_else(|| "zstd".into());
        let by_dtype = if dtype.size() == 1 { Shuffle::None } else { Shuffle::Bit };
        let shuffle = if codec == Codec::Blosc { self.shuffle.unwrap_or(by_dtype) } else { Shuffle::None };
        (codec, level, compressor, shuffle)
    }
}

#[cfg(test)]
mod tests;
