//! From a spec to a layout: every default is settled here, once, against the source.

use cube_backend::PatchQuery;
use cube_core::{
    Asset, BandLayout, BandSpec, Crs, CubeSpec, DType, Extent, GeoBox, GridSpec, GroupLayout, Layout, MosaicMethod, Number, PatchIndex, Roi, Shape,
    Toi, Values,
};
use futures::{StreamExt, TryStreamExt};

use crate::{
    Context, Error, Result, area,
    fetch::check_time,
    stated::{self, FileSays},
};

/// Readers that use dask slow down beyond so many chunks per variable.
const MOST_CHUNKS: usize = 1_000_000;

/// Patches that are looked at for a band that the first one lacks.
const MOST_SAMPLES: usize = 100;

/// What helps to settle defaults.
#[derive(Debug, Clone, Default)]
pub struct ResolveOptions {
    /// The first region that will be loaded: a sample is taken there, and a proposal for an extent is made from it.
    pub roi: Option<Roi>,
    /// The first time that will be loaded.
    pub toi: Option<Toi>,
    /// Allow more than a million chunks per variable.
    pub huge: bool,
}

/// Settles a spec: the grid from its rules, dtype, nodata, scale and offset from a sample of the source where the spec leaves them open.
pub async fn resolve(spec: &CubeSpec, options: &ResolveOptions, context: &Context) -> Result<Layout> {
    let groups = if spec.grid.is_native() { Vec::new() } else { vec![root(spec, options, context).await?] };
    let samples = samples(spec, options, context).await?;
    let mut bands = Vec::with_capacity(spec.bands.len());
    for (name, band) in &spec.bands {
        bands.push(resolve_band(name, band, spec, &samples, context).await?);
    }
    let chunk = Shape::new(spec.chunks.y, spec.chunks.x);
    let (unit_time, unit, chunk) = match (spec.encoding.shard, groups.first()) {
        (Some([t, y, x]), _) => (t, Shape::new(y, x), chunk),
        (None, Some(g)) => {
            let cut = Shape::new(chunk.rows.min(g.grid.shape().rows), chunk.cols.min(g.grid.shape().cols));
            (spec.chunks.time, cut, cut)
        }
        (None, None) => (spec.chunks.time, chunk, chunk),
    };
    let time = spec.time.axis(utc_offset(spec, &groups)?)?;
    Ok(Layout { spec: spec.clone(), groups, bands, time, unit_time, unit, chunk_time: spec.chunks.time, chunk })
}

async fn root(spec: &CubeSpec, options: &ResolveOptions, context: &Context) -> Result<GroupLayout> {
    let grid = match &spec.grid.like {
        Some(href) => like(href, context).await?,
        None => grid(&spec.grid)?,
    };
    let info = cube_warp::proj::describe(grid.crs())?;
    let (chunk, shape) = (spec.chunks, grid.shape());
    let chunks = shape.rows.div_ceil(chunk.y) * shape.cols.div_ceil(chunk.x);
    if chunks > MOST_CHUNKS && !options.huge {
        return Err(Error::refused_with(
            format!("the grid has {shape} pixels, {chunks} chunks per variable, more than {MOST_CHUNKS}"),
            format!("{}, or allow it with --huge", proposal(&grid, options)?),
        ));
    }
    Ok(GroupLayout { name: String::new(), crs_wkt: info.wkt, geographic: info.geographic, grid })
}

async fn like(href: &str, context: &Context) -> Result<GeoBox> {
    let (href, variable) = href.split_once('#').map_or((href, None), |(href, variable)| (href, Some(variable.to_owned())));
    let asset = Asset { variable, ..Asset::bare(href) };
    Ok(context.fetcher.image(&asset).await?.levels()[0].clone())
}

fn grid(spec: &GridSpec) -> Result<GeoBox> {
    let crs = spec.single_crs()?.ok_or_else(|| Error::refused_with("the grid has no CRS", "give `crs`, for example `crs = \"EPSG:32632\"`"))?;
    let crs = cube_warp::proj::canonical(&crs)?;
    let extent = match spec.extent {
        Some(extent) => extent,
        None => area::extent(&crs, cube_warp::proj::describe(&crs)?.area_of_use, None)?,
    };
    match (spec.shape, spec.resolution) {
        (Some(shape), _) => Ok(GeoBox::from_shape(crs, extent, shape)?),
        (None, Some(resolution)) => Ok(GeoBox::from_extent(crs, extent, resolution, spec.anchor)?),
        (None, None) => Err(Error::refused_with("the grid has neither `resolution` nor `shape`", "give one, for example `resolution = 10.0`")),
    }
}

