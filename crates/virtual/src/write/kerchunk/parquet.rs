use std::{collections::HashMap, fs::File, io, path::Path, sync::Arc};

use arrow_array::{ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, types::Int32Type};
use arrow_schema::{DataType, Field, Schema};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};

use super::{
    Options, Written, ZarrFormat,
    documents::{Chunks, Content, documents},
    failed, new,
};
use crate::{
    Dataset, Error, Result,
    address::Cache,
    json::{Json, object},
};

/// Writes a dataset as a directory of Kerchunk references in Parquet: `.zmetadata`, and `<array>/refs.<n>.parq` with `record_size` references each.
///
/// Readers of a store with groups must name the protocol of the files (`remote_protocol`): fsspec finds it itself only where there are none.
///
/// A file of which no chunk is stored is not written. Within a file, a chunk that is not stored has no path.
///
/// # Errors
/// [`Error::Request`] for Zarr v3, which readers of these files do not know; else as for [`write_json`](super::write_json).
pub fn write_parquet(dataset: &Dataset, path: &Path, options: &Options) -> Result<Written> {
    if options.format != ZarrFormat::V2 {
        return Err(Error::Request("Kerchunk references in Parquet speak Zarr v2 only".into()));
    }
    if options.record_size == 0 {
        return Err(Error::Request("a file of references holds at least one (record size 0)".into()));
    }
    let documents = documents(dataset, options.format)?;
    new(path, |partial| {
        let io = |e: io::Error| failed(path, e);
        std::fs::create_dir(partial).map_err(io)?;
        let mut written = Written::default();
        for chunks in &documents.arrays {
            std::fs::create_dir_all(partial.join(&chunks.path)).map_err(io)?;
            let mut record = Record::new(partial, chunks, options.record_size);
            let mut files = Cache::new();
            chunks.in_order(|index, content| {
                record.go_to(index / options.record_size as u64, &mut written)?;
                let row = (index % options.record_size as u64) as usize;
                match content {
                    Content::Reference { url, offset, length } => {
                        let file = files.get(url, |url| options.addresses.plain(url).map(Arc::from))?;
                        record.refer(row, &file, offset, length);
                        written.references += 1;
                    }
                    Content::Inline(bytes) => {
                        record.raw.push((row, bytes));
                        written.inline += 1;
                    }
                }
                Ok(())
            })?;
            record.finish(&mut written)?;
        }
        let metadata = object([
            ("metadata", Json::Object(documents.metadata)),
            ("zarr_consolidated_format", Json::Int(1)),
            ("record_size", Json::from(options.record_size as u64)),
        ]);
        let text = metadata.to_string();
        std::fs::write(partial.join(".zmetadata"), &text).map_err(io)?;
        written.bytes += text.len() as u64;
        Ok(written)
    })
}

/// The references of one file, while they are collected.
struct Record<'a> {
    directory: std::path::PathBuf,
    chunks: &'a Chunks<'a>,
    number: u64,
    size: usize,
    files: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, i32>,
    last: Option<(Arc<str>, i32)>,
    file: Vec<Option<i32>>,
    offset: Vec<i64>,
    length: Vec<i64>,
    raw: Vec<(usize, Bytes)>,
}

impl<'a> Record<'a> {
    fn new(root: &Path, chunks: &'a Chunks<'a>, size: usize) -> Self {
        Self {
            directory: root.join(&chunks.path),
            chunks,
            number: 0,
            size,
            files: Vec::new(),
            numbers: HashMap::new(),
            last: None,
            file: Vec::new(),
            offset: Vec::new(),
            length: Vec::new(),
            raw: Vec::new(),
        }
    }

    fn refer(&mut self, row: usize, file: &Arc<str>, offset: u64, length: u64) {
        let number = match &self.last {
            Some((last, number)) if Arc::ptr_eq(last, file) => *number,
            _ => {
                let next = i32::try_from(self.files.len()).unwrap_or(i32::MAX);
                let number = *self.numbers.entry(Arc::clone(file)).or_insert(next);
                if number == next {
                    self.files.push(Arc::clone(file));
                }
                self.last = Some((Arc::clone(file), number));
                number
            }
        };
        self.pad(row);
        self.file.push(Some(number));
        // Offsets of 2⁶³ or more are no files.
        self.offset.push(offset.cast_signed());
        self.length.push(length.cast_signed());
    }

    fn pad(&mut self, rows: usize) {
        self.file.resize(rows, None);
        self.offset.resize(rows, 0);
        self.length.resize(rows, 0);
    }

    fn go_to(&mut self, number: u64, written: &mut Written) -> Result<()> {
        if number != self.number {
            self.finish(written)?;
            self.number = number;
        }
        Ok(())
    }

    fn finish(&mut self, written: &mut Written) -> Result<()> {
        if self.file.is_empty() && self.raw.is_empty() {
            return Ok(());
        }
        let all: u64 = self.chunks.grid.iter().product();
        let rows = (all - self.number * self.size as u64).min(self.size as u64) as usize;
        self.pad(rows);
        let path = self.directory.join(format!("refs.{}.parq", self.number));
        written.bytes += self.write(&path, rows).map_err(|e| failed(&path, e))?;
        (self.files, self.numbers, self.last) = (Vec::new(), HashMap::new(), None);
        self.file.clear();
        self.offset.clear();
        self.length.clear();
        self.raw.clear();
        Ok(())
    }

    fn write(&self, path: &Path, rows: usize) -> Result<u64, crate::Cause> {
        let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut fields =
            vec![Field::new("path", text, true), Field::new("offset", DataType::Int64, false), Field::new("size", DataType::Int64, false)];
        let names: StringArray = self.files.iter().map(|f| Some(f.as_ref())).collect();
        let paths = DictionaryArray::<Int32Type>::try_new(Int32Array::from(self.file.clone()), Arc::new(names))?;
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(paths), Arc::new(Int64Array::from(self.offset.clone())), Arc::new(Int64Array::from(self.length.clone()))];
        if !self.raw.is_empty() {
            fields.push(Field::new("raw", DataType::Binary, true));
            columns.push(Arc::new(self.raw_column(rows)));
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(File::create(path)?, schema, options)?;
        writer.write(&batch)?;
        let file = writer.into_inner()?;
        Ok(file.metadata()?.len())
    }

    fn raw_column(&self, rows: usize) -> BinaryArray {
        let mut raw = self.raw.iter().peekable();
        let values: Vec<Option<Vec<u8>>> = (0..rows).map(|row| raw.next_if(|(at, _)| *at == row).map(|(_, bytes)| escaped(bytes))).collect();
        values.iter().map(Option::as_deref).collect()
    }
}

/// Readers take bytes that start so for base64.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(b"base64:") { format!("base64:{}", BASE64.encode(bytes)).into_bytes() } else { bytes.to_vec() }
}

fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_write_batch_size(1 << 16);
    for column in ["offset", "size"] {
        let column = ColumnPath::from(column);
        properties = properties.set_column_dictionary_enabled(column.clone(), false);
        properties = properties.set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED);
        // fastparquet takes whole numbers for doubles unless it is told that none is missing.
        properties = properties.set_column_statistics_enabled(column, EnabledStatistics::Chunk);
    }
    properties.build()
}
