//! The metadata documents (`zarr.json`) of a cube. Zarr v3 core specification, sections "Array metadata" and "Group metadata".

use cube_core::{BandLayout, Codec, DType, GroupLayout, Layout, Number, Shape, Shuffle};
use serde_json::{Map, Value, json};

use crate::{Error, Result, attributes};

/// Storage units per ledger chunk, along rows and along columns.
pub(crate) const LEDGER_SIDE: usize = 64;
/// Steps per chunk of a growing time coordinate.
const TIME_CHUNK: usize = 1024;
/// Pixels per chunk of `x` and `y`.
const AXIS_CHUNK: usize = 65_536;
/// Rows per chunk of the columns of the patch list.
pub(crate) const PATCH_CHUNK: usize = 1024;
/// Rows per chunk of the documents of the patch list.
pub(crate) const PATCH_DOCUMENT_CHUNK: usize = 16;
/// Rows per chunk of the list of searches.
pub(crate) const SEARCH_CHUNK: usize = 1024;
/// Columns of the list of searches: row, col, rows, cols, start, end, at.
pub(crate) const SEARCH_COLUMNS: usize = 7;

/// Names that a variable cannot have.
const RESERVED: [&str; 6] = ["x", "y", "time", "spatial_ref", "searches", "patches"];

/// Path of a node in a group (`""` is the root).
pub(crate) fn path(group: &str, name: &str) -> String {
    if group.is_empty() { name.into() } else { format!("{group}/{name}") }
}

/// Path of the array of states or fingerprints of a variable.
pub(crate) fn ledger_path(group: &str, band: &str, what: &str) -> String {
    path(group, &format!("_cube/{band}/{what}"))
}

/// What an array is made of.
struct ArraySpec<'a> {
    shape: &'a [usize],
    chunk: &'a [usize],
    dtype: &'a str,
    fill: Value,
    codecs: Value,
    dimensions: &'a [&'a str],
    attributes: Map<String, Value>,
}

impl ArraySpec<'_> {
    fn document(self) -> Value {
        json!({
            "zarr_format": 3,
            "node_type": "array",
            "shape": self.shape,
            "data_type": self.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": self.chunk}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": self.fill,
            "codecs": self.codecs,
            "attributes": self.attributes,
            "dimension_names": self.dimensions,
        })
    }
}

/// A group.
pub(crate) fn group(attributes: Map<String, Value>) -> Value {
    json!({"zarr_format": 3, "node_type": "group", "attributes": attributes})
}

/// Refuses a layout that cannot be stored.
pub(crate) fn check(layout: &Layout) -> Result<()> {
    let refuse = |text: String| Err(Error::Layout(text));
    for band in &layout.bands {
        let name = &band.name;
        let plain =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) && !name.starts_with(['.', '_']);
        if !plain || RESERVED.contains(&name.as_str()) {
            return refuse(format!(
                "a variable cannot be called `{name}`: use letters, digits, `_`, `-` and `.`, and none of {}",
                RESERVED.join(", ")
            ));
        }
        if !band.fill.fits(band.dtype) {
            return refuse(format!("`{name}` is of type {}, which cannot hold its nodata value {}", band.dtype, band.fill));
        }
    }
    if layout.time.grows() && layout.unit_time != 1 {
        return refuse(format!("its time axis grows, so its chunks and shards must hold one step, not {}", layout.unit_time));
    }
    if layout.time.declared.iter().any(|steps| !steps.is_sorted_by(|a, b| a < b)) {
        return refuse("its declared time steps are not in order".into());
    }
    let (unit, chunk) = (layout.unit, layout.chunk);
    if unit.is_empty() || chunk.is_empty() || layout.unit_time == 0 || layout.chunk_time == 0 {
        return refuse("a chunk must hold at least one pixel of one step".into());
    }
    let whole = unit.rows.is_multiple_of(chunk.rows) && unit.cols.is_multiple_of(chunk.cols) && layout.unit_time.is_multiple_of(layout.chunk_time);
    if !whole {
        return refuse(format!(
            "shards of {unit} pixels and {} steps do not hold whole chunks of {chunk} pixels and {} steps",
            layout.unit_time, layout.chunk_time
        ));
    }
    layout.groups.iter().try_for_each(check_group)
}

