//! Which hosts get what: the login host, the data hosts, and all others.

use url::{Host, Url};

use super::{EarthdataOptions, System};

/// NASA's data hosts end like this.
const SUFFIXES: &[&str] = &[".earthdata.nasa.gov", ".earthdatacloud.nasa.gov", ".asf.alaska.edu", ".eosdis.nasa.gov", ".ecs.nsidc.org"];

/// NASA's data hosts that have names of their own.
const NAMES: &[&str] = &[
    "asdc.larc.nasa.gov",
    "cddis.nasa.gov",
    "daac.ornl.gov",
    "e4ftl01.cr.usgs.gov",
    "ghrc.nsstc.nasa.gov",
    "oceandata.sci.gsfc.nasa.gov",
    "opendap.larc.nasa.gov",
    "podaac-opendap.jpl.nasa.gov",
    "podaac-tools.jpl.nasa.gov",
    "sedac.ciesin.columbia.edu",
    "webmap.ornl.gov",
];

/// What the login host is asked for; only looked at where it is a data host as well, as in tests.
const LOGIN_PATHS: &[&str] = &["/oauth/", "/api/users/", "/profile", "/users/", "/approve_app", "/accept_eula", "/application_search"];

/// What a URL is to Earthdata Login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Gets user and password, or the token.
    Login,
    /// Gets the token.
    Data,
    /// Gets nothing.
    Other,
}

/// The hosts of one run.
#[derive(Debug, Clone)]
pub(crate) struct TrustedHosts {
    login: Url,
    /// Whose tables count; none beside a login host that is not NASA's.
    system: Option<System>,
    extra: Vec<String>,
}

impl TrustedHosts {
    pub(crate) fn new(options: &EarthdataOptions) -> Self {
        let system = options.login_url.as_ref().map_or(Some(options.system), system_of);
        #[expect(clippy::expect_used, reason = "two constants, checked by a test")]
        let login = options.login_url.clone().unwrap_or_else(|| Url::parse(options.system.login_url()).expect("a constant URL"));
        Self { login, system, extra: options.hosts.iter().map(|h| h.to_ascii_lowercase()).collect() }
    }

    /// Address of the login host, without a final slash.
    pub(crate) fn login(&self) -> &str {
        self.login.as_str().trim_end_matches('/')
    }

    pub(crate) fn login_url(&self) -> &Url {
        &self.login
    }

    pub(crate) fn role(&self, url: &Url) -> Role {
        if !is_private(url) {
            return Role::Other;
        }
        let is_added = self.is_added(url);
        let (base, path) = (self.login.path().trim_end_matches('/'), url.path());
        let below = path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if url.origin() == self.login.origin() && below && (!is_added || !base.is_empty() || LOGIN_PATHS.iter().any(|p| path.starts_with(p))) {
            return Role::Login;
        }
        if is_added || self.is_nasas(url) { Role::Data } else { Role::Other }
    }

    fn is_added(&self, url: &Url) -> bool {
        let Some(host) = url.host_str().map(str::to_ascii_lowercase) else { return false };
        let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}")).unwrap_or_default();
        self.extra.iter().any(|e| if e.starts_with('.') { host.ends_with(e.as_str()) } else { *e == host || *e == with_port })
    }

    fn is_nasas(&self, url: &Url) -> bool {
        let host = url.host_str().map(str::to_ascii_lowercase).unwrap_or_default();
        self.system.is_some_and(|system| is_nasa(&host) && url.port().is_none() && belongs(&host, system))
    }

    /// The longest suffix that cookies of a data host may be set for.
    pub(crate) fn may_share_cookies(&self, host: &str, domain: &str) -> bool {
        let domain = format!(".{}", domain.trim_start_matches('.').to_ascii_lowercase());
        let under = |suffix: &str| domain.ends_with(suffix);
        host.to_ascii_lowercase().ends_with(&domain)
            && (SUFFIXES.iter().copied().any(under) || self.extra.iter().any(|e| e.starts_with('.') && under(e)))
    }
}

fn is_nasa(host: &str) -> bool {
    NAMES.contains(&host) || SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
}

/// Tokens of one installation are not for hosts of the other.
fn belongs(host: &str, system: System) -> bool {
    let is_test = host.split('.').any(|label| matches!(label, "uat" | "sit"));
    is_test == (system == System::Uat)
}

fn system_of(url: &Url) -> Option<System> {
    [System::Prod, System::Uat].into_iter().find(|s| url.as_str().trim_end_matches('/') == s.login_url())
}

