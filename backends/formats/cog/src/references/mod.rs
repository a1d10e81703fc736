//! The blocks of a TIFF file as references: what a Zarr reader can decode, as it lies in the file.
//!
//! | in the file | in the manifest |
//! |---|---|
//! | the full image | a variable `band_data`: (y, x) of one band, (band, y, x) of bands apart, (y, x, band) of bands side by side |
//! | tiles, strips | chunks; the last strip is stored short; strips without compression are cut into parts where the grid stays regular |
//! | a block that is not stored | an absent chunk; it holds nodata, else zero, as GDAL reads it |
//! | its place on Earth | `x`, `y` and `spatial_ref`, with the attributes that cubes have |
//! | an internal mask | a variable `mask` |
//! | overviews | nothing: they hold no more than the image |
//!
//! Refused by name: LZW, PackBits, LERC, JPEG, WebP; predictors, which count anew in each row where Zarr's `delta` does not; bits in reverse order;
//! samples of other than whole bytes.

use std::sync::Arc;

use async_tiff::{reader::Endianness, tags::Compression};
use cube_backend::{ByteSource, Error, Label, Place, Result};
use cube_core::{DType, Number, Pixels, SourceGrid};
use cube_manifest::{
    Attribute, AttributeValue, ChunkRefs, Codec, Data, Dimension, Element, Endian, Granule, Group, Origin, Reason, Refusal, Variable,
};

use crate::{
    codec, geo,
    header::{self, Directory, Head, tag},
    layout::Layout,
    metadata::{self, Facts},
    predictor::Predictor,
};

mod grid;

/// The variable that holds the pixels.
const PIXELS: &str = "band_data";
/// Bit of NewSubfileType that says that an image is a mask.
const MASK: u64 = 4;

/// Reads where the blocks of a TIFF file lie.
///
/// # Errors
/// [`Kind::Corrupt`](cube_backend::Kind::Corrupt) when it is no TIFF file or contradicts itself, [`Kind::Unsupported`](cube_backend::Kind::Unsupported)
/// when its blocks are of a kind that is not known at all; the errors of the store. What is known and has no counterpart in Zarr refuses the variable.
pub async fn references(source: &ByteSource, origin: Origin) -> Result<Granule> {
    let mut head = Head::open(source).await?;
    let directories = header::read(&mut head).await?;
    let origin = Origin { size: origin.size.or(Some(head.size())), ..origin };
    granule(&directories, &source.name, origin)
}

fn granule(directories: &[Directory], name: &str, origin: Origin) -> Result<Granule> {
    let first = directories.first().ok_or_else(|| Error::corrupt(format!("`{name}` has no image")))?;
    let size = origin.size.unwrap_or(u64::MAX);
    let layout = Layout::read(first, &format!("`{name}`"), size)?;
    let nodata = first.text(tag::GDAL_NODATA).and_then(|text| metadata::nodata(&text, layout.sample.dtype));
    let mut group = Group { dimensions: dimensions(&layout), ..Group::default() };
    let mut pixels = variable(PIXELS, &layout, nodata, &origin);
    pixels.attributes = attributes(&metadata::facts(first.text(tag::GDAL_METADATA).as_deref(), layout.samples), nodata, layout.sample.dtype);
    let placed = geo::grid(first, name, layout.shape, &SourceGrid::default()).and_then(|grid| grid::add(&grid, &mut group, &mut pixels));
    if let Err(error) = placed {
        tracing::info!(file = name, %error, "the pixels are without coordinates");
    }
    if layout.samples > 1 {
        group.variables.push(grid::bands(layout.samples)?);
    }
    group.variables.push(pixels);
    let is_mask = |d: &&Directory| d.number(tag::NEW_SUBFILE_TYPE).is_some_and(|kind| kind & MASK != 0);
    for directory in directories.iter().skip(1).filter(is_mask) {
        let mask = Layout::read(directory, &format!("the mask of `{name}`"), size)?;
        if mask.shape == layout.shape {
            group.variables.push(variable("mask", &mask, None, &origin));
            break;
        }
    }
    Ok(Granule { origin, root: group })
}

