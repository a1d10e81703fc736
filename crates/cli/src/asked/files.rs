//! Which files of results are wanted.

use clap::Args;
use eocube::{
    Result,
    search::{AssetFields, AssetFilter},
};

/// Which files of results are wanted.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct AssetFlags {
    /// Files that are wanted: an expression such as `B04,B05`, `name:*.h5 and not role:metadata`, `size<200MB`.
    #[arg(long, value_name = "EXPR")]
    assets: Option<String>,
    /// Files that are wanted, by a word or pattern for granule, file, role, media type, key or band; may be repeated.
    #[arg(long, value_name = "WORD")]
    include: Vec<String>,
    /// Files that are not wanted, in the same way.
    #[arg(long, value_name = "WORD")]
    exclude: Vec<String>,
}

impl AssetFlags {
    /// The filter that they say; `None` when they say none.
    pub(crate) fn filter(&self) -> Result<Option<AssetFilter>> {
        let fields = AssetFields { include: self.include.clone(), exclude: self.exclude.clone(), ..AssetFields::default() };
        let mut filter = fields.filter()?;
        if let Some(expression) = &self.assets {
            filter = filter.and(expression.parse()?);
        }
        Ok((!filter.is_all()).then_some(filter))
    }
}
