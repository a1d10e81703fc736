//! Temporary S3 keys, as the archive centres give them out.

use chrono::{DateTime, TimeDelta, Utc};
use object_store::aws::AwsCredential;
use serde::{Deserialize, Serialize};

use super::token::{parse_date, renew_at};
use crate::{Secret, secret::exposed};

/// Clocks that differ by less are one.
const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// Temporary keys for the buckets of one endpoint. `Debug` says for which and until when; the keys themselves are shown by [`S3Credentials::expose`] alone.
///
/// It serialises with its secrets: for an [`AuthContext`](crate::AuthContext) or a pipe, never for a log or a plan.
#[derive(Clone, Serialize, Deserialize)]
pub struct S3Credentials {
    #[serde(with = "exposed")]
    access_key_id: Secret,
    #[serde(with = "exposed")]
    secret_access_key: Secret,
    #[serde(with = "exposed")]
    session_token: Secret,
    expires: DateTime<Utc>,
    obtained: DateTime<Utc>,
    endpoint: String,
    region: String,
}

impl std::fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Credentials").field("endpoint", &self.endpoint).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The keys as plain text, for the one command that prints them.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ExposedKeys<'a> {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: &'a str,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: &'a str,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: &'a str,
    /// When they end.
    pub expires: DateTime<Utc>,
    /// Region of the buckets.
    pub region: &'a str,
    /// Who gave them out.
    pub endpoint: &'a str,
}

/// What an endpoint answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

impl S3Credentials {
    /// From the answer of an endpoint; `None` when it is not one. `theirs` is the endpoint's clock: where this machine's is wrong, keys would else
    /// seem to have ended when they come.
    pub(crate) fn parse(body: &[u8], endpoint: &str, region: &str, now: DateTime<Utc>, theirs: Option<DateTime<Utc>>) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(body).ok()?;
        let skew = theirs.map(|t| t - now).filter(|d| d.abs() > TOLERANCE).unwrap_or_default();
        Some(Self {
            access_key_id: Secret::new(answer.access_key_id),
            secret_access_key: Secret::new(answer.secret_access_key),
            session_token: Secret::new(answer.session_token),
            expires: parse_date(&answer.expiration)? - skew,
            obtained: now,
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
        })
    }

    /// When they end.
    pub fn expires(&self) -> DateTime<Utc> {
        self.expires
    }

    /// Who gave them out.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Region of the buckets they are for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The keys as plain text.
    pub fn expose(&self) -> ExposedKeys<'_> {
        ExposedKeys {
            access_key_id: self.access_key_id.expose(),
            secret_access_key: self.secret_access_key.expose(),
            session_token: self.session_token.expose(),
            expires: self.expires,
            region: &self.region,
            endpoint: &self.endpoint,
        }
    }

    /// Tells them from other keys without saying anything about them.
    pub(crate) fn fingerprint(&self) -> String {
        self.session_token.fingerprint()
    }

    /// Whether they are to be renewed: five minutes before they end, or after half of a life of less than ten.
    pub(crate) fn is_due(&self, now: DateTime<Utc>) -> bool {
        now >= renew_at(Some(self.obtained), self.expires)
    }

    pub(crate) fn have_ended(&self, now: DateTime<Utc>) -> bool {
        now >= self.expires
    }

    pub(crate) fn for_store(&self) -> AwsCredential {
        AwsCredential {
            key_id: self.access_key_id.expose().to_owned(),
            secret_key: self.secret_access_key.expose().to_owned(),
            token: Some(self.session_token.expose().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood_and_renewed_in_time() {
        let now = parse_date("2026-08-18T12:00:00Z").expect("a date");
        let body = br#"{"accessKeyId":"ID","secretAccessKey":"HUSH","sessionToken":"TOKEN","expiration":"2026-08-18 13:00:00+00:00"}"#;
        let keys = S3Credentials::parse(body, "https://h/s3credentials", "us-west-2", now, None).expect("keys");
        assert!(
            !keys.is_due(now + TimeDelta::minutes(54)) && keys.is_due(now + TimeDelta::minutes(55)) && !keys.have_ended(now + TimeDelta::minutes(59))
        );
        let text = format!("{keys:?}");
        assert!(["ID", "HUSH", "TOKEN"].iter().all(|s| !text.contains(s)) && text.contains("https://h/s3credentials"), "{text}");
        assert_eq!(keys.expose().secret_access_key, "HUSH");
        let fast = now + TimeDelta::hours(3);
        let keys = S3Credentials::parse(body, "e", "r", fast, Some(now)).expect("keys");
        assert!(!keys.is_due(fast + TimeDelta::minutes(50)), "a clock that is three hours fast changes nothing");
        for body in ["<html>", "{}", r#"{"accessKeyId":"a","secretAccessKey":"b","sessionToken":"c","expiration":"soon"}"#] {
            assert!(S3Credentials::parse(body.as_bytes(), "e", "r", now, None).is_none(), "{body}");
        }
    }
}
