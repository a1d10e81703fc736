//! The columns that a set of items needs: types found by looking at every item, and items brought into that form.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use geojson::Geometry;
use serde_json::{Map, Value, json};

use super::{JSON_EXTENSION, wkb};
use crate::{item::Item, time};

/// Members that one object may have before it is kept as JSON rather than as columns: a file of a million columns opens nowhere.
const MOST_MEMBERS: usize = 1000;
/// Members of the item itself; a property of such a name cannot be kept.
const MEMBERS: [&str; 9] = ["type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "links", "assets", "collection"];
/// The outline in the CRS of the pixels, of items and of assets: WKB, as the outline. The Python package cannot open a file with a gap in such a column, so that
/// it is kept where all items have it.
pub(super) const PROJECTED: &str = "proj:geometry";
/// Properties that the specification wants as timestamps.
const TIMES: [&str; 8] = ["datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires", "unpublished"];
const SIDES: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];
const SIDES_AND_HEIGHTS: [&str; 6] = ["xmin", "ymin", "zmin", "xmax", "ymax", "zmax"];

/// The type that holds every value that was seen in one place.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Kind {
    /// Nothing but null.
    #[default]
    Nothing,
    Bool,
    Int,
    Float,
    Text,
    Time,
    List(Box<Self>),
    Object(BTreeMap<String, Self>),
    /// GeoJSON, as WKB.
    Geometry,
    /// Values that have no common type: JSON in a text.
    Json,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Bool,
            Value::Number(n) if n.is_i64() => Self::Int,
            Value::Number(_) => Self::Float,
            Value::String(_) => Self::Text,
            Value::Array(list) => Self::List(Box::new(list.iter().map(Self::of).fold(Self::Nothing, Self::merge))),
            Value::Object(map) => Self::Object(map.iter().map(|(k, v)| (k.clone(), Self::of(v))).collect()),
        }
    }

    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, k) | (k, Self::Nothing) => k,
            (a, b) if a == b => a,
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
            (Self::Time, Self::Text) | (Self::Text, Self::Time) => Self::Text,
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.merge(*b))),
            (Self::Object(mut a), Self::Object(b)) => {
                for (name, kind) in b {
                    let known = a.remove(&name).unwrap_or_default();
                    a.insert(name, known.merge(kind));
                }
                if a.len() > MOST_MEMBERS { Self::Json } else { Self::Object(a) }
            }
            _ => Self::Json,
        }
    }

    /// The Arrow field; `None` where there is nothing to keep.
    fn field(&self, name: &str) -> Option<Field> {
        let data = match self {
            Self::Nothing => return None,
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Geometry => DataType::Binary,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            // A list that was always empty still has to be told from none.
            Self::List(inner) => DataType::List(Arc::new(inner.field("element").unwrap_or_else(|| Field::new("element", DataType::Utf8, true)))),
            Self::Object(members) => {
                let fields: Vec<Field> = members.iter().filter_map(|(n, k)| k.field(n)).collect();
                if fields.is_empty() {
                    return None;
                }
                DataType::Struct(fields.into())
            }
            Self::Json => {
                let extension = [("ARROW:extension:name".to_owned(), JSON_EXTENSION.to_owned())];
                return Some(Field::new(name, DataType::Utf8, true).with_metadata(std::collections::HashMap::from(extension)));
            }
        };
        Some(Field::new(name, data, true))
    }

    /// A value in the form that its column takes.
    fn fit(&self, value: Value) -> Value {
        match (self, value) {
            (_, Value::Null) | (Self::Nothing, _) => Value::Null,
            (Self::Json, v) => v.to_string().into(),
            (Self::Geometry, v) => as_geometry(&v).map_or(Value::Null, |g| hex(&g)),
            (Self::Time, v) => v.as_str().and_then(time::parse).map_or(Value::Null, |t| time::text(t).into()),
            (Self::List(inner), Value::Array(list)) => list.into_iter().map(|v| inner.fit(v)).collect(),
            (Self::Object(members), Value::Object(map)) => map
                .into_iter()
                .filter_map(|(k, v)| members.get(&k).map(|kind| kind.fit(v)).filter(|v| !v.is_null()).map(|v| (k, v)))
                .collect::<Map<_, _>>()
                .into(),
            (_, v) => v,
        }
    }
}

/// What has been learned of the items of an index.
#[derive(Debug, Default)]
pub(super) struct Columns {
    properties: BTreeMap<String, Kind>,
    assets: Kind,
    links: Kind,
    /// Names of the geometries, as GeoParquet has them.
    pub(super) geometry_types: BTreeSet<String>,
    /// Boxes with heights, and without.
    boxes: [usize; 2],
    /// Properties that have the name of a member of the item.
    namesakes: BTreeSet<String>,
    items: usize,
    /// Items that state [`PROJECTED`], and of which it can be read: in their properties (no name), and in each asset.
    projected: BTreeMap<Option<String>, [usize; 2]>,
}

