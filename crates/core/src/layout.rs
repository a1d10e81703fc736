use serde::{Deserialize, Serialize};

use crate::{Affine, ChunkGrid, CubeSpec, DType, GeoBox, Number, Resampling, Shape, TimeAxis, Values};

/// What a cube's store holds: a [`CubeSpec`] with every default resolved against its source. Written into the cube once, at creation
/// (groups of a cube with several CRSs are added as they are met).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// As declared.
    pub spec: CubeSpec,
    /// One per CRS; a cube with one CRS has one group, at the root.
    pub groups: Vec<GroupLayout>,
    /// The variables of every group.
    pub bands: Vec<BandLayout>,
    /// The time axis (step `none`: variables have no time dimension).
    pub time: TimeAxis,
    /// Steps per storage unit (shard, else chunk). 1 when the axis grows.
    pub unit_time: usize,
    /// Pixels per storage unit (shard, else chunk).
    pub unit: Shape,
    /// Steps per chunk.
    pub chunk_time: usize,
    /// Pixels per chunk; equal to `unit` without shards.
    pub chunk: Shape,
}

/// One group: a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupLayout {
    /// `""` for the root, else e.g. `EPSG_32632`.
    pub name: String,
    /// The grid.
    pub grid: GeoBox,
    /// WKT2 of the CRS.
    pub crs_wkt: String,
    /// Whether x and y are longitude and latitude.
    pub geographic: bool,
}

/// One variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandLayout {
    /// Name of the variable.
    pub name: String,
    /// Name of the source's asset (key, common name, or `asset.2`).
    pub asset: String,
    /// Type of the stored pixels.
    pub dtype: DType,
    /// The fill value: nodata where the band has one, else 0 (integers) or NaN (floats).
    pub fill: Number,
    /// The value that means "no data"; absent when every value is data (then only a mask or absence makes a pixel invalid, and it reads as `fill`).
    pub nodata: Option<Number>,
    /// How pixels are resampled.
    pub resampling: Resampling,
    /// What the stored numbers mean.
    pub values: Values,
    /// Scale of the stored numbers, where known; `scale_factor` in CF.
    pub scale: Option<f64>,
    /// Offset of the stored numbers, where known; `add_offset` in CF.
    pub offset: Option<f64>,
    /// CF `units`.
    pub units: Option<String>,
    /// CF `long_name`.
    pub long_name: Option<String>,
    /// Compression.
    pub codec: Codec,
    /// Level of the codec.
    pub level: u8,
    /// Blosc's inner compressor.
    pub compressor: String,
    /// Blosc's shuffle.
    pub shuffle: Shuffle,
}

/// Compression of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Blosc, with an inner compressor and a shuffle.
    Blosc,
    /// Zstandard.
    Zstd,
    /// Gzip.
    Gzip,
    /// Not compressed.
    None,
}

/// Blosc's rearrangement of bytes before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shuffle {
    /// None.
    None,
    /// By byte.
    Byte,
    /// By bit.
    Bit,
}

impl Layout {
    /// How the grid of a group is cut into storage units.
    pub fn unit_grid(&self, group: &GroupLayout) -> ChunkGrid {
        ChunkGrid { shape: group.grid.shape(), chunk: self.unit }
    }

    /// The group of a name.
    pub fn group(&self, name: &str) -> Option<&GroupLayout> {
        self.groups.iter().find(|g| g.name == name)
    }

    /// The variable of a name.
    pub fn band(&self, name: &str) -> Option<&BandLayout> {
        self.bands.iter().find(|b| b.name == name)
    }

    /// The affine of a group's storage unit.
    pub fn unit_affine(&self, group: &GroupLayout, at: crate::ChunkIndex) -> Affine {
        group.grid.affine().shifted((at.col as usize * self.unit.cols) as f64, (at.row as usize * self.unit.rows) as f64)
    }
}
