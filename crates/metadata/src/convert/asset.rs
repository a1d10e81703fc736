//! A file of a granule written as an asset.

use super::{
    item::{Made, write_umm_fields},
    names::{ARCHIVE, INDEX},
};
use crate::{
    StacVersion,
    json::Writer,
    umm::{File, Place},
};

impl Made<'_> {
    pub(super) fn write_asset(&self, w: &mut Writer<'_>, file: &File<'_>) {
        let url = file.place.url;
        w.any_key("", &file.key);
        w.form("{\"href\":\"");
        w.inside(&url.url);
        if let Some(media_type) = file.media_type() {
            w.form("\",\"type\":\"");
            w.escaped(&media_type);
        }
        w.form(file.kind.roles_member());
        if file.is_band {
            w.form(if self.options.stac_version == StacVersion::V1_0 { ",\"eo:bands\":[{\"name\":\"" } else { ",\"bands\":[{\"name\":\"" });
            w.escaped(&file.key);
            w.form("\"}]");
        }
        if let Some(size) = file.size() {
            w.key("file:size");
            w.literal(&size.to_string());
        }
        if let Some(checksum) = multihash(file) {
            w.key("file:checksum");
            w.plain(&checksum);
        }
        self.write_url(w, &file.place);
        if let Some(archive) = file.archive.filter(|a| self.is_listed(a)) {
            w.key(ARCHIVE);
            w.raw(archive.raw);
        }
        if !file.others.is_empty() {
            w.form(",\"alternate\":{");
            for place in &file.others {
                if place.scheme == "s3" && file.others.len() == 1 {
                    w.form("\"s3\":{\"href\":\"");
                } else {
                    w.any_key("", place.scheme);
                    w.form("{\"href\":\"");
                }
                w.inside(&place.url.url);
                w.form("\"");
                self.write_url(w, place);
                w.form("}");
            }
            w.form("}");
        }
        w.form("}");
    }

    /// What `RelatedUrls` says of a place, but where it is.
    fn write_url(&self, w: &mut Writer<'_>, place: &Place<'_>) {
        let url = place.url;
        if self.ordered {
            w.key(INDEX);
            w.literal(&place.index.to_string());
        }
        if let Some(description) = &url.description {
            w.form(",\"description\":\"");
            w.inside(description);
            w.form("\",\"umm:Type\":\"");
        } else {
            w.form(",\"umm:Type\":\"");
        }
        w.inside(&url.kind);
        w.form("\"");
        if let Some(subtype) = &url.subtype {
            w.key("umm:Subtype");
            w.text(subtype);
        }
        if let Some(mime_type) = &url.mime_type {
            w.key("umm:MimeType");
            w.text(mime_type);
        }
        if !url.other.is_empty() {
            write_umm_fields(w, &url.other);
        }
    }
}

pub(super) fn multihash(file: &File<'_>) -> Option<String> {
    file.checksum()?.to_multihash()
}
