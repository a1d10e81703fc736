//! Writing stac-geoparquet, spatially packed.
//!
//! Items arrive in any order and number. They are first set down, compressed, in a temporary file beside the result, while the types of
//! the columns are learned and 32 bytes of each are kept (its place on Hilbert's curve, its time, where it lies); then they are read back in
//! order and written, a row group at a time. So memory holds 32 bytes an item and one row group.

use std::{
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, cast::AsArray, types::TimestampMicrosecondType};
use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};
use cube_backend::{Error, Kind, Result};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::{metadata::KeyValue, properties::WriterProperties},
};
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;

use super::{
    hilbert,
    schema::{Columns, PROJECTED},
};
use crate::{collection_file::io_error, item::Item, outline::Outline, patch::Facts};

/// Rows of a row group, as the specification proposes (5,000 to 10,000).
const ROW_GROUP: usize = 8192;
/// Rows of a page: what is decoded for one row that is wanted.
const PAGE: usize = 512;
/// Rows that are brought into columns at once.
const BATCH: usize = 1024;

/// Items on their way into an index.
#[derive(Debug)]
pub(crate) struct Spool {
    file: BufWriter<File>,
    end: u64,
    entries: Vec<Entry>,
    columns: Columns,
    extent: Option<[f64; 4]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    place: u64,
    time: i64,
    offset: u64,
    length: u32,
}

impl Spool {
    /// A place for items, in a folder.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(|e| io_error(&folder.display().to_string(), e))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 20, file), end: 0, entries: Vec::new(), columns: Columns::default(), extent: None })
    }

    /// Sets one item down.
    pub(crate) fn add(&mut self, item: &Item) -> Result<()> {
        self.columns.learn(item);
        let facts = Facts::of(item)?;
        let Outline { bbox, .. } = facts.outline;
        if let Some([w, s, e, n]) = bbox {
            let (w, e) = if w > e { (-180.0, 180.0) } else { (w, e) };
            self.extent = Some(self.extent.map_or([w, s, e, n], |x| [x[0].min(w), x[1].min(s), x[2].max(e), x[3].max(n)]));
        }
        // What states no place gets none: its grid is read again where it is read.
        let places = item.bbox().is_some() || item.0.get("geometry").is_some_and(|g| !g.is_null());
        let stored = (bbox.filter(|_| places), item);
        let bytes = serde_json::to_vec(&stored).ok().and_then(|text| zstd::bulk::compress(&text, 1).ok());
        let bytes = bytes.ok_or_else(|| Error::new(Kind::Invalid, format!("item `{}` cannot be set down", item.patch_id())))?;
        let length = u32::try_from(bytes.len()).map_err(|_| Error::new(Kind::Invalid, format!("item `{}` is larger than 4 GiB", item.patch_id())))?;
        self.file.write_all(&bytes).map_err(spool_error)?;
        self.entries.push(Entry { place: hilbert::key(bbox), time: facts.when.nominal.map_or(i64::MAX, |t| t.0), offset: self.end, length });
        self.end += u64::from(length);
        Ok(())
    }

    fn items(&self) -> usize {
        self.entries.len()
    }

    /// What the items say and the index cannot hold.
    pub(super) fn losses(&self) -> Vec<String> {
        self.columns.losses()
    }
}

/// Writes what was set down to a file, which appears when it is whole. Answers the number of items.
pub(crate) fn write(spool: Spool, path: &Path) -> Result<usize> {
    write_grouped(spool, path, ROW_GROUP)
}