/// Refuses a group that cannot be stored.
pub(crate) fn check_group(group: &GroupLayout) -> Result<()> {
    if !group.grid.affine().is_rectilinear() {
        return Err(Error::Layout(format!("the grid of group `{}` is rotated, so it has no x and y coordinates", group.name)));
    }
    if !group.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') || group.name.starts_with("_cube") {
        return Err(Error::Layout(format!("a group cannot be called `{}`", group.name)));
    }
    Ok(())
}

/// Every node of a group, with its path, parents first.
pub(crate) fn group_documents(layout: &Layout, of: &GroupLayout) -> Result<Vec<(String, Value)>> {
    let at = |name: &str| path(&of.name, name);
    let mut all = vec![(of.name.clone(), group(attributes::group(layout, of)))];
    all.push((at("x"), axis(of.grid.shape().cols, "x", attributes::axis(of, 'X'))));
    all.push((at("y"), axis(of.grid.shape().rows, "y", attributes::axis(of, 'Y'))));
    all.push((at("spatial_ref"), spatial_ref(of)));
    if has_time(layout) {
        all.push((at("time"), time(layout)));
    }
    if !of.name.is_empty() {
        all.push((at("_cube"), group(Map::new())));
    }
    for band in &layout.bands {
        all.push((at(&band.name), variable(layout, of, band)?));
        all.push((at(&format!("_cube/{}", band.name)), group(Map::new())));
        all.push((ledger_path(&of.name, &band.name, "state"), ledger(layout, of, "uint8", STATE_MEANING)));
        all.push((ledger_path(&of.name, &band.name, "fingerprint"), ledger(layout, of, "uint64", FINGERPRINT_MEANING)));
    }
    Ok(all)
}

const STATE_MEANING: &str = "state of each storage unit: 0 not loaded, 1 loaded, 2 nothing there, 3 partial";
const FINGERPRINT_MEANING: &str = "fingerprint of the patches and versions that each storage unit was made from";

/// Whether variables have a time dimension.
pub(crate) fn has_time(layout: &Layout) -> bool {
    layout.time.step != cube_core::TimeStep::None
}

/// Steps at creation.
fn initial_steps(layout: &Layout) -> usize {
    layout.time.declared.as_ref().map_or(0, Vec::len)
}

/// A variable.
pub(crate) fn variable(layout: &Layout, of: &GroupLayout, band: &BandLayout) -> Result<Value> {
    pixels(layout, band, (initial_steps(layout), of.grid.shape()), attributes::band(band, of))
}

/// An array of one storage unit of a variable, which has its codecs.
pub(crate) fn unit(layout: &Layout, band: &BandLayout) -> Result<Value> {
    pixels(layout, band, (layout.unit_time, layout.unit), Map::new())
}

fn pixels(layout: &Layout, band: &BandLayout, (steps, shape): (usize, Shape), attributes: Map<String, Value>) -> Result<Value> {
    let with_time = has_time(layout);
    let dims = |steps: usize, s: Shape| if with_time { vec![steps, s.rows, s.cols] } else { vec![s.rows, s.cols] };
    let (unit, chunk) = (dims(layout.unit_time, layout.unit), dims(layout.chunk_time, layout.chunk));
    let inner = codecs(band)?;
    let codecs = if unit == chunk { inner } else { sharded(&chunk, &inner) };
    let names: &[&str] = if with_time { &["time", "y", "x"] } else { &["y", "x"] };
    let spec = ArraySpec {
        shape: &dims(steps, shape),
        chunk: &unit,
        dtype: band.dtype.name(),
        fill: number(band.fill, band.dtype),
        codecs,
        dimensions: names,
        attributes,
    };
    Ok(spec.document())
}