/// Whether what is sent cannot be read on the way: TLS, or this machine.
pub(crate) fn is_private(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

/// Whether a service is on this machine.
pub(crate) fn is_here(url: &Url) -> bool {
    is_private(&{
        let mut plain = url.clone();
        let _ = plain.set_scheme("http");
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(options: &EarthdataOptions, url: &str) -> Role {
        TrustedHosts::new(options).role(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn only_nasas_hosts_are_trusted() {
        let prod = EarthdataOptions::default();
        for host in
            ["data.lpdaac.earthdatacloud.nasa.gov", "n5eil01u.ecs.nsidc.org", "e4ftl01.cr.usgs.gov", "sentinel1.asf.alaska.edu", "daac.ornl.gov"]
        {
            assert_eq!(role(&prod, &format!("https://{host}/x")), Role::Data, "{host}");
            assert_eq!(role(&prod, &format!("http://{host}/x")), Role::Other, "without TLS: {host}");
            assert_eq!(role(&prod, &format!("https://{host}:8443/x")), Role::Other, "another port: {host}");
            assert_eq!(role(&prod, &format!("https://{host}.evil.example/x")), Role::Other, "{host}");
        }
        for host in [
            "evilearthdata.nasa.gov",
            "earthdata.nasa.gov.evil.example",
            "podaac.s3.us-west-2.amazonaws.com",
            "nasa.gov",
            "data.ghrc.uat.earthdata.nasa.gov",
        ] {
            assert_eq!(role(&prod, &format!("https://{host}/x")), Role::Other, "{host}");
        }
        assert_eq!(role(&prod, "https://urs.earthdata.nasa.gov/oauth/authorize?x"), Role::Login);
        assert_eq!(role(&prod, "https://uat.urs.earthdata.nasa.gov/oauth/authorize?x"), Role::Other);
        let uat = EarthdataOptions { system: System::Uat, ..prod };
        assert_eq!(role(&uat, "https://uat.urs.earthdata.nasa.gov/api"), Role::Login);
        assert_eq!(role(&uat, "https://data.ghrc.uat.earthdata.nasa.gov/x"), Role::Data);
        assert_eq!(role(&uat, "https://data.ghrc.earthdata.nasa.gov/x"), Role::Other);
        assert_eq!(role(&uat, "https://urs.earthdata.nasa.gov/oauth/authorize"), Role::Other);
    }

    #[test]
    fn hosts_are_added_and_replaced() {
        let own = EarthdataOptions {
            login_url: Url::parse("http://127.0.0.1:1000/").ok(),
            hosts: vec!["127.0.0.1:2000".into(), ".my.org".into(), "data.example".into()],
            ..EarthdataOptions::default()
        };
        assert_eq!(role(&own, "http://127.0.0.1:1000/api/users/tokens"), Role::Login);
        assert_eq!(role(&own, "http://127.0.0.1:2000/x"), Role::Data);
        assert_eq!(role(&own, "http://127.0.0.1:3000/x"), Role::Other);
        assert_eq!(role(&own, "https://a.my.org/x"), Role::Data);
        assert_eq!(role(&own, "https://data.example:444/x"), Role::Data);
        assert_eq!(role(&own, "http://data.example/x"), Role::Other);
        assert_eq!(role(&own, "https://data.lpdaac.earthdatacloud.nasa.gov/x"), Role::Other, "its token is not for NASA");
        let one = EarthdataOptions { hosts: vec!["127.0.0.1:1000".into()], ..own };
        assert_eq!(role(&one, "http://127.0.0.1:1000/oauth/authorize"), Role::Login);
        assert_eq!(role(&one, "http://127.0.0.1:1000/data/x.nc"), Role::Data);
        let below = EarthdataOptions { login_url: Url::parse("http://127.0.0.1:1000/urs").ok(), ..one };
        assert_eq!(role(&below, "http://127.0.0.1:1000/urs/oauth/authorize"), Role::Login);
        assert_eq!(role(&below, "http://127.0.0.1:1000/ursa"), Role::Data);
    }

    #[test]
    fn cookies_stay_within_the_archive() {
        let hosts = TrustedHosts::new(&EarthdataOptions::default());
        assert!(hosts.may_share_cookies("data.asf.alaska.edu", ".asf.alaska.edu"));
        for domain in ["nasa.gov", "gov", "alaska.edu", "other.asf.alaska.edu"] {
            assert!(!hosts.may_share_cookies("data.asf.alaska.edu", domain), "{domain}");
        }
    }
}
