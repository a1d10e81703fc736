use cube_core::{DType, Window};

/// What can go wrong between two grids.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A grid or number that makes no sense.
    #[error(transparent)]
    Core(#[from] cube_core::Error),
    /// PROJ does not know the CRS.
    #[error("CRS `{crs}` cannot be understood: {reason}")]
    UnknownCrs {
        /// The text that was to name a CRS.
        crs: String,
        /// What PROJ (or this build) says of it.
        reason: String,
        /// What to type instead.
        hint: String,
    },
    /// There is no coordinate operation between two CRSs.
    #[error("there is no coordinate operation from `{from}` to `{to}`: {reason}")]
    NoOperation {
        /// The CRS of the points.
        from: String,
        /// The CRS that was asked for.
        to: String,
        /// What PROJ says of it.
        reason: String,
    },
    /// A value does not fit the type of the pixels.
    #[error("{what} `{value}` does not fit pixels of type {dtype}")]
    DoesNotFit {
        /// What the value is, e.g. `nodata`.
        what: &'static str,
        /// The value.
        value: String,
        /// The type that should hold it.
        dtype: DType,
    },
    /// The pixels handed in are not those that the window says.
    #[error("the source has {got} pixels where its window of {} × {} has {}", window.rows, window.cols, window.shape().len())]
    WrongLength {
        /// Where the pixels should lie.
        window: Window,
        /// How many there are.
        got: usize,
    },
    /// Pixels are needed that were not read. See [`crate::Mapping::source_window`].
    #[error("the pixels read, {have:?}, do not hold what rows {}..{} and columns {}..{} of the destination need", for_.row, for_.row_end(), for_.col, for_.col_end())]
    SourceTooSmall {
        /// The source pixels at hand.
        have: Window,
        /// The destination pixels asked for.
        for_: Window,
    },
    /// Two canvases that should be laid on each other differ in shape or type.
    #[error("a canvas of {got} cannot be laid on a mosaic of {want}")]
    CanvasMismatch {
        /// Shape and type of the canvas.
        got: String,
        /// Shape and type of the mosaic.
        want: String,
    },
    /// There is nothing to choose from.
    #[error("the source has no level")]
    NoLevel,
}

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What to type instead, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Core(e) => e.hint(),
            Self::UnknownCrs { hint, .. } => Some(hint.clone()),
            Self::NoOperation { .. } => Some("choose a CRS on the same celestial body, such as `EPSG:4326`".into()),
            Self::DoesNotFit { dtype, .. } => Some(format!("choose a value that {dtype} can hold, or another dtype")),
            Self::WrongLength { .. } | Self::SourceTooSmall { .. } | Self::CanvasMismatch { .. } | Self::NoLevel => None,
        }
    }
}