fn codecs(band: &BandLayout) -> Result<Value> {
    let refuse = |what: &str, value: String| Err(Error::Layout(format!("`{}` cannot be compressed with {what} {value}", band.name)));
    let bytes = bytes_codec(band.dtype.size());
    let level = band.level;
    Ok(match band.codec {
        Codec::None => json!([bytes]),
        Codec::Zstd if level <= 22 => json!([bytes, zstd(level)]),
        Codec::Gzip if level <= 9 => json!([bytes, {"name": "gzip", "configuration": {"level": level}}]),
        Codec::Blosc if level <= 9 => {
            if !["zstd", "lz4", "lz4hc", "zlib", "blosclz", "snappy"].contains(&band.compressor.as_str()) {
                return refuse("blosc's", format!("`{}`: use zstd, lz4, lz4hc or zlib", band.compressor));
            }
            let shuffle = match band.shuffle {
                Shuffle::None => "noshuffle",
                Shuffle::Byte => "shuffle",
                Shuffle::Bit => "bitshuffle",
            };
            json!([bytes, blosc(band.dtype.size(), &band.compressor, level, shuffle)])
        }
        Codec::Zstd | Codec::Gzip | Codec::Blosc => return refuse("level", level.to_string()),
    })
}

fn bytes_codec(size: usize) -> Value {
    if size == 1 { json!({"name": "bytes"}) } else { json!({"name": "bytes", "configuration": {"endian": "little"}}) }
}

fn zstd(level: u8) -> Value {
    json!({"name": "zstd", "configuration": {"level": level, "checksum": false}})
}

fn blosc(size: usize, compressor: &str, level: u8, shuffle: &str) -> Value {
    json!({"name": "blosc", "configuration": {"typesize": size, "cname": compressor, "clevel": level, "shuffle": shuffle, "blocksize": 0}})
}

fn sharded(chunk: &[usize], inner: &Value) -> Value {
    json!([{
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": chunk,
            "codecs": inner,
            "index_codecs": [bytes_codec(8), {"name": "crc32c"}],
            "index_location": "end",
        },
    }])
}

fn axis(len: usize, name: &str, attributes: Map<String, Value>) -> Value {
    ArraySpec {
        shape: &[len],
        chunk: &[len.min(AXIS_CHUNK)],
        dtype: "float64",
        fill: json!("NaN"),
        codecs: json!([bytes_codec(8), blosc(8, "zstd", 1, "bitshuffle")]),
        dimensions: &[name],
        attributes,
    }
    .document()
}

fn spatial_ref(of: &GroupLayout) -> Value {
    ArraySpec {
        shape: &[],
        chunk: &[],
        dtype: "int64",
        fill: json!(0),
        codecs: json!([bytes_codec(8)]),
        dimensions: &[],
        attributes: attributes::spatial_ref(of),
    }
    .document()
}

fn time(layout: &Layout) -> Value {
    let steps = initial_steps(layout);
    ArraySpec {
        shape: &[steps],
        chunk: &[if steps == 0 { TIME_CHUNK } else { steps.min(AXIS_CHUNK) }],
        dtype: "int64",
        fill: json!(0),
        codecs: json!([bytes_codec(8), zstd(3)]),
        dimensions: &["time"],
        attributes: attributes::time(layout),
    }
    .document()
}

fn ledger(layout: &Layout, of: &GroupLayout, dtype: &str, meaning: &str) -> Value {
    let units = layout.unit_grid(of).chunks();
    let side = |n: usize| n.min(LEDGER_SIDE);
    let time_units = initial_steps(layout).div_ceil(layout.unit_time);
    let time_name = if layout.unit_time == 1 { "time" } else { "time_unit" };
    let (shape, chunk, names) = if has_time(layout) {
        (vec![time_units, units.rows, units.cols], vec![1, side(units.rows), side(units.cols)], vec![time_name, "unit_row", "unit_col"])
    } else {
        (vec![units.rows, units.cols], vec![side(units.rows), side(units.cols)], vec!["unit_row", "unit_col"])
    };
    let size = if dtype == "uint8" { 1 } else { 8 };
    let spec = ArraySpec {
        shape: &shape,
        chunk: &chunk,
        dtype,
        fill: json!(0),
        codecs: json!([bytes_codec(size), zstd(1)]),
        dimensions: &names,
        attributes: Map::from_iter([("long_name".to_string(), json!(meaning))]),
    };
    spec.document()
}

