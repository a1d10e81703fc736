//! Keys, endpoints and limits, and the one place that reads the environment.

use std::time::Duration;

use crate::{CdseOptions, EarthdataOptions, Error, PlanetaryOptions, RegionOptions, Result, Route, Secret};

/// Everything that access can be told.
#[derive(Debug, Clone, Default)]
pub struct AccessOptions {
    /// Amazon S3 and what speaks its protocol.
    pub s3: S3Options,
    /// HTTP.
    pub http: HttpOptions,
    /// NASA's Earthdata Login.
    pub earthdata: EarthdataOptions,
    /// Microsoft's Planetary Computer.
    pub planetary: PlanetaryOptions,
    /// The Copernicus Data Space.
    pub cdse: CdseOptions,
    /// `CUBE_ACCESS` (`--access`): which address of an asset is read.
    pub route: Route,
    /// Where this program runs.
    pub region: RegionOptions,
    /// `CUBE_CMR_URL`: root of the CMR that is asked where none is named; NASA's, when absent.
    pub cmr: Option<String>,
}

/// How S3 is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Options {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<Secret>,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<Secret>,
    /// `AWS_REGION`, else `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// `AWS_ALLOW_HTTP`: the endpoint may be without TLS.
    pub allow_http: bool,
    /// `AWS_NO_SIGN_REQUEST`: requests are not signed. Absent: they are when there are keys.
    pub anonymous: Option<bool>,
    /// `AWS_REQUEST_PAYER=requester`: we pay for what we read.
    pub request_payer: bool,
    /// `AWS_VIRTUAL_HOSTED_STYLE_REQUEST`: the bucket is part of the host name.
    pub virtual_hosted: bool,
}

/// Limits of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// Requests in flight to one host (`CUBE_HTTP_MAX_CONNECTIONS`, 16).
    pub max_connections_per_host: usize,
    /// Until a connection stands (`CUBE_HTTP_CONNECT_TIMEOUT` seconds, 10).
    pub connect_timeout: Duration,
    /// Until the headers of an answer are there (`CUBE_HTTP_TIMEOUT` seconds, 60).
    pub request_timeout: Duration,
    /// Without a byte of a body, after which it is asked for again (`CUBE_HTTP_STALL_TIMEOUT` seconds, 20).
    pub stall_timeout: Duration,
    /// Times that a request which failed is made again (`CUBE_HTTP_RETRIES`, 5).
    pub retries: u32,
    /// Longest wait before the first retry; it doubles each time, of which a random part is waited (`CUBE_HTTP_BACKOFF` seconds, 0.5).
    pub backoff: Duration,
    /// Longest wait between two tries, also when the server asks for more (`CUBE_HTTP_MAX_WAIT` seconds, 60).
    pub max_wait: Duration,
    /// Largest document that is read whole (`CUBE_HTTP_MAX_DOCUMENT_MIB`, 256).
    pub max_document_bytes: u64,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            max_connections_per_host: 16,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(20),
            retries: 5,
            backoff: Duration::from_millis(500),
            max_wait: Duration::from_secs(60),
            max_document_bytes: 256 << 20,
        }
    }
}

/// What a store of cubes needs to reach S3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreOptions {
    /// Key id; absent when requests are not to be signed with one.
    pub access_key_id: Option<String>,
    /// Secret key.
    pub secret_access_key: Option<Secret>,
    /// Token of temporary keys.
    pub session_token: Option<Secret>,
    /// Region.
    pub region: Option<String>,
    /// Endpoint, when it is not Amazon's.
    pub endpoint: Option<String>,
    /// Whether the endpoint may be without TLS.
    pub allow_http: bool,
    /// Whether requests go unsigned.
    pub anonymous: bool,
    /// Whether the bucket is part of the host name (else of the path).
    pub virtual_hosted: bool,
}

impl S3Options {
    /// Whether requests go unsigned: as told, else when there are no keys.
    pub fn is_anonymous(&self) -> bool {
        self.anonymous.unwrap_or(self.access_key_id.is_none())
    }
}

impl From<&S3Options> for StoreOptions {
    fn from(s3: &S3Options) -> Self {
        let anonymous = s3.is_anonymous();
        Self {
            access_key_id: s3.access_key_id.clone().filter(|_| !anonymous),
            secret_access_key: s3.secret_access_key.clone().filter(|_| !anonymous),
            session_token: s3.session_token.clone().filter(|_| !anonymous),
            region: s3.region.clone(),
            endpoint: s3.endpoint.clone(),
            allow_http: s3.allow_http,
            anonymous,
            virtual_hosted: s3.virtual_hosted,
        }
    }
}

