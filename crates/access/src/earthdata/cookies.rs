//! Cookies of the login host and the data hosts: nobody else's are kept, and nobody else gets them.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};
use serde::{Deserialize, Serialize};
use url::Url;

use super::hosts::{Role, TrustedHosts};
use crate::{
    Secret,
    secret::{exposed, sensitive},
};

/// One cookie (RFC 6265 section 5.3). `Debug` says its name and host.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Cookie {
    name: String,
    #[serde(with = "exposed")]
    value: Secret,
    /// Host with its port, or a domain that begins with a dot.
    host: String,
    path: String,
    secure: bool,
    expires: Option<DateTime<Utc>>,
    pub(crate) is_of_login: bool,
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookie").field("name", &self.name).field("host", &self.host).finish_non_exhaustive()
    }
}

/// The cookies of one run.
#[derive(Debug, Default)]
pub(crate) struct Jar(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    cookies: Vec<Cookie>,
    /// Grows whenever a cookie comes.
    generation: u64,
}

impl Jar {
    pub(crate) fn with(cookies: Vec<Cookie>) -> Self {
        Self(Mutex::new(Contents { cookies, generation: 0 }))
    }

    /// Keeps what an answer of the login host or of a data host sets.
    pub(crate) fn keep(&self, url: &Url, headers: &HeaderMap, hosts: &TrustedHosts) {
        let role = hosts.role(url);
        if role == Role::Other {
            return;
        }
        for header in headers.get_all(SET_COOKIE) {
            let Some(cookie) = header.to_str().ok().and_then(|text| parse(text, url, hosts)) else { continue };
            let cookie = Cookie { is_of_login: role == Role::Login, ..cookie };
            let mut jar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            jar.cookies.retain(|c| (&c.name, &c.host, &c.path) != (&cookie.name, &cookie.host, &cookie.path));
            if cookie.expires.is_none_or(|t| t > Utc::now()) {
                jar.cookies.push(cookie);
            }
            jar.generation += 1;
        }
    }

    /// The cookies that a URL gets, and how many came before.
    pub(crate) fn for_url(&self, url: &Url, hosts: &TrustedHosts) -> (Option<HeaderValue>, u64) {
        let jar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let role = hosts.role(url);
        if role == Role::Other {
            return (None, jar.generation);
        }
        let now = Utc::now();
        let of_login = role == Role::Login;
        let fitting = jar.cookies.iter().filter(|c| c.is_of_login == of_login && c.is_for(url) && c.expires.is_none_or(|t| t > now));
        let pairs: Vec<_> = fitting.map(|c| zeroize::Zeroizing::new(format!("{}={}", c.name, c.value.expose()))).collect();
        let text = zeroize::Zeroizing::new(pairs.iter().map(|p| p.as_str()).collect::<Vec<_>>().join("; "));
        ((!text.is_empty()).then(|| sensitive(&text)).flatten(), jar.generation)
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cookies.clear();
    }

    pub(crate) fn generation(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Cookies of data hosts; those of the login host are as good as a password and stay here.
    pub(crate) fn of_data_hosts(&self) -> Vec<Cookie> {
        let jar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jar.cookies.iter().filter(|c| !c.is_of_login).cloned().collect()
    }
}

impl Cookie {
    fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_host = if self.host.starts_with('.') { host.ends_with(self.host.as_str()) } else { self.host == authority(url) };
        let path = url.path();
        let is_below = path.strip_prefix(self.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'));
        is_host && is_below && (!self.secure || super::hosts::is_private(url))
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn parse(text: &str, url: &Url, hosts: &TrustedHosts) -> Option<Cookie> {
    let mut parts = text.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let default_path = url.path().rsplit_once('/').map(|(folder, _)| folder).filter(|f| !f.is_empty()).unwrap_or("/");
    let mut cookie = Cookie {
        name: name.trim().to_owned(),
        value: Secret::new(value.trim()),
        host: authority(url),
        path: default_path.to_owned(),
        secure: false,
        expires: None,
        is_of_login: false,
    };
    let mut has_age = false;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" if hosts.may_share_cookies(url.host_str()?, value) => {
                cookie.host = format!(".{}", value.trim_start_matches('.').to_ascii_lowercase())
            }
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            "secure" => cookie.secure = true,
            "max-age" => {
                let seconds: i64 = value.parse().ok()?;
                cookie.expires = Some(Utc::now() + chrono::TimeDelta::seconds(seconds.clamp(-1, 1 << 32)));
                has_age = true;
            }
            "expires" if !has_age => cookie.expires = http_date(value),
            _ => {}
        }
    }
    (!cookie.name.is_empty()).then_some(cookie)
}