fn dimensions(layout: &Layout) -> Vec<Dimension> {
    let dimension = |name: &str, size: usize| Dimension { name: name.to_owned(), size: size as u64, unlimited: false };
    let mut all = vec![dimension("y", layout.shape.rows), dimension("x", layout.shape.cols)];
    if layout.samples > 1 {
        all.push(dimension("band", layout.samples));
    }
    all
}

fn variable(name: &str, layout: &Layout, nodata: Option<Number>, origin: &Origin) -> Variable {
    let (rows, cols, samples) = (layout.shape.rows as u64, layout.shape.cols as u64, layout.samples as u64);
    let (names, shape): (&[&str], Vec<u64>) = match (layout.samples, layout.planar) {
        (1, _) => (&["/y", "/x"], vec![rows, cols]),
        (_, true) => (&["/band", "/y", "/x"], vec![samples, rows, cols]),
        (_, false) => (&["/y", "/x", "/band"], vec![rows, cols, samples]),
    };
    let described = described(layout).and_then(|(element, codecs)| Ok((element, codecs, chunks(layout, &shape, element, &origin.url)?)));
    let (element, codecs, data) = match described {
        Ok((element, codecs, chunks)) => (element, codecs, Ok(Data::Chunks(chunks))),
        Err(refusal) => (Element::Other, Vec::new(), Err(refusal)),
    };
    Variable {
        name: name.to_owned(),
        dimensions: names.iter().map(|n| Some((*n).to_owned())).collect(),
        shape,
        element,
        enumeration: Vec::new(),
        attributes: Vec::new(),
        fill: nodata.and_then(|n| bytes_of(n, element)),
        codecs,
        data,
    }
}

/// What an element is and how blocks are encoded, where Zarr has words for it.
fn described(layout: &Layout) -> Result<(Element, Vec<Codec>), Refusal> {
    let refused = |what: String| Err(Refusal::new(Reason::Codec, what));
    let endian = if layout.order == Endianness::BigEndian { Endian::Big } else { Endian::Little };
    let element = match (layout.sample.dtype, layout.sample.bits) {
        (DType::Float32, 16) => Element::Float16(endian),
        (dtype, _) if layout.sample.is_plain() => Element::Number(dtype, endian),
        (_, bits) => return Err(Refusal::new(Reason::ElementType, format!("samples of {bits} bits"))),
    };
    if layout.reversed && !layout.codec.ignores_fill_order() {
        return refused("bytes whose bits are in reverse order (TIFF FillOrder 2) have no counterpart in Zarr".to_owned());
    }
    let compression = layout.codec.compression();
    let codecs = match compression {
        Compression::None => Vec::new(),
        Compression::Deflate => vec![Codec::Deflate { level: None }],
        Compression::ZSTD => vec![Codec::Zstd { level: None }],
        other => return refused(format!("`{}` (TIFF compression {}) has no counterpart in Zarr", codec::name(other), other.to_u16())),
    };
    match layout.predictor {
        Predictor::None => Ok((element, codecs)),
        Predictor::Horizontal => refused("the horizontal predictor (TIFF Predictor 2) has no counterpart in Zarr".to_owned()),
        Predictor::Float => refused("the floating-point predictor (TIFF Predictor 3) has no counterpart in Zarr".to_owned()),
    }
}

