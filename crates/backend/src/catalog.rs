use std::{collections::BTreeMap, fmt::Debug};

use async_trait::async_trait;
use cube_core::{Extent, GeoBox, PatchIndex, Period, Toi, Transform};
use futures::stream::BoxStream;

use crate::Result;

/// Patches, one by one, as their catalogue answers.
pub type PatchStream = BoxStream<'static, Result<PatchIndex>>;

/// What is asked of a catalogue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PatchQuery {
    /// Collections; none means all that the catalogue has.
    pub collections: Vec<String>,
    /// Boxes in longitude and latitude (`west ≤ east`, within ±180), of which a patch must touch one; none means everywhere.
    pub boxes: Vec<Extent>,
    /// Periods (UTC), one of which a patch's time or interval must meet; none means always.
    pub periods: Vec<Period>,
    /// Property filters in the form of STAC's `query` extension.
    pub query: BTreeMap<String, serde_json::Value>,
    /// A CQL2 filter, as text or JSON.
    pub filter: Option<serde_json::Value>,
    /// Names of the assets that are wanted (key, common name); patches carry no other. None means all.
    pub assets: Vec<String>,
}

/// Finds the patches that answer a query.
#[async_trait]
pub trait Catalog: Debug + Send + Sync {
    /// Whether the catalogue can be reached and has these collections.
    ///
    /// # Behaviour
    /// - A collection that does not exist is [`Kind::NotFound`](crate::Kind::NotFound); the message names it and the hint lists some that do exist.
    async fn check(&self, collections: &[String]) -> Result<()>;

    /// The patches that answer a query.
    ///
    /// # Behaviour
    /// - Lazy: pages are asked for as the stream is polled, and no more than a few pages are held.
    /// - Every filter of the query holds for every patch: what the service cannot filter, the catalogue filters itself.
    /// - Patch ids are unique in one answer; where a source lists one scene twice, the newest processing wins and a log line says so.
    /// - An error ends the stream. A page that could not be read is an error, never an end.
    /// - An empty answer is an empty stream.
    fn patches(&self, query: &PatchQuery) -> PatchStream;
}

/// Conveniences that follow from [`Catalog`].
pub trait CatalogExt: Catalog {
    /// The patches whose outline may touch a grid, within a time of interest. `to_lonlat` leads from the CRS of the grid to longitude and latitude.
    fn adjacent_patches(&self, geobox: &GeoBox, to_lonlat: &dyn Transform, toi: &Toi) -> PatchStream {
        let boxes = cube_core::roi::lonlat_boxes(geobox, to_lonlat);
        self.patches(&PatchQuery { boxes, periods: toi.periods().to_vec(), ..PatchQuery::default() })
    }
}

impl<C: Catalog + ?Sized> CatalogExt for C {}
