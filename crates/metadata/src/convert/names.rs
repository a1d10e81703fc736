//! Names that the two forms give to what only one of them knows, and the extensions of STAC that are used.

use crate::StacVersion;

/// Before the name of a UMM field, kept as it stands.
pub(super) const UMM: &str = "umm:";
/// Before the name of a field of CMR's `meta`.
pub(super) const CMR: &str = "cmr:";
/// Before the name of a STAC property, in the name of an additional attribute.
pub(super) const STAC: &str = "stac:";

/// UMM fields whose names would look like this program's own: they are kept together.
pub(super) const UMM_FIELDS: &str = "umm:fields";
/// `DataGranule.DayNightFlag`.
pub(super) const DAY_NIGHT: &str = "umm:day_night";
/// Entries of `ArchiveAndDistributionInformation`: of an asset its own, of an item those that belong to no asset.
pub(super) const ARCHIVE: &str = "umm:archive";
/// Where a URL stood in `RelatedUrls`, where that matters.
pub(super) const INDEX: &str = "umm:index";
/// What stands beside `meta` and `umm`.
pub(super) const CMR_BESIDE: &str = "cmr:beside";
/// Fields of `meta` whose names do not turn into snake case and back.
pub(super) const CMR_META: &str = "cmr:meta";

/// Whether `umm:NAME` cannot be mistaken: UMM's names begin with a capital, this program's own do not.
pub(super) fn is_umm_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// `concept-type` as `concept_type`; `None` where the way back would give something else.
pub(super) fn meta_name(name: &str) -> Option<String> {
    let reversible =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') && !["beside", "meta"].contains(&name);
    reversible.then(|| name.replace('-', "_"))
}

/// The version as documents state it.
pub(super) fn version_text(version: StacVersion) -> &'static str {
    match version {
        StacVersion::V1_0 => "1.0.0",
        StacVersion::V1_1 => "1.1.0",
    }
}

/// Extensions that a made Item may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    Eo,
    Projection,
    File,
    Alternate,
    Scientific,
    View,
    Grid,
    Processing,
}

impl Extension {
    pub(super) fn schema(self, version: StacVersion) -> &'static str {
        match self {
            // Version 2 of this one changes names inside bands alone, and fewer readers know it.
            Self::Eo => "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
            Self::Projection if version == StacVersion::V1_0 => "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
            Self::Projection => "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
            Self::File => "https://stac-extensions.github.io/file/v2.1.0/schema.json",
            Self::Alternate => "https://stac-extensions.github.io/alternate-assets/v1.2.0/schema.json",
            Self::Scientific => "https://stac-extensions.github.io/scientific/v1.0.0/schema.json",
            Self::View => "https://stac-extensions.github.io/view/v1.0.0/schema.json",
            Self::Grid => "https://stac-extensions.github.io/grid/v1.1.0/schema.json",
            Self::Processing => "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
        }
    }
}
