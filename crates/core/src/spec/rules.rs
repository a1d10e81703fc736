//! What the parts of a spec must be, and how they must fit together.

use super::{
    fields::{Mistakes, closest},
    read::declared_value,
    *,
};
use crate::{
    Error, Result, TimeAxis, TimeValue, Toi,
    error::shorten,
    written::{Duration, parse_period, steps_between},
};

/// Names that the store uses itself.
const RESERVED: [&str; 5] = ["x", "y", "time", "spatial_ref", "_cube"];

/// Catalogues that are one service with an address of its own: `url` may be left out.
pub(super) const KNOW_THEIR_ADDRESS: [&str; 1] = ["cmr"];

/// Notes every mistake; a key that has been complained about is taken as absent.
pub(super) fn check(spec: &CubeSpec, backends: &[&str], m: &Mistakes) {
    source(&spec.source, backends, m);
    grid(&spec.grid, m);
    time(&spec.time, m);
    if spec.mosaic.order.as_deref().is_some_and(|o| o.trim_start_matches('-').trim().is_empty()) {
        m.add("mosaic.order", "is empty", "write `time`, or the name of a property");
    }
    bands(&spec.bands, m);
    encoding(&spec.encoding, m);
    blocks(spec, m);
}

fn source(s: &SourceSpec, backends: &[&str], m: &Mistakes) {
    if !m.has("source.backend") && !backends.is_empty() && !backends.contains(&s.backend.as_str()) {
        let list = backends.join(", ");
        let hint = closest(&s.backend, backends).map_or_else(|| format!("use one of {list}"), |c| format!("did you mean `{c}`? ({list})"));
        m.add("source.backend", format!("`{}` is not known", shorten(&s.backend)), hint);
    }
    if s.url.trim().is_empty() && !KNOW_THEIR_ADDRESS.contains(&s.backend.as_str()) {
        m.add("source.url", "is empty", "give the root of an API, a catalog.json, items.json or index.parquet, as a path or URL");
    }
    if s.collections.iter().any(|c| c.trim().is_empty()) {
        m.add("source.collections", "has a name that is empty", "name collections, or leave the key out");
    }
    if !s.query.is_empty() && s.filter.is_some() {
        m.add("source.filter", "and source.query are both given", "keep one: `query` for simple comparisons, `filter` for CQL2");
    }
    if s.filter.as_ref().is_some_and(|f| !f.is_object() && f.as_str().is_none_or(|t| t.trim().is_empty())) {
        m.add("source.filter", "is not CQL2", "write CQL2 as text, for example \"eo:cloud_cover < 60\", or as JSON");
    }
    if let Some(Err(e)) = s.datetime.as_deref().map(Toi::parse) {
        m.add("source.datetime", e.to_string(), e.hint().unwrap_or_default());
    }
}

fn grid(g: &GridSpec, m: &Mistakes) {
    if let Some(Err(e)) = (!m.has("grid.crs")).then(|| g.single_crs()) {
        m.add("grid.crs", e.to_string(), "write `crs = \"EPSG:32632\"` or `crs = \"native\"`");
    }
    if let Some(r) = g.resolution
        && !([r.xy().0, r.xy().1].into_iter().all(|v| v > 0.0 && v.is_finite()))
    {
        m.add(
            "grid.resolution",
            format!("`{:?}` is not positive", r.xy()),
            "write the size of a pixel in units of the CRS, for example `resolution = 20.0`",
        );
    }
    if g.shape.is_some_and(Shape::is_empty) {
        m.add("grid.shape", "holds no pixel", "write `shape = [rows, columns]`");
    }
    ways(g, m);
    if let Some(e) = g.extent {
        extent(e, g, m);
    }
}

