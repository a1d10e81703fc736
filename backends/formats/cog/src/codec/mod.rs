//! From the bytes of a block to its samples as they were before compression.

mod deflate;
mod jpeg;
mod lerc;
mod lzw;
mod packbits;
mod webp;
mod zstd;

use async_tiff::tags::{Compression, PhotometricInterpretation};
use bytes::Bytes;
use cube_backend::{Error, Result};
use cube_core::{DType, Shape};

pub(crate) use self::lerc::Wrapper;
use crate::{
    header::{Directory, tag},
    layout::Sample,
};

/// How blocks are compressed, with what the codec needs to know beside their bytes.
#[derive(Debug, Clone)]
pub(crate) enum Codec {
    None,
    Deflate,
    Lzw,
    PackBits,
    Zstd,
    Lerc { wrapper: Wrapper, dtype: DType, alpha: bool },
    Jpeg { tables: Option<Bytes>, ycbcr: bool },
    WebP,
}

/// What a block must decode to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// Rows and columns as encoded.
    pub(crate) shape: Shape,
    /// Samples of a pixel.
    pub(crate) samples: usize,
}

/// A sentence about what is wrong with the bytes of a block.
pub(crate) type Problem = String;

impl Codec {
    /// Chooses the codec; what cannot be decoded exactly as GDAL does is refused by name.
    pub(crate) fn read(
        directory: &Directory,
        compression: Compression,
        photometric: Option<PhotometricInterpretation>,
        samples: usize,
        sample: Sample,
        planar: bool,
        what: &str,
    ) -> Result<Self> {
        let refused = |text: String| Err(Error::unsupported(format!("{what} {text}")));
        let ycbcr = photometric == Some(PhotometricInterpretation::YCbCr);
        if ycbcr && !matches!(compression, Compression::ModernJPEG | Compression::WebP) {
            return refused("has YCbCr pixels without JPEG compression".to_owned());
        }
        if photometric == Some(PhotometricInterpretation::CMYK) && samples == 4 && sample.bits == 8 {
            return refused("has CMYK pixels, which GDAL turns into RGB".to_owned());
        }
        if photometric == Some(PhotometricInterpretation::CIELab) {
            return refused("has CIE L*a*b* pixels".to_owned());
        }
        match compression {
            Compression::None => Ok(Self::None),
            Compression::Deflate | Compression::OldDeflate => Ok(Self::Deflate),
            Compression::LZW => Ok(Self::Lzw),
            Compression::PackBits => Ok(Self::PackBits),
            Compression::ZSTD => Ok(Self::Zstd),
            Compression::LERC => {
                if !sample.is_plain() || matches!(sample.dtype, DType::UInt64 | DType::Int64) {
                    return refused(format!("has LERC compression on {} bits", sample.bits));
                }
                let alpha = !planar && sample.dtype == DType::UInt8 && directory.numbers(tag::EXTRA_SAMPLES).and_then(Iterator::last) == Some(2);
                Ok(Self::Lerc { wrapper: Wrapper::read(directory, what)?, dtype: sample.dtype, alpha })
            }
            Compression::ModernJPEG if sample.bits == 8 && (planar || matches!(samples, 1 | 3 | 4)) => {
                // Copied, so that it does not keep the whole header in memory.
                let tables = directory.bytes(tag::JPEG_TABLES).map(|b| Bytes::copy_from_slice(b));
                Ok(Self::Jpeg { tables, ycbcr })
            }
            Compression::ModernJPEG => refused(format!("has JPEG compression on {samples} samples of {} bits", sample.bits)),
            Compression::WebP if sample.bits == 8 && !planar && matches!(samples, 3 | 4) => Ok(Self::WebP),
            Compression::WebP => refused(format!("has WebP compression on {samples} samples of {} bits", sample.bits)),
            other => refused(format!("has the compression {} ({})", name(other), other.to_u16())),
        }
    }

    /// The compression that it undoes.
    pub(crate) fn compression(&self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Deflate => Compression::Deflate,
            Self::Lzw => Compression::LZW,
            Self::PackBits => Compression::PackBits,
            Self::Zstd => Compression::ZSTD,
            Self::Lerc { .. } => Compression::LERC,
            Self::Jpeg { .. } => Compression::ModernJPEG,
            Self::WebP => Compression::WebP,
        }
    }

    /// Whether libtiff applies the Predictor tag with this codec.
    pub(crate) fn has_predictor(&self) -> bool {
        matches!(self, Self::Deflate | Self::Lzw | Self::Zstd)
    }

    /// Whether the codec takes its bytes as they are even where FillOrder is 2.
    pub(crate) fn ignores_fill_order(&self) -> bool {
        matches!(self, Self::Jpeg { .. })
    }

    /// Decodes a block into `target`, which it fills.
    pub(crate) fn decode(&self, bytes: &[u8], expected: Expected, target: &mut [u8]) -> Result<(), Problem> {
        match self {
            Self::None => match bytes.get(..target.len()) {
                Some(bytes) => {
                    target.copy_from_slice(bytes);
                    Ok(())
                }
                None => Err(format!("it has {} bytes instead of {}", bytes.len(), target.len())),
            },
            Self::Deflate => deflate::decode(bytes, target),
            Self::Lzw => lzw::decode(bytes, target),
            Self::PackBits => packbits::decode(bytes, target),
            Self::Zstd => zstd::decode(bytes, target),
            Self::Lerc { wrapper, dtype, alpha } => lerc::decode(bytes, *wrapper, *dtype, *alpha, expected, target),
            Self::Jpeg { tables, ycbcr } => jpeg::decode(bytes, tables.as_deref(), *ycbcr, expected, target),
            Self::WebP => webp::decode(bytes, expected, target),
        }
    }
}

/// What a compression is called.
pub(crate) fn name(compression: Compression) -> String {
    match compression.to_u16() {
        2 => "CCITT RLE".to_owned(),
        3 => "CCITT Group 3 fax".to_owned(),
        4 => "CCITT Group 4 fax".to_owned(),
        6 => "old-style JPEG".to_owned(),
        32809 => "ThunderScan".to_owned(),
        32908 => "PIXARFILM".to_owned(),
        32909 => "PixarLog".to_owned(),
        34661 => "JBIG".to_owned(),
        34676 => "SGILog".to_owned(),
        34677 => "SGILog24".to_owned(),
        34712 => "JPEG 2000".to_owned(),
        34925 => "LZMA".to_owned(),
        50002 | 52546 => "JPEG XL".to_owned(),
        7 => "JPEG".to_owned(),
        32773 => "PackBits".to_owned(),
        _ => format!("{compression:?}"),
    }
}
