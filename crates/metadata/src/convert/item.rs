//! A granule written as a STAC Item, from bytes to bytes.

use std::borrow::Cow;

use super::{
    Options,
    asset::multihash,
    carried,
    geometry::Outline,
    moment::{Moment, created, moment, updated},
    names::{ARCHIVE, CMR, CMR_BESIDE, CMR_META, DAY_NIGHT, Extension, STAC, UMM, UMM_FIELDS, is_umm_name, meta_name, version_text},
};
use crate::{
    Effect, MetadataError, Number, Raw, Report, StacVersion, Text,
    json::{self, Writer},
    time,
    umm::{ArchiveFile, Facts, File, Granule, Other, Platform, Stated},
};

/// Writes a granule as a STAC Item, compact and without a line break, behind what `out` already holds.
///
/// # Errors
/// When the record states no time at all, which STAC requires. Then nothing is written.
pub fn write_item(granule: &Granule<'_>, options: &Options<'_>, out: &mut Vec<u8>) -> Result<Report, MetadataError> {
    let start = out.len();
    let made = Made::of(granule, options)?;
    let mut report = Report::default();
    made.write(&mut Writer::new(out), &mut report);
    if let Some(attributes) = granule.attributes.as_ref().filter(|_| granule.was_item()) {
        let carried = attributes.value.iter().filter(|a| a.name.starts_with(STAC)).map(|a| (a.name.as_ref(), a.values().concat()));
        let made = json::parse(json::whole(&out[start..])?)?;
        let item = carried::restore(carried, made, options.stac_version);
        out.truncate(start);
        out.extend_from_slice(item.to_string().as_bytes());
    }
    Ok(report)
}

/// Writes what is asked of an Item most often, as a JSON object with the fields of the Item: `id`, `bbox`, `collection`, and of `properties` the times,
/// `eo:cloud_cover` and `cmr:concept_id`. The granule holds no Item that was turned before: [`umm::Granule::was_item`](crate::umm::Granule::was_item).
///
/// # Errors
/// Those of [`write_item`].
pub fn write_summary(granule: &Granule<'_>, options: &Options<'_>, out: &mut Vec<u8>) -> Result<(), MetadataError> {
    Made::of(granule, options)?.write_summary(&mut Writer::new(out));
    Ok(())
}

/// Everything that is needed to write an Item.
pub(super) struct Made<'g> {
    pub(super) granule: &'g Granule<'g>,
    pub(super) options: &'g Options<'g>,
    moment: Moment<'g>,
    outline: Outline<'g>,
    facts: Facts<'g>,
    files: Vec<File<'g>>,
    pub(super) collection: Option<Cow<'g, str>>,
    produced: Option<&'g Text<'g>>,
    /// Whether the order of the URLs must be kept for the way back.
    pub(super) ordered: bool,
}

impl<'g> Made<'g> {
    fn of(granule: &'g Granule<'g>, options: &'g Options<'g>) -> Result<Self, MetadataError> {
        let collection = options.collection.map(Cow::Borrowed);
        let produced = granule.data.as_ref().and_then(|d| d.produced.as_ref()).filter(|p| time::is_utc(p.as_bytes()));
        let files = granule.files();
        Ok(Self {
            granule,
            options,
            ordered: files.iter().any(|f| f.by_order),
            moment: moment(granule)?,
            outline: Outline::of(granule.spatial.as_ref().map(|s| &s.value)),
            facts: Facts::of(granule),
            files,
            collection: collection.or_else(|| granule.collection_id().map(Cow::Owned)).or_else(|| granule.collection_concept_id().map(Cow::Borrowed)),
            produced,
        })
    }

    fn write(&self, w: &mut Writer<'_>, report: &mut Report) {
        w.open(b'{');
        w.key("type");
        w.plain("Feature");
        w.key("stac_version");
        w.plain(version_text(self.options.stac_version));
        self.write_extensions(w);
        w.key("id");
        w.text(&self.granule.id);
        self.outline.write(w);
        if let Outline::Computed(footprint) = &self.outline
            && footprint.is_mixed()
        {
            report.note(
                "SpatialExtent",
                Effect::Approximated,
                "schemas of STAC allow one kind of geometry: `geometry` has the areas, else the lines; `bbox` has all",
            );
        }
        w.key("properties");
        w.open(b'{');
        self.write_properties(w, report);
        w.close(b'}');
        self.write_links(w);
        w.key("assets");
        w.open(b'{');
        self.files.iter().for_each(|file| self.write_asset(w, file));
        w.close(b'}');
        if let Some(collection) = self.linked_collection() {
            w.key("collection");
            w.any(collection);
        }
        w.close(b'}');
    }