/// The grid is given in exactly one way.
fn ways(g: &GridSpec, m: &Mistakes) {
    let given = |key: &str, is: bool| is || m.has(&format!("grid.{key}"));
    let (resolution, shape, like) = (given("resolution", g.resolution.is_some()), given("shape", g.shape.is_some()), given("like", g.like.is_some()));
    if like {
        let others = [("crs", g.crs.is_some()), ("resolution", resolution), ("shape", shape), ("extent", g.extent.is_some())];
        if let Some((key, _)) = others.into_iter().find(|(_, is)| *is) {
            m.add(&format!("grid.{key}"), "and grid.like are both given", "`like` takes the whole grid from a file: leave the others out");
        }
        return;
    }
    if g.crs.is_none() && !m.has("grid.crs") {
        m.add("grid.crs", "is missing", "write `crs = \"EPSG:32632\"`, `crs = \"native\"`, or `like = \"file.tif\"`");
    }
    if g.is_native() {
        if shape {
            m.add("grid.shape", "does not fit `crs = \"native\"`, where each source CRS has a grid of its own", "leave it out, or name one CRS");
        }
    } else if resolution && shape {
        m.add("grid.shape", "and grid.resolution are both given", "keep `resolution`, or `shape` with `extent` for the exact grid");
    } else if !resolution && !shape {
        m.add("grid.resolution", "is missing", "write `resolution = 20.0` in units of the CRS, or `shape` with `extent`, or `like = \"file.tif\"`");
    } else if shape && g.extent.is_none() && !m.has("grid.extent") {
        m.add("grid.extent", "is missing, and grid.shape needs one", "write `extent = [west, south, east, north]`");
    }
}

fn extent(e: Extent, g: &GridSpec, m: &Mistakes) {
    let text = format!("[{}, {}, {}, {}]", e.west, e.south, e.east, e.north);
    let lonlat = g.is_native() || matches!(g.single_crs(), Ok(Some(crs)) if crs == Crs::wgs84());
    let order = "the order is [west, south, east, north]";
    if [e.west, e.south, e.east, e.north].iter().any(|v| !v.is_finite()) {
        m.add("grid.extent", format!("`{text}` has a side that is not a finite number"), order);
    } else if e.south >= e.north {
        m.add("grid.extent", format!("`{text}` has its south not below its north"), order);
    } else if e.west >= e.east && !(g.is_native() && e.west > e.east) {
        let hint = if lonlat {
            format!("{order}; across the antimeridian longitudes run on: [{}, {}, {}, {}]", e.west, e.south, e.east + 360.0, e.north)
        } else {
            order.to_owned()
        };
        m.add("grid.extent", format!("`{text}` has its west not before its east"), hint);
    } else if lonlat && (e.south < -90.0 || e.north > 90.0 || e.west < -360.0 || e.east > 540.0 || e.width() > 360.0) {
        m.add("grid.extent", format!("`{text}` is not in longitude and latitude"), format!("{order}, in degrees"));
    }
}

fn time(t: &TimeSpec, m: &Mistakes) {
    if t.settle_micros().is_err() && !m.has("time.settle") {
        m.add("time.settle", format!("`{}` is not a duration in weeks, days or hours", shorten(&t.settle)), "write one such as `P3D` or `PT12H`");
    }
    if t.range.is_some() && t.values.is_some() {
        m.add("time.values", "and time.range are both given", "keep one of them");
    } else if t.step == TimeStep::None && (t.range.is_some() || t.values.is_some()) && !m.has("time.step") {
        m.add(
            if t.range.is_some() { "time.range" } else { "time.values" },
            "does not fit `step = \"none\"`",
            "leave it out, or choose a step; `source.datetime` narrows a cube without time",
        );
    } else if let Err(e) = t.declared()
        && !m.has("time.step")
    {
        m.add(if t.range.is_some() { "time.range" } else { "time.values" }, e.to_string(), e.hint().unwrap_or_default());
    }
}

