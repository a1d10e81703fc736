use serde::{Deserialize, Serialize};

use crate::{Shape, Window};

/// Row and column of a chunk in its grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "[u32; 2]", into = "[u32; 2]")]
pub struct ChunkIndex {
    /// Row of chunks.
    pub row: u32,
    /// Column of chunks.
    pub col: u32,
}

impl From<[u32; 2]> for ChunkIndex {
    fn from([row, col]: [u32; 2]) -> Self {
        Self { row, col }
    }
}

impl From<ChunkIndex> for [u32; 2] {
    fn from(c: ChunkIndex) -> Self {
        [c.row, c.col]
    }
}

/// How a grid is cut into the units that a store writes whole: chunks, or shards where there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkGrid {
    /// Pixels of the grid.
    pub shape: Shape,
    /// Pixels of a chunk; those in the last row and column may reach beyond the grid.
    pub chunk: Shape,
}

impl ChunkGrid {
    /// Number of rows and columns of chunks.
    pub fn chunks(&self) -> Shape {
        Shape::new(self.shape.rows.div_ceil(self.chunk.rows), self.shape.cols.div_ceil(self.chunk.cols))
    }

    /// The pixels of a chunk that lie in the grid.
    pub fn window(&self, at: ChunkIndex) -> Window {
        let (row, col) = (at.row as usize * self.chunk.rows, at.col as usize * self.chunk.cols);
        Window::new(row, col, self.chunk.rows.min(self.shape.rows.saturating_sub(row)), self.chunk.cols.min(self.shape.cols.saturating_sub(col)))
    }

    /// The chunks that a window of pixels touches, as a window of chunks.
    pub fn touched(&self, pixels: Window) -> Window {
        let (row, col) = (pixels.row / self.chunk.rows, pixels.col / self.chunk.cols);
        Window::new(row, col, pixels.row_end().div_ceil(self.chunk.rows) - row, pixels.col_end().div_ceil(self.chunk.cols) - col)
    }

    /// Every chunk of a window of chunks, row by row.
    pub fn iter(&self, chunks: Window) -> impl Iterator<Item = ChunkIndex> + use<> {
        (chunks.row..chunks.row_end())
            .flat_map(move |row| (chunks.col..chunks.col_end()).map(move |col| ChunkIndex { row: row as u32, col: col as u32 }))
    }
}
