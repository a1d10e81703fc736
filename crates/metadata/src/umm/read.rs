//! JSON to UMM-G. A reader returns `None` for a value of another shape than it knows: then the value is kept as it stands.

use super::{
    attributes::Attribute,
    granule::{CollectionReference, Granule},
    parts::{ArchiveFile, DataGranule, Identifier, Instrument, Meta, Other, Platform, ProviderDate, RelatedUrl, Stated, Temporal},
    spatial_read,
};
use crate::{
    MetadataError, Number, Raw, Text,
    json::{Reader, Result},
};

/// What was read, or `None` where the value has another shape.
pub(crate) type Read<T> = Result<Option<T>>;

/// A record, in CMR's envelope or bare.
pub(crate) fn record<'a>(reader: &mut Reader<'a>) -> std::result::Result<Granule<'a>, MetadataError> {
    let mut granule = Granule::default();
    if !granule_into(reader, &mut granule).map_err(|fault| reader.error(fault))? {
        return Err(not_a_granule("it is not an object, or its `umm` is none"));
    }
    if granule.id.is_empty() {
        return Err(not_a_granule("it has no `GranuleUR`"));
    }
    Ok(granule)
}

fn not_a_granule(message: &str) -> MetadataError {
    MetadataError::NotARecord { expected: "a UMM-G record", message: message.into() }
}

/// Whether it has the shape of a record.
fn granule_into<'a>(reader: &mut Reader<'a>, granule: &mut Granule<'a>) -> Result<bool> {
    let start = reader.at();
    let (mut enveloped, mut known) = (false, true);
    let read = reader.object(|reader, key| {
        match key.as_ref() {
            "umm" => {
                enveloped = true;
                if umm(reader, granule)?.is_none() {
                    known = false;
                    reader.raw()?;
                }
            }
            "meta" => match reader.attempt(meta)? {
                Ok(meta) => granule.meta = Some(meta),
                Err(raw) => granule.beside.push((key, raw)),
            },
            _ => granule.beside.push((key, reader.raw()?)),
        }
        Ok(())
    })?;
    if read.is_some() && !enveloped {
        *granule = Granule::default();
        reader.back_to(start);
        umm(reader, granule)?;
    }
    Ok(read.is_some() && known)
}

fn umm<'a>(reader: &mut Reader<'a>, granule: &mut Granule<'a>) -> Read<()> {
    reader.object(|reader, key| {
        let other = match key.as_ref() {
            "GranuleUR" => reader.attempt(Reader::text)?.map(|id| granule.id = id).err(),
            "CollectionReference" => stated(reader, collection)?.map(|c| granule.collection = Some(c)).err(),
            "TemporalExtent" => stated(reader, temporal)?.map(|t| granule.temporal = Some(t)).err(),
            "SpatialExtent" => stated(reader, spatial_read::spatial)?.map(|s| granule.spatial = Some(s)).err(),
            "CloudCover" => reader.attempt(Reader::number)?.map(|c| granule.cloud_cover = Some(c)).err(),
            "DataGranule" => reader.attempt(data)?.map(|d| granule.data = Some(d)).err(),
            "ProviderDates" => stated(reader, |r| list(r, provider_date))?.map(|d| granule.provider_dates = Some(d)).err(),
            "Platforms" => stated(reader, |r| list(r, platform))?.map(|p| granule.platforms = Some(p)).err(),
            "RelatedUrls" => match stated(reader, |r| filled(r, 40, related_url))? {
                Ok(Stated { value: (urls, is_all), raw }) => {
                    granule.urls = urls;
                    (!is_all).then_some(raw)
                }
                Err(raw) => Some(raw),
            },
            "AdditionalAttributes" => match stated(reader, |r| filled(r, 32, attribute))? {
                Ok(Stated { value: (attributes, true), raw }) => {
                    granule.attributes = Some(Stated { value: attributes, raw });
                    None
                }
                Ok(Stated { raw, .. }) | Err(raw) => Some(raw),
            },
            _ => Some(reader.raw()?),
        };
        granule.other.extend(other.map(|raw| (key, raw)));
        Ok(())
    })
}