fn chunks(layout: &Layout, shape: &[u64], element: Element, url: &Arc<str>) -> Result<ChunkRefs, Refusal> {
    let blocks = layout.stored_blocks();
    let (rows, cols) = (blocks.shape.rows as u64, blocks.shape.cols as u64);
    let chunk_shape = match (layout.samples, layout.planar) {
        (1, _) => vec![rows, cols],
        (samples, false) => vec![rows, cols, samples as u64],
        (_, true) => vec![1, rows, cols],
    };
    let mut chunks = ChunkRefs::new(shape, chunk_shape)?;
    if !blocks.whole_at_edges {
        chunks = chunks.with_short_last();
    }
    let row_bytes = layout.row_bytes() as u64;
    let planes = if layout.planar { layout.samples } else { 1 };
    for number in 0..planes * blocks.down * blocks.across {
        let Place::Range { offset, length } = layout.stored_block(number) else { continue };
        let length = if matches!(layout.codec, codec::Codec::None) {
            // Exactly the pixels: what follows them in the file is no part of the chunk.
            let first = (number % (blocks.down * blocks.across) / blocks.across * blocks.shape.rows) as u64;
            let stored = if blocks.whole_at_edges { rows } else { rows.min(layout.shape.rows as u64 - first) };
            let needed = stored * row_bytes;
            if length < needed {
                return Err(Refusal::new(Reason::Inconsistent, format!("block {number} has {length} bytes instead of {needed}")));
            }
            needed
        } else {
            length
        };
        if element.size().is_some() {
            chunks.push(number as u64, url, offset, length, 0)?;
        }
    }
    Ok(chunks)
}

/// A number as an element.
fn bytes_of(n: Number, element: Element) -> Option<Vec<u8>> {
    let mut bytes = match element {
        Element::Number(dtype, _) => Pixels::filled(dtype, n, 1)?.as_bytes().to_vec(),
        Element::Float16(_) => half::f16::from_f64(n.as_f64()).to_ne_bytes().to_vec(),
        _ => return None,
    };
    // Pixels lie in memory as the machine has them.
    if (element.endian() == Endian::Big) == cfg!(target_endian = "little") {
        bytes.reverse();
    }
    Some(bytes)
}

/// What is said of the bands, as far as it holds for all of them.
fn attributes(facts: &[Facts], nodata: Option<Number>, dtype: DType) -> Vec<Attribute> {
    let scalings: Vec<_> = facts.iter().map(|f| f.scaling).collect();
    let mut all = scaling(&scalings, nodata, dtype);
    let mut add = |name: &str, of: fn(&Label) -> Option<&String>| {
        let shared = facts.first().and_then(|first| of(&first.label)).filter(|text| facts.iter().all(|f| of(&f.label) == Some(*text)));
        all.extend(shared.map(|text| attribute(name, AttributeValue::Text(text.clone()))));
    };
    add("units", |label| label.unit.as_ref());
    add("long_name", |label| label.long_name.as_ref());
    all
}

/// Scale, offset and nodata, as cubes have them: where values are not rescaled, `_FillValue` would turn integers into floats.
fn scaling(bands: &[Option<(f64, f64)>], nodata: Option<Number>, dtype: DType) -> Vec<Attribute> {
    let number = |n: f64| AttributeValue::Number(DType::Float64, Number::Float(n));
    let first = bands.first().copied().flatten();
    let is_rescaled = bands.iter().flatten().any(|(scale, offset)| *scale != 1.0 || *offset != 0.0);
    let mut all = Vec::new();
    if let (Some((scale, offset)), true) = (first, is_rescaled && bands.iter().all(|b| *b == first)) {
        all.extend([attribute("scale_factor", number(scale)), attribute("add_offset", number(offset))]);
    } else if is_rescaled {
        // Each band has its own, which readers do not apply.
        let list = |pick: fn((f64, f64)) -> f64| bands.iter().map(|b| Number::Float(pick(b.unwrap_or((1.0, 0.0))))).collect();
        all.push(attribute("scales", AttributeValue::Numbers(DType::Float64, list(|b| b.0))));
        all.push(attribute("offsets", AttributeValue::Numbers(DType::Float64, list(|b| b.1))));
    }
    if let Some(nodata) = nodata {
        let is_applied = all.iter().any(|a| a.name == "scale_factor");
        all.push(attribute(if is_applied { "_FillValue" } else { "nodata" }, AttributeValue::Number(dtype, nodata)));
    }
    all
}

fn attribute(name: &str, value: AttributeValue) -> Attribute {
    Attribute { name: name.to_owned(), value }
}
