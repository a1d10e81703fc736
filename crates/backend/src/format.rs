use std::{fmt::Debug, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use cube_core::{Asset, DType, GeoBox, Number, PatchIndex, Raster, TimeValue, Window};
use object_store::{ObjectStore, path::Path};

use crate::{Downloaded, PatchStore, Result};

/// A file that can be read by byte ranges.
#[derive(Debug, Clone)]
pub struct ByteSource {
    /// The store that holds it.
    pub store: Arc<dyn ObjectStore>,
    /// Its place there.
    pub path: Path,
    /// How messages name it: the URL without query and secrets.
    pub name: Arc<str>,
}

/// From an asset's href to its bytes; the engine provides it, with whatever credentials the host needs.
#[async_trait]
pub trait Sources: Debug + Send + Sync {
    /// The file behind an href.
    async fn source(&self, href: &str) -> Result<ByteSource>;

    /// The asset at the address that is best from here, of those that it has; its sidecar lies beside it. What is kept of an asset says all addresses:
    /// another run may be somewhere else.
    async fn addressed(&self, asset: &Asset) -> Result<Asset> {
        Ok(asset.clone())
    }
}

/// Understands one file format.
#[async_trait]
pub trait Format: Debug + Send + Sync {
    /// A short name, e.g. `cog`.
    fn name(&self) -> &'static str;

    /// Whether an asset looks like this format, by media type or file name.
    fn recognises(&self, asset: &Asset) -> bool;

    /// Reads the header.
    ///
    /// # Behaviour
    /// - Reads headers only, in as few requests as the format allows (one for a COG with a header of ordinary size).
    /// - What cannot be read right is [`Kind::Unsupported`](crate::Kind::Unsupported), by name; bytes that are not this format are [`Kind::Corrupt`](crate::Kind::Corrupt).
    async fn open(&self, bytes: ByteSource) -> Result<Arc<dyn Image>>;

    /// Reads the header of an asset's file: of its variable, where the asset names one.
    ///
    /// # Behaviour
    /// - As [`open`](Self::open). What the file itself does not say of its grid (CRS, transform) is taken from the asset's; what the file says comes
    ///   before.
    /// - A variable that the file does not have is [`Kind::Invalid`](crate::Kind::Invalid), with the names of those it has.
    async fn open_asset(&self, bytes: ByteSource, asset: &Asset) -> Result<Arc<dyn Image>> {
        let _ = asset;
        self.open(bytes).await
    }

    /// Reads the header of an asset's file as [`open_asset`](Self::open_asset) does, where another file beside it says where its blocks lie (DMR++).
    ///
    /// # Behaviour
    /// - The image is the same as without the sidecar: it saves requests, and changes no pixel.
    /// - A format that knows no sidecars pays no heed to it. One that cannot be read, or says too little, is not used, and a log line says so.
    async fn open_described(&self, bytes: ByteSource, sidecar: ByteSource, asset: &Asset) -> Result<Arc<dyn Image>> {
        let _ = sidecar;
        self.open_asset(bytes, asset).await
    }

    /// The media type of its files.
    fn media_type(&self) -> &'static str;

    /// What [`open_asset`](Self::open_asset) may be asked for in a file that holds several arrays; nothing for files that are one array.
    ///
    /// # Behaviour
    /// - Names those that look like data; whether each can be opened is not promised.
    async fn variables(&self, bytes: ByteSource) -> Result<Vec<String>> {
        let _ = bytes;
        Ok(Vec::new())
    }

    /// When what a file holds was taken, as the file itself says: for who has no catalogue of it.
    ///
    /// # Behaviour
    /// - `None` where the file says nothing of it, or its format has no convention for it.
    async fn taken(&self, bytes: ByteSource) -> Result<Option<Taken>> {
        let _ = bytes;
        Ok(None)
    }

    /// Brings the files of a patch into a patch store for use offline: each file whole, verified by size and checksum where they are known.
    ///
    /// # Behaviour
    /// - A file that is there already, whole, is not fetched again.
    /// - A file that fails verification is [`Kind::Corrupt`](crate::Kind::Corrupt) and is not kept.
    async fn download_patch(&self, patch: &PatchIndex, sources: &dyn Sources, into: &PatchStore) -> Result<Vec<Downloaded>> {
        let mut done: Vec<Downloaded> = Vec::new();
        for asset in patch.assets.values() {
            if done.iter().all(|d| d.href != asset.href) {
                done.push(into.download(asset, sources).await?);
            }
        }
        Ok(done)
    }
}

/// When something was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The one instant that stands for it, where there is one.
    pub at: Option<TimeValue>,
    /// First instant.
    pub first: TimeValue,
    /// Last instant.
    pub last: TimeValue,
}