fn meta<'a>(reader: &mut Reader<'a>) -> Read<Meta<'a>> {
    let mut meta = Meta::default();
    let read = reader.object(|reader, key| {
        let slot = match key.as_ref() {
            "concept-id" => &mut meta.concept_id,
            "native-id" => &mut meta.native_id,
            "provider-id" => &mut meta.provider_id,
            "collection-concept-id" => &mut meta.collection_concept_id,
            "revision-date" => &mut meta.revision_date,
            "revision-id" => {
                match reader.attempt(Reader::number)? {
                    Ok(id) => meta.revision_id = Some(id),
                    Err(raw) => meta.other.push((key, raw)),
                }
                return Ok(());
            }
            _ => {
                meta.other.push((key, reader.raw()?));
                return Ok(());
            }
        };
        text_into(reader, key, slot, &mut meta.other)
    })?;
    Ok(read.map(|()| meta))
}

/// A text into its field, anything else to the others.
fn text_into<'a, T: From<Text<'a>>>(reader: &mut Reader<'a>, key: Text<'a>, slot: &mut T, other: &mut Other<'a>) -> Result<()> {
    match reader.text()? {
        Some(text) => *slot = text.into(),
        None => other.push((key, reader.raw()?)),
    }
    Ok(())
}

/// A value together with its text; or the text alone where it has another shape.
fn stated<'a, T>(reader: &mut Reader<'a>, read: impl FnOnce(&mut Reader<'a>) -> Read<T>) -> Result<std::result::Result<Stated<'a, T>, Raw<'a>>> {
    reader.peek();
    let start = reader.at();
    match read(reader)? {
        Some(value) => Ok(Ok(Stated { value, raw: reader.since(start) })),
        None => {
            reader.back_to(start);
            reader.raw().map(Err)
        }
    }
}

/// Most lists are short: platforms, dates, the corners of a scene.
const USUAL: usize = 5;

/// A list in which every value has the shape that `read` knows.
pub(crate) fn list<'a, T>(reader: &mut Reader<'a>, mut read: impl FnMut(&mut Reader<'a>) -> Read<T>) -> Read<Vec<T>> {
    let mut values = Vec::with_capacity(USUAL);
    let mut is_all = true;
    let listed = reader.array(|reader| {
        match reader.attempt(&mut read)? {
            Ok(value) => values.push(value),
            Err(_) => is_all = false,
        }
        Ok(())
    })?;
    Ok(listed.filter(|()| is_all).map(|()| values))
}

/// The values of a list that have the shape that `fill` knows, and whether these are all. Each is read where it stays: moving one costs as much as
/// reading it.
fn filled<'a, T: Default>(
    reader: &mut Reader<'a>,
    expected: usize,
    mut fill: impl FnMut(&mut Reader<'a>, &mut T) -> Result<bool>,
) -> Read<(Vec<T>, bool)> {
    let mut values: Vec<T> = Vec::with_capacity(expected);
    let mut is_all = true;
    let listed = reader.array(|reader| {
        let start = reader.at();
        // Made in its place; `push` would make it elsewhere and move it.
        values.resize_with(values.len() + 1, T::default);
        if let Some(value) = values.last_mut()
            && fill(reader, value)?
        {
            return Ok(());
        }
        values.pop();
        is_all = false;
        reader.back_to(start);
        reader.raw().map(drop)
    })?;
    Ok(listed.map(|()| (values, is_all)))
}

fn collection<'a>(reader: &mut Reader<'a>) -> Read<CollectionReference<'a>> {
    let mut reference = CollectionReference::default();
    let mut other = Other::new();
    let read = reader.object(|reader, key| {
        let slot = match key.as_ref() {
            "ShortName" => &mut reference.short_name,
            "Version" => &mut reference.version,
            "EntryTitle" => &mut reference.entry_title,
            _ => return reader.raw().map(drop),
        };
        text_into(reader, key, slot, &mut other)
    })?;
    Ok(read.filter(|()| other.is_empty()).map(|()| reference))
}

fn temporal<'a>(reader: &mut Reader<'a>) -> Read<Temporal<'a>> {
    let (mut single, mut start, mut end) = (None, None, None);
    let mut known = true;
    let read = reader.object(|reader, key| {
        let mut other = Other::new();
        match key.as_ref() {
            "SingleDateTime" => text_into(reader, key, &mut single, &mut other)?,
            "RangeDateTime" => {
                let range = reader.attempt(|reader| {
                    reader.object(|reader, key| {
                        let slot = match key.as_ref() {
                            "BeginningDateTime" => &mut start,
                            "EndingDateTime" => &mut end,
                            _ => return reader.raw().map(drop),
                        };
                        text_into(reader, key, slot, &mut other)
                    })
                })?;
                known &= range.is_ok();
            }
            _ => drop(reader.raw()?),
        }
        known &= other.is_empty();
        Ok(())
    })?;
    let temporal = match (start, single) {
        (Some(start), _) => Some(Temporal::Range(start, end)),
        (None, single) => single.map(Temporal::Single),
    };
    Ok(read.filter(|()| known).and(temporal))
}

