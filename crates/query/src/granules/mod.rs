//! What granules to look for.

mod cmr;
mod from_stac;
mod places;
mod rules;
mod to_stac;

use cube_core::{Period, TimeValue};
use serde_json::{Value, json};

use crate::{
    collections::CollectionQuery,
    field::{Misread, query},
    ids::CollectionId,
    shape::{BoundingBox, Circle, Line, Point, Polygon, depth},
    values::{Attribute, DayNight, Options, Pass, Range, SortKey},
    when::When,
};

query! {
    /// What granules, or STAC items, to look for. All fields must be fulfilled; of the values of one field any, unless `options` say
    /// otherwise (shapes: all of them, unless `options` say `or`, as CMR has it).
    ///
    /// Built by named fields, by chaining, or from JSON; setters take lists, texts, tuples and dates (see [`crate::Input`]), and never fail:
    /// [`GranuleQuery::validate`] names everything that is wrong, at once.
    pub struct GranuleQuery {
        /// Collections: concept ids (`C…`), short names, versioned ids of STAC (`HLSL30.v2.0`). A concept id of a granule (`G…`) is that granule.
        collections: Vec<CollectionId>,
        /// Concept ids of granules or collections.
        concept_id: Vec<String> => "concept_id",
        /// Concept ids of collections.
        collection_concept_id: Vec<String> => "collection_concept_id",
        /// Short names of collections. With a version after `.v`, as in `HLSL30.v2.0`, the setter puts them among `collections`.
        short_name: Vec<String> => "short_name",
        /// Versions of collections.
        version: Vec<String> => "version",
        /// Titles of collections.
        entry_title: Vec<String> => "entry_title",
        /// Short names of collections with `_` and version.
        entry_id: Vec<String> => "entry_id",
        /// DOIs of collections. CMR finds collections by it, not granules: see [`GranuleQuery::collection_queries`].
        doi: Vec<String>,
        /// Providers, such as `LPCLOUD`.
        provider: Vec<String> => "provider",
        /// Whether the collection is hosted in the cloud. CMR knows this of collections, not granules: see [`GranuleQuery::collection_queries`].
        cloud_hosted: Option<bool>,
        /// Names of granules or of their files; `*` stands for any text, `?` for one character.
        granule_name: Vec<String> => "readable_granule_name",
        /// Granule URs; the same wildcards.
        granule_ur: Vec<String> => "granule_ur",
        /// Ids that the producers gave; the same wildcards.
        producer_granule_id: Vec<String> => "producer_granule_id",
        /// Ids that the providers gave; the same wildcards.
        native_id: Vec<String> => "native_id",
        /// Feature ids.
        feature_id: Vec<String> => "feature_id",
        /// Composite release ids.
        crid_id: Vec<String> => "crid_id",
        /// Platforms.
        platform: Vec<String> => "platform",
        /// Instruments.
        instrument: Vec<String> => "instrument",
        /// Sensors.
        sensor: Vec<String> => "sensor",
        /// Projects or campaigns.
        project: Vec<String> => "project",
        /// When: any of these times. A date alone is the whole day.
        temporal: Vec<When> => "temporal",
        /// Boxes: west, south, east, north.
        bounding_box: Vec<BoundingBox> => "bounding_box",
        /// Polygons: closed rings, counter-clockwise.
        polygon: Vec<Polygon> => "polygon",
        /// Points: longitude, latitude.
        point: Vec<Point> => "point",
        /// Lines.
        line: Vec<Line> => "line",
        /// Circles: longitude, latitude, radius in metres.
        circle: Vec<Circle> => "circle",
        /// Cloud cover in per cent, `[0, 20]`.
        cloud_cover: Option<Range> => "cloud_cover",
        /// By day or by night.
        day_night: Option<DayNight> => "day_night_flag",
        /// Numbers of orbits.
        orbit_number: Option<Range> => "orbit_number",
        /// Where the orbit crosses the equator, degrees east; the first beyond the second crosses the antimeridian.
        equator_crossing_longitude: Option<Range> => "equator_crossing_longitude",
        /// When the orbit crosses the equator.
        equator_crossing_date: Option<Period> => "equator_crossing_date",
        /// Orbital cycles.
        cycle: Vec<u64> => "cycle",
        /// Passes of one cycle, with tiles.
        passes: Vec<Pass>,
        /// Additional attributes: all of these.
        attribute: Vec<Attribute> => "attribute",
        /// Tilings, as CMR writes them: `wrs-1:5,10:8-10,0-10`.
        two_d_coordinate_system: Vec<String> => "two_d_coordinate_system",
        /// Whether there is a preview.
        browsable: Option<bool> => "browsable",
        /// Whether there is something to download.
        downloadable: Option<bool> => "downloadable",
        /// The former name of `downloadable`.
        online_only: Option<bool> => "online_only",
        /// Changed at or after this time.
        updated_since: Option<TimeValue> => "updated_since",
        /// When the record was changed last.
        revision_date: Vec<Period> => "revision_date",
        /// When the record was made.
        created_at: Vec<Period> => "created_at",
        /// When the granule was produced.
        production_date: Vec<Period> => "production_date",
        /// Granules to leave out, by concept id.
        exclude_concept_id: Vec<String> => "exclude[concept_id]",
        /// What to sort by, with `-` for the highest first.
        sort: Vec<SortKey> => "sort_key",
        /// How CMR is to treat parameters.
        options: Options,
        /// How many to ask for in one request.
        page_size: Option<u64> => "page_size",
        /// How many to find at most.
        limit: Option<u64>,
    }
}