fn bands(all: &IndexMap<String, BandSpec>, m: &Mistakes) {
    if all.is_empty() && !m.has("bands") {
        m.add("bands", "names no band", "write `[bands.red]` for each variable");
    }
    for (name, band) in all {
        let at = |key: &str| format!("bands.{name}.{key}");
        if RESERVED.contains(&name.as_str()) {
            m.add(&format!("bands.{name}"), "has a name that the cube uses itself", format!("call it otherwise and write `asset = \"{name}\"`"));
        } else if !is_name(name) {
            m.add(
                &format!("bands.{name}"),
                "has a name that cannot be a variable",
                "use letters, digits, `_`, `-` and `.`, a letter first, and `asset = \"…\"` for the source's own name",
            );
        }
        if let (Some(nodata), Some(dtype)) = (band.nodata, band.dtype)
            && !nodata.fits(dtype)
        {
            m.add(&at("nodata"), format!("`{nodata}` does not fit {dtype}"), format!("choose a value that {dtype} can hold, or another dtype"));
        }
        if band.values == Values::Scaled && band.dtype.is_some_and(|d| !d.is_float()) {
            m.add(
                &at("values"),
                "`scaled` needs a dtype of floating point",
                "write `dtype = \"float32\"`, or `values = \"raw\"`: readers then scale",
            );
        }
        if band.scale.is_some_and(|s| s == 0.0 || !s.is_finite()) {
            m.add(&at("scale"), "is zero or not finite", "write a number such as 0.0001");
        }
        if band.offset.is_some_and(|o| !o.is_finite()) {
            m.add(&at("offset"), "is not finite", "write a number such as -0.1");
        }
        if band.asset.as_deref().is_some_and(|a| a.trim().is_empty()) {
            m.add(&at("asset"), "is empty", "name the asset, `name.2` for its second band");
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic()) && name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) && name != "zarr.json"
}

fn encoding(e: &EncodingSpec, m: &Mistakes) {
    let codec = e.codec.unwrap_or(Codec::Blosc);
    if m.has("encoding.codec") {
        return;
    }
    let levels = levels(codec);
    if let Some(level) = e.level
        && !levels.contains(&level)
    {
        let (problem, hint) = if codec == Codec::None {
            ("does not fit `codec = \"none\"`".to_owned(), "leave it out".to_owned())
        } else {
            (format!("`{level}` is not a level of this codec"), format!("choose {} to {}", levels.start(), levels.end()))
        };
        m.add("encoding.level", problem, hint);
    }
    for (key, given) in [("compressor", e.compressor.is_some()), ("shuffle", e.shuffle.is_some())] {
        if given && codec != Codec::Blosc {
            m.add(&format!("encoding.{key}"), "is for `codec = \"blosc\"` only", "leave it out, or choose blosc");
        }
    }
    if e.compressor.as_deref().is_some_and(|c| !COMPRESSORS.contains(&c)) {
        m.add("encoding.compressor", "is not known", format!("use one of {}", COMPRESSORS.join(", ")));
    }
}