fn data<'a>(reader: &mut Reader<'a>) -> Read<DataGranule<'a>> {
    let mut data = DataGranule::default();
    let read = reader.object(|reader, key| {
        let other = match key.as_ref() {
            "DayNightFlag" => reader.attempt(Reader::text)?.map(|flag| data.day_night = Some(flag)).err(),
            "ProductionDateTime" => reader.attempt(Reader::text)?.map(|date| data.produced = Some(date)).err(),
            "Identifiers" => match stated(reader, |r| list(r, identifier))? {
                Ok(identifiers) => {
                    data.identifiers = identifiers.value;
                    Some(identifiers.raw)
                }
                Err(raw) => Some(raw),
            },
            "ArchiveAndDistributionInformation" => reader.attempt(|r| list(r, archive_file))?.map(|files| data.files = files).err(),
            _ => Some(reader.raw()?),
        };
        data.other.extend(other.map(|raw| (key, raw)));
        Ok(())
    })?;
    Ok(read.map(|()| data))
}

fn identifier<'a>(reader: &mut Reader<'a>) -> Read<Identifier<'a>> {
    let (mut identifier, mut kind, mut other) = (None, None, Other::new());
    let read = reader.object(|reader, key| {
        let slot = match key.as_ref() {
            "Identifier" => &mut identifier,
            "IdentifierType" => &mut kind,
            _ => return reader.raw().map(drop),
        };
        text_into(reader, key, slot, &mut other)
    })?;
    Ok(read.and(identifier).zip(kind).map(|(identifier, kind)| Identifier { identifier, kind }))
}

fn archive_file<'a>(reader: &mut Reader<'a>) -> Read<ArchiveFile<'a>> {
    reader.peek();
    let start = reader.at();
    let (mut name, mut bytes, mut size, mut unit, mut algorithm, mut value) = (None, None, None, None, None, None);
    let (mut files, mut other) = (Vec::new(), Other::new());
    let read = reader.object(|reader, key| {
        match key.as_ref() {
            "Name" => text_into(reader, key, &mut name, &mut other)?,
            "SizeUnit" => text_into(reader, key, &mut unit, &mut other)?,
            "SizeInBytes" => bytes = reader.attempt(Reader::number)?.ok(),
            "Size" => size = reader.attempt(Reader::number)?.ok(),
            "Files" => files = reader.attempt(|r| list(r, archive_file))?.unwrap_or_default(),
            "Checksum" => drop(reader.attempt(|reader| {
                reader.object(|reader, key| {
                    let slot = match key.as_ref() {
                        "Algorithm" => &mut algorithm,
                        "Value" => &mut value,
                        _ => return reader.raw().map(drop),
                    };
                    text_into(reader, key, slot, &mut other)
                })
            })?),
            _ => drop(reader.raw()?),
        }
        Ok(())
    })?;
    let raw = reader.since(start);
    Ok(read.and(name).map(|name| ArchiveFile { name, bytes, size, unit, checksum: algorithm.zip(value), files, raw }))
}

fn provider_date<'a>(reader: &mut Reader<'a>) -> Read<ProviderDate<'a>> {
    let (mut date, mut kind, mut other) = (None, None, Other::new());
    let read = reader.object(|reader, key| {
        let slot = match key.as_ref() {
            "Date" => &mut date,
            "Type" => &mut kind,
            _ => return reader.raw().map(drop),
        };
        text_into(reader, key, slot, &mut other)
    })?;
    Ok(read.and(date).zip(kind).map(|(date, kind)| ProviderDate { date, kind }))
}

fn platform<'a>(reader: &mut Reader<'a>) -> Read<Platform<'a>> {
    let mut platform = Platform::default();
    let read = reader.object(|reader, key| {
        match key.as_ref() {
            "ShortName" => platform.short_name = reader.attempt(Reader::text)?.unwrap_or_default(),
            "Instruments" => match reader.attempt(|r| list(r, instrument))? {
                Ok(instruments) => platform.instruments = instruments,
                Err(_) => platform.more = true,
            },
            _ => {
                platform.more = true;
                reader.raw()?;
            }
        }
        Ok(())
    })?;
    platform.more |= platform.instruments.iter().any(|i| i.more);
    Ok(read.filter(|()| !platform.short_name.is_empty()).map(|()| platform))
}