    fn write_summary(&self, w: &mut Writer<'_>) {
        w.open(b'{');
        w.key("id");
        w.text(&self.granule.id);
        self.outline.write_bbox(w);
        w.key("properties");
        w.open(b'{');
        self.write_time(w, &mut Report::default());
        self.write_cloud_cover(w);
        if let Some(id) = self.granule.meta.as_ref().and_then(|m| m.concept_id.as_ref()) {
            w.key("cmr:concept_id");
            w.text(id);
        }
        w.close(b'}');
        if let Some(collection) = self.linked_collection() {
            w.key("collection");
            w.any(collection);
        }
        w.close(b'}');
    }

    fn write_extensions(&self, w: &mut Writer<'_>) {
        let version = self.options.stac_version;
        let bands = version == StacVersion::V1_0 && self.files.iter().any(|f| f.is_band);
        let used = [
            (self.cloud_cover().is_some() || bands, Extension::Eo),
            (self.facts.grid.is_some(), Extension::Projection),
            (self.files.iter().any(|f| f.size().is_some() || multihash(f).is_some()), Extension::File),
            (self.files.iter().any(|f| !f.others.is_empty()), Extension::Alternate),
            (self.facts.doi.is_some(), Extension::Scientific),
            (self.facts.sun.is_some(), Extension::View),
            (self.facts.mgrs_tile.is_some(), Extension::Grid),
            (self.produced.is_some(), Extension::Processing),
        ];
        w.key("stac_extensions");
        w.open(b'[');
        used.iter().filter(|(used, _)| *used).for_each(|(_, extension)| w.plain(extension.schema(version)));
        w.close(b']');
    }