/// An extent around the region asked for, as a line of the spec.
fn proposal(grid: &GeoBox, options: &ResolveOptions) -> Result<String> {
    let Some(roi) = &options.roi else { return Ok("give an `extent`".into()) };
    let Some(e) = crate::footprint::roi_extent(roi, grid.crs())? else { return Ok("give an `extent`".into()) };
    let (rx, ry) = grid.resolution();
    let margin = |r: f64, size: f64| (size * 0.1 / r).ceil() * r;
    let (mx, my) = (margin(rx, e.width()), margin(ry, e.height()));
    let e = Extent::new(
        ((e.west - mx) / rx).floor() * rx,
        ((e.south - my) / ry).floor() * ry,
        ((e.east + mx) / rx).ceil() * rx,
        ((e.north + my) / ry).ceil() * ry,
    );
    Ok(format!("give an extent around the region, for example `extent = [{}, {}, {}, {}]`", e.west, e.south, e.east, e.north))
}

/// Hours added to UTC before a solar day is cut: at the centre of the grid, toward zero.
fn utc_offset(spec: &CubeSpec, groups: &[GroupLayout]) -> Result<i32> {
    if spec.time.step != cube_core::TimeStep::SolarDay {
        return Ok(0);
    }
    let longitude = match groups.first() {
        Some(group) => {
            let shape = group.grid.shape();
            let (x, y) = group.grid.affine().apply(shape.cols as f64 / 2.0, shape.rows as f64 / 2.0);
            let (mut x, mut y) = ([x], [y]);
            cube_warp::proj::transform(group.grid.crs(), &Crs::wgs84())?.transform(&mut x, &mut y);
            x[0]
        }
        None => spec.grid.extent.map_or(0.0, |e| (e.west + e.east) / 2.0),
    };
    let longitude = (longitude + 180.0).rem_euclid(360.0) - 180.0;
    Ok(if longitude.is_finite() { (longitude / 15.0).trunc() as i32 } else { 0 })
}

/// Patches of the source that together have all bands, as far as the first ones do: of those that the catalogue answers where and when the first load
/// will be, else anywhere.
async fn samples(spec: &CubeSpec, options: &ResolveOptions, context: &Context) -> Result<Vec<PatchIndex>> {
    let catalog = context.catalog.open().await?;
    catalog.check(&spec.source.collections).await.map_err(Error::of_a_name)?;
    let anywhere = PatchQuery {
        collections: spec.source.collections.clone(),
        query: spec.source.query.clone(),
        filter: spec.source.filter.clone(),
        ..PatchQuery::default()
    };
    let boxes = options.roi.as_ref().map(crate::footprint::roi_boxes).transpose()?.unwrap_or_default();
    let periods = options.toi.as_ref().map(|t| t.periods().to_vec()).unwrap_or_default();
    let near = PatchQuery { boxes, periods, ..anywhere.clone() };
    let mut open: Vec<&str> = spec.bands.iter().map(|(name, band)| asset_key(name, band)).collect();
    let mut samples = Vec::new();
    let queries = if near == anywhere { vec![anywhere] } else { vec![near, anywhere] };
    for query in queries {
        let mut patches = catalog.patches(&query).take(MOST_SAMPLES);
        while let Some(patch) = patches.try_next().await? {
            let before = open.len();
            open.retain(|key| patch.asset(key).is_none());
            if open.len() < before || samples.is_empty() {
                samples.push(patch);
            }
            if open.is_empty() {
                return Ok(samples);
            }
        }
    }
    if !samples.is_empty() {
        return Ok(samples);
    }
    Err(Error::refused_with(
        format!(
            "the source `{}` has no patch in {}",
            spec.source.url,
            if spec.source.collections.is_empty() { "any collection".into() } else { spec.source.collections.join(", ") }
        ),
        "check `collections`, `query` and `filter` of the spec",
    ))
}

/// The asset of a band.
fn asset_key<'s>(name: &'s str, band: &'s BandSpec) -> &'s str {
    band.asset.as_deref().unwrap_or(name)
}

