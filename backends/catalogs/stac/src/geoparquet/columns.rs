//! Which columns a query needs of a stac-geoparquet file.

use parquet::{
    arrow::{ProjectionMask, arrow_reader::ArrowReaderMetadata},
    file::{metadata::ColumnChunkMetaData, statistics::Statistics},
    schema::types::ColumnDescPtr,
};

use crate::{patch, wanted::Wanted};

/// Members of an asset that patches are made from.
const ASSET: [&str; 18] = [
    "href",
    "type",
    "roles",
    "title",
    "gsd",
    "eo:bands",
    "raster:bands",
    "bands",
    "nodata",
    "data_type",
    "unit",
    "raster:scale",
    "raster:offset",
    "raster:spatial_resolution",
    "file:size",
    "file:checksum",
    "checksum:multihash",
    "raster:nodata",
];
/// Members of a band.
const BAND: [&str; 18] = [
    "name",
    "common_name",
    "eo:common_name",
    "nodata",
    "raster:nodata",
    "data_type",
    "scale",
    "raster:scale",
    "offset",
    "raster:offset",
    "unit",
    "description",
    "title",
    "spatial_resolution",
    "raster:spatial_resolution",
    "list",
    "element",
    "item",
];
/// Members of the projection extension.
const PROJ: [&str; 7] = ["proj:code", "proj:epsg", "proj:wkt2", "proj:projjson", "proj:shape", "proj:transform", "proj:bbox"];

/// The columns from which patches are made.
///
/// An asset is read when its key is wanted, or when the statistics of its bands' names leave room for a wanted one in some of the
/// row groups. What else a file says of items and assets stays unread.
pub(super) fn for_patches(metadata: &ArrowReaderMetadata, groups: &[usize], wanted: &Wanted) -> ProjectionMask {
    let schema = metadata.parquet_schema();
    let mut properties = wanted.property_names();
    properties.extend(patch::READ.iter().map(|s| (*s).to_owned()));
    let assets = WantedAssets { metadata, groups, names: &wanted.assets };
    let leaves = schema.columns().iter().enumerate().filter(|(_, column)| {
        let path: Vec<&str> = column.path().parts().iter().map(String::as_str).collect();
        match path[..] {
            ["assets", key, "alternate", ref rest @ ..] => {
                let known = rest.get(1).is_none_or(|member| matches!(*member, "href" | "auth:refs"));
                known && assets.contains(key)
            }
            ["assets", key, member, ref rest @ ..] => {
                let known = PROJ.contains(&member) || (ASSET.contains(&member) && rest.iter().all(|p| BAND.contains(p) || *p == "array"));
                known && assets.contains(key)
            }
            ["properties", name, ..] | [name, ..] => properties.iter().any(|p| p == name),
            [] => false,
        }
    });
    ProjectionMask::leaves(schema, leaves.map(|(i, _)| i).collect::<Vec<_>>())
}

struct WantedAssets<'a> {
    metadata: &'a ArrowReaderMetadata,
    groups: &'a [usize],
    names: &'a [String],
}

impl WantedAssets<'_> {
    fn contains(&self, key: &str) -> bool {
        let by_key = |name: &String| name == key || name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        self.names.is_empty() || self.names.iter().any(by_key) || self.may_have_alias(key)
    }

    fn may_have_alias(&self, key: &str) -> bool {
        let columns = self.metadata.parquet_schema().columns().iter().enumerate();
        let mut names = columns.filter(|(_, c)| {
            let parts = c.path().parts();
            let of_bands = parts.get(2).is_some_and(|m| matches!(m.as_str(), "eo:bands" | "bands" | "raster:bands"));
            parts[0] == "assets" && parts.get(1).is_some_and(|k| k == key) && of_bands
        });
        // Bands that are numbers, or JSON, have their names elsewhere.
        let named = |c: &ColumnDescPtr| c.path().parts().last().is_some_and(|n| matches!(n.as_str(), "name" | "common_name" | "eo:common_name"));
        let opaque = |c: &ColumnDescPtr| c.path().parts()[3..].iter().all(|p| matches!(p.as_str(), "list" | "element" | "item" | "array"));
        names.any(|(leaf, column)| {
            opaque(column)
                || named(column)
                    && self.groups.iter().any(|g| self.names.iter().any(|name| may_hold(self.metadata.metadata().row_group(*g).column(leaf), name)))
        })
    }
}

/// Whether a column chunk of texts can hold one; true when its statistics do not tell.
fn may_hold(column: &ColumnChunkMetaData, text: &str) -> bool {
    let Some(Statistics::ByteArray(s)) = column.statistics() else { return true };
    if s.null_count_opt() == Some(column.num_values().unsigned_abs()) {
        return false;
    }
    match (s.min_opt(), s.max_opt()) {
        // A maximum that was cut short is a bound all the same.
        (Some(low), Some(high)) => low.data() <= text.as_bytes() && text.as_bytes() <= high.data(),
        _ => true,
    }
}