/// The nodes of the group `_cube` at the root that belong to the whole cube, with their paths.
pub(crate) fn record_documents() -> Vec<(String, Value)> {
    let column = |name: &str, dtype: &str, fill: Value, meaning: &str, width: Option<usize>| {
        let (shape, chunk, dimensions) = match width {
            Some(width) => (vec![0, width], vec![PATCH_CHUNK, width], vec!["patch", name]),
            None => (vec![0], vec![PATCH_CHUNK], vec!["patch"]),
        };
        let spec = ArraySpec {
            shape: &shape,
            chunk: &chunk,
            dtype,
            fill,
            codecs: json!([bytes_codec(8), zstd(1)]),
            dimensions: &dimensions,
            attributes: Map::from_iter([("long_name".to_string(), json!(meaning))]),
        };
        (format!("_cube/patches/{name}"), spec.document())
    };
    let searches = ArraySpec {
        shape: &[0, SEARCH_COLUMNS],
        chunk: &[SEARCH_CHUNK, SEARCH_COLUMNS],
        dtype: "int64",
        fill: json!(0),
        codecs: json!([bytes_codec(8), zstd(3)]),
        dimensions: &["search", "search_column"],
        attributes: Map::from_iter([("columns".to_string(), json!(["row", "col", "rows", "cols", "start", "end", "at"]))]),
    };
    let json = ArraySpec {
        shape: &[0],
        chunk: &[PATCH_DOCUMENT_CHUNK],
        dtype: "string",
        fill: json!(""),
        codecs: json!([{"name": "vlen-utf8"}, zstd(3)]),
        dimensions: &["patch"],
        attributes: Map::from_iter([("long_name".to_string(), json!("what was known of each patch when it was used"))]),
    };
    vec![
        ("_cube/searches".into(), searches.document()),
        ("_cube/patches".into(), group(Map::new())),
        column("time", "int64", json!(i64::MIN), "time of the patch, microseconds since 1970; the least number where unknown", None),
        column("bbox", "float64", json!("NaN"), "west, south, east, north in degrees; NaN where unknown", Some(4)),
        column("id", "uint64", json!(0), "XXH3 of the id", None),
        column("version", "uint64", json!(0), "XXH3 of the version", None),
        ("_cube/patches/json".into(), json.document()),
    ]
}

/// A fill value as Zarr writes it.
pub(crate) fn number(n: Number, dtype: DType) -> Value {
    if !dtype.is_float() {
        return match n {
            Number::Int(i) => i64::try_from(i).map(Value::from).or_else(|_| u64::try_from(i).map(Value::from)).unwrap_or_default(),
            Number::Float(f) => json!(f),
        };
    }
    match n.as_f64() {
        f if f.is_nan() => json!("NaN"),
        f if f == f64::INFINITY => json!("Infinity"),
        f if f == f64::NEG_INFINITY => json!("-Infinity"),
        f => json!(f),
    }
}

/// A number as an attribute. xarray keeps a float `_FillValue` of Zarr v3 as base64 of its eight bytes; everything else is plain JSON.
pub(crate) fn attribute_number(n: Number, dtype: DType, fill_value: bool) -> Value {
    if !(fill_value && dtype.is_float()) {
        return number(n, dtype);
    }
    json!(base64(n.as_f64().to_le_bytes()))
}

/// Base64 of eight bytes (RFC 4648, section 4).
fn base64(bytes: [u8; 8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(12);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |w, b| (w << 8) | u32::from(*b)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * i)) as usize & 63] as char;
            text.push(if i <= group.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_zarr_reads_them() {
        assert_eq!(number(Number::Int(-9999), DType::Int16), json!(-9999));
        assert_eq!(number(Number::Int(u64::MAX.into()), DType::UInt64), json!(u64::MAX));
        assert_eq!(number(Number::Float(f64::NAN), DType::Float32), json!("NaN"));
        assert_eq!(number(Number::Int(0), DType::Float32), json!(0.0));
    }

    /// Python: `base64.standard_b64encode(struct.pack("<d", -9999.0))`.
    #[test]
    fn base64_is_that_of_the_standard() {
        assert_eq!(base64((-9999.0_f64).to_le_bytes()), "AAAAAICHw8A=");
        assert_eq!(base64(f64::NAN.to_le_bytes()), "AAAAAAAA+H8=");
    }
}