impl Columns {
    /// Learns from one item.
    pub(super) fn learn(&mut self, item: &Item) {
        self.items += 1;
        for (name, value) in properties(item) {
            let is_time = || TIMES.contains(&name.as_str()) && value.as_str().is_some_and(|t| time::parse(t).is_some());
            let kind = match name.as_str() {
                PROJECTED => self.projected(None, value),
                _ if is_time() => Kind::Time,
                _ => Kind::of(value),
            };
            let known = self.properties.remove(name).unwrap_or_default();
            self.properties.insert(name.clone(), known.merge(kind));
        }
        let all = item.0.get("properties").and_then(Value::as_object).into_iter().flatten();
        self.namesakes.extend(all.map(|(name, _)| name).filter(|name| MEMBERS.contains(&name.as_str())).cloned());
        let of = |name: &str| item.0.get(name).map(Kind::of).unwrap_or_default();
        let mut assets = of("assets");
        if let Kind::Object(kinds) = &mut assets {
            for (key, value) in item.assets().filter_map(|(key, asset)| Some((key, asset.get(PROJECTED)?))) {
                let kind = self.projected(Some(key), value);
                if let Some(Kind::Object(members)) = kinds.get_mut(key) {
                    members.insert(PROJECTED.to_owned(), kind);
                }
            }
        }
        self.assets = std::mem::take(&mut self.assets).merge(assets);
        self.links = std::mem::take(&mut self.links).merge(of("links"));
        if let Some(geometry) = geometry(item) {
            let height = if wkb::has_heights(&geometry) { " Z" } else { "" };
            self.geometry_types.insert(format!("{}{height}", geometry.value.type_name()));
        }
        self.boxes[usize::from(heights(item).is_none())] += 1;
    }

    fn projected(&mut self, asset: Option<&str>, value: &Value) -> Kind {
        if value.is_null() {
            return Kind::Nothing;
        }
        let is_readable = as_geometry(value).is_some();
        let [stated, readable] = self.projected.entry(asset.map(str::to_owned)).or_default();
        *stated += 1;
        *readable += usize::from(is_readable);
        if is_readable { Kind::Geometry } else { Kind::Nothing }
    }

    /// Whether [`PROJECTED`] is a column: of the properties, or of an asset.
    pub(super) fn keeps_projected(&self, asset: Option<&str>) -> bool {
        self.projected.iter().any(|(place, [_, readable])| place.as_deref() == asset && *readable == self.items)
    }

    /// The assets as they are kept.
    fn assets_kept(&self) -> Kind {
        let mut assets = self.assets.clone();
        if let Kind::Object(kinds) = &mut assets {
            for (key, kind) in kinds {
                if let Kind::Object(members) = kind
                    && !self.keeps_projected(Some(key))
                {
                    members.remove(PROJECTED);
                }
            }
        }
        assets
    }