/// Chunks, shards and the time axis.
fn blocks(spec: &CubeSpec, m: &Mistakes) {
    let c = spec.chunks;
    for (key, n) in [("time", c.time), ("y", c.y), ("x", c.x)] {
        if n == 0 {
            m.add(&format!("chunks.{key}"), "is 0", "write a whole number of 1 or more");
        }
    }
    let fits = |n: [usize; 3], size: usize| n.into_iter().try_fold(size, usize::checked_mul).is_some_and(|b| b < 1 << 31);
    let size = spec.bands.values().filter_map(|b| b.dtype).map(DType::size).max().unwrap_or(1);
    if !fits([c.time, c.y, c.x], size) {
        return m.add(
            "chunks.y",
            format!("makes chunks of {} × {} × {} pixels, which no codec takes", c.time, c.y, c.x),
            "write smaller chunks, for example 1 × 512 × 512",
        );
    }
    let grows =
        spec.time.step != TimeStep::None && spec.time.range.is_none() && spec.time.values.is_none() && !m.has("time.range") && !m.has("time.values");
    let declare = "write `time = 1`, or declare the axis with `range` or `values` under [time]";
    let single = |key: &str, n: usize| {
        if n != 1 && spec.time.step == TimeStep::None {
            m.add(key, "is not 1, and the cube has no time", "leave it out");
        } else if n != 1 && grows {
            m.add(key, format!("is {n}, and steps arrive one by one"), declare);
        }
    };
    if !m.has("time.step") {
        single("chunks.time", c.time);
    }
    let Some(shard) = spec.encoding.shard else { return };
    for ((axis, shard), chunk) in ["time", "y", "x"].into_iter().zip(shard).zip([c.time, c.y, c.x]) {
        if !m.has(&format!("chunks.{axis}")) && (shard == 0 || chunk == 0 || shard % chunk != 0) {
            return m.add(
                "encoding.shard",
                format!("of {shard} along {axis} is not a multiple of the chunk of {chunk}"),
                "make each side of a shard a multiple of the chunk's",
            );
        }
    }
    if !fits(shard, 1) {
        return m.add("encoding.shard", "holds more than 2,147,483,647 pixels", "write a smaller shard, for example [1, 4096, 4096]");
    }
    if !m.has("time.step") && !m.has("chunks.time") {
        single("encoding.shard", shard[0]);
    }
}

impl TimeSpec {
    /// `settle` in microseconds.
    pub fn settle_micros(&self) -> Result<i64> {
        Duration::parse(&self.settle).and_then(Duration::exact_micros).ok_or_else(|| {
            Error::invalid("settle", shorten(&self.settle), "is not a duration in weeks, days or hours")
                .with_hint("write one such as `P3D` or `PT12H`")
        })
    }

    /// The steps of a declared axis, sorted; `None` when the axis grows or there is none.
    ///
    /// [`Error::Invalid`] for a range that is open or cannot be cut into steps, and for values that are not the start of a step.
    pub fn declared(&self) -> Result<Option<Vec<TimeValue>>> {
        if let Some(range) = &self.range {
            let period = parse_period(range)?;
            let (Some(start), Some(end)) = (period.start, period.end) else {
                return Err(Error::invalid("time range", shorten(range), "is open")
                    .with_hint("give both ends, for example `2024-01-01/2024-12-31`; without a range the axis grows"));
            };
            return steps_between(self.step, start, end).map(Some);
        }
        let Some(values) = &self.values else { return Ok(None) };
        if values.is_empty() {
            return Err(Error::invalid("time values", "[]", "is empty").with_hint("list the steps, or leave the key out: the axis then grows"));
        }
        let rule = TimeAxis { step: self.step, utc_offset_hours: 0, declared: None, settle_micros: 0 };
        let read = |text: &String| {
            let written = declared_value(text)
                .ok_or_else(|| Error::invalid("time value", shorten(text), "is not a date or a time").with_hint("write one such as `2024-06-01`"))?;
            let step = rule.step_of(written.start);
            if step != written.start {
                return Err(Error::invalid("time value", shorten(text), format!("is not the start of a step of `{}`", self.step))
                    .with_hint(format!("did you mean `{step}`?")));
            }
            Ok(step)
        };
        let mut steps: Vec<TimeValue> = values.iter().map(read).collect::<Result<_>>()?;
        steps.sort_unstable();
        if let Some(twice) = steps.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::invalid("time value", twice[0].to_string(), "is listed twice"));
        }
        Ok(Some(steps))
    }

    /// The axis that the spec declares. `utc_offset_hours` is that of the cube's solar day; other steps do not use it.
    pub fn axis(&self, utc_offset_hours: i32) -> Result<TimeAxis> {
        let utc_offset_hours = if self.step == TimeStep::SolarDay { utc_offset_hours } else { 0 };
        Ok(TimeAxis { step: self.step, utc_offset_hours, declared: self.declared()?, settle_micros: self.settle_micros()? })
    }
}
