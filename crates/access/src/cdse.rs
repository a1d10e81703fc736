//! The Copernicus Data Space: files with a token that lives ten minutes, and the bucket `eodata` with personal S3 keys.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, Method, header};
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::{
    Error, Http, Kind, Result, Secret,
    earthdata::{AuthContext, Grant, Wish, hosts::is_private, renew_at, service_url},
    flight::Flight,
    http::Ask,
    secret::{exposed, fingerprint},
    vault::Vault,
};

const LOGIN: &str = "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token";
const CLIENT: &str = "cdse-public";
const HOSTS: [&str; 2] = ["download.dataspace.copernicus.eu", "zipper.dataspace.copernicus.eu"];
/// Bucket of all its products.
pub(crate) const BUCKET: &str = "eodata";
pub(crate) const S3_ENDPOINT: &str = "https://eodata.dataspace.copernicus.eu";
pub(crate) const HINT: &str = "set CDSE_USERNAME and CDSE_PASSWORD (accounts are free: https://dataspace.copernicus.eu)";

/// How the Copernicus Data Space is used.
#[derive(Debug, Clone, Default)]
pub struct CdseOptions {
    /// `CDSE_USERNAME`.
    pub username: Option<String>,
    /// `CDSE_PASSWORD`.
    pub password: Option<Secret>,
    /// `CDSE_S3_ACCESS_KEY`, for `s3://eodata`.
    pub s3_access_key: Option<String>,
    /// `CDSE_S3_SECRET_KEY`.
    pub s3_secret_key: Option<Secret>,
    /// `CUBE_CDSE_LOGIN_URL`: who gives tokens, when it is not Copernicus. Its own hosts then get none.
    pub login: Option<Url>,
    /// `CUBE_CDSE_HOSTS`: further hosts that get the token, `host` or `host:port`, with commas.
    pub hosts: Vec<String>,
}

impl CdseOptions {
    pub(crate) fn from_variables(get: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        Ok(Self {
            username: get("CDSE_USERNAME"),
            password: get("CDSE_PASSWORD").map(Secret::new),
            s3_access_key: get("CDSE_S3_ACCESS_KEY"),
            s3_secret_key: get("CDSE_S3_SECRET_KEY").map(Secret::new),
            login: get("CUBE_CDSE_LOGIN_URL").map(|text| service_url("CUBE_CDSE_LOGIN_URL", &text)).transpose()?,
            hosts: get("CUBE_CDSE_HOSTS").iter().flat_map(|t| t.split(',')).map(|h| h.trim().to_ascii_lowercase()).collect(),
        })
    }
}

/// A token and what renews it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CdseToken {
    access: Part,
    refresh: Option<Part>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    #[serde(with = "exposed")]
    secret: Secret,
    obtained: DateTime<Utc>,
    expires: DateTime<Utc>,
}

impl Part {
    fn is_due(&self) -> bool {
        Utc::now() >= renew_at(Some(self.obtained), self.expires)
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: i64,
    refresh_token: Option<String>,
    refresh_expires_in: Option<i64>,
}

impl CdseToken {
    pub(crate) fn secret(&self) -> &Secret {
        &self.access.secret
    }

    pub(crate) fn expires(&self) -> DateTime<Utc> {
        self.access.expires
    }

    fn is_usable(&self, refused: Option<&str>) -> bool {
        !self.access.is_due() && refused.is_none_or(|r| self.access.secret.fingerprint() != r)
    }

    fn of(answer: Answer, now: DateTime<Utc>) -> Self {
        let part = |secret: String, seconds: i64| Part {
            secret: Secret::new(secret),
            obtained: now,
            expires: now + TimeDelta::seconds(seconds.clamp(0, 1 << 32)),
        };
        // `0` says that it does not end.
        let life = answer.refresh_expires_in.filter(|s| *s > 0).unwrap_or(3600);
        Self { access: part(answer.access_token, answer.expires_in), refresh: answer.refresh_token.map(|token| part(token, life)) }
    }
}

/// The login of a run.
#[derive(Debug)]
pub(crate) struct Cdse {
    options: CdseOptions,
    http: Http,
    vault: Vault,
    context: Option<Arc<AuthContext>>,
    token: Flight<CdseToken>,
}

impl Cdse {
    pub(crate) fn new(options: CdseOptions, http: Http, vault: Vault, context: Option<Arc<AuthContext>>) -> Self {
        let token = Flight::default();
        if let Some(given) = context.as_ref().and_then(|c| c.cdse.clone()) {
            token.set(given);
        }
        Self { options, http: http.without_redirects(), vault, context, token }
    }