fn http_date(text: &str) -> Option<DateTime<Utc>> {
    let spaced = text.replace('-', " ");
    DateTime::parse_from_rfc2822(&spaced).map(|t| t.with_timezone(&Utc)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EarthdataOptions;

    fn jar(from: &str, set: &[&str]) -> (Jar, TrustedHosts) {
        let hosts = TrustedHosts::new(&EarthdataOptions::default());
        let jar = Jar::default();
        let headers = set.iter().map(|s| (SET_COOKIE, HeaderValue::from_str(s).expect("a header"))).collect();
        jar.keep(&Url::parse(from).expect("a URL"), &headers, &hosts);
        (jar, hosts)
    }

    fn sent(jar: &Jar, hosts: &TrustedHosts, to: &str) -> Option<String> {
        jar.for_url(&Url::parse(to).expect("a URL"), hosts).0.map(|v| v.to_str().expect("a text").to_owned())
    }

    #[test]
    fn cookies_go_back_to_their_host_and_path() {
        let (jar, hosts) = jar(
            "https://datapool.asf.alaska.edu/login/x",
            &["asf-urs=1; Path=/; Domain=.asf.alaska.edu; Secure; HttpOnly", "here=2", "gone=3; Max-Age=0"],
        );
        assert_eq!(sent(&jar, &hosts, "https://datapool.asf.alaska.edu/login/y").as_deref(), Some("asf-urs=1; here=2"));
        assert_eq!(sent(&jar, &hosts, "https://sentinel1.asf.alaska.edu/x").as_deref(), Some("asf-urs=1"));
        for other in [
            "https://evil.example/login/y",
            "http://datapool.asf.alaska.edu/login/y",
            "https://urs.earthdata.nasa.gov/login/y",
            "https://x.s3.amazonaws.com/",
        ] {
            assert_eq!(sent(&jar, &hosts, other), None, "{other}");
        }
        assert!(!format!("{jar:?}").contains('2'), "{jar:?}");
    }

    #[test]
    fn nobody_sets_cookies_for_others() {
        let (jar_, hosts) = jar("https://evil.example/", &["a=1", "b=2; Domain=earthdata.nasa.gov"]);
        assert!(jar_.of_data_hosts().is_empty());
        assert_eq!(sent(&jar_, &hosts, "https://data.nsidc.earthdatacloud.nasa.gov/"), None);
        let (login, hosts) = jar("https://urs.earthdata.nasa.gov/oauth/authorize", &["_urs-gui_session=x; Path=/; Domain=.earthdata.nasa.gov"]);
        assert_eq!(sent(&login, &hosts, "https://data.ghrc.earthdata.nasa.gov/"), None, "the login session stays at the login host");
        assert_eq!(sent(&login, &hosts, "https://urs.earthdata.nasa.gov/").as_deref(), Some("_urs-gui_session=x"));
        assert!(login.of_data_hosts().is_empty());
    }

    #[test]
    fn cookies_end() {
        let (jar, hosts) =
            jar("https://daac.ornl.gov/a", &["a=1; Expires=Wed, 21-Oct-2015 07:28:00 GMT", "b=2; Expires=Wed, 21 Oct 2099 07:28:00 GMT; Path=/"]);
        assert_eq!(sent(&jar, &hosts, "https://daac.ornl.gov/x").as_deref(), Some("b=2"));
    }
}
