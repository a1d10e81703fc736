use std::sync::Arc;

use cube_core::{DType, Number};

use crate::{ChunkRefs, Codec, Endian, Refusal};

/// One file as a tree of groups, with references to its chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct Granule {
    /// The data file.
    pub origin: Origin,
    /// The root group; its name is empty.
    pub root: Group,
}

/// The file that references lead to, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// URL, or absolute path.
    pub url: Arc<str>,
    /// Bytes.
    pub size: Option<u64>,
    /// As its server tells it.
    pub etag: Option<String>,
    /// Seconds since 1970-01-01 UTC.
    pub last_modified: Option<i64>,
}

/// A group: dimensions, attributes, variables and further groups, each in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// Name within its parent; empty for the root.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Dimensions declared here.
    pub dimensions: Vec<Dimension>,
    /// Its variables.
    pub variables: Vec<Variable>,
    /// The groups in it.
    pub groups: Vec<Self>,
}

/// A named dimension. Two dimensions of one name in different groups are different: variables name them by full path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// Name within its group.
    pub name: String,
    /// Length.
    pub size: u64,
    /// Whether it may grow. Not known from DMR++.
    pub unlimited: bool,
}

/// An array.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Name within its group.
    pub name: String,
    /// Full path of each dimension, e.g. `/science/lat`; `None` where the file names none.
    pub dimensions: Vec<Option<String>>,
    /// Length along each dimension; empty for a scalar.
    pub shape: Vec<u64>,
    /// What an element is.
    pub element: Element,
    /// Names of the values of an enumeration, whose elements are numbers.
    pub enumeration: Vec<(String, Number)>,
    /// Its attributes, without those that only serve HDF5's dimension scales.
    pub attributes: Vec<Attribute>,
    /// What an element holds where no chunk is stored: one element in the byte order of [`Element`], or nothing when the file does not say
    /// (then zero).
    pub fill: Option<Vec<u8>>,
    /// How chunks were encoded, first step first; decoded in reverse. None for [`Data::Text`], which has neither chunks nor a fill value.
    pub codecs: Vec<Codec>,
    /// Where its values are, or why they cannot be referred to.
    pub data: Result<Data, Refusal>,
}

/// What an element of a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// A number, in a byte order.
    Number(DType, Endian),
    /// A half-precision float.
    Float16(Endian),
    /// Text of a fixed number of bytes.
    Text {
        /// Bytes of an element.
        bytes: u32,
        /// How shorter text is filled up.
        padding: Padding,
    },
    /// Text of any length: its values are in [`Data::Text`].
    VariableText,
    /// Bytes without meaning.
    Opaque(u32),
    /// Anything else; refused, and named there.
    Other,
}

/// How text shorter than its element is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Ends at the first zero byte.
    NullTerminated,
    /// Filled up with zero bytes.
    Null,
    /// Filled up with spaces.
    Space,
}

/// Where the values of a variable are.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// In chunks of the file. A contiguous variable is one chunk of its whole shape; a scalar one chunk without dimensions.
    Chunks(ChunkRefs),
    /// Text that no chunk can express, row-major.
    Text(Vec<String>),
}

/// A named value.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// One number.
    Number(DType, Number),
    /// Several numbers, or none.
    Numbers(DType, Vec<Number>),
    /// A kind of value that is not read (compound, reference, …), by name.
    Other(String),
}

impl Element {
    /// Bytes of one element in a chunk; `None` for text of any length and what is refused.
    pub const fn size(self) -> Option<usize> {
        match self {
            Self::Number(dtype, _) => Some(dtype.size()),
            Self::Float16(_) => Some(2),
            Self::Text { bytes, .. } | Self::Opaque(bytes) => Some(bytes as usize),
            Self::VariableText | Self::Other => None,
        }
    }

    /// The order of the bytes of a number; little for what has none.
    pub const fn endian(self) -> Endian {
        match self {
            Self::Number(_, endian) | Self::Float16(endian) => endian,
            _ => Endian::Little,
        }
    }
}

impl Group {
    /// An attribute by name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        find(&self.attributes, name)
    }

    /// The group at a path below this one, e.g. `science/grids`; leading, trailing and double slashes do not count.
    pub fn group(&self, path: &str) -> Option<&Self> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(self, |group, part| group.groups.iter().find(|g| g.name == part))
    }

    /// Calls `visit(path, group)` for this group and all below it, parents first; the path of the first is `at`.
    pub fn walk<'a>(&'a self, at: &str, visit: &mut impl FnMut(&str, &'a Self)) {
        visit(at, self);
        for group in &self.groups {
            group.walk(&format!("{}/{}", at.trim_end_matches('/'), group.name), visit);
        }
    }
}

impl Variable {
    /// An attribute by name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        find(&self.attributes, name)
    }

    /// Number of elements; `None` when it does not fit into 64 bits.
    pub fn len(&self) -> Option<u64> {
        self.shape.iter().try_fold(1_u64, |n, size| n.checked_mul(*size))
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a AttributeValue> {
    attributes.iter().find(|a| a.name == name).map(|a| &a.value)
}