    /// Whether there is a token, or something to get one with.
    pub(crate) fn has_login(&self) -> bool {
        let has_own = self.options.username.is_some() && self.options.password.is_some();
        has_own || self.context.as_ref().is_some_and(|c| c.has_way_back() || c.cdse.is_some())
    }

    /// Whether a request goes to a host that wants the token.
    pub(crate) fn is_host(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}")).unwrap_or_default();
        let added = self.options.hosts.iter().any(|h| *h == host || *h == with_port);
        is_private(url) && (added || (self.options.login.is_none() && url.port().is_none() && HOSTS.contains(&host)))
    }

    /// Whether a request gets the token: there must be one, and none of the caller's own.
    pub(crate) fn is_for(&self, ask: &Ask) -> bool {
        self.has_login() && self.is_host(&ask.url) && !ask.headers.contains_key(header::AUTHORIZATION)
    }

    /// The token; another one than that with the fingerprint `refused`. One login, however many ask.
    pub(crate) async fn token(&self, refused: Option<&str>) -> Result<CdseToken> {
        self.token.get(|t| t.is_usable(refused), self.new_token(refused)).await
    }

    async fn new_token(&self, refused: Option<&str>) -> Result<CdseToken> {
        if let Some(way_back) = self.context.as_ref().and_then(|c| c.way_back.as_ref()) {
            return match way_back.ask(Wish::Cdse { refused: refused.map(str::to_owned) }).await? {
                Grant::Cdse(token) => Ok(token),
                _ => Err(Error::credentials_expired("the driver", "answers something else")),
            };
        }
        let login = self.options.login.as_ref().map_or(LOGIN, Url::as_str);
        if self.context.as_ref().is_some_and(|c| c.cdse.is_some()) && self.options.username.is_none() {
            return Err(Error::credentials_expired(login, "the context has no way back to the driver"));
        }
        let (Some(user), Some(password)) = (&self.options.username, &self.options.password) else {
            return Err(Error::new(Kind::Denied, login, "needs a login, and there is none").with_hint(HINT));
        };
        let name = format!("cdse-{}", fingerprint(&[login, user]));
        let _lock = self.vault.lock(&name).await;
        let kept: Option<CdseToken> = self.vault.read(&name);
        if let Some(token) = kept.as_ref().filter(|t| t.is_usable(refused)) {
            return Ok(token.clone());
        }
        let refresh = self.token.current().or(kept).and_then(|t| t.refresh).filter(|part| !part.is_due());
        let renewed = match refresh {
            // What cannot be renewed is asked for with the password.
            Some(part) => self.ask(login, &[("grant_type", "refresh_token"), ("refresh_token", part.secret.expose())]).await.ok(),
            None => None,
        };
        let token = match renewed {
            Some(token) => token,
            None => self.ask(login, &[("grant_type", "password"), ("username", user), ("password", password.expose())]).await?,
        };
        self.vault.write(&name, &token);
        Ok(token)
    }

    async fn ask(&self, login: &str, fields: &[(&str, &str)]) -> Result<CdseToken> {
        let form = form(fields);
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))]);
        let answer = self.http.request(Method::POST, login, headers, Some(form.as_bytes().to_vec().into())).await?;
        if matches!(answer.status.as_u16(), 400 | 401 | 403) {
            return Err(
                Error::new(Kind::Denied, login, format!("refuses the login ({})", answer.status)).with_hint("check CDSE_USERNAME and CDSE_PASSWORD")
            );
        }
        if !answer.status.is_success() {
            return Err(Error::new(Kind::Unavailable, login, format!("gives no token: it answers {}", answer.status)));
        }
        let parsed: Answer =
            serde_json::from_slice(&answer.body).map_err(|_| Error::new(Kind::Corrupt, login, "answers something that is not a token"))?;
        Ok(CdseToken::of(parsed, Utc::now()))
    }
}

fn form(fields: &[(&str, &str)]) -> Zeroizing<String> {
    Zeroizing::new(form_urlencoded::Serializer::new(String::new()).append_pair("client_id", CLIENT).extend_pairs(fields).finish())
}
