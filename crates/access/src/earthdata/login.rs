//! The calls of the login host.

use std::path::PathBuf;

use chrono::Utc;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::token::Token;
use crate::{Error, Http, Kind, Response, Result, Secret, secret::basic};

/// Where a user, or a token, comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// `EARTHDATA_TOKEN`, or `EARTHDATA_USERNAME` and `EARTHDATA_PASSWORD`.
    Environment,
    /// This netrc file.
    Netrc(PathBuf),
    /// A person, in this run.
    Interactive,
    /// A person, in an earlier run: the token is kept in this folder.
    Kept(PathBuf),
    /// The driver that started this worker.
    Driver,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("the environment"),
            Self::Netrc(path) => write!(f, "{}", path.display()),
            Self::Interactive => f.write_str("the prompt"),
            Self::Kept(folder) => write!(f, "the login kept in {}", folder.display()),
            Self::Driver => f.write_str("the driver"),
        }
    }
}

/// User and password, and where they come from.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) user: String,
    pub(crate) password: Secret,
    pub(crate) source: Source,
}

impl Pair {
    pub(crate) fn header(&self) -> Result<HeaderValue> {
        basic(&self.user, &self.password).ok_or_else(|| Error::invalid(&self.user, "has a password that no request can hold"))
    }
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    expiration_date: Option<String>,
}

/// The token that the user has, else a new one. Asks `find_or_create_token`; a login host that does not know it is asked for a new one, and, where
/// the user has as many as may be, for those: the first is taken that has not ended and is not `refused`.
pub(crate) async fn find_or_create(http: &Http, login: &str, pair: &Pair, refused: Option<&str>) -> Result<Token> {
    let answer = call(http, Method::POST, &format!("{login}/api/users/find_or_create_token"), pair).await?;
    let answer = if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        call(http, Method::POST, &format!("{login}/api/users/token"), pair).await?
    } else {
        answer
    };
    let now = Utc::now();
    let token = |given: Given| Token::obtained(Secret::new(given.access_token), &pair.user, given.expiration_date.as_deref(), now);
    let token = if error_code(&answer).as_deref() == Some("max_token_limit") {
        tracing::info!(user = pair.user, "has as many tokens as may be: taking one of them");
        let list = call(http, Method::GET, &format!("{login}/api/users/tokens"), pair).await?;
        let tokens: Vec<Token> = understood::<Vec<Given>>(&list, pair)?.into_iter().map(token).collect();
        let is_good = |t: &Token| !t.has_ended(now) && refused != Some(t.secret().fingerprint().as_str());
        let best = tokens.iter().find(|t| is_good(t)).or(tokens.first()).cloned();
        best.ok_or_else(|| Error::new(Kind::Corrupt, login, "says that there are too many tokens, and lists none"))?
    } else {
        token(understood(&answer, pair)?)
    };
    tracing::info!(user = pair.user, from = %pair.source, login, "logged in");
    Ok(token)
}

async fn call(http: &Http, method: Method, url: &str, pair: &Pair) -> Result<Response> {
    let mut headers = HeaderMap::from_iter([(header::AUTHORIZATION, pair.header()?), (header::ACCEPT, HeaderValue::from_static("application/json"))]);
    if method == Method::POST {
        // Some servers want it said that there is no body.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    http.request(method, url, headers, None).await
}

fn understood<T: serde::de::DeserializeOwned>(answer: &Response, pair: &Pair) -> Result<T> {
    if answer.status == StatusCode::UNAUTHORIZED || error_code(answer).as_deref() == Some("invalid_credentials") {
        let problem = format!("refuses user `{}` and password of {}", pair.user, pair.source);
        return Err(Error::new(Kind::Denied, &answer.url, problem).with_hint("check both by logging in at that address with a browser"));
    }
    if !answer.status.is_success() {
        let code = error_code(answer).map(|code| format!(" (`{code}`)")).unwrap_or_default();
        let problem = format!("gives user `{}` no token: it answers {}{code}", pair.user, answer.status);
        let kind = if answer.status.is_client_error() { Kind::Denied } else { Kind::Unavailable };
        return Err(Error::new(kind, &answer.url, problem).with_hint("log in at that address with a browser: it says what is missing"));
    }
    // Not even the error of the parser is kept: it may quote a part of the token.
    serde_json::from_slice(&answer.body).map_err(|_| Error::new(Kind::Corrupt, &answer.url, "answers something that is not a token"))
}

/// The short word that the service has for a refusal. Nothing else of a refusal is printed.
fn error_code(answer: &Response) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let code = body.get("error")?.as_str()?;
    (code.len() <= 40 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).then(|| code.to_owned())
}
