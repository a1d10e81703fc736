use serde::{Deserialize, Serialize};

/// A sum over the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Algorithm as UMM writes it: `MD5`, `SHA-256`, `SHA-512`, …
    pub algorithm: String,
    /// Value in hexadecimal digits.
    pub value: String,
}

/// One line of the table of multihash codes (<https://github.com/multiformats/multicodec>, `table.csv`).
struct Multihash {
    /// As UMM writes it.
    algorithm: &'static str,
    code: u64,
    /// Bytes of the whole digest.
    length: usize,
}

const MULTIHASHES: [Multihash; 9] = [
    Multihash { algorithm: "MD5", code: 0xd5, length: 16 },
    Multihash { algorithm: "SHA-1", code: 0x11, length: 20 },
    Multihash { algorithm: "SHA-256", code: 0x12, length: 32 },
    Multihash { algorithm: "SHA-384", code: 0x20, length: 48 },
    Multihash { algorithm: "SHA-512", code: 0x13, length: 64 },
    Multihash { algorithm: "SHA3-256", code: 0x16, length: 32 },
    Multihash { algorithm: "SHA3-512", code: 0x14, length: 64 },
    Multihash { algorithm: "SM3", code: 0x534d, length: 32 },
    Multihash { algorithm: "CRC-32", code: 0x0132, length: 4 },
];

impl Checksum {
    /// Reads `file:checksum` of STAC (file extension 2.1): a multihash in hexadecimal digits. None for what is not one, a code that is not known, or
    /// a digest of another length than its code has.
    pub fn from_multihash(text: &str) -> Option<Self> {
        let bytes = bytes_of_hex(text)?;
        let (code, rest) = varint(&bytes)?;
        let (length, digest) = varint(rest)?;
        let known = MULTIHASHES.iter().find(|m| m.code == code)?;
        let whole = length == known.length as u64 && digest.len() == known.length;
        whole.then(|| Self { algorithm: known.algorithm.into(), value: hex(digest) })
    }

    /// As a multihash in hexadecimal digits. None for an algorithm that has no code there (`Adler-32`, `POSIX`, …) and for a value that is not a
    /// digest of its length.
    pub fn to_multihash(&self) -> Option<String> {
        let digest = bytes_of_hex(&self.value)?;
        let name = plain(&self.algorithm);
        // UMM also allows `SHA-2`, the family: the length tells which one.
        let is_meant = |m: &Multihash| plain(m.algorithm) == name || (name == "sha2" && matches!(m.code, 0x12 | 0x13 | 0x20));
        let known = MULTIHASHES.iter().find(|m| m.length == digest.len() && is_meant(m))?;
        let mut bytes = Vec::with_capacity(digest.len() + 4);
        push_varint(&mut bytes, known.code);
        push_varint(&mut bytes, known.length as u64);
        bytes.extend(digest);
        Some(hex(&bytes))
    }
}

/// `SHA-256`, `sha256` and `Sha_256` are one name.
fn plain(algorithm: &str) -> String {
    algorithm.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|d| !d.is_empty() && d.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|d| char::from_digit(d.into(), 16)).collect()
}

/// An unsigned LEB128 number and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    // Multihash allows nine bytes at most.
    let end = bytes.iter().take(9).position(|b| b & 0x80 == 0)?;
    let value = bytes[..=end].iter().rev().fold(0, |value, b| value << 7 | u64::from(b & 0x7f));
    Some((value, &bytes[end + 1..]))
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(algorithm: &str, value: &str) -> Checksum {
        Checksum { algorithm: algorithm.into(), value: value.into() }
    }

    /// Digests of no bytes, with the prefixes of the multicodec table.
    #[test]
    fn multihashes_are_those_of_the_table() {
        let cases = [
            ("MD5", "d50110", "d41d8cd98f00b204e9800998ecf8427e"),
            ("SHA-1", "1114", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            ("SHA-256", "1220", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (
                "SHA-512",
                "1340",
                "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
            ),
            ("SM3", "cda60120", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"),
        ];
        for (algorithm, prefix, value) in cases {
            let checksum = sum(algorithm, value);
            let multihash = format!("{prefix}{value}");
            assert_eq!(checksum.to_multihash(), Some(multihash.clone()), "{algorithm}");
            assert_eq!(Checksum::from_multihash(&multihash), Some(checksum), "{algorithm}");
        }
    }

    #[test]
    fn names_of_algorithms_are_read_as_they_come() {
        let value = "ab".repeat(32);
        for name in ["SHA-256", "sha256", "SHA-2", "Sha_256"] {
            assert_eq!(sum(name, &value).to_multihash(), Some(format!("1220{value}")), "{name}");
        }
        assert_eq!(sum("SHA-2", &"ab".repeat(64)).to_multihash(), Some(format!("1340{}", "ab".repeat(64))));
    }

    #[test]
    fn what_is_no_multihash_is_none() {
        for text in ["", "1", "zz", "d5", "d501", "d50110ab", "1220", "ffffffffffffffffffff01", "d41d8cd98f00b204e9800998ecf8427e"] {
            assert_eq!(Checksum::from_multihash(text), None, "{text}");
        }
        for checksum in [sum("Adler-32", "0badcafe"), sum("MD5", "short"), sum("MD5", "abcd"), sum("SHA-2", "abcd"), sum("", "")] {
            assert_eq!(checksum.to_multihash(), None, "{checksum:?}");
        }
    }
}
