//! From a document to a [`CubeSpec`], with every mistake at once.

use serde_json::Value;

use super::{
    document::{Document, SpecFormat, join},
    fields::{Mistakes, Table},
    rules, *,
};
use crate::{Error, Result, written::Written};

pub(super) const RESAMPLING: [&str; 14] =
    ["nearest", "bilinear", "cubic", "cubic_spline", "lanczos", "average", "mode", "min", "max", "med", "q1", "q3", "sum", "rms"];
const METHODS: [&str; 7] = ["first", "last", "min", "max", "mean", "median", "count"];
const STEPS: [&str; 6] = ["none", "instant", "solar_day", "P1D", "P1M", "P1Y"];

/// Reads and checks a spec. `backends` are the names of the catalogues there are; none means that any name will do.
pub(super) fn read(text: &str, format: SpecFormat, backends: &[&str]) -> Result<CubeSpec> {
    let document = Document::read(text, format)?;
    let mistakes = Mistakes::new(document.lines);
    let mut spec = cube(&Table::root(&document.root, &mistakes), &mistakes);
    spec.bands.sort_by_cached_key(|name, _| document.order.get(&join("bands", name)).copied());
    rules::check(&spec, backends, &mistakes);
    let errors = mistakes.into_errors();
    if errors.is_empty() { Ok(spec) } else { Err(Error::Spec(errors)) }
}

fn cube(t: &Table<'_>, mistakes: &Mistakes) -> CubeSpec {
    let bands = t.table("bands");
    let spec = CubeSpec {
        title: t.text("title", "write a line in quotes"),
        source: source(&t.table("source"), mistakes),
        grid: grid(&t.table("grid")),
        time: time(&t.table("time")),
        mosaic: mosaic(&t.table("mosaic")),
        bands: bands.tables().into_iter().map(|(name, t)| (name.to_owned(), band(&t))).collect(),
        chunks: chunks(&t.table("chunks")),
        encoding: encoding(&t.table("encoding")),
    };
    t.finish();
    spec
}

fn source(t: &Table<'_>, mistakes: &Mistakes) -> SourceSpec {
    let required = |key: &'static str, hint: &str| {
        t.text(key, hint).unwrap_or_else(|| {
            mistakes.add(&t.path(key), "is missing", hint);
            String::new()
        })
    };
    let backend = required("backend", "name the catalogue, for example `backend = \"stac\"`");
    let address = "give the root of an API, a catalog.json, items.json or index.parquet, as a path or URL";
    let source = SourceSpec {
        url: if rules::KNOW_THEIR_ADDRESS.contains(&backend.as_str()) {
            t.text("url", address).unwrap_or_default()
        } else {
            required("url", address)
        },
        backend,
        collections: t.get("collections", "a list of texts", "write `collections = [\"sentinel-2-l2a\"]`").unwrap_or_default(),
        query: t.get("query", "a table", "write `query = { \"eo:cloud_cover\" = { lt = 60 } }`").unwrap_or_default(),
        filter: t.get::<Value>("filter", "CQL2", "write CQL2 as text or as JSON"),
        datetime: t.text("datetime", "write `datetime = \"2024-06-01/2024-06-30\"`"),
        assets: t.get::<Value>("assets", "a choice of files", "write `assets = \"B04,B05\"`, or `assets = { include = [\"*.nc\"] }`"),
        provider: t.text("provider", "write `provider = \"LPCLOUD\"`"),
        sidecars: t.get("sidecars", "true or false", "write `sidecars = true`").unwrap_or_default(),
    };
    t.finish();
    source
}

fn grid(t: &Table<'_>) -> GridSpec {
    let grid = GridSpec {
        crs: crs(t),
        resolution: t.get("resolution", "a number or a pair of numbers", "write `resolution = 20.0`, in units of the CRS"),
        shape: t.get("shape", "a pair of whole numbers", "write `shape = [rows, columns]`"),
        like: t.text("like", "give the path of a raster file"),
        extent: t.get("extent", "four numbers", "write `extent = [west, south, east, north]`"),
        anchor: t.get("anchor", "an anchor", "use `edge`, `center`, `tight` or two fractions such as [0.5, 0.5]").unwrap_or_default(),
    };
    t.finish();
    grid
}

/// A CRS may be a bare EPSG code.
fn crs(t: &Table<'_>) -> Option<String> {
    match t.get::<Value>("crs", "a CRS", "write `crs = \"EPSG:32632\"` or `crs = \"native\"`")? {
        Value::Number(code) => Some(code.to_string()),
        Value::String(text) => Some(text),
        // Named by the rules, as a CRS that cannot be understood.
        other => Some(other.to_string()),
    }
}

fn time(t: &Table<'_>) -> TimeSpec {
    let default = TimeSpec::default();
    let time = TimeSpec {
        step: t.word("step", &STEPS).unwrap_or_default(),
        range: t.text("range", "write `range = \"2024-01-01/2024-12-31\"`"),
        values: t.get("values", "a list of times", "write `values = [\"2024-06-01\", \"2024-06-11\"]`"),
        settle: t.text("settle", "write a duration such as `P3D`").unwrap_or(default.settle),
    };
    t.finish();
    time
}

fn mosaic(t: &Table<'_>) -> MosaicSpec {
    let mosaic = MosaicSpec {
        method: t.word("method", &METHODS).unwrap_or_default(),
        order: t.text("order", "write `order = \"time\"`, or a property such as `eo:cloud_cover`, least first (`-` before it: greatest first)"),
    };
    t.finish();
    mosaic
}

fn band(t: &Table<'_>) -> BandSpec {
    let number = "write a number";
    let band = BandSpec {
        asset: t.text("asset", "name the asset, `name.2` for its second band"),
        dtype: t.word("dtype", &DType::ALL.map(DType::name)),
        nodata: t.get("nodata", "a number", "write a number, or \"nan\""),
        resampling: t.word("resampling", &RESAMPLING).unwrap_or_default(),
        values: t.word("values", &["raw", "scaled", "harmonized"]).unwrap_or_default(),
        scale: t.get("scale", "a number", number),
        offset: t.get("offset", "a number", number),
        units: t.text("units", "write a unit in quotes"),
        long_name: t.text("long_name", "write a line in quotes"),
    };
    t.finish();
    band
}

fn chunks(t: &Table<'_>) -> ChunkSpec {
    let (default, hint) = (ChunkSpec::default(), "write a whole number, for example `y = 512`");
    let chunks = ChunkSpec {
        time: t.count("time", hint).unwrap_or(default.time),
        y: t.count("y", hint).unwrap_or(default.y),
        x: t.count("x", hint).unwrap_or(default.x),
    };
    t.finish();
    chunks
}

fn encoding(t: &Table<'_>) -> EncodingSpec {
    let encoding = EncodingSpec {
        codec: t.word("codec", &["blosc", "zstd", "gzip", "none"]),
        level: t.get("level", "a level", "write a whole number, for example `level = 1`"),
        compressor: t.word("compressor", &COMPRESSORS),
        shuffle: t.word("shuffle", &["none", "byte", "bit"]),
        shard: t.get("shard", "three whole numbers", "write `shard = [1, 4096, 4096]`: steps, rows, columns"),
    };
    t.finish();
    encoding
}

/// Reads the values of a declared axis.
pub(super) fn declared_value(text: &str) -> Option<Written> {
    Written::parse(text)
}
