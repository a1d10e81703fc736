//! What Earthdata Login can be told, and how a person is asked.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{AuthContext, Error, Result, Secret};

/// One of NASA's two installations: each has users, tokens and hosts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// What everybody uses: `urs.earthdata.nasa.gov`.
    #[default]
    Prod,
    /// User acceptance tests: `uat.urs.earthdata.nasa.gov`.
    Uat,
}

impl System {
    /// Where one logs in.
    pub fn login_url(self) -> &'static str {
        match self {
            Self::Prod => "https://urs.earthdata.nasa.gov",
            Self::Uat => "https://uat.urs.earthdata.nasa.gov",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prod => "PROD",
            Self::Uat => "UAT",
        })
    }
}

impl std::str::FromStr for System {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "prod" => Ok(Self::Prod),
            "uat" => Ok(Self::Uat),
            _ => Err(Error::invalid(text, "is not an Earthdata system").with_hint("write `prod` or `uat`")),
        }
    }
}

/// Where user and password, or a token, are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// All of them, in this order: the first that has something decides.
    #[default]
    All,
    /// `EARTHDATA_TOKEN`, else `EARTHDATA_USERNAME` and `EARTHDATA_PASSWORD`.
    Environment,
    /// The netrc file.
    Netrc,
    /// A login kept from `cube auth login`, else a person.
    Interactive,
}

impl std::str::FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "all" => Ok(Self::All),
            "environment" => Ok(Self::Environment),
            "netrc" => Ok(Self::Netrc),
            "interactive" => Ok(Self::Interactive),
            _ => Err(Error::invalid(text, "is not a way to log in").with_hint("write `all`, `environment`, `netrc` or `interactive`")),
        }
    }
}

/// Asks a person for user and password; the program brings it, since only programs print.
pub trait Prompt: fmt::Debug + Send + Sync {
    /// Asks, and waits for the answer: called on a thread that may wait. `None` when nobody is there or nobody answers.
    ///
    /// Asked again, with [`Question::problem`], up to twice when the login host refuses what was answered.
    fn ask(&self, question: &Question) -> Option<Answer>;

    /// Whether what was answered and accepted is written to the netrc file (with the permissions 0600). Asked once the login host has taken it.
    fn may_save(&self) -> bool {
        false
    }
}

/// What a person is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Host that the answer is for.
    pub host: String,
    /// Why the answer before was not accepted.
    pub problem: Option<String>,
}

/// What a person answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// User of Earthdata Login.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// How Earthdata Login is used. Nothing here causes a request before a host asks for a login.
#[derive(Debug, Clone, Default)]
pub struct EarthdataOptions {
    /// `EARTHDATA_TOKEN`: goes before everything else, and needs no request to the login host.
    pub token: Option<Secret>,
    /// `EARTHDATA_USERNAME`.
    pub username: Option<String>,
    /// `EARTHDATA_PASSWORD`.
    pub password: Option<Secret>,
    /// `NETRC`, else `.netrc` (`_netrc` on Windows) in the home folder.
    pub netrc: Option<PathBuf>,
    /// `CUBE_EARTHDATA_SYSTEM`: `prod` (default) or `uat`.
    pub system: System,
    /// `CUBE_EARTHDATA_LOGIN_URL`: a login host that is not NASA's, for tests and private deployments. NASA's own hosts then get nothing.
    pub login_url: Option<Url>,
    /// `CUBE_EARTHDATA_HOSTS`: further data hosts that get the token, with commas: `host`, `host:port` or `.suffix`.
    pub hosts: Vec<String>,
    /// `CUBE_S3_CREDENTIALS`: endpoints of buckets that the registry does not know or has wrong, as `bucket=https://host/s3credentials`, with commas.
    pub buckets: Vec<(String, Url)>,
    /// `CUBE_PROVIDER` (`--provider`): whose keys are for buckets that the registry does not know.
    pub provider: Option<String>,
    /// `CUBE_CREDENTIALS_ENDPOINT` (`--credentials-endpoint`): whose keys are for every bucket; goes before the registry.
    pub credentials_endpoint: Option<Url>,
    /// `CUBE_CREDENTIALS_CACHE`: folder in which the processes of a user share tokens and keys (files 0600), or `off`. Else `eocube/credentials`
    /// in `XDG_CACHE_HOME`, else in `~/.cache`.
    pub cache: Option<PathBuf>,
    /// `CUBE_AUTH_CONTEXT`: a file with an [`AuthContext`], which a driver gives its worker. The worker then logs in nowhere.
    pub context: Option<Arc<AuthContext>>,
    /// Asks a person, as the last way to log in.
    pub prompt: Option<Arc<dyn Prompt>>,
}

