//! The client: where CMR is, how it is asked, and what it may be asked for.

use std::collections::HashMap;

use cube_access::Access;
use cube_query::{CMR_PAGE_SIZE, CollectionQuery, GranuleQuery};
use url::Url;

use crate::{
    Collections, Error, Granules, Result, Results,
    names::{self, Named},
    page::Record,
    plan::Plan,
    service::Service,
};

/// The service that is meant when no other is named.
pub const PRODUCTION: &str = "https://cmr.earthdata.nasa.gov";
/// The service for user acceptance tests.
pub const UAT: &str = "https://cmr.uat.earthdata.nasa.gov";

/// How CMR is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CmrOptions {
    /// Records in a page at most, 1 to 2000. Fewer where they are so long that the page would have more than five megabytes.
    pub page_size: u64,
    /// Pages that are asked for before they are needed. With the page that is in use, memory holds one page more than this.
    pub prefetch_pages: usize,
    /// What the header `Client-Id` says: who asks.
    pub client_id: String,
}

impl Default for CmrOptions {
    fn default() -> Self {
        Self { page_size: CMR_PAGE_SIZE, prefetch_pages: 2, client_id: concat!("eocube/", env!("CARGO_PKG_VERSION")).into() }
    }
}

/// A client of one CMR. Cheap to clone. Credentials are not its business: [`Access`] attaches them by host.
#[derive(Debug, Clone)]
pub struct Cmr {
    service: Service,
}

impl Cmr {
    /// A client of the CMR at a root such as `https://cmr.earthdata.nasa.gov`; `prod` (or nothing) and `uat` stand for NASA's own. Asks nobody.
    ///
    /// # Errors
    /// [`Error::Given`] for what is no http URL, or for a page size that CMR does not know.
    pub fn new(root: &str, access: &Access, options: CmrOptions) -> Result<Self> {
        let root = parse_root(root)?;
        if !(1..=CMR_PAGE_SIZE).contains(&options.page_size) {
            let message = format!("a page of {} records is not what CMR gives", options.page_size);
            return Err(Error::given(message, format!("give 1 to {CMR_PAGE_SIZE}")));
        }
        Ok(Self { service: Service::new(root, access.http().clone(), options)? })
    }

    pub(crate) fn of(service: Service) -> Self {
        Self { service }
    }

    /// The root of the service, without a slash at its end.
    pub fn root(&self) -> &str {
        self.service.root()
    }

    /// How CMR is asked.
    pub fn options(&self) -> &CmrOptions {
        self.service.options()
    }

    /// The granules that a query finds. Nothing is asked before pages are.
    ///
    /// A query that names collections in several ways becomes several searches, whose results are merged, each granule once. One that names
    /// them by DOI, or asks for those in the cloud, has the collections found first.
    ///
    /// # Errors
    /// [`Error::Query`] with everything that is wrong with it.
    pub fn granules(&self, query: &GranuleQuery) -> Result<Results<Granules>> {
        Ok(Results::new(self.service.clone(), Plan::granules(query)?))
    }

    /// The collections that a query finds: by keyword, name, place, time. Nothing is asked before pages are.
    ///
    /// # Errors
    /// [`Error::Query`] with everything that is wrong with it.
    pub fn collections(&self, query: &CollectionQuery) -> Result<Results<Collections>> {
        Ok(Results::new(self.service.clone(), Plan::collections(query)?))
    }

    /// The one collection that is called so: by concept id (`C2021957657-LPCLOUD`), short name and version (`HLSL30.v2.0`, `HLSL30_2.0`) or short
    /// name.
    ///
    /// # Errors
    /// [`Error::NotFound`] with what is called alike; [`Error::Ambiguous`] with all that are called so.
    pub async fn describe(&self, id: &str) -> Result<Record<Collections>> {
        let mut found = self.named(id).await?;
        match found.len() {
            0 => Err(self.not_found(id).await?),
            1 => Ok(found.swap_remove(0).0),
            _ => Err(Error::Ambiguous { id: id.to_owned(), found: found.iter().map(|(_, named)| named.to_string()).collect() }),
        }
    }

    /// All collections that are called so, with their names.
    pub(crate) async fn named(&self, id: &str) -> Result<Vec<(Record<Collections>, Named)>> {
        let mut found = Vec::new();
        for query in names::queries(id) {
            for record in self.collections(&query)?.get_all().await? {
                let named = Named::of(&record)?;
                found.push((record, named));
            }
            if !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    /// What collections are called in STAC, by concept id; `ids` are concept ids, short names, or ids of STAC. What is not found is left out.
    ///
    /// # Errors
    /// What any request may end in.
    pub async fn stac_ids<S: AsRef<str>>(&self, ids: impl IntoIterator<Item = S>) -> Result<HashMap<String, String>> {
        let mut known = HashMap::new();
        for id in ids {
            if !known.contains_key(id.as_ref()) {
                known.extend(self.named(id.as_ref()).await?.into_iter().map(|(_, named)| (named.concept_id.clone(), named.stac_id())));
            }
        }
        Ok(known)
    }

    /// The error for a collection that does not exist, with what is called alike.
    pub(crate) async fn not_found(&self, id: &str) -> Result<Error> {
        let mut alike = Vec::new();
        for query in names::alike(id) {
            let found = self.collections(&query)?.get_all().await?;
            alike = found.iter().map(Named::of).collect::<Result<Vec<_>>>()?;
            if !alike.is_empty() {
                break;
            }
        }
        let alike = names::closest(id, alike, 5).iter().map(Named::to_string).collect();
        Ok(Error::NotFound { service: self.root().to_owned(), kind: "collection", id: id.to_owned(), alike })
    }
}

/// The root that a text means.
fn parse_root(text: &str) -> Result<String> {
    let text = match text.trim() {
        "" => PRODUCTION,
        name if name.eq_ignore_ascii_case("prod") => PRODUCTION,
        name if name.eq_ignore_ascii_case("uat") => UAT,
        other => other,
    };
    let hint = format!("give the root of a CMR, such as `{PRODUCTION}`");
    let wrong = |what: &str| Error::given(format!("`{}` {what}", cube_access::public_name(text)), hint.clone());
    let url = Url::parse(text).map_err(|_| wrong("is not the address of a CMR"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong("is not an http address"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("has more than a host and a path"));
    }
    let path = url.path().trim_end_matches('/');
    if path.ends_with("/stac") || path.contains("/stac/") {
        return Err(Error::given(
            format!("`{text}` is CMR-STAC, not CMR"),
            "use it as a STAC API (`backend = \"stac\"`), or leave out `/stac` and what follows",
        ));
    }
    let path = path.strip_suffix("/search").unwrap_or(path);
    Ok(format!("{}{path}", url.origin().ascii_serialization()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_understood() {
        for (text, root) in [
            ("", PRODUCTION),
            ("prod", PRODUCTION),
            ("UAT", UAT),
            ("https://cmr.earthdata.nasa.gov/search/", PRODUCTION),
            ("https://cmr.earthdata.nasa.gov/", PRODUCTION),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://host/cmr/", "https://host/cmr"),
        ] {
            assert_eq!(parse_root(text).ok().as_deref(), Some(root), "{text}");
        }
        for bad in ["cmr", "ftp://host", "https://host?token=1", "https://user:pw@host", "https://cmr.earthdata.nasa.gov/stac/LPCLOUD"] {
            let e = parse_root(bad).expect_err(bad);
            assert!(e.hint().is_some() && !e.to_string().contains("pw@") && !e.to_string().contains("token"), "{e}");
        }
    }
}
