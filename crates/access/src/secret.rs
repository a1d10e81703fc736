//! Texts that are never printed and leave no copy in memory when they are dropped.

use std::fmt;

use base64::Engine as _;
use http::HeaderValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A text that is never printed. Its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a text from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for the request that it is for.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells one secret from another without saying anything about it.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&[self.expose()])
    }

    /// `Authorization: Bearer …`, marked so that no log prints it. `None` for a text that no header may hold.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        sensitive(&Zeroizing::new(format!("Bearer {}", self.expose())))
    }
}

/// `Authorization: Basic …` (RFC 7617), marked so that no log prints it.
pub(crate) fn basic(user: &str, password: &Secret) -> Option<HeaderValue> {
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    sensitive(&Zeroizing::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()))))
}

/// A header value that no log prints.
pub(crate) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The first 128 bits of the SHA-256 of texts, in hex.
pub(crate) fn fingerprint(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Writes a secret out and reads it in. Only for what is named with it, field by field: [`Secret`] itself does not serialise.
pub(crate) mod exposed {
    use super::{Deserialize, Deserializer, Secret, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_a_secret() {
        let secret = Secret::new("hush");
        let headers = (secret.bearer(), basic("me", &secret));
        assert!(!format!("{secret:?} {headers:?}").contains("hush") && !format!("{headers:?}").contains("bWU6aHVzaA"));
        assert_eq!(basic("me", &secret).and_then(|h| h.to_str().map(str::to_owned).ok()).as_deref(), Some("Basic bWU6aHVzaA=="));
        assert!(Secret::new("a\nb").bearer().is_none(), "no header is smuggled in");
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert!(!secret.fingerprint().contains("hush"));
    }
}
