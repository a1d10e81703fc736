/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not JSON.
    #[error("the text is not JSON: {message} at byte {at}")]
    Json {
        /// Where, in bytes from the beginning.
        at: usize,
        /// What is wrong there.
        message: &'static str,
    },
    /// JSON, but not a record of this kind.
    #[error("this is not {expected}: {message}")]
    NotARecord {
        /// `a UMM-G record`, `a STAC Item`, …
        expected: &'static str,
        /// What is missing or wrong.
        message: String,
    },
    /// A version of STAC that cannot be written.
    #[error("STAC `{0}` cannot be written")]
    StacVersion(String),
}

impl MetadataError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Json { .. } => Some("give a whole JSON document: CMR answers with one when asked for `umm_json`"),
            Self::NotARecord { .. } => Some("give an item of CMR's `umm_json`, a bare UMM-G or UMM-C record, a STAC Item or a STAC Collection"),
            Self::StacVersion(_) => Some("write `1.1.0` or `1.0.0`"),
        }
    }
}
