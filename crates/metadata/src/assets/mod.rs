//! The files of a granule or item, in one model, and filters that choose among them.
//!
//! * [`Asset`]: one file, wherever its copies lie; read from a STAC asset and written as one ([`Asset::from_stac`], [`Asset::to_stac`]).
//! * [`AssetKeys`]: keys that never collide. [`media_type`]: what a file is, as stated or by its ending.
//! * [`AssetFilter`]: which assets are wanted, as an expression, as fields ([`AssetFields`]), or put together with and, or, not.
//!
//! ```
//! use cube_metadata::{Asset, AssetFilter};
//!
//! let assets = ["B04.tif", "B05.tif", "Fmask.tif", "browse.jpg"].map(|f| Asset::new(f, format!("https://data.example.test/HLS.L30.T32TMT.{f}")));
//! let filter: AssetFilter = "B04 or B05 or (name:*.tif and not Fmask)".parse()?;
//! let wanted = filter.select("HLS.L30.T32TMT", &assets);
//! assert_eq!(wanted.iter().map(|a| a.key.as_str()).collect::<Vec<_>>(), ["B04.tif", "B05.tif"]);
//! # Ok::<(), cube_metadata::AssetFilterError>(())
//! ```

mod asset;
mod band;
mod checksum;
#[cfg(test)]
mod corpus_tests;
mod filter;
mod formats;
mod keys;
mod stac;

pub use asset::Asset;
pub use band::Band;
pub use checksum::Checksum;
pub use filter::{AssetFields, AssetFilter, AssetFilterError, Explanation, Finding, Verdict};
pub use formats::media_type;
pub use keys::AssetKeys;
pub use stac::StacVersion;
