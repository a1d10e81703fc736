//! Synthetic scenes whose pixels encode their place and time, and emulated services. Development only.
//!
//! ```text
//!  Scene ──▶ Plane ──▶ tiff::encode ──▶ files ─┐
//!    │ pixel(): the truth                      ├─▶ server::Server ──▶ GET with ranges, faults, a log
//!    └──▶ stac::item ──▶ items ──▶ stac::Api ──┘                      GET and POST /stac/search
//! ```
//!
//! * [`scene`] — scenes, and the function that gives every pixel's value.
//! * [`tiff`] — a GeoTIFF and COG writer for all forms that a reader has to understand.
//! * [`server`] — files with ranges over HTTP, with a log of requests and faults on demand.
//! * [`stac`] — items in STAC 1.0 and 1.1, and an API over them with every style of paging.
//! * [`earthdata`] — NASA's services: the CMR, Earthdata Login, data hosts and temporary S3 keys.
//! * [`demo`] — small archives in the manner of Sentinel-2; the program `cube-testkit` writes and serves them.
//!
//! ```
//! use cube_testkit::demo::Archive;
//! use cube_testkit::server::{Fault, Rule, Server};
//! use cube_testkit::stac::Api;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let scene = &Archive::demo().scenes()[0];
//! let band = &scene.bands[0];
//! let truth = scene.pixel(band, 500, 700);
//! let item = cube_testkit::stac::item(scene, Default::default(), |band| format!("{}.tif", band.name))?;
//! let server = Server::builder().file("blue.tif", "pixels").service("/stac", Api::new(vec![item])?).start()?;
//! server.faults().set(vec![Rule::once_per_path("*.tif", Fault::Status { status: 503, retry_after: None })]);
//! assert!(truth > 0.0 && server.url_of("/stac").starts_with("http://127.0.0.1:"));
//! # Ok(())
//! # }
//! ```

pub mod demo;
pub mod earthdata;
mod error;
pub mod geography;
pub mod scene;
pub mod server;
pub mod stac;
pub mod tiff;

pub use error::{Error, Result};