impl EarthdataOptions {
    /// From variables that `get` answers (trimmed, never empty).
    pub(crate) fn from_variables(get: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let url = |name: &str| get(name).map(|text| service_url(name, &text)).transpose();
        let home = || get("HOME").or_else(|| get("USERPROFILE")).map(PathBuf::from);
        let netrc_name = if cfg!(windows) { "_netrc" } else { ".netrc" };
        let cache = match get("CUBE_CREDENTIALS_CACHE") {
            Some(text) if text.eq_ignore_ascii_case("off") => None,
            Some(folder) => Some(folder.into()),
            None => {
                let folder = get("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(home()?.join(".cache")));
                folder.map(|f| f.join("eocube").join("credentials"))
            }
        };
        Ok(Self {
            token: get("EARTHDATA_TOKEN").map(|t| Secret::new(without_scheme(&t))),
            username: get("EARTHDATA_USERNAME"),
            password: get("EARTHDATA_PASSWORD").map(Secret::new),
            netrc: get("NETRC").map(PathBuf::from).or_else(|| Some(home()?.join(netrc_name))),
            system: get("CUBE_EARTHDATA_SYSTEM").map_or(Ok(System::Prod), |text| text.parse())?,
            login_url: url("CUBE_EARTHDATA_LOGIN_URL")?,
            hosts: list(get("CUBE_EARTHDATA_HOSTS")).iter().map(|host| without_address(host)).collect(),
            buckets: list(get("CUBE_S3_CREDENTIALS")).iter().map(|text| bucket(text)).collect::<Result<_>>()?,
            provider: get("CUBE_PROVIDER"),
            credentials_endpoint: url("CUBE_CREDENTIALS_ENDPOINT")?,
            cache,
            context: get("CUBE_AUTH_CONTEXT").map(|path| AuthContext::read(path.as_ref()).map(Arc::new)).transpose()?,
            prompt: None,
        })
    }
}

/// The host of what may have been given as an address.
fn without_address(host: &str) -> String {
    host.trim_start_matches("https://").trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned()
}

fn list(text: Option<String>) -> Vec<String> {
    text.iter().flat_map(|t| t.split(',')).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

fn bucket(text: &str) -> Result<(String, Url)> {
    let (bucket, endpoint) = text.split_once('=').ok_or_else(|| {
        Error::invalid("CUBE_S3_CREDENTIALS", format!("has a part `{text}` without `=`")).with_hint("write bucket=https://host/s3credentials")
    })?;
    Ok((bucket.trim().to_owned(), service_url("CUBE_S3_CREDENTIALS", endpoint.trim())?))
}

/// The address of a service that secrets are sent to: with TLS, except on this machine.
pub(crate) fn service_url(name: &str, text: &str) -> Result<Url> {
    let url = Url::parse(text).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    let url = url.ok_or_else(|| Error::invalid(name, "is not an http URL").with_hint("write https://host, or https://host/path"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            Error::invalid(name, "holds a user name or a password").with_hint("set EARTHDATA_USERNAME and EARTHDATA_PASSWORD, or use a netrc")
        );
    }
    if !super::hosts::is_private(&url) {
        return Err(Error::invalid(name, "has no TLS, and secrets would be sent to it").with_hint("write https://"));
    }
    Ok(url)
}

/// The token of what may be a whole `Authorization: Bearer …`, as people copy it.
fn without_scheme(text: &str) -> &str {
    let text = text.trim();
    match text.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_taken_as_people_copy_them() {
        for text in ["abc.def", "Bearer abc.def", "bearer  abc.def\n", " BEARER abc.def"] {
            assert_eq!(without_scheme(text), "abc.def");
        }
        assert_eq!(without_scheme("Basic abc"), "Basic abc");
    }
}
