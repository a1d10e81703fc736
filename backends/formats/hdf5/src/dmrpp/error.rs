use std::fmt;

/// Why a sidecar as a whole cannot be trusted, and where.
///
/// What is wrong with one variable alone is no error: that variable is refused ([`cube_manifest::Refusal`]) and the others are read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {fault}")]
pub struct Error {
    /// Where in the document.
    pub at: At,
    /// What is wrong.
    pub fault: Fault,
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// Line, from 1.
    pub line: usize,
    /// Byte within the line, from 1.
    pub column: usize,
    /// Name of the last element that begins before it; empty when none does.
    pub element: String,
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is not XML.
    #[error("not well-formed XML: {0}")]
    Malformed(String),
    /// It declares a document type, which could define entities.
    #[error("a document type declaration is not accepted")]
    Doctype,
    /// An entity other than XML's own five.
    #[error("unknown entity `&{0};`")]
    Entity(String),
    /// Its bytes are not of the encoding that it declares, or the encoding is not one that is read.
    #[error("the text is not `{0}`, or that encoding is not read")]
    Encoding(String),
    /// Elements within elements beyond all reason.
    #[error("elements are nested more than {0} deep")]
    Depth(usize),
    /// Its root is not a `Dataset`.
    #[error("the root element `{0}` is not `Dataset`")]
    Root(String),
    /// An attribute that must be there.
    #[error("attribute `{0}` is missing")]
    Missing(&'static str),
    /// An attribute or a text that must be a count of bytes or elements.
    #[error("{what} `{value}` is not a number from 0 to 18446744073709551615")]
    Number {
        /// Name of the attribute or element.
        what: &'static str,
        /// As it is written.
        value: String,
    },
    /// A range of bytes that the data file does not have.
    #[error("{length} bytes from {offset} are beyond the end of the data file of {size} bytes")]
    Beyond {
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
        /// Bytes of the data file.
        size: u64,
    },
    /// An array that no file can hold.
    #[error("variable `{name}` of shape {shape:?} is larger than any file")]
    Size {
        /// Full path.
        name: String,
        /// Length along each dimension.
        shape: Vec<u64>,
    },
    /// Two things of one name in one group.
    #[error("there are two {what}s `{name}`")]
    Twice {
        /// Kind of thing.
        what: &'static str,
        /// Full path.
        name: String,
    },
    /// A name that cannot be part of a path.
    #[error("`{0}` cannot be a name")]
    Name(String),
    /// The data file is neither named by the document nor by the name of the sidecar.
    #[error("the document does not say which data file it describes, nor does the name of the sidecar `{0}`")]
    DataFile(String),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.fault {
            Fault::Malformed(_) if self.at.line == 1 => {
                "check that this is a DMR++ document and not, say, a login page, and that no other output precedes it"
            }
            Fault::Malformed(_) | Fault::Encoding(_) => "fetch the sidecar again, or read the data file itself with `--dmrpp never`",
            Fault::Root(_) => "give a DMR++ document (`.dmrpp`), or the data file itself",
            Fault::Beyond { .. } => "the sidecar is of another version of the data file: read the data file itself with `--dmrpp never`",
            Fault::DataFile(_) => "name the sidecar as the data file plus `.dmrpp`, or give the address of the data file",
            _ => return None,
        })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        if self.element.is_empty() { Ok(()) } else { write!(f, ", in `{}`", self.element) }
    }
}