    /// Stated within 0 to 100; else by an attribute.
    fn cloud_cover(&self) -> Option<CloudCover<'g>> {
        let stated = self.granule.cloud_cover.filter(|c| (0.0..=100.0).contains(&c.value()));
        stated.map(CloudCover::Stated).or(self.facts.cloud_cover.map(CloudCover::Attribute))
    }

    fn write_properties(&self, w: &mut Writer<'_>, report: &mut Report) {
        self.write_time(w, report);
        self.write_dates(w);
        let platforms_say_all = self.write_platforms(w);
        self.write_facts(w);
        if let Some(meta) = &self.granule.meta {
            self.write_meta(w, meta);
        }
        if !self.granule.beside.is_empty() {
            w.key(CMR_BESIDE);
            write_object(w, &self.granule.beside, report, "");
        }
        self.write_carried(w, report, platforms_say_all);
    }

    fn write_time(&self, w: &mut Writer<'_>, report: &mut Report) {
        w.key("datetime");
        match &self.moment.datetime {
            Some(datetime) => w.any(datetime),
            None => w.literal("null"),
        }
        if let Some((start, end)) = &self.moment.range {
            w.key("start_datetime");
            w.any(start);
            w.key("end_datetime");
            w.any(end);
        }
        if let Some(reason) = self.moment.assumed {
            let effect = if self.granule.temporal.is_some() { Effect::Approximated } else { Effect::Assumed };
            report.note("TemporalExtent", effect, reason);
        }
    }

    /// `created` and `updated` of the record.
    fn write_dates(&self, w: &mut Writer<'_>) {
        let dates = self.granule.provider_dates.as_ref().map_or(&[][..], |d| &d.value);
        if let Some(created) = created(dates) {
            w.key("created");
            w.any(&created);
        }
        if let Some(updated) = self.granule.revision_date().and_then(time::stac).or_else(|| updated(dates)) {
            w.key("updated");
            w.any(&updated);
        }
    }

    /// Answers whether `Platforms` follows from what was written.
    fn write_platforms(&self, w: &mut Writer<'_>) -> bool {
        let Some(Stated { value: platforms, .. }) = &self.granule.platforms else { return true };
        if let [platform] = platforms.as_slice() {
            w.key("platform");
            w.text(&platform.short_name);
        }
        let names = instruments(platforms);
        if !names.is_empty() {
            w.key("instruments");
            w.open(b'[');
            names.iter().for_each(|name| w.text(name));
            w.close(b']');
        }
        matches!(platforms.as_slice(), [platform] if !platform.more && platform.instruments.len() == names.len())
    }

    fn write_cloud_cover(&self, w: &mut Writer<'_>) {
        match self.cloud_cover() {
            Some(CloudCover::Stated(number)) => {
                w.key("eo:cloud_cover");
                w.literal(number.as_str());
            }
            Some(CloudCover::Attribute(value)) => {
                w.key("eo:cloud_cover");
                w.number(value);
            }
            None => {}
        }
    }

    fn write_facts(&self, w: &mut Writer<'_>) {
        self.write_cloud_cover(w);
        if let Some((azimuth, elevation)) = self.facts.sun {
            w.key("view:sun_azimuth");
            w.number(azimuth);
            w.key("view:sun_elevation");
            w.number(elevation);
        }
        if let Some(grid) = &self.facts.grid {
            if self.options.stac_version == StacVersion::V1_0 {
                w.key("proj:epsg");
                w.number(f64::from(grid.epsg));
            } else {
                w.key("proj:code");
                w.plain(&format!("EPSG:{}", grid.epsg));
            }
            w.key("proj:shape");
            w.open(b'[');
            grid.shape.iter().for_each(|n| w.literal(&n.to_string()));
            w.close(b']');
            w.key("proj:transform");
            w.open(b'[');
            grid.transform().iter().for_each(|n| w.number(*n));
            w.close(b']');
        }
        if let Some(tile) = self.facts.mgrs_tile {
            w.key("grid:code");
            w.plain(&format!("MGRS-{tile}"));
        }
        if let Some(doi) = self.facts.doi {
            w.key("sci:doi");
            w.any(doi);
        }
        if let Some(produced) = self.produced {
            w.key("processing:datetime");
            w.text(produced);
        }
    }

    fn write_meta(&self, w: &mut Writer<'_>, meta: &crate::umm::Meta<'_>) {
        let texts = [
            ("cmr:concept_id", &meta.concept_id),
            ("cmr:native_id", &meta.native_id),
            ("cmr:provider_id", &meta.provider_id),
            ("cmr:collection_concept_id", &meta.collection_concept_id),
            ("cmr:revision_date", &meta.revision_date),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                w.key(key);
                w.text(text);
            }
        }
        if let Some(id) = meta.revision_id {
            w.key("cmr:revision_id");
            w.literal(id.as_str());
        }
        let (named, odd): (Vec<_>, Vec<_>) = meta.other.iter().partition(|(name, _)| meta_name(name).is_some());
        for (name, raw) in named {
            w.any_key(CMR, &name.replace('-', "_"));
            w.raw(*raw);
        }
        if !odd.is_empty() {
            w.key(CMR_META);
            w.open(b'{');
            for (name, raw) in odd {
                w.any_key("", name);
                w.raw(*raw);
            }
            w.close(b'}');
        }
    }

    /// What UMM alone has words for.
    fn write_carried(&self, w: &mut Writer<'_>, report: &mut Report, platforms_say_all: bool) {
        const REASON: &str = "STAC has no word for it: it is a property `umm:…`, or in `umm:fields`";
        let granule = self.granule;
        let mut carry = |w: &mut Writer<'_>, name: &'static str, raw: Raw<'_>, reason: &'static str| {
            w.any_key(UMM, name);
            w.raw(raw);
            report.note(name, Effect::Carried, reason);
        };
        if let Some(reference) = &granule.collection {
            carry(w, "CollectionReference", reference.raw, "the id of the collection is made from it: it is kept as it stands, too");
        }
        match &granule.temporal {
            Some(temporal) if !self.moment.exact => carry(w, "TemporalExtent", temporal.raw, "STAC says it otherwise: it is kept as it stands, too"),
            None if !granule.other.iter().any(|(name, _)| name == "TemporalExtent") => {
                w.key("umm:TemporalExtent");
                w.literal("null");
            }
            _ => {}
        }
        if let Some(spatial) = &granule.spatial
            && !self.outline.says_all(&spatial.value)
        {
            carry(w, "SpatialExtent", spatial.raw, "a geometry of STAC does not say all of it: it is kept as it stands, too");
        }
        if let Some(platforms) = &granule.platforms
            && !platforms_say_all
        {
            carry(w, "Platforms", platforms.raw, "`platform` and `instruments` do not say all of it: it is kept as it stands, too");
        }
        if let Some(dates) = &granule.provider_dates {
            carry(w, "ProviderDates", dates.raw, "`created` and `updated` do not say all of it: it is kept as it stands, too");
        }
        if let Some(cover) =
            granule.cloud_cover.filter(|c| !matches!(self.cloud_cover(), Some(CloudCover::Stated(_))) || self.facts.cloud_cover == Some(c.value()))
        {
            carry(w, "CloudCover", Raw(cover.as_str()), "it is not a percentage, or an attribute says the same: it is kept as it stands");
        }
        self.write_attributes(w, report);
        self.write_data(w, report);
        write_umm_fields(w, &granule.other);
        granule.other.iter().for_each(|(name, _)| report.note(name.to_string(), Effect::Carried, REASON));
    }

    fn write_attributes(&self, w: &mut Writer<'_>, report: &mut Report) {
        let Some(attributes) = &self.granule.attributes else { return };
        let foreign = attributes.value.iter().any(|a| a.name.starts_with(STAC));
        let mut own = attributes.value.iter().filter(|a| !a.name.starts_with(STAC)).peekable();
        if foreign && own.peek().is_none() {
            return;
        }
        w.key("umm:AdditionalAttributes");
        if foreign {
            w.open(b'[');
            own.for_each(|a| w.raw(a.raw));
            w.close(b']');
        } else {
            w.raw(attributes.raw);
        }
        report.note("AdditionalAttributes", Effect::Carried, "STAC has words for a few of them: all are kept as they stand");
    }

    /// What is left of `DataGranule`.
    fn write_data(&self, w: &mut Writer<'_>, report: &mut Report) {
        let Some(data) = &self.granule.data else { return };
        if let Some(flag) = &data.day_night {
            w.key(DAY_NIGHT);
            w.text(flag);
        }
        let is_told = |entry: &ArchiveFile<'_>| self.files.iter().filter_map(|f| f.archive).any(|told| std::ptr::eq(told, entry));
        let mut untold = data.files.iter().filter(|f| !is_told(f)).peekable();
        if untold.peek().is_some() {
            w.key(ARCHIVE);
            w.open(b'[');
            untold.for_each(|f| w.raw(f.raw));
            w.close(b']');
            report.note(
                "DataGranule.ArchiveAndDistributionInformation",
                Effect::Carried,
                "some of it belongs to no URL: it is in the property `umm:archive`",
            );
        }
        let produced = data.produced.as_ref().filter(|_| self.produced.is_none());
        let nothing_said = data.day_night.is_none() && data.files.is_empty() && data.produced.is_none();
        if !data.other.is_empty() || produced.is_some() || nothing_said {
            w.key("umm:DataGranule");
            w.open(b'{');
            for (name, raw) in &data.other {
                w.any_key("", name);
                w.raw(*raw);
            }
            if let Some(produced) = produced {
                w.key("ProductionDateTime");
                w.text(produced);
            }
            w.close(b'}');
            report.note("DataGranule", Effect::Carried, "STAC has no word for some of it: that is in the property `umm:DataGranule`");
        }
    }

    /// Whether an entry stands in the list itself: one inside a package stays there.
    pub(super) fn is_listed(&self, entry: &ArchiveFile<'_>) -> bool {
        self.granule.data.as_ref().is_some_and(|d| d.files.iter().any(|f| std::ptr::eq(f, entry)))
    }
}

