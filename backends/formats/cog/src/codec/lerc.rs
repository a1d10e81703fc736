use cube_backend::{Error, Result};
use cube_core::DType;

use super::{Expected, Problem};
use crate::header::{Directory, tag};

/// How a LERC blob is compressed once more (second value of the LercParameters tag).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapper {
    None,
    Deflate,
    Zstd,
}

impl Wrapper {
    /// Reads the tag.
    pub(super) fn read(directory: &Directory, what: &str) -> Result<Self> {
        match directory.numbers(tag::LERC_PARAMETERS).and_then(|mut p| p.nth(1)).unwrap_or(0) {
            0 => Ok(Self::None),
            1 => Ok(Self::Deflate),
            2 => Ok(Self::Zstd),
            other => Err(Error::unsupported(format!("{what} has LERC compression with the additional compression {other}"))),
        }
    }
}

/// Decodes a LERC blob. Pixels that its mask excludes become NaN in floats (as in libtiff); in 8-bit images whose last band
/// is alpha the mask is that band.
pub(super) fn decode(bytes: &[u8], wrapper: Wrapper, dtype: DType, alpha: bool, expected: Expected, target: &mut [u8]) -> Result<(), Problem> {
    match wrapper {
        Wrapper::None => blob(bytes, dtype, alpha, expected, target),
        Wrapper::Deflate => blob(&unwrapped(bytes, target.len(), deflate_some)?, dtype, alpha, expected, target),
        Wrapper::Zstd => blob(&unwrapped(bytes, target.len(), zstd_some)?, dtype, alpha, expected, target),
    }
}

fn unwrapped(bytes: &[u8], decoded: usize, read: impl Fn(&[u8], usize) -> std::io::Result<Vec<u8>>) -> Result<Vec<u8>, Problem> {
    // libtiff allows as much: LERC falls back to raw values, so that a blob is hardly longer than what it holds.
    let most = decoded + decoded / 3 + 4096;
    read(bytes, most).map_err(|e| format!("the compression around its LERC blob is damaged ({e})"))
}

fn deflate_some(bytes: &[u8], most: usize) -> std::io::Result<Vec<u8>> {
    read_some(flate2::read::ZlibDecoder::new(bytes), most)
}

fn zstd_some(bytes: &[u8], most: usize) -> std::io::Result<Vec<u8>> {
    read_some(::zstd::Decoder::with_buffer(bytes)?, most)
}

fn read_some(stream: impl std::io::Read, most: usize) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(stream, most as u64), &mut out)?;
    Ok(out)
}

fn blob(bytes: &[u8], dtype: DType, alpha: bool, expected: Expected, target: &mut [u8]) -> Result<(), Problem> {
    match dtype {
        DType::Int8 => typed::<i8>(bytes, 0, None, None, expected, target),
        DType::UInt8 => typed::<u8>(bytes, 1, None, alpha.then_some([0, 255]), expected, target),
        DType::Int16 => typed::<i16>(bytes, 2, None, None, expected, target),
        DType::UInt16 => typed::<u16>(bytes, 3, None, None, expected, target),
        DType::Int32 => typed::<i32>(bytes, 4, None, None, expected, target),
        DType::UInt32 => typed::<u32>(bytes, 5, None, None, expected, target),
        DType::Float32 => typed::<f32>(bytes, 6, Some(f32::NAN), None, expected, target),
        DType::Float64 => typed::<f64>(bytes, 7, Some(f64::NAN), None, expected, target),
        DType::UInt64 | DType::Int64 => Err("LERC does not know 64-bit integers".to_owned()),
    }
}

/// `nan` replaces excluded pixels; `alpha` are the values of an alpha band that says which pixels are excluded and which are not.
fn typed<T>(bytes: &[u8], code: u32, nan: Option<T>, alpha: Option<[T; 2]>, expected: Expected, target: &mut [u8]) -> Result<(), Problem>
where
    T: lerc::LercDataType + bytemuck::Pod,
{
    let damaged = |e: lerc::LercError| format!("its LERC blob is damaged ({e})");
    let info = lerc::get_blob_info(bytes).map_err(damaged)?;
    let (samples, pixels) = (expected.samples, expected.shape.len());
    if info.data_type != code || (info.width as usize, info.height as usize) != (expected.shape.cols, expected.shape.rows) {
        return Err(format!("its LERC blob has type {} and {} × {} pixels", info.data_type, info.width, info.height));
    }
    let (depth, bands, masks) = (info.depth as usize, info.bands as usize, info.masks as usize);
    let mask_is_alpha = alpha.is_some() && samples > 1 && depth == samples - 1 && bands == 1;
    let fits = (depth == samples && bands == 1) || mask_is_alpha || (depth == 1 && bands == samples && nan.is_some());
    if !fits || masks > bands {
        return Err(format!("its LERC blob has {depth} values of {bands} bands and {masks} masks for {samples} samples"));
    }
    let (values, mask) = lerc::decode::<T>(bytes, expected.shape.cols, expected.shape.rows, depth, bands, masks).map_err(damaged)?;
    let target: &mut [T] = bytemuck::try_cast_slice_mut(target).map_err(|e| format!("its LERC blob cannot be placed ({e})"))?;
    if target.len() != pixels * samples {
        return Err(format!("its LERC blob does not hold {samples} samples of {pixels} pixels"));
    }
    let valid = |band: usize, pixel: usize| mask.as_ref().is_none_or(|m| m[if masks > 1 { band * pixels } else { 0 } + pixel] != 0);
    for (pixel, out) in target.chunks_exact_mut(samples).enumerate() {
        for (sample, out) in out.iter_mut().enumerate() {
            *out = match nan {
                Some(nan) if !valid(if bands > 1 { sample } else { 0 }, pixel) => nan,
                _ if bands > 1 => values[sample * pixels + pixel],
                _ if sample < depth => values[pixel * depth + sample],
                _ => alpha.map_or_else(T::default, |values| values[usize::from(valid(0, pixel))]),
            };
        }
    }
    Ok(())
}
