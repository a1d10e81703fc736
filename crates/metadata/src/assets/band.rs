use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One band of an asset.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Band {
    /// Name that the provider uses: `B04`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name that means the same everywhere: `red` (STAC, electro-optical extension).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// What else is said of it, under the names of STAC 1.1: `data_type`, `nodata`, `eo:center_wavelength`, `raster:scale`, …
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl Band {
    /// A band of which the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Its names: the provider's, then the common one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.name.as_deref().into_iter().chain(self.common_name.as_deref())
    }
}
