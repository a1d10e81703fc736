use async_tiff::reader::Endianness;
use bytes::Bytes;

/// Numbers of the tags that are read (TIFF 6.0, GeoTIFF 1.1, GDAL's and LERC's private tags).
pub(crate) mod tag {
    pub(crate) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(crate) const SUBFILE_TYPE: u16 = 255;
    pub(crate) const IMAGE_WIDTH: u16 = 256;
    pub(crate) const IMAGE_LENGTH: u16 = 257;
    pub(crate) const BITS_PER_SAMPLE: u16 = 258;
    pub(crate) const COMPRESSION: u16 = 259;
    pub(crate) const PHOTOMETRIC: u16 = 262;
    pub(crate) const FILL_ORDER: u16 = 266;
    pub(crate) const STRIP_OFFSETS: u16 = 273;
    pub(crate) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(crate) const ROWS_PER_STRIP: u16 = 278;
    pub(crate) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(crate) const PLANAR_CONFIGURATION: u16 = 284;
    pub(crate) const PREDICTOR: u16 = 317;
    pub(crate) const TILE_WIDTH: u16 = 322;
    pub(crate) const TILE_LENGTH: u16 = 323;
    pub(crate) const TILE_OFFSETS: u16 = 324;
    pub(crate) const TILE_BYTE_COUNTS: u16 = 325;
    pub(crate) const EXTRA_SAMPLES: u16 = 338;
    pub(crate) const SAMPLE_FORMAT: u16 = 339;
    pub(crate) const JPEG_TABLES: u16 = 347;
    pub(crate) const MODEL_PIXEL_SCALE: u16 = 33550;
    pub(crate) const MODEL_TIEPOINT: u16 = 33922;
    pub(crate) const MODEL_TRANSFORMATION: u16 = 34264;
    pub(crate) const GEO_KEY_DIRECTORY: u16 = 34735;
    pub(crate) const GEO_DOUBLE_PARAMS: u16 = 34736;
    pub(crate) const GEO_ASCII_PARAMS: u16 = 34737;
    pub(crate) const GDAL_METADATA: u16 = 42112;
    pub(crate) const GDAL_NODATA: u16 = 42113;
    pub(crate) const LERC_PARAMETERS: u16 = 50674;

    /// All of them.
    pub(crate) const READ: [u16; 30] = [
        NEW_SUBFILE_TYPE,
        SUBFILE_TYPE,
        IMAGE_WIDTH,
        IMAGE_LENGTH,
        BITS_PER_SAMPLE,
        COMPRESSION,
        PHOTOMETRIC,
        FILL_ORDER,
        STRIP_OFFSETS,
        SAMPLES_PER_PIXEL,
        ROWS_PER_STRIP,
        STRIP_BYTE_COUNTS,
        PLANAR_CONFIGURATION,
        PREDICTOR,
        TILE_WIDTH,
        TILE_LENGTH,
        TILE_OFFSETS,
        TILE_BYTE_COUNTS,
        EXTRA_SAMPLES,
        SAMPLE_FORMAT,
        JPEG_TABLES,
        MODEL_PIXEL_SCALE,
        MODEL_TIEPOINT,
        MODEL_TRANSFORMATION,
        GEO_KEY_DIRECTORY,
        GEO_DOUBLE_PARAMS,
        GEO_ASCII_PARAMS,
        GDAL_METADATA,
        GDAL_NODATA,
        LERC_PARAMETERS,
    ];
}

/// How a value is stored (TIFF 6.0 section 2, BigTIFF).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    Unsigned(u8),
    Signed(u8),
    Text,
    Float(u8),
    /// Two 32-bit numbers; none of the tags that are read has this type.
    Rational,
}

impl FieldType {
    /// `None` for types that TIFF does not know: such an entry is passed over, as readers must.
    pub(crate) fn parse(code: u16) -> Option<Self> {
        Some(match code {
            1 | 7 => Self::Unsigned(1),
            2 => Self::Text,
            3 => Self::Unsigned(2),
            4 | 13 => Self::Unsigned(4),
            16 | 18 => Self::Unsigned(8),
            5 | 10 => Self::Rational,
            6 => Self::Signed(1),
            8 => Self::Signed(2),
            9 => Self::Signed(4),
            17 => Self::Signed(8),
            11 => Self::Float(4),
            12 => Self::Float(8),
            _ => return None,
        })
    }

    /// Bytes per value.
    pub(crate) fn size(self) -> u64 {
        match self {
            Self::Unsigned(n) | Self::Signed(n) | Self::Float(n) => n.into(),
            Self::Text => 1,
            Self::Rational => 8,
        }
    }
}

/// One directory: the tags that are known here, with their values still as they lie in the file.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    pub(crate) order: Endianness,
    pub(crate) fields: Vec<Field>,
}

/// One tag with its values.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) tag: u16,
    pub(crate) kind: FieldType,
    pub(crate) bytes: Bytes,
}

impl Directory {
    fn field(&self, tag: u16) -> Option<&Field> {
        self.fields.iter().find(|f| f.tag == tag)
    }

    /// The first value of a tag as a whole number.
    pub(crate) fn number(&self, tag: u16) -> Option<u64> {
        self.numbers(tag)?.next()
    }

    /// The values of a tag as whole numbers, negative ones left out.
    pub(crate) fn numbers(&self, tag: u16) -> Option<impl ExactSizeIterator<Item = u64>> {
        let field = self.field(tag)?;
        let width = match field.kind {
            FieldType::Unsigned(width) | FieldType::Signed(width) => usize::from(width),
            FieldType::Text | FieldType::Float(_) | FieldType::Rational => return None,
        };
        let order = self.order;
        Some(field.bytes.chunks_exact(width).map(move |b| unsigned(b, order)))
    }

    /// The values of a tag as doubles.
    pub(crate) fn floats(&self, tag: u16) -> Option<Vec<f64>> {
        let field = self.field(tag)?;
        let bits = |b: &[u8]| unsigned(b, self.order);
        match field.kind {
            FieldType::Float(4) => Some(field.bytes.chunks_exact(4).map(|b| f32::from_bits(bits(b) as u32).into()).collect()),
            FieldType::Float(_) => Some(field.bytes.chunks_exact(8).map(|b| f64::from_bits(bits(b))).collect()),
            FieldType::Unsigned(_) | FieldType::Signed(_) => Some(self.numbers(tag)?.map(|v| v as f64).collect()),
            FieldType::Text | FieldType::Rational => None,
        }
    }

    /// The bytes of a tag.
    pub(crate) fn bytes(&self, tag: u16) -> Option<&Bytes> {
        self.field(tag).map(|f| &f.bytes)
    }

    /// A text, up to its first NUL; bytes that are not UTF-8 are read as Latin-1.
    pub(crate) fn text(&self, tag: u16) -> Option<String> {
        let bytes = self.bytes(tag)?;
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        Some(match std::str::from_utf8(&bytes[..end]) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes[..end].iter().map(|b| char::from(*b)).collect(),
        })
    }
}

/// An unsigned number of 1 to 8 bytes.
pub(crate) fn unsigned(bytes: &[u8], order: Endianness) -> u64 {
    match order {
        Endianness::LittleEndian => bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)),
        Endianness::BigEndian => bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
    }
}
