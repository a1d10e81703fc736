//! Addresses, one a line: for `wget`, `cube virtualize @list.txt`, and other programs.

use cube_access::Access;
use futures::{StreamExt, TryStreamExt};

use super::Writer;
use crate::{
    Result,
    search::{FileFacts, Record, RecordStream},
};

/// Records whose addresses are looked for at once.
const AT_ONCE: usize = 16;

#[derive(Debug)]
pub(super) struct Urls;

impl Writer for Urls {
    fn add(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        let mut line = |address: &str| {
            for letter in address.chars() {
                // One line is one address, whatever a record holds.
                match letter {
                    '\0'..='\x1f' => out.extend_from_slice(format!("%{:02X}", u32::from(letter)).as_bytes()),
                    _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            out.push(b'\n');
        };
        match record.addresses() {
            Some(chosen) => chosen.iter().for_each(|address| line(address)),
            None => record.wanted_files()?.iter().for_each(|file| line(&file.href)),
        }
        Ok(())
    }
}

/// Records that know the addresses of the files that are wanted of them, as `access` chooses them.
pub(super) fn routed(records: RecordStream, access: &Access) -> RecordStream {
    let access = access.clone();
    let routed = move |mut record: Record| {
        let access = access.clone();
        async move {
            record.teach_buckets(&access)?;
            let mut addresses = Vec::new();
            for file in record.wanted_files()? {
                addresses.push(address(file, &access).await?);
            }
            record.set_addresses(addresses);
            Ok(record)
        }
    };
    records.map_ok(routed).try_buffered(AT_ONCE).boxed()
}

async fn address(file: FileFacts, access: &Access) -> Result<String> {
    match file.s3 {
        Some(s3) if s3 == file.href => Ok(s3),
        Some(s3) => Ok(access.choose(&file.href, &[s3]).await?.href),
        None => Ok(file.href),
    }
}