/// Fields under their names in UMM; those that could be mistaken, together.
pub(super) fn write_umm_fields(w: &mut Writer<'_>, fields: &Other<'_>) {
    let (named, odd): (Vec<_>, Vec<_>) = fields.iter().partition(|(name, _)| is_umm_name(name));
    for (name, raw) in named {
        w.any_key(UMM, name);
        w.raw(*raw);
    }
    if !odd.is_empty() {
        w.key(UMM_FIELDS);
        w.open(b'{');
        for (name, raw) in odd {
            w.any_key("", name);
            w.raw(*raw);
        }
        w.close(b'}');
    }
}

#[derive(Debug, Clone, Copy)]
enum CloudCover<'g> {
    Stated(Number<'g>),
    Attribute(f64),
}

fn write_object(w: &mut Writer<'_>, fields: &Other<'_>, report: &mut Report, path: &str) {
    w.open(b'{');
    for (name, raw) in fields {
        w.any_key("", name);
        w.raw(*raw);
        report.note(format!("{path}{name}"), Effect::Carried, "it stands beside the record: it is in the property `cmr:beside`");
    }
    w.close(b'}');
}

/// Names of all instruments, each once.
fn instruments<'p, 'a>(platforms: &'p [Platform<'a>]) -> Vec<&'p Text<'a>> {
    let mut names: Vec<&Text<'_>> = Vec::new();
    for instrument in platforms.iter().flat_map(|p| &p.instruments) {
        if !names.contains(&&instrument.short_name) {
            names.push(&instrument.short_name);
        }
    }
    names
}
