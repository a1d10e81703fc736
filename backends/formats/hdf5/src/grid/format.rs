use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use cube_backend::{ByteSource, Error, Format, Image, Kind, Result, Taken};
use cube_core::{Asset, DType, Number};
use cube_manifest::{Data, Element, Variable};
use tokio::sync::OnceCell;

use super::{
    axes,
    file::{File, Wanted},
    image::Layer,
    taken,
    values::{as_number, as_text},
};

/// Headers kept: the variables of one file are mostly opened one after the other.
const FILES: usize = 64;

/// netCDF and HDF5 files with variables on a grid.
#[derive(Debug, Default)]
pub struct Grids {
    /// By name.
    files: Mutex<HashMap<Arc<str>, Shared>>,
    /// Whether somebody was told of a sidecar that is not used.
    told: AtomicBool,
}

/// A header that is read once, however many ask for it.
type Shared = Arc<OnceCell<Arc<File>>>;

#[async_trait]
impl Format for Grids {
    fn name(&self) -> &'static str {
        "netcdf"
    }

    fn media_type(&self) -> &'static str {
        "application/x-netcdf"
    }

    async fn variables(&self, bytes: ByteSource) -> Result<Vec<String>> {
        Ok(self.file(&bytes).await?.candidates())
    }

    async fn taken(&self, bytes: ByteSource) -> Result<Option<Taken>> {
        let file = self.file(&bytes).await?;
        taken::taken(&bytes, &file).await
    }

    fn recognises(&self, asset: &Asset) -> bool {
        let media = asset.media_type.as_deref().unwrap_or_default().to_ascii_lowercase();
        if ["netcdf", "hdf5", "x-hdf"].iter().any(|name| media.contains(name)) {
            return true;
        }
        let path = asset.href.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        [".nc", ".nc4", ".cdf", ".h5", ".he5", ".hdf5", ".hdf"].iter().any(|end| path.ends_with(end))
    }

    async fn open(&self, bytes: ByteSource) -> Result<Arc<dyn Image>> {
        self.open_asset(bytes, &Asset::bare("")).await
    }

    async fn open_asset(&self, bytes: ByteSource, asset: &Asset) -> Result<Arc<dyn Image>> {
        let file = self.file(&bytes).await?;
        image(bytes, &file, asset).await
    }

    async fn open_described(&self, bytes: ByteSource, sidecar: ByteSource, asset: &Asset) -> Result<Arc<dyn Image>> {
        let described = async {
            let file = self.described(&bytes, &sidecar).await?;
            image(bytes.clone(), &file, asset).await
        };
        match described.await {
            Ok(image) => Ok(image),
            Err(error) => {
                // An archive without sidecars has none for any file.
                if self.told.swap(true, Ordering::Relaxed) {
                    tracing::info!(sidecar = %sidecar.name, %error, "the sidecar is not used: the file is read instead");
                } else {
                    tracing::warn!(sidecar = %sidecar.name, %error, "the sidecar is not used: the file is read instead; `-v` names further ones");
                }
                self.open_asset(bytes, asset).await
            }
        }
    }
}

impl Grids {
    async fn file(&self, bytes: &ByteSource) -> Result<Arc<File>> {
        self.cell(&bytes.name).get_or_try_init(async || File::read(bytes).await.map(Arc::new)).await.cloned()
    }

    /// The same from a sidecar.
    async fn described(&self, bytes: &ByteSource, sidecar: &ByteSource) -> Result<Arc<File>> {
        self.cell(&sidecar.name).get_or_try_init(async || File::described(bytes, sidecar).await.map(Arc::new)).await.cloned()
    }

    fn cell(&self, name: &Arc<str>) -> Shared {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= FILES && !files.contains_key(name) {
            files.clear();
        }
        Arc::clone(files.entry(Arc::clone(name)).or_default())
    }
}

async fn image(bytes: ByteSource, file: &File, asset: &Asset) -> Result<Arc<dyn Image>> {
    let wanted = file.wanted(asset.variable.as_deref(), &bytes.name)?;
    let plane = axes::plane(&bytes, file, &wanted.path, asset.grid.as_ref()).await?;
    Ok(Arc::new(layer(bytes, file, wanted, plane)?))
}