    /// Readers take a column of boxes with heights as one in which all have some.
    fn sides(&self) -> &'static [&'static str] {
        if self.boxes[0] > 0 && self.boxes[1] == 0 { &SIDES_AND_HEIGHTS } else { &SIDES }
    }

    /// What the items say and these columns cannot hold.
    pub(super) fn losses(&self) -> Vec<String> {
        let [some, none] = self.boxes;
        let heights = (some > 0 && none > 0)
            .then(|| format!("bounding boxes lose their heights, for only {some} of {} state any; outlines keep theirs", some + none));
        let names = (!self.namesakes.is_empty()).then(|| {
            let names: Vec<String> = self.namesakes.iter().map(|name| format!("`{name}`")).collect();
            format!("properties of these names are not kept, for members of the items have them: {}", names.join(", "))
        });
        heights.into_iter().chain(names).chain(self.projected_losses()).collect()
    }

    fn projected_losses(&self) -> Vec<String> {
        let why = "the column would have gaps, with which the Python package cannot read the file";
        let of_items = self.projected.get(&None).filter(|_| !self.keeps_projected(None));
        let of_items =
            of_items.map(|[stated, _]| format!("the property `{PROJECTED}`, which {stated} of {} items have, is not kept: {why}", self.items));
        // Assets that are kept as JSON are kept whole.
        let as_columns = |key: &str| match &self.assets {
            Kind::Object(kinds) => matches!(kinds.get(key), Some(Kind::Object(_))),
            _ => false,
        };
        let keys: Vec<String> =
            self.projected.keys().flatten().filter(|key| as_columns(key) && !self.keeps_projected(Some(key))).map(|key| format!("`{key}`")).collect();
        let of_assets = (!keys.is_empty()).then(|| format!("`{PROJECTED}` of the assets {} is not kept: {why}", keys.join(", ")));
        of_items.into_iter().chain(of_assets).collect()
    }

    /// The columns of the file: those that the specification wants, then the properties.
    pub(super) fn schema(&self) -> Schema {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let list = |name: &str, inner: DataType| Field::new(name, DataType::List(Arc::new(Field::new("element", inner, true))), true);
        let link = DataType::Struct(["href", "rel", "title", "type"].map(text).to_vec().into());
        let sides: Fields = self.sides().iter().map(|s| Arc::new(Field::new(*s, DataType::Float64, true)) as FieldRef).collect();
        let nothing =
            Field::new("assets", DataType::Struct(vec![Field::new("none", DataType::Struct(vec![text("href")].into()), true)].into()), true);
        let mut fields = vec![
            text("type"),
            text("stac_version"),
            list("stac_extensions", DataType::Utf8),
            text("id"),
            text("collection"),
            Field::new("geometry", DataType::Binary, true),
            Field::new("bbox", DataType::Struct(sides), true),
            Kind::Time.field("datetime").unwrap_or_else(|| text("datetime")),
            self.links
                .field("links")
                .filter(|f| !matches!(f.data_type(), DataType::List(inner) if inner.data_type() == &DataType::Utf8))
                .unwrap_or_else(|| list("links", link)),
            self.assets_kept().field("assets").unwrap_or(nothing),
        ];
        let is_kept = |name: &str| name != "datetime" && (name != PROJECTED || self.keeps_projected(None));
        fields.extend(self.properties.iter().filter(|(name, _)| is_kept(name)).filter_map(|(name, kind)| kind.field(name)));
        Schema::new(fields)
    }

    /// An item as a row of these columns, binary as hexadecimal digits; with the box by which it is found.
    pub(super) fn row(&self, item: &Item, bbox: Option<[f64; 4]>) -> Map<String, Value> {
        let get = |name: &str| item.0.get(name).cloned().unwrap_or(Value::Null);
        let mut row: Map<String, Value> =
            properties(item).filter_map(|(k, v)| Some((k.clone(), self.properties.get(k)?.fit(v.clone())))).filter(|(_, v)| !v.is_null()).collect();
        let datetime = item.text("datetime").and_then(time::parse).map_or(Value::Null, |t| time::text(t).into());
        row.extend([
            ("datetime".to_owned(), datetime),
            ("type".to_owned(), "Feature".into()),
            ("stac_version".to_owned(), item.0.get("stac_version").and_then(Value::as_str).unwrap_or("1.0.0").into()),
            ("stac_extensions".to_owned(), if get("stac_extensions").is_array() { get("stac_extensions") } else { json!([]) }),
            ("id".to_owned(), item.id().into()),
            ("collection".to_owned(), item.collection_stated().into()),
            ("geometry".to_owned(), geometry(item).map_or(Value::Null, |g| hex(&g))),
            ("bbox".to_owned(), sides_of(item, bbox, self.sides())),
            ("links".to_owned(), if get("links").is_array() { self.links.fit(get("links")) } else { json!([]) }),
            ("assets".to_owned(), self.assets.fit(get("assets"))),
        ]);
        row
    }
}

fn properties(item: &Item) -> impl Iterator<Item = (&String, &Value)> {
    item.0
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(name, _)| !MEMBERS.contains(&name.as_str()) && !name.is_empty())
}

fn geometry(item: &Item) -> Option<Geometry> {
    item.0.get("geometry").and_then(as_geometry)
}

fn as_geometry(value: &Value) -> Option<Geometry> {
    if value.is_null() { None } else { serde_json::from_value(value.clone()).ok() }
}

fn hex(geometry: &Geometry) -> Value {
    wkb::write(geometry).iter().map(|b| format!("{b:02x}")).collect::<String>().into()
}

/// A box as the struct of its column, with the heights that the item states.
fn sides_of(item: &Item, bbox: Option<[f64; 4]>, names: &[&str]) -> Value {
    let Some([west, south, east, north]) = bbox else { return Value::Null };
    let (low, high) = heights(item).unwrap_or_default();
    let sides = [("xmin", west), ("ymin", south), ("zmin", low), ("xmax", east), ("ymax", north), ("zmax", high)];
    sides.into_iter().filter(|(name, _)| names.contains(name)).map(|(name, side)| (name.to_owned(), json!(side))).collect::<Map<_, _>>().into()
}

/// The lowest and the highest height of the stated box.
fn heights(item: &Item) -> Option<(f64, f64)> {
    let [_, _, low, _, _, high] = item.0.get("bbox")?.as_array()?.as_slice() else { return None };
    low.as_f64().zip(high.as_f64())
}
