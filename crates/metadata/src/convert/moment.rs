//! When a granule was taken, and when its record was made, as STAC says it.

use std::borrow::Cow;

use crate::{
    MetadataError, time,
    umm::{Granule, ProviderDate, Temporal},
};

/// When, as STAC says it.
pub(super) struct Moment<'g> {
    pub(super) datetime: Option<Cow<'g, str>>,
    pub(super) range: Option<(Cow<'g, str>, Cow<'g, str>)>,
    /// Whether `TemporalExtent` follows from these.
    pub(super) exact: bool,
    /// Why the time is not the record's own.
    pub(super) assumed: Option<&'static str>,
}

fn dated<'d>(dates: &'d [ProviderDate<'_>], kind: &str) -> Option<Cow<'d, str>> {
    dates.iter().find(|d| d.kind == kind).and_then(|d| time::stac(&d.date))
}

/// When the record came to be.
pub(super) fn created<'d>(dates: &'d [ProviderDate<'_>]) -> Option<Cow<'d, str>> {
    dated(dates, "Insert").or_else(|| dated(dates, "Create"))
}

pub(super) fn updated<'d>(dates: &'d [ProviderDate<'_>]) -> Option<Cow<'d, str>> {
    dated(dates, "Update")
}

pub(super) fn moment<'g>(granule: &'g Granule<'g>) -> Result<Moment<'g>, MetadataError> {
    let verbatim = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
    match granule.temporal.as_ref().map(|t| &t.value) {
        Some(Temporal::Single(at)) => {
            if let Some(datetime) = time::stac(at) {
                return Ok(Moment { exact: verbatim(&datetime), datetime: Some(datetime), range: None, assumed: None });
            }
        }
        Some(Temporal::Range(start, end)) => match (time::stac(start), end.as_deref().and_then(time::stac)) {
            (Some(first), Some(last)) => {
                let datetime = (first == last).then(|| first.clone());
                return Ok(Moment { datetime, exact: verbatim(&first) && verbatim(&last), range: Some((first, last)), assumed: None });
            }
            (Some(first), None) => {
                let assumed = Some("it has no end that can be read, and STAC wants both: `datetime` is its beginning");
                return Ok(Moment { datetime: Some(first), range: None, exact: false, assumed });
            }
            _ => {}
        },
        None => {}
    }
    let dates = granule.provider_dates.as_ref().map_or(&[][..], |d| &d.value);
    let produced = granule.data.as_ref().and_then(|d| d.produced.as_deref()).and_then(time::stac);
    let instead = produced.or_else(|| created(dates)).or_else(|| updated(dates)).or_else(|| granule.revision_date().and_then(time::stac));
    let Some(datetime) = instead else {
        return Err(MetadataError::NotARecord {
            expected: "a record that STAC can hold",
            message: format!("`{}` states no time at all, and an Item must", granule.id),
        });
    };
    let assumed = Some("no time is stated that can be read, and STAC wants one: `datetime` is when the granule was made or recorded");
    Ok(Moment { datetime: Some(datetime), range: None, exact: false, assumed })
}