/// Other names under which fields are known.
const ALIASES: [(&str, &str); 16] = [
    ("bbox", "bounding_box"),
    ("cloud_coverage", "cloud_cover"),
    ("collection", "collections"),
    ("count", "limit"),
    ("datetime", "temporal"),
    ("day_night_flag", "day_night"),
    ("ids", "granule_ur"),
    ("max_items", "limit"),
    ("name", "granule_name"),
    ("pass", "passes"),
    ("readable_granule_name", "granule_name"),
    ("sort_key", "sort"),
    ("sortby", "sort"),
    ("toi", "temporal"),
    ("grid", "two_d_coordinate_system"),
    ("campaign", "project"),
];

impl GranuleQuery {
    /// Gives an option of CMR: `option("platform", "and", true)`.
    #[must_use]
    pub fn option(mut self, parameter: &str, key: &str, value: bool) -> Self {
        self.options.set(parameter, key, value);
        self
    }

    /// Adds a GeoJSON geometry: polygons, lines and points. Where it has several parts, touching any of them is enough, which holds then for
    /// all shapes of the kind, or of all kinds.
    #[must_use]
    pub fn intersects(self, geometry: impl Into<crate::Input>) -> Self {
        self.with("intersects", geometry)
    }

    /// The searches for collections that have to come first: where the query names collections in terms that CMR knows of collections alone
    /// (`doi`, `cloud_hosted`), or wants granules in one order that CMR would have to be asked for in several searches. One for each way in which
    /// `collections` are named. What they find goes to [`GranuleQuery::in_collections`]. Empty when nothing has to come first.
    pub fn collection_queries(&self) -> Vec<CollectionQuery> {
        let parts = self.split_for_cmr();
        let are_collections = self.collections.iter().all(|id| !matches!(id, CollectionId::Granule(_)));
        let is_one_order = parts.len() > 1 && !self.sort.is_empty() && are_collections;
        if self.doi.is_empty() && self.cloud_hosted.is_none() && !is_one_order {
            return Vec::new();
        }
        parts.iter().map(Self::collection_query).collect()
    }

    /// The searches for the collections that the query names, by whatever names or patterns; none where it names none.
    pub fn collections_meant(&self) -> Vec<CollectionQuery> {
        let of_parts = self.split_for_cmr().into_iter().map(|part| Self { provider: Vec::new(), cloud_hosted: None, ..part });
        of_parts.map(|part| part.collection_query()).filter(|query| *query != CollectionQuery::default()).collect()
    }

    fn collection_query(&self) -> CollectionQuery {
        let mut query = CollectionQuery {
            concept_id: self.collection_concept_id.clone(),
            short_name: self.short_name.clone(),
            version: self.version.clone(),
            entry_id: self.entry_id.clone(),
            entry_title: self.entry_title.clone(),
            doi: self.doi.clone(),
            provider: self.provider.clone(),
            cloud_hosted: self.cloud_hosted,
            ..CollectionQuery::default()
        };
        query.concept_id.extend(self.concept_id.iter().filter(|id| crate::ids::is_concept_id(id, 'C')).cloned());
        for id in &self.collections {
            match id {
                CollectionId::Concept(c) => query.concept_id.push(c.clone()),
                CollectionId::Name(n) => query.short_name.push(n.clone()),
                CollectionId::Versioned { short_name, version } => query.entry_id.push(format!("{short_name}_{version}")),
                CollectionId::Granule(_) => {}
            }
        }
        query
    }