fn layer(source: ByteSource, file: &File, wanted: Wanted, plane: axes::Plane) -> Result<Layer> {
    let path = &wanted.path;
    let refused = |why: String| Error::unsupported(format!("`{path}` of `{}` cannot be loaded: {why}", source.name));
    let variable = Arc::clone(file.get(path).ok_or_else(|| refused("it is not there".to_owned()))?);
    let chunks = match &variable.data {
        Ok(Data::Chunks(chunks)) => Arc::new(chunks.clone()),
        Ok(Data::Text(_)) => return Err(refused("it is text".to_owned())),
        Err(refusal) => return Err(refused(refusal.to_string())),
    };
    let Element::Number(stored, endian) = variable.element else { return Err(refused(format!("its elements are {:?}", variable.element))) };
    if let Some(codec) = variable.codecs.iter().find_map(|c| if let cube_manifest::Codec::Other { name, .. } = c { Some(name) } else { None }) {
        return Err(refused(format!("there is no decoder for `{codec}`")));
    }
    if chunks.urls().iter().any(|url| **url != *source.name) {
        return Err(refused("its chunks lie in other files".to_owned()));
    }
    let others: Vec<usize> = (0..variable.shape.len()).filter(|axis| *axis != plane.rows && *axis != plane.cols).collect();
    let times = others.iter().copied().find(|axis| variable.shape[*axis] > 1 && taken::is_time(file, path, &variable, *axis));
    let at = layer_index(&variable, &others, times.is_some(), &wanted, &source.name)?;
    let time = times.map(|axis| (at[axis] + 1, variable.shape[axis]));
    let unsigned = variable.attribute("_Unsigned").and_then(as_text).is_some_and(|t| t.eq_ignore_ascii_case("true"));
    let dtype = if unsigned { as_unsigned(stored) } else { stored };
    let number = |name: &str| variable.attribute(name).and_then(as_number).map(|n| brought_to(n, stored, dtype)).filter(|n| n.fits(dtype));
    let (fill, missing) = (number("_FillValue"), number("missing_value"));
    let missing = missing.filter(|m| fill.is_some_and(|f| !f.same(*m)));
    let nodata = fill.or_else(|| number("missing_value"));
    let factor = |name: &str| variable.attribute(name).and_then(as_number).map(Number::as_f64);
    let scaling = match (factor("scale_factor"), factor("add_offset")) {
        (None, None) => None,
        (scale, offset) => Some((scale.unwrap_or(1.0), offset.unwrap_or(0.0))),
    };
    let name = match wanted.layer {
        Some(layer) => format!("{}#{path}.{}", source.name, layer + 1),
        None => format!("{}#{path}", source.name),
    };
    let source = ByteSource { name: name.into(), ..source };
    let grids = [plane.grid.clone()];
    Ok(Layer { source, chunks, plane, grids, at, time, dtype, endian, nodata, missing, scaling, variable })
}

/// The index along each dimension of the layer that is wanted. Which of several it is, must have been said.
fn layer_index(variable: &Variable, others: &[usize], has_times: bool, wanted: &Wanted, file: &str) -> Result<Vec<u64>> {
    let count: u64 = others.iter().map(|axis| variable.shape[*axis]).product();
    let path = &wanted.path;
    let invalid = |what: String| {
        let hint = if has_times {
            format!("keep all times with `cube virtualize`; for a cube without a time axis, name one layer, from 1: `asset#{path}.1`")
        } else {
            format!("name one layer, from 1: `asset#{path}.1`; or keep all of them with `cube virtualize`")
        };
        Error::new(Kind::Invalid, what).with_hint(hint)
    };
    let extents = || {
        let each = others.iter().map(|axis| {
            let name = variable.dimensions[*axis].as_deref().map_or("?", |d| d.rsplit('/').next().unwrap_or(d));
            format!("{name} {}", variable.shape[*axis])
        });
        each.collect::<Vec<_>>().join(", ")
    };
    let mut layer = match wanted.layer {
        Some(layer) if (layer as u64) < count => layer as u64,
        Some(layer) => return Err(invalid(format!("`{path}` of `{file}` has {count} layers; layer {} was asked for", layer + 1))),
        None if count == 1 => 0,
        None => return Err(invalid(format!("`{path}` of `{file}` has {count} layers ({})", extents()))),
    };
    let mut at = vec![0; variable.shape.len()];
    for axis in others.iter().rev() {
        at[*axis] = layer % variable.shape[*axis];
        layer /= variable.shape[*axis];
    }
    Ok(at)
}

fn as_unsigned(dtype: DType) -> DType {
    match dtype {
        DType::Int8 => DType::UInt8,
        DType::Int16 => DType::UInt16,
        DType::Int32 => DType::UInt32,
        DType::Int64 => DType::UInt64,
        other => other,
    }
}

/// A number of the stored type as one of the type that it stands for: -1 as 255.
fn brought_to(number: Number, stored: DType, dtype: DType) -> Number {
    match number {
        Number::Int(i) if i < 0 && stored != dtype => Number::Int(i + (1 << (8 * stored.size()))),
        other => other,
    }
}
