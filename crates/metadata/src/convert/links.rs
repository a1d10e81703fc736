//! Links of an Item: its collection, and the record that it was made from.

use super::item::Made;
use crate::json::Writer;

impl Made<'_> {
    /// The id of the collection, where a link can be given, without which the schema allows none.
    pub(super) fn linked_collection(&self) -> Option<&str> {
        self.collection.as_deref().filter(|_| self.collection_href().is_some())
    }

    fn collection_href(&self) -> Option<String> {
        let cmr = self.options.cmr;
        if let Some(id) = self.granule.collection_concept_id() {
            return Some(format!("{cmr}/search/concepts/{id}.stac"));
        }
        let reference = &self.granule.collection.as_ref()?.value;
        let query = match (&reference.short_name, &reference.version, &reference.entry_title) {
            (Some(name), Some(version), _) => format!("short_name={}&version={}", encoded(name), encoded(version)),
            (_, _, Some(title)) => format!("entry_title={}", encoded(title)),
            _ => return None,
        };
        Some(format!("{cmr}/search/collections.umm_json?{query}"))
    }

    pub(super) fn write_links(&self, w: &mut Writer<'_>) {
        w.key("links");
        w.open(b'[');
        if self.collection.is_some()
            && let Some(href) = self.collection_href()
        {
            write_link(w, "collection", &href, "application/json");
        }
        if let Some(id) = self.granule.concept_id() {
            write_link(w, "via", &format!("{}/search/concepts/{id}.umm_json", self.options.cmr), "application/vnd.nasa.cmr.umm+json");
        }
        w.close(b']');
    }
}

fn write_link(w: &mut Writer<'_>, rel: &str, href: &str, media_type: &str) {
    w.open(b'{');
    w.key("rel");
    w.plain(rel);
    w.key("href");
    w.any(href);
    w.key("type");
    w.plain(media_type);
    w.close(b'}');
}

/// A value in the query of a URL (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