    /// The same query in collections that were found, by their concept ids, instead of everything that names collections. `None` when none
    /// was found: then there are no granules either.
    pub fn in_collections<T: Into<String>>(&self, concept_ids: impl IntoIterator<Item = T>) -> Option<Self> {
        let collections: Vec<CollectionId> = concept_ids.into_iter().map(|id| CollectionId::Concept(id.into())).collect();
        let is_granule = |id: &String| !crate::ids::is_concept_id(id, 'C');
        let mut concept_id: Vec<String> = self.concept_id.iter().filter(|id| is_granule(id)).cloned().collect();
        concept_id.extend(self.collections.iter().filter(|c| matches!(c, CollectionId::Granule(_))).map(CollectionId::to_string));
        let mut options = self.options.clone();
        for replaced in ["short_name", "version", "entry_title", "entry_id", "collection_concept_id"] {
            options.0.remove(replaced);
        }
        (!collections.is_empty()).then(|| Self {
            collections,
            concept_id,
            options,
            collection_concept_id: Vec::new(),
            short_name: Vec::new(),
            version: Vec::new(),
            entry_title: Vec::new(),
            entry_id: Vec::new(),
            doi: Vec::new(),
            cloud_hosted: None,
            ..self.clone()
        })
    }

    /// The field that a name means, and its value in the field's words; `None` when the value has found its place already.
    fn prepare(&mut self, field: &str, given: Value) -> Result<Option<(String, Value)>, Misread> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == field).map_or(field, |(_, name)| name);
        match name {
            "intersects" => self.add_geometry(&given).map(|()| None),
            "cloud_cover" if given.is_number() || given.as_str().is_some_and(|t| !t.contains(',')) => {
                let n = crate::problem::plain(&given);
                let hint = match n.split_once('-').map(|(low, high)| (low.trim(), high.trim())) {
                    Some((low, high)) if !low.is_empty() => format!("write `{low},{high}`, or [{low}, {high}]"),
                    _ => format!("write [0, {n}] for at most that, [{n}, 100] for at least that"),
                };
                Err(Misread::new(&given, "is one number where a range is wanted", hint))
            }
            "doi" => Ok(Some((name.to_owned(), crate::ids::bare_dois(given)))),
            "short_name" if is_versioned(&given) => Ok(Some(("collections".into(), given))),
            _ => Ok(Some((name.to_owned(), given))),
        }
    }

    fn add_geometry(&mut self, given: &Value) -> Result<(), Misread> {
        let geometry = given.get("geometry").unwrap_or(given);
        let mut parts = Vec::new();
        collect_parts(geometry, &mut parts).map_err(|message| {
            Misread::new(given, message, "give a GeoJSON geometry: {\"type\": \"Polygon\", \"coordinates\": [[[lon, lat], …]]}")
        })?;
        let mut kinds: Vec<&str> = parts.iter().map(|(kind, _)| *kind).collect();
        kinds.dedup();
        match &kinds[..] {
            [kind] if parts.len() > 1 => self.options.set(kind, "or", true),
            [] | [_] => {}
            _ => self.options.set("spatial", "or", true),
        }
        for (kind, part) in parts {
            self.read(kind, part);
        }
        Ok(())
    }
}

fn is_versioned(given: &Value) -> bool {
    let one = |v: &Value| v.as_str().is_some_and(|t| matches!(CollectionId::parse(t), CollectionId::Versioned { .. }));
    one(given) || given.as_array().is_some_and(|all| all.iter().any(one))
}

/// The single geometries of a GeoJSON geometry, each with the field that takes it, sorted by kind.
fn collect_parts(geometry: &Value, parts: &mut Vec<(&'static str, Value)>) -> Result<(), String> {
    let kind = geometry.get("type").and_then(Value::as_str).ok_or("is not a GeoJSON geometry")?;
    if kind == "GeometryCollection" {
        let all = geometry.get("geometries").and_then(Value::as_array).ok_or("has no geometries")?;
        all.iter().try_for_each(|g| collect_parts(g, parts))?;
        parts.sort_by_key(|(kind, _)| *kind);
        return Ok(());
    }
    let coordinates = geometry.get("coordinates").ok_or("has no coordinates")?;
    let (single, field, levels) = match kind.trim_start_matches("Multi") {
        "Point" => ("Point", "point", 1),
        "LineString" => ("LineString", "line", 2),
        "Polygon" => ("Polygon", "polygon", 3),
        _ => return Err(format!("is of type `{kind}`, which is not a GeoJSON geometry")),
    };
    let part = |c: &Value| (field, json!({"type": single, "coordinates": c}));
    match (kind.starts_with("Multi"), coordinates) {
        (true, Value::Array(all)) if depth(coordinates) == levels + 1 => parts.extend(all.iter().map(part)),
        (false, Value::Array(_)) if depth(coordinates) == levels => parts.push(part(coordinates)),
        _ => return Err(format!("has coordinates that are not those of a {kind}")),
    }
    Ok(())
}