fn instrument<'a>(reader: &mut Reader<'a>) -> Read<Instrument<'a>> {
    let mut instrument = Instrument::default();
    let read = reader.object(|reader, key| {
        match key.as_ref() {
            "ShortName" => instrument.short_name = reader.attempt(Reader::text)?.unwrap_or_default(),
            _ => {
                instrument.more = true;
                reader.raw()?;
            }
        }
        Ok(())
    })?;
    Ok(read.filter(|()| !instrument.short_name.is_empty()).map(|()| instrument))
}

fn related_url<'a>(reader: &mut Reader<'a>, url: &mut RelatedUrl<'a>) -> Result<bool> {
    let mut has_kind = false;
    let Some(mut more) = reader.open_object() else { return Ok(false) };
    while more {
        // Most of a record are these three, spelled so: there is no key to be read before it is known.
        if reader.begins(br#""URL":""#) {
            url.url = reader.text_begun()?;
        } else if reader.begins(br#""Type":""#) {
            (url.kind, has_kind) = (reader.text_begun()?, true);
        } else if reader.begins(br#""Description":""#) {
            url.description = Some(reader.text_begun()?);
        } else {
            has_kind |= other_field(reader, url)?;
        }
        more = reader.next_field()?;
    }
    Ok(has_kind && !url.url.is_empty())
}

/// Any field of a URL; whether it was a type.
fn other_field<'a>(reader: &mut Reader<'a>, url: &mut RelatedUrl<'a>) -> Result<bool> {
    let key = reader.key()?;
    let is_kind = key == "Type" && reader.peek() == b'"';
    match key.as_ref() {
        "URL" => text_into(reader, key, &mut url.url, &mut url.other),
        "Type" => text_into(reader, key, &mut url.kind, &mut url.other),
        "Subtype" => text_into(reader, key, &mut url.subtype, &mut url.other),
        "Description" => text_into(reader, key, &mut url.description, &mut url.other),
        "MimeType" => text_into(reader, key, &mut url.mime_type, &mut url.other),
        _ => reader.raw().map(|raw| url.other.push((key, raw))),
    }?;
    Ok(is_kind)
}

fn attribute<'a>(reader: &mut Reader<'a>, attribute: &mut Attribute<'a>) -> Result<bool> {
    reader.peek();
    let start = reader.at();
    let (mut has_name, mut known, mut other) = (false, true, Other::new());
    let read = reader.object(|reader, key| {
        match key.as_ref() {
            "Name" => {
                has_name |= reader.peek() == b'"';
                text_into(reader, key, &mut attribute.name, &mut other)?;
            }
            "Values" => known = reader.attempt(|reader| first_of(reader, &mut attribute.value))?.is_ok(),
            _ => drop(reader.raw()?),
        }
        Ok(())
    })?;
    attribute.raw = reader.since(start);
    Ok(read.is_some() && known && has_name)
}

/// The first text of a list of texts.
fn first_of<'a>(reader: &mut Reader<'a>, first: &mut Option<Text<'a>>) -> Read<()> {
    let mut known = true;
    let read = reader.array(|reader| {
        match reader.text()? {
            Some(text) => drop(first.get_or_insert(text)),
            None => {
                known = false;
                reader.raw()?;
            }
        }
        Ok(())
    })?;
    Ok(read.filter(|()| known))
}

/// `Values` of an attribute.
pub(crate) fn values<'a>(attribute: Raw<'a>) -> Read<Vec<Text<'a>>> {
    let mut values = None;
    Reader::new(attribute.as_str()).object(|reader, key| {
        match key.as_ref() {
            "Values" => values = list(reader, Reader::text)?,
            _ => drop(reader.raw()?),
        }
        Ok(())
    })?;
    Ok(values)
}

/// A number, read for the fields of a geometry.
pub(crate) fn number_into<'a>(reader: &mut Reader<'a>, slot: &mut Option<Number<'a>>) -> Result<()> {
    match reader.number()? {
        Some(number) => *slot = Some(number),
        None => drop(reader.raw()?),
    }
    Ok(())
}
