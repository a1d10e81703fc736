//! Tokens of Earthdata Login, and when what ends is renewed.

use base64::Engine as _;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Secret, secret::exposed};

/// What ends is renewed so long before it does.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// A bearer token. `Debug` says who and until when.
#[derive(Clone, Serialize, Deserialize)]
pub struct Token {
    #[serde(with = "exposed")]
    secret: Secret,
    user: Option<String>,
    expires: Option<DateTime<Utc>>,
    obtained: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("user", &self.user).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The part of a token's body that is read, never believed: the host that gets the token decides.
#[derive(Debug, Deserialize)]
struct Claims {
    uid: Option<String>,
    exp: Option<i64>,
}

impl Token {
    /// A token that somebody gave: user and end are what it says of itself.
    pub(crate) fn given(secret: Secret) -> Self {
        let claims = claims(secret.expose());
        let expires = claims.as_ref().and_then(|c| DateTime::from_timestamp(c.exp?, 0));
        Self { user: claims.and_then(|c| c.uid), expires, secret, obtained: None }
    }

    /// A token that the login host gave just now.
    pub(crate) fn obtained(secret: Secret, user: &str, expiration_date: Option<&str>, now: DateTime<Utc>) -> Self {
        let given = Self::given(secret);
        let expires = given.expires.or_else(|| expiration_date.and_then(parse_date));
        Self { user: Some(user.to_owned()), expires, obtained: Some(now), ..given }
    }

    /// The token, for the request that it is for.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// `Authorization: Bearer …`. [`Kind::Invalid`](crate::Kind::Invalid) for a token that no header may hold.
    pub(crate) fn bearer(&self) -> Result<HeaderValue> {
        self.secret.bearer().ok_or_else(|| Error::invalid("EARTHDATA_TOKEN", "holds characters that no token has"))
    }

    /// Whose it is, where that is known.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// When it ends, where that is known.
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        self.expires
    }

    pub(crate) fn when_obtained(&self) -> Option<DateTime<Utc>> {
        self.obtained
    }

    pub(crate) fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|expires| now >= renew_at(self.obtained, expires))
    }

    pub(crate) fn has_ended(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}

/// When something that ends is renewed: five minutes before, but not before half of its life, so that what lives shorter is not asked for each time.
pub(crate) fn renew_at(obtained: Option<DateTime<Utc>>, expires: DateTime<Utc>) -> DateTime<Utc> {
    let early = expires - MARGIN;
    obtained.map_or(early, |start| early.max(start + (expires - start) / 2))
}

/// The body of a JSON web token (RFC 7519 section 3).
fn claims(token: &str) -> Option<Claims> {
    let body = token.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The dates that the services state: `MM/DD/YYYY` (its end: who comes late is refused, and renews), RFC 3339, or that with a space; without a zone it is UTC.
pub(crate) fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%m/%d/%Y") {
        return date.and_hms_opt(23, 59, 59).map(|t| t.and_utc());
    }
    let iso = text.replacen(' ', "T", 1);
    let naive = || ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"].iter().find_map(|form| NaiveDateTime::parse_from_str(&iso, form).ok());
    DateTime::parse_from_rfc3339(&iso).map(|t| t.with_timezone(&Utc)).ok().or_else(|| naive().map(|t| t.and_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        parse_date(text).expect("a date")
    }

    #[test]
    fn dates_of_every_form_are_understood() {
        let noon = at("2026-08-18T12:00:00Z");
        for text in ["2026-08-18 12:00:00+00:00", "2026-08-18T12:00:00", "2026-08-18 12:00:00", "2026-08-18T14:00:00+02:00", "2026-08-18T12:00"] {
            assert_eq!(at(text), noon, "{text}");
        }
        assert_eq!(at("10/20/2026"), at("2026-10-20T23:59:59Z"));
        assert_eq!(parse_date("soon"), None);
    }

    #[test]
    fn tokens_say_whose_they_are_and_when_they_end() {
        let body = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"type":"User","uid":"gaia","exp":1792497600,"iss":"x"}"#);
        let token = Token::given(Secret::new(format!("e30.{body}.c2ln")));
        assert_eq!((token.user(), token.expires()), (Some("gaia"), DateTime::from_timestamp(1_792_497_600, 0)));
        let opaque = Token::given(Secret::new("opaque"));
        assert_eq!((opaque.user(), opaque.expires()), (None, None));
        assert!(!opaque.is_due(at("2100-01-01T00:00:00Z")));
        assert!(!format!("{opaque:?}").contains("opaque"));
        let short = Token::obtained(Secret::new("x"), "gaia", Some("10/20/2026"), at("2026-08-20T00:00:00Z"));
        assert_eq!(short.expires(), Some(at("2026-10-20T23:59:59Z")));
    }

    #[test]
    fn what_ends_is_renewed_five_minutes_before() {
        let (start, end) = (at("2026-08-18T12:00:00Z"), at("2026-08-18T13:00:00Z"));
        assert_eq!(renew_at(Some(start), end), at("2026-08-18T12:55:00Z"));
        assert_eq!(renew_at(None, end), at("2026-08-18T12:55:00Z"));
        assert_eq!(renew_at(Some(start), at("2026-08-18T12:04:00Z")), at("2026-08-18T12:02:00Z"), "half of a short life");
    }
}