pub(super) fn write_grouped(mut spool: Spool, path: &Path, row_group: usize) -> Result<usize> {
    let name = path.display().to_string();
    let failed = |e: parquet::errors::ParquetError| Error::new(Kind::Unavailable, format!("`{name}` cannot be written")).with_source(e);
    spool.file.flush().map_err(spool_error)?;
    spool.entries.sort_unstable();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut out = NamedTempFile::new_in(folder).map_err(|e| io_error(&name, e))?;
    cube_backend::note_unfinished(out.path());
    let schema: SchemaRef = Arc::new(spool.columns.schema());
    let mut writer =
        ArrowWriter::try_new(BufWriter::new(out.as_file_mut()), Arc::clone(&schema), Some(properties(&spool, row_group))).map_err(failed)?;
    let items = spool.items();
    let entries = std::mem::take(&mut spool.entries);
    let source = spool.file.get_mut();
    for chunk in entries.chunks(BATCH) {
        writer.write(&batch(chunk, source, &spool.columns, &schema)?).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    spool.losses().iter().for_each(|loss| tracing::warn!(index = name, "{loss}"));
    out.as_file_mut().sync_all().map_err(|e| io_error(&name, e))?;
    out.persist(path).map_err(|e| io_error(&name, e.error))?;
    crate::index::as_others_may_read(path);
    Ok(items)
}

fn batch(entries: &[Entry], source: &mut File, columns: &Columns, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut decoder =
        arrow_json::ReaderBuilder::new(Arc::new(without_zones(schema))).with_batch_size(entries.len()).build_decoder().map_err(column_error)?;
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut bytes = vec![0; entry.length as usize];
        source.seek(SeekFrom::Start(entry.offset)).and_then(|_| source.read_exact(&mut bytes)).map_err(spool_error)?;
        let text = zstd::stream::decode_all(bytes.as_slice()).map_err(spool_error)?;
        let (bbox, item): (Option<[f64; 4]>, Item) =
            serde_json::from_slice(&text).map_err(|e| Error::corrupt("the temporary file of the index changed while it was read").with_source(e))?;
        rows.push(columns.row(&item, bbox));
    }
    decoder.serialize(&rows).map_err(column_error)?;
    let batch = decoder.flush().map_err(column_error)?.ok_or_else(|| Error::corrupt("a batch of the index has no rows"))?;
    let columns = batch.columns().iter().map(|c| match c.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(instants) => Arc::new(instants.clone().with_timezone("UTC")) as ArrayRef,
        None => Arc::clone(c),
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).map_err(column_error)
}

/// The reader of JSON knows no time zones; without one it reads instants as UTC, which they are.
fn without_zones(schema: &Schema) -> Schema {
    let bare = |f: &FieldRef| match f.data_type() {
        DataType::Timestamp(unit, Some(_)) => f.as_ref().clone().with_data_type(DataType::Timestamp(*unit, None)),
        _ => f.as_ref().clone(),
    };
    Schema::new(schema.fields().iter().map(bare).collect::<Vec<_>>())
}

fn properties(spool: &Spool, row_group: usize) -> WriterProperties {
    let types: Vec<&String> = spool.columns.geometry_types.iter().collect();
    // Without a `crs`, GeoParquet means longitude and latitude on WGS 84.
    let mut geometry = json!({
        "encoding": "WKB", "geometry_types": types, "edges": "planar",
        "covering": {"bbox": {"xmin": ["bbox", "xmin"], "ymin": ["bbox", "ymin"], "xmax": ["bbox", "xmax"], "ymax": ["bbox", "ymax"]}},
    });
    if let (Some(extent), Value::Object(members)) = (spool.extent, &mut geometry) {
        members.insert("bbox".into(), json!(extent));
    }
    let mut geometries = Map::from_iter([("geometry".to_owned(), geometry)]);
    if spool.columns.keeps_projected(None) {
        // Each row has a CRS of its own.
        geometries.insert(PROJECTED.to_owned(), json!({"encoding": "WKB", "geometry_types": [], "crs": null}));
    }
    let geo = json!({"version": "1.1.0", "primary_column": "geometry", "columns": geometries});
    let stac = json!({"version": "1.0.0"});
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()))
        .set_max_row_group_row_count(Some(row_group))
        .set_data_page_row_count_limit(PAGE)
        .set_write_batch_size(PAGE)
        .set_created_by(concat!("eocube ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![
            KeyValue::new("geo".to_owned(), geo.to_string()),
            KeyValue::new("stac-geoparquet".to_owned(), stac.to_string()),
        ]))
        .build()
}

fn spool_error(e: std::io::Error) -> Error {
    Error::new(Kind::Unavailable, "the temporary file of the index cannot be used")
        .with_hint("there may be no space left where the index is written")
        .with_source(e)
}

fn column_error(e: arrow_schema::ArrowError) -> Error {
    Error::new(Kind::Invalid, "the items do not fit into the columns of the index").with_source(e)
}
