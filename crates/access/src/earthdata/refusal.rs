//! What a refusal says: which agreement is not accepted, which application not approved, and where to go.

use bytes::Bytes;
use url::Url;

use super::hosts::TrustedHosts;
use crate::{Error, Kind};

/// Largest part of a refusal that is looked at.
pub(crate) const MAX_BODY: usize = 64 << 10;
/// Parameters that may be shown of a URL that a refusal leads to.
const SHOWN: [&str; 4] = ["eula_id", "client_id", "app_uid", "splash"];

/// The error of a refusal that a person can mend in a browser: an agreement (EULA) that is not accepted, or an application that is not approved.
/// `None` when the text says neither.
pub(crate) fn mendable(name: &str, body: &Bytes, hosts: &TrustedHosts, user: Option<&str>) -> Option<Error> {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_BODY)]);
    let lower = text.to_ascii_lowercase();
    let is_application =
        ["approve_app", "application_search", "approve the application", "not authorized this application", "unauthorized application"];
    if lower.contains("eula") {
        let url = login_link(&text, hosts, "eula").unwrap_or_else(|| eulas(hosts, user));
        let problem = "needs an agreement (EULA) that the user has not accepted";
        return Some(Error::new(Kind::Denied, name, problem).with_hint(format!("accept it at {url}")));
    }
    if is_application.iter().any(|words| lower.contains(words)) {
        let url = login_link(&text, hosts, "app").unwrap_or_else(|| applications(hosts));
        return Some(unapproved(name, &url));
    }
    None
}

/// The error of an application that the user has not approved.
pub(crate) fn unapproved(name: &str, url: &str) -> Error {
    Error::new(Kind::Denied, name, "needs an application that the user has not approved").with_hint(format!("approve it at {url}"))
}

/// Where a user sees the agreements that wait.
pub(crate) fn eulas(hosts: &TrustedHosts, user: Option<&str>) -> String {
    let login = hosts.login();
    user.map_or_else(|| format!("{login}/profile (under EULAs)"), |user| format!("{login}/users/{user}/unaccepted_eulas"))
}

/// Where a user finds applications to approve.
pub(crate) fn applications(hosts: &TrustedHosts) -> String {
    format!("{}/application_search", hosts.login())
}

/// What to try when nothing is said.
pub(crate) fn both(hosts: &TrustedHosts, user: Option<&str>) -> String {
    format!("accept the agreements at {} and approve the archive's application at {}", eulas(hosts, user), applications(hosts))
}

/// The first link of a text that leads to the login host and whose path speaks of this, with harmless parameters only.
fn login_link(text: &str, hosts: &TrustedHosts, about: &str) -> Option<String> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '\\' | ')');
    let links = text.match_indices("http").map(|(at, _)| text[at..].split(is_end).next().unwrap_or_default().replace("&amp;", "&"));
    let own = links.filter_map(|link| Url::parse(&link).ok()).filter(|url| url.origin() == hosts.login_url().origin());
    let mut url = own.into_iter().find(|url| url.path().contains(about))?;
    let shown: Vec<(String, String)> = url.query_pairs().filter(|(k, _)| SHOWN.contains(&k.as_ref())).map(|(k, v)| (k.into(), v.into())).collect();
    url.set_query(None);
    url.set_fragment(None);
    if !shown.is_empty() {
        url.query_pairs_mut().extend_pairs(shown);
    }
    Some(url.into())
}

/// Whether bytes are the beginning of a web page.
pub(crate) fn is_page(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"].iter().any(|mark| text.len() >= mark.len() && text[..mark.len()].eq_ignore_ascii_case(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EarthdataOptions;

    #[test]
    fn refusals_lead_to_where_they_are_mended() {
        let hosts = TrustedHosts::new(&EarthdataOptions::default());
        let hint = |body: &str| mendable("https://h/x.nc", &Bytes::copy_from_slice(body.as_bytes()), &hosts, Some("gaia")).and_then(|e| e.hint());
        let with = |body: &str, url: &str| assert!(hint(body).is_some_and(|h| h.ends_with(url)), "{body}: {:?}", hint(body));
        with(
            r#"{"status_code":403,"error_description":"EULA Acceptance Failure","resolution_url":"https://urs.earthdata.nasa.gov/accept_eula?eula_id=1&client_id=a&code=SECRET"}"#,
            "https://urs.earthdata.nasa.gov/accept_eula?eula_id=1&client_id=a",
        );
        with("please accept the EULA at https://evil.example/eula", "https://urs.earthdata.nasa.gov/users/gaia/unaccepted_eulas");
        with(
            "<a href='https://urs.earthdata.nasa.gov/approve_app?client_id=abc&amp;state=SECRET'>approve</a>",
            "https://urs.earthdata.nasa.gov/approve_app?client_id=abc",
        );
        assert_eq!(hint("<html>not found</html>"), None);
        assert!(is_page(b"\n <!DOCTYPE HTML>") && is_page(b"<HTML>") && !is_page(b"<?xml") && !is_page(b"\x89HDF"));
    }
}
