//! Who may do what: the user, tokens, sessions of the login, cookies of data hosts, temporary keys.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::plan::Plan;
use super::roots::Role;

/// Tokens that a user may have at a time.
const MOST_TOKENS: usize = 2;

/// A token and what is left of it.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) value: String,
    pub(super) expires: DateTime<Utc>,
    uses_left: Option<u64>,
    revoked: bool,
}

impl Token {
    fn is_live(&self) -> bool {
        !self.revoked && self.uses_left != Some(0) && Utc::now() < self.expires
    }
}

/// Why a bearer token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Unknown,
    Expired,
}

/// The user and all that was given out.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) user: String,
    pub(super) password: String,
    tokens: Vec<Token>,
    sessions: Vec<String>,
    codes: HashMap<String, Role>,
    cookies: Vec<(Role, String)>,
    keys: Vec<(String, String, String)>,
    serial: u64,
}

impl Accounts {
    pub(super) fn new(user: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            tokens: Vec::new(),
            sessions: Vec::new(),
            codes: HashMap::new(),
            cookies: Vec::new(),
            keys: Vec::new(),
            serial: 0,
        }
    }

    /// The same user, to whom nothing was given; what is given from now on is none of what was given before.
    pub(super) fn emptied(&self) -> Self {
        Self { serial: self.serial, ..Self::new(&self.user, &self.password) }
    }

    /// Text that no other call gives and that nobody guesses by accident.
    fn fresh(&mut self, purpose: &str, length: usize) -> String {
        self.serial += 1;
        let mut text = String::new();
        let mut round = 0_u32;
        while text.len() < length {
            text += &hex(&format!("{purpose} {} {} {round}", self.serial, self.password));
            round += 1;
        }
        text.truncate(length);
        text
    }

    /// True if an Authorization header holds the user's name and password.
    pub(super) fn knows_basic(&self, authorization: Option<&str>) -> bool {
        let sent = authorization.and_then(|header| header.strip_prefix("Basic ")).map(str::trim);
        sent.is_some_and(|sent| sent == self.basic())
    }

    fn basic(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.password))
    }

    /// The first live token, or a new one.
    pub(super) fn find_or_create(&mut self, plan: &Plan, issuer: &str) -> Token {
        let live = self.tokens.iter().find(|token| token.is_live()).cloned();
        live.unwrap_or_else(|| self.new_token(plan, issuer))
    }

    /// A new token; none if the user has as many as allowed.
    pub(super) fn create(&mut self, plan: &Plan, issuer: &str) -> Option<Token> {
        let live = self.tokens.iter().filter(|token| token.is_live()).count();
        (live < MOST_TOKENS).then(|| self.new_token(plan, issuer))
    }

    fn new_token(&mut self, plan: &Plan, issuer: &str) -> Token {
        let now = Utc::now();
        let expires = now + TimeDelta::seconds(plan.token_seconds.min(1 << 32).cast_signed());
        let header = json!({ "typ": "JWT", "origin": "Earthdata Login", "sig": "edlsigjwtpubkey_ops", "alg": "RS256" });
        let claims = json!({
            "type": "User", "uid": self.user, "exp": expires.timestamp(), "iat": now.timestamp(), "iss": issuer,
            "identity_provider": "edl_ops", "acr": "edl", "assurance_level": 3,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let value = format!("{}.{}.{}", part(&header), part(&claims), self.fresh("token", 342));
        let token = Token { value, expires, uses_left: plan.token_uses, revoked: false };
        self.tokens.push(token.clone());
        token
    }

    /// Tokens that can still be used.
    pub(super) fn live_tokens(&self) -> Vec<Token> {
        self.tokens.iter().filter(|token| token.is_live()).cloned().collect()
    }

    /// Ends one token, or all. False if there is none such.
    pub(super) fn revoke(&mut self, value: Option<&str>) -> bool {
        let mut any = false;
        for token in self.tokens.iter_mut().filter(|token| value.is_none_or(|value| token.value == value)) {
            token.revoked = true;
            any = true;
        }
        any
    }

    /// Uses a token once. Nothing if the header is not that of a bearer.
    pub(super) fn bearer(&mut self, authorization: Option<&str>) -> Option<Result<(), Refusal>> {
        let (scheme, value) = authorization?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let value = value.trim();
        let Some(token) = self.tokens.iter_mut().find(|token| token.value == value) else { return Some(Err(Refusal::Unknown)) };
        if !token.is_live() {
            return Some(Err(Refusal::Expired));
        }
        token.uses_left = token.uses_left.map(|left| left - 1);
        Some(Ok(()))
    }

    /// A cookie of the login.
    pub(super) fn new_session(&mut self) -> String {
        let session = self.fresh("session", 32);
        self.sessions.push(session.clone());
        session
    }

    pub(super) fn has_session(&self, cookies: &[(String, String)]) -> bool {
        cookies.iter().any(|(name, value)| name == SESSION && self.sessions.contains(value))
    }

    /// A code that a data host can turn into a cookie, once.
    pub(super) fn new_code(&mut self, host: Role) -> String {
        let code = self.fresh("code", 40);
        self.codes.insert(code.clone(), host);
        code
    }

    /// The cookie of a data host for a code.
    pub(super) fn cookie_for(&mut self, code: &str, host: Role) -> Option<String> {
        (self.codes.remove(code) == Some(host)).then(|| self.cookie_of(host))
    }

    /// The cookie of a data host: always the same for the user.
    pub(super) fn cookie_of(&mut self, host: Role) -> String {
        if let Some((_, cookie)) = self.cookies.iter().find(|(role, _)| *role == host) {
            return cookie.clone();
        }
        let cookie = self.fresh("cookie", 64);
        self.cookies.push((host, cookie.clone()));
        cookie
    }

    pub(super) fn has_cookie(&self, host: Role, cookies: &[(String, String)]) -> bool {
        cookies.iter().any(|(name, value)| name == COOKIE && self.cookies.iter().any(|(role, known)| *role == host && known == value))
    }

    /// New temporary S3 keys as the endpoint writes them.
    pub(super) fn new_keys(&mut self, seconds: u64) -> Value {
        let id = format!("ASIA{}", self.fresh("id", 16).to_uppercase());
        let (secret, session) = (self.fresh("secret", 40), format!("FwoGZXIvYXdz{}", self.fresh("session token", 300)));
        self.keys.push((id.clone(), secret.clone(), session.clone()));
        let expiration = Utc::now() + TimeDelta::seconds(seconds.min(1 << 32).cast_signed());
        json!({
            "accessKeyId": id, "secretAccessKey": secret, "sessionToken": session,
            "expiration": expiration.format("%Y-%m-%d %H:%M:%S+00:00").to_string(),
        })
    }

    /// Everything that must not be seen elsewhere: name and text.
    pub(super) fn secrets(&self) -> BTreeMap<String, String> {
        let mut secrets = BTreeMap::from([("password".to_owned(), self.password.clone()), ("basic".to_owned(), self.basic())]);
        let numbered = |name: &str, number: usize| format!("{name} {}", number + 1);
        secrets.extend(self.tokens.iter().enumerate().map(|(number, token)| (numbered("token", number), token.value.clone())));
        secrets.extend(self.sessions.iter().enumerate().map(|(number, session)| (numbered("session", number), session.clone())));
        secrets.extend(
            self.cookies.iter().enumerate().map(|(number, (host, cookie))| (numbered(&format!("{} cookie", host.name()), number), cookie.clone())),
        );
        for (number, (_, secret, session)) in self.keys.iter().enumerate() {
            secrets.insert(numbered("secret key", number), secret.clone());
            secrets.insert(numbered("session token", number), session.clone());
        }
        secrets
    }
}

/// Name of the login's cookie.
pub(super) const SESSION: &str = "_urs-gui_session";

/// Name of the data hosts' cookie.
pub(super) const COOKIE: &str = "asf-urs";

/// Name and value of each cookie of a request.
pub(super) fn cookies(header: Option<&str>) -> Vec<(String, String)> {
    let pairs = header.unwrap_or_default().split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// SHA-256 of a text in hexadecimal.
pub(super) fn hex(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