async fn resolve_band(name: &str, band: &BandSpec, spec: &CubeSpec, samples: &[PatchIndex], context: &Context) -> Result<BandLayout> {
    let key = asset_key(name, band);
    let asset = samples.iter().find_map(|patch| patch.asset(key)).ok_or_else(|| {
        let mut known: Vec<_> = samples.iter().flat_map(|patch| patch.assets.keys().map(String::as_str)).collect();
        known.sort_unstable();
        known.dedup();
        let first = samples.first().map(|patch| patch.id.to_string()).unwrap_or_default();
        Error::refused_with(
            format!("the source has no band `{key}` (looked for in {first} and the patches after it)"),
            format!("it has {}; give the name as `asset` in [bands.{name}]", known.join(", ")),
        )
    })?;
    let scaled = (asset.scale.is_some() || asset.offset.is_some()) && !asset.presumed;
    let stated = band.dtype.or(asset.dtype).is_some() && band.nodata.or(asset.nodata).is_some() && scaled;
    let image = if stated { None } else { Some(context.fetcher.image(&asset).await?) };
    if let Some(image) = &image {
        check_time(image.as_ref(), spec.time.step)?;
    }
    let file = image.as_ref().map(|i| FileSays::of(i.as_ref(), asset.band));
    let source = file.map(|f| f.dtype).or(asset.dtype);
    let dtype = band.dtype.or_else(|| source.map(|s| default_dtype(s, band.values, spec.mosaic.method)));
    let dtype = dtype.ok_or_else(|| Error::refused_with(format!("the type of `{name}` is not known"), format!("give `dtype` in [bands.{name}]")))?;
    let scaling = stated::scaling(&asset, file.as_ref());
    let label = image.as_ref().map(|i| i.label(asset.band)).unwrap_or_default();
    let nodata = nodata(band, &asset, file.as_ref(), dtype, spec);
    if let Some(n) = nodata.filter(|n| !n.fits(dtype)) {
        return Err(Error::refused_with(
            format!("nodata {n} of `{name}` is not a value of {dtype}"),
            format!("give `nodata` or `dtype` in [bands.{name}]"),
        ));
    }
    let zero = if dtype.is_float() { Number::Float(f64::NAN) } else { Number::Int(0) };
    let raw = band.values != Values::Scaled && spec.mosaic.method != MosaicMethod::Count;
    let (codec, level, compressor, shuffle) = spec.encoding.resolve(dtype);
    Ok(BandLayout {
        name: name.to_owned(),
        asset: key.to_owned(),
        dtype,
        fill: nodata.unwrap_or(zero),
        nodata,
        resampling: band.resampling,
        values: band.values,
        scale: band.scale.or(scaling.map(|s| s.0)).filter(|_| raw),
        offset: band.offset.or(scaling.map(|s| s.1)).filter(|_| raw),
        // A count is none of the source's quantities.
        units: band.units.clone().or_else(|| asset.unit.clone().or(label.unit).filter(|_| spec.mosaic.method != MosaicMethod::Count)),
        long_name: band.long_name.clone().or_else(|| asset.title.clone()).or(label.long_name),
        codec,
        level,
        compressor,
        shuffle,
    })
}

/// The type that holds what a band becomes: counts fit 16 bits; scaled values are as precise as the source's numbers.
fn default_dtype(source: DType, values: Values, method: MosaicMethod) -> DType {
    match (method, values) {
        (MosaicMethod::Count, _) => DType::UInt16,
        (_, Values::Scaled) if source.size() > 2 && source != DType::Float32 => DType::Float64,
        (_, Values::Scaled) => DType::Float32,
        _ => source,
    }
}

fn nodata(band: &BandSpec, asset: &Asset, file: Option<&FileSays>, dtype: DType, spec: &CubeSpec) -> Option<Number> {
    if spec.mosaic.method == MosaicMethod::Count {
        return Some(Number::Int(0));
    }
    let nan = Number::Float(f64::NAN);
    // What fits no pixel of the file is still named, so that the refusal can name it.
    let stated = || file.and_then(|f| f.nodata(asset).or(f.nodata)).or(asset.nodata);
    match (band.nodata, band.values) {
        (Some(n), _) => Some(n),
        (None, Values::Scaled) => Some(nan),
        (None, _) => stated().or_else(|| dtype.is_float().then_some(nan)),
    }
}
