//! Bytes that are broken on purpose: an error or a refusal, never a panic, a hang, or more memory than the bounds allow.
//!
//! `CUBE_MUTATIONS` sets how many broken copies are made of each file (20 without it).

use std::ops::Range;

use cube_format_hdf5::{Fetch, read_bytes, read_ranges};
use cube_manifest::{Granule, Reason};

use crate::dump::{corpus, files, origin};

/// Numbers that look random, and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }
}

struct Bytes<'a>(&'a [u8]);

impl Fetch for Bytes<'_> {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn fetch(&self, ranges: &[Range<u64>]) -> cube_backend::Result<Vec<bytes::Bytes>> {
        Ok(ranges.iter().map(|r| bytes::Bytes::copy_from_slice(&self.0[r.start as usize..r.end as usize])).collect())
    }
}

/// A copy with a few bytes changed, mostly near the start, where the description is; or cut.
fn broken(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    for _ in 0..=random.below(6) {
        let reach = if random.below(2) == 0 { copy.len().min(4096) } else { copy.len() };
        let at = random.below(reach);
        match random.below(4) {
            0 => copy[at] ^= 1 << random.below(8),
            1 => copy[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => {
                let end = copy.len().min(at + 8);
                copy[at..end].fill([0, 0xff][random.below(2)]);
            }
            _ => {
                let from = random.below(copy.len());
                let length = random.below(64).min(copy.len() - at.max(from));
                copy.copy_within(from..from + length, at);
            }
        }
    }
    if random.below(10) == 0 {
        copy.truncate(random.below(bytes.len()));
    }
    copy
}

#[test]
fn broken_files_are_errors_or_refusals() {
    let (Some(mut all), Some(pairs)) = (corpus("hdf5").map(|c| files(&c)), corpus("dmrpp").map(|c| files(&c.join("pairs")))) else { return };
    all.extend(pairs.into_iter().filter(|p| p.extension().is_some_and(|e| e == "h5")));
    let times = std::env::var("CUBE_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let mut random = Random(42);
    let (mut read, mut refused) = (0, 0);
    for path in all {
        let bytes = std::fs::read(&path).unwrap();
        if bytes.is_empty() || bytes.len() > 300_000 {
            continue;
        }
        for _ in 0..times {
            let copy = broken(&bytes, &mut random);
            let (near, far) = (read_bytes(&copy, origin("x")), read_ranges(&Bytes(&copy), origin("x")));
            // Attributes may be NaN, which is not equal to itself.
            let told = |granule: Option<&Granule>| format!("{:?}", granule.map(|g| &g.root));
            assert_eq!(told(near.as_ref().ok()), told(far.as_ref().ok().map(|(g, _)| g)), "{}", path.display());
            if near.is_ok() { read += 1 } else { refused += 1 }
        }
    }
    println!("{read} broken files read, {refused} refused");
    assert!(read > 0 && refused > 0);
}

/// A file with the old superblock whose root group is described by `messages` (kind, body) of an object header of version 1.
fn file_of(messages: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".to_vec();
    let body: Vec<u8> =
        messages.iter().flat_map(|(kind, body)| [&kind.to_le_bytes()[..], &(body.len() as u16).to_le_bytes(), &[0; 4], body].concat()).collect();
    let header =
        [&[1, 0][..], &(messages.len() as u16).to_le_bytes(), &1_u32.to_le_bytes(), &(body.len() as u32).to_le_bytes(), &[0; 4], &body].concat();
    let end = 96 + header.len() as u64;
    for address in [0, u64::MAX, end, u64::MAX, 0, 96] {
        bytes.extend(address.to_le_bytes());
    }
    bytes.extend([0; 24]);
    assert_eq!(bytes.len(), 96);
    bytes.extend(header);
    bytes
}

fn link(name: &str, kind: u8, target: &[u8]) -> (u16, Vec<u8>) {
    let mut body = vec![1, 8, kind, name.len() as u8];
    body.extend(name.as_bytes());
    body.extend(target);
    (6, body)
}

fn hard(name: &str, address: u64) -> (u16, Vec<u8>) {
    link(name, 0, &address.to_le_bytes())
}

fn soft(name: &str, path: &str) -> (u16, Vec<u8>) {
    link(name, 1, &[&(path.len() as u16).to_le_bytes()[..], path.as_bytes()].concat())
}

fn read(messages: &[(u16, Vec<u8>)]) -> cube_backend::Result<Granule> {
    read_bytes(&file_of(messages), origin("x"))
}

fn reasons(granule: &Granule) -> Vec<(&str, Reason)> {
    granule.root.variables.iter().map(|v| (v.name.as_str(), v.data.as_ref().unwrap_err().reason)).collect()
}

#[test]
fn links_in_circles_end() {
    let granule =
        read(&[hard("self", 96), soft("a", "/b"), soft("b", "/a"), soft("c", "c"), soft("d", "/self/self/self"), soft("e", "/d/a")]).unwrap();
    assert!(granule.root.groups.is_empty());
    let missing = |name| (name, Reason::NotStored);
    assert_eq!(reasons(&granule), [missing("a"), missing("b"), missing("c"), missing("e")]);
}

/// Each group holds the next one twice: 2⁹⁰ ways lead down.
#[test]
fn more_ways_than_can_be_walked_are_an_error() {
    let mut bytes = file_of(&[hard("a", 0), hard("b", 0)]);
    let length = bytes.len() - 96;
    for _ in 0..89 {
        bytes.extend_from_within(96..96 + length);
    }
    for group in 0..89 {
        // Where the addresses of the two links are: after prefix, head of the message, and name.
        for at in [16 + 8 + 5, 16 + 8 + 13 + 8 + 5] {
            let at = 96 + group * length + at;
            bytes[at..at + 8].copy_from_slice(&(96 + (group as u64 + 1) * length as u64).to_le_bytes());
        }
    }
    let last = bytes.len() - length;
    bytes[last + 2] = 0;
    let end = bytes.len() as u64;
    bytes[40..48].copy_from_slice(&end.to_le_bytes());
    let error = read_bytes(&bytes, origin("x")).unwrap_err();
    assert!(error.to_string().contains("takes more than 192 MiB"), "{error}");
}

/// Looking a name up does not read the group again.
#[test]
fn many_links_through_one_group_are_followed() {
    let links: Vec<_> = (0..20_000).map(|i| soft(&format!("link {i}"), "/not there")).collect();
    let granule = read(&links).unwrap();
    assert!(reasons(&granule).iter().all(|(_, reason)| *reason == Reason::NotStored));
    assert_eq!(granule.root.variables.len(), 20_000);
}

#[test]
fn links_out_of_the_file_are_refused_by_name() {
    let granule =
        read(&[link("out", 64, b"\x0f\0\0other.h5\0/a/b\0"), link("own", 99, b"\0\0"), soft("through", "/out/c"), hard("beyond", 1 << 40)]).unwrap();
    let expected = [("beyond", Reason::Inconsistent), ("out", Reason::External), ("own", Reason::External), ("through", Reason::External)];
    assert_eq!(reasons(&granule), expected);
    assert!(granule.root.variables[3].data.as_ref().unwrap_err().detail.contains("`/a/b/c` of `other.h5`"));
}

#[test]
fn a_header_that_continues_in_itself_is_an_error() {
    let again = [96_u64 + 16, 24].map(u64::to_le_bytes).concat();
    let error = read(&[(16, again)]).unwrap_err();
    assert!(error.to_string().contains("continues at 112 twice"), "{error}");
    let far = [1_u64 << 62, 1 << 62].map(u64::to_le_bytes).concat();
    assert_eq!(read(&[(16, far)]).unwrap_err().kind(), cube_backend::Kind::Corrupt);
}

#[test]
fn what_is_no_hdf5_file_is_told_so() {
    for (bytes, words) in [(&b""[..], "signature is missing"), (b"GIF89a\0\0", "signature is missing"), (b"\x89HDF\r\n\x1a\n\x09", "version 9")] {
        let error = read_bytes(bytes, origin("file:///a.h5")).unwrap_err();
        assert!(error.to_string().starts_with("`file:///a.h5`") && error.to_string().contains(words), "{error}");
    }
    let whole = file_of(&[]);
    assert!(read_bytes(&whole, origin("x")).is_ok());
    let error = read_bytes(&whole[..whole.len() - 1], origin("x")).unwrap_err();
    assert!(error.to_string().contains("the file is cut"), "{error}");
}