impl Taken {
    /// At one instant.
    pub const fn once(at: TimeValue) -> Self {
        Self { at: Some(at), first: at, last: at }
    }
}

/// One opened file: its grids, and where their pixels lie.
pub trait Image: Debug + Send + Sync {
    /// Number of bands.
    fn bands(&self) -> usize;

    /// Type of the pixels of a band.
    fn dtype(&self, band: usize) -> DType;

    /// The value of a band that means "no data".
    fn nodata(&self, band: usize) -> Option<Number>;

    /// Scale and offset of a band, where the file states them.
    fn scaling(&self, band: usize) -> Option<(f64, f64)>;

    /// What a band is called and measured in, where the file says so.
    fn label(&self, band: usize) -> Label {
        let _ = band;
        Label::default()
    }

    /// Which of the times of its file it shows, from 1, and of how many; `None` where the file has one, or says nothing of times.
    fn time(&self) -> Option<(u64, u64)> {
        None
    }

    /// The grids: full resolution first, then overviews, finest first. North-up or not, as stored.
    fn levels(&self) -> &[GeoBox];

    /// The blocks of a level that hold some bands of a window, each once.
    ///
    /// # Behaviour
    /// - `bands` are indices; a block that holds several of them is answered once.
    /// - Each block holds as many of the bands that were asked for as lie in the same bytes; its range of bands may hold others between them.
    /// - For each band, the windows of the blocks that hold it are disjoint and cover what the window shares with the image.
    /// - The same bytes may serve several blocks: parts of one strip, or a mask that is cut otherwise than the image.
    /// - A block that is not stored is [`Place::Absent`], never of length zero.
    /// - A level or a band that does not exist has no blocks.
    fn blocks(&self, level: usize, bands: &[usize], window: Window) -> Vec<Block>;

    /// Decodes one block: a raster of `block.window` for each of `block.bands`.
    ///
    /// # Behaviour
    /// - `bytes` (and `mask`, where the block has one) are what lies at the block's places.
    /// - Wrong bytes are [`Kind::Corrupt`](crate::Kind::Corrupt), never a panic, never pixels.
    /// - A block that is absent decodes (from empty bytes) to nodata, with a mask that is false everywhere; or, where the format says what
    ///   unstored pixels are and that is not nodata, to that value.
    fn decode(&self, block: &Block, bytes: Bytes, mask: Option<Bytes>) -> Result<Vec<Raster>>;

    /// Where its bytes come from.
    fn source(&self) -> &ByteSource;
}

/// What the numbers of a band are, in words of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Label {
    /// Unit of the scaled values, as UDUNITS writes it or the file does.
    pub unit: Option<String>,
    /// A name for people (CF `long_name`, a description in TIFF).
    pub long_name: Option<String>,
}

/// The smallest separately encoded part of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Level of the image.
    pub level: usize,
    /// The pixels it holds, at that level, cut to the image.
    pub window: Window,
    /// The bands it holds, from 0.
    pub bands: Range<usize>,
    /// Where its bytes lie.
    pub place: Place,
    /// Where the bytes of its mask lie, when the image has one.
    pub mask: Option<Place>,
}

/// Where the bytes of a block come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A byte range of the file.
    Range {
        /// First byte.
        offset: u64,
        /// Number of bytes, never 0.
        length: u64,
    },
    /// Nowhere: every pixel is what the format has for unstored pixels, mostly nodata.
    Absent,
    /// Computed on request: an opaque text that the backend's own fetcher understands.
    Request(String),
}