impl AccessOptions {
    /// From the environment: the `AWS_…` variables of Amazon's own tools, `EARTHDATA_…`, `PC_SDK_…` and `CDSE_…` for the archives, and `CUBE_…` for
    /// the rest; each field says its own.
    ///
    /// [`Kind::Invalid`](crate::Kind::Invalid) for a value that cannot be understood, by name.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// From variables that `get` answers; empty ones count as absent.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self> {
        // A password may begin or end with a space.
        let tidy = |name: &str, v: String| if name.ends_with("_PASSWORD") { v } else { v.trim().to_owned() };
        let get = |name: &str| get(name).map(|v| tidy(name, v)).filter(|v| !v.is_empty());
        let secret = |name: &str| get(name).map(Secret::new);
        let flag = |name: &str| get(name).map(|v| parse_flag(name, &v)).transpose();
        let endpoint = get("AWS_ENDPOINT_URL_S3").or_else(|| get("AWS_ENDPOINT_URL")).or_else(|| get("AWS_ENDPOINT"));
        let s3 = S3Options {
            access_key_id: get("AWS_ACCESS_KEY_ID"),
            secret_access_key: secret("AWS_SECRET_ACCESS_KEY"),
            session_token: secret("AWS_SESSION_TOKEN"),
            region: get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")),
            allow_http: flag("AWS_ALLOW_HTTP")?.unwrap_or(false),
            endpoint,
            anonymous: flag("AWS_NO_SIGN_REQUEST")?,
            request_payer: match get("AWS_REQUEST_PAYER").as_deref() {
                Some(v) if v.eq_ignore_ascii_case("requester") => true,
                Some(v) => parse_flag("AWS_REQUEST_PAYER", v)?,
                None => false,
            },
            virtual_hosted: flag("AWS_VIRTUAL_HOSTED_STYLE_REQUEST")?.unwrap_or(false),
        };
        if s3.access_key_id.is_some() != s3.secret_access_key.is_some() {
            return Err(Error::invalid("AWS_SECRET_ACCESS_KEY", "and AWS_ACCESS_KEY_ID go together, and one of them is missing")
                .with_hint("set both, or neither"));
        }
        if s3.endpoint.as_deref().is_some_and(|e| e.starts_with("http://")) && !s3.allow_http {
            return Err(Error::invalid("AWS_ENDPOINT_URL", "has no TLS").with_hint("set AWS_ALLOW_HTTP=true if that is meant"));
        }
        let default = HttpOptions::default();
        let number = |name: &str| get(name).map(|v| parse_number(name, &v)).transpose();
        let seconds = |name: &str, default: Duration| Ok::<_, Error>(number(name)?.map_or(default, Duration::from_secs_f64));
        let http = HttpOptions {
            max_connections_per_host: number("CUBE_HTTP_MAX_CONNECTIONS")?
                .map_or(default.max_connections_per_host, |n| n.clamp(1.0, 1024.0) as usize),
            connect_timeout: seconds("CUBE_HTTP_CONNECT_TIMEOUT", default.connect_timeout)?,
            request_timeout: seconds("CUBE_HTTP_TIMEOUT", default.request_timeout)?,
            stall_timeout: seconds("CUBE_HTTP_STALL_TIMEOUT", default.stall_timeout)?,
            retries: number("CUBE_HTTP_RETRIES")?.map_or(default.retries, |n| n.min(100.0) as u32),
            backoff: seconds("CUBE_HTTP_BACKOFF", default.backoff)?,
            max_wait: seconds("CUBE_HTTP_MAX_WAIT", default.max_wait)?,
            max_document_bytes: number("CUBE_HTTP_MAX_DOCUMENT_MIB")?.map_or(default.max_document_bytes, |n| (n * f64::from(1 << 20)) as u64),
        };
        Ok(Self {
            s3,
            http,
            earthdata: EarthdataOptions::from_variables(&get)?,
            planetary: PlanetaryOptions::from_variables(&get)?,
            cdse: CdseOptions::from_variables(&get)?,
            route: get("CUBE_ACCESS").map_or(Ok(Route::Auto), |text| text.parse())?,
            region: RegionOptions::from_variables(&get),
            cmr: get("CUBE_CMR_URL"),
        })
    }
}

fn parse_flag(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(Error::invalid(name, "is neither true nor false").with_hint(format!("set {name}=true or {name}=false"))),
    }
}

fn parse_number(name: &str, value: &str) -> Result<f64> {
    let number = value.parse::<f64>().ok().filter(|n| (0.0..=1e9).contains(n));
    number.ok_or_else(|| Error::invalid(name, "is not a number of zero or more").with_hint(format!("set {name} to a number, or unset it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<AccessOptions> {
        AccessOptions::from_variables(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn variables_are_read_and_checked() {
        let o = from(&[
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("AWS_DEFAULT_REGION", "r"),
            ("AWS_REQUEST_PAYER", "requester"),
            ("CUBE_HTTP_STALL_TIMEOUT", "1.5"),
            ("CUBE_HTTP_RETRIES", ""),
        ])
        .expect("options");
        assert_eq!((o.s3.region.as_deref(), o.s3.request_payer, o.s3.is_anonymous()), (Some("r"), true, false));
        assert_eq!((o.http.stall_timeout, o.http.retries), (Duration::from_millis(1500), 5));
        assert!(!format!("{o:?}").contains("hush"), "secrets are not printed");
        assert!(from(&[]).expect("options").s3.is_anonymous());
        for (pairs, problem) in [
            (vec![("AWS_ACCESS_KEY_ID", "id")], "go together"),
            (vec![("AWS_ENDPOINT_URL", "http://127.0.0.1:1")], "no TLS"),
            (vec![("AWS_ALLOW_HTTP", "maybe")], "neither true nor false"),
            (vec![("CUBE_HTTP_RETRIES", "-1")], "not a number"),
        ] {
            let e = from(&pairs).expect_err(problem);
            assert!(e.to_string().contains(problem) && e.hint().is_some(), "{e}");
        }
    }
}
