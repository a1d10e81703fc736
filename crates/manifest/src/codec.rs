/// Order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endian {
    /// Least significant first.
    Little,
    /// Most significant first.
    Big,
}

/// One step by which a chunk was encoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Bytes of elements sorted by significance (HDF5 filter 2).
    Shuffle {
        /// Bytes of an element.
        element_size: u32,
    },
    /// zlib (HDF5 filter 1).
    Deflate {
        /// Only of interest to who encodes; `None` when the file does not say.
        level: Option<u8>,
    },
    /// A checksum of four bytes after the data (HDF5 filter 3).
    Fletcher32,
    /// Zstandard (HDF5 filter 32015).
    Zstd {
        /// Only of interest to who encodes.
        level: Option<i32>,
    },
    /// Blosc (HDF5 filter 32001).
    Blosc(Blosc),
    /// bzip2 (HDF5 filter 307).
    Bzip2 {
        /// Only of interest to who encodes: hundreds of kilobytes at once.
        level: Option<u8>,
    },
    /// A step that is known by name, but has no counterpart in Zarr.
    Other {
        /// Number of the HDF5 filter.
        id: u32,
        /// Its usual name, e.g. `szip`.
        name: String,
        /// Its parameters.
        parameters: Vec<u32>,
    },
}

/// The parameters of Blosc: all of them are in each chunk too, and only of interest to who encodes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Blosc {
    /// `blosclz`, `lz4`, `lz4hc`, `snappy`, `zlib` or `zstd`.
    pub compressor: String,
    /// 0 to 9.
    pub level: u8,
    /// Sorting before compression.
    pub shuffle: BloscShuffle,
    /// Bytes of an element.
    pub type_size: u32,
    /// Bytes of a block; 0 is automatic.
    pub block_size: u32,
}

/// Sorting before compression by Blosc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BloscShuffle {
    /// None.
    No,
    /// By bytes.
    Byte,
    /// By bits.
    Bit,
}
