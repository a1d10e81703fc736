//! stac-geoparquet: items as rows, of which a query reads only what it touches.
//!
//! A file's footer is read once, when it is opened. A query then leaves out row groups by the statistics of box and time, rows by the
//! columns of box and time alone, columns by what patches are made from, and decodes what remains, batch by batch.

mod bounds;
mod columns;
mod hilbert;
mod rows;
mod schema;
mod store_reader;
#[cfg(test)]
mod tests;
mod wkb;
mod write;

use std::{collections::BTreeSet, sync::Arc};

use arrow_array::{Array, cast::AsArray};
use cube_backend::{Error, Result};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    arrow::{
        ParquetRecordBatchStreamBuilder, ProjectionMask,
        arrow_reader::{ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, RowFilter},
    },
    errors::ParquetError,
};

use crate::{found::Pages, item::NO_COLLECTION, location::Location, wanted::Wanted};
use bounds::Bounds;
use store_reader::StoreReader;

pub(crate) use write::{Spool, write};

/// Name of the Arrow extension type for JSON in a text column.
const JSON_EXTENSION: &str = "arrow.json";
/// Rows that are decoded at once.
const BATCH: usize = 1024;

/// An open stac-geoparquet file.
#[derive(Debug)]
pub(crate) struct Index {
    name: Location,
    reader: StoreReader,
    metadata: ArrowReaderMetadata,
    bounds: Bounds,
}

impl Index {
    /// Reads the footer.
    pub(crate) async fn open(store: Arc<dyn ObjectStore>, path: Path, name: Location) -> Result<Self> {
        let size = store.head(&path).await.map_err(|e| missing(e, &name))?.size;
        let mut reader = StoreReader { store, path, size };
        let metadata = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await.map_err(|e| corrupt(&name, e))?;
        let has = |column: &str| metadata.schema().field_with_name(column).is_ok();
        if let Some(missing) = ["id", "assets"].into_iter().find(|c| !has(c)) {
            return Err(Error::corrupt(format!("`{name}` is not stac-geoparquet: it has no column `{missing}`"))
                .with_hint("make one with `cube index`, or with the stac-geoparquet package"));
        }
        let bounds = Bounds::of(&metadata);
        Ok(Self { name, reader, metadata, bounds })
    }

    /// The items of the rows that can be an answer. Unless `whole`, they have only what patches are made from.
    pub(crate) fn pages(self: Arc<Self>, wanted: Arc<Wanted>, whole: bool) -> Pages {
        let stream = self.batches(&wanted, whole);
        let (index, name) = (Arc::clone(&self), self.name.clone());
        match stream {
            Ok(stream) => stream
                .map_err(move |e| corrupt(&name, e))
                .and_then(move |batch| {
                    let index = Arc::clone(&index);
                    async move { rows::items(&batch, &index.name) }
                })
                .try_filter(|page| std::future::ready(!page.is_empty()))
                .boxed(),
            Err(e) => stream::once(async move { Err(corrupt(&self.name, e)) }).boxed(),
        }
    }

    fn batches(
        &self,
        wanted: &Arc<Wanted>,
        whole: bool,
    ) -> Result<stream::BoxStream<'static, parquet::errors::Result<arrow_array::RecordBatch>>, ParquetError> {
        let groups: Vec<usize> =
            (0..self.metadata.metadata().num_row_groups()).filter(|g| self.bounds.may_hold(self.metadata.metadata().row_group(*g), wanted)).collect();
        tracing::debug!(index = %self.name, touched = groups.len(), of = self.metadata.metadata().num_row_groups(), "row groups");
        if groups.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let projection = if whole { ProjectionMask::all() } else { columns::for_patches(&self.metadata, &groups, wanted) };
        let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(self.reader.clone(), self.metadata.clone())
            .with_batch_size(BATCH)
            .with_row_groups(groups)
            .with_projection(projection);
        if !(wanted.boxes.is_empty() && wanted.periods.is_empty()) {
            let (bounds, wanted) = (self.bounds.clone(), Arc::clone(wanted));
            let leaves = ProjectionMask::leaves(self.metadata.parquet_schema(), bounds.leaves().collect::<Vec<_>>());
            let predicate = ArrowPredicateFn::new(leaves, move |batch| bounds.admits(&batch, &wanted.boxes, &wanted.periods));
            builder = builder.with_row_filter(RowFilter::new(vec![Box::new(predicate)]));
        }
        Ok(builder.build()?.boxed())
    }

    /// The names in the column `collection`.
    pub(crate) async fn collections(&self) -> Result<BTreeSet<String>> {
        let schema = self.metadata.parquet_schema();
        let leaf = schema.columns().iter().position(|c| c.path().parts() == ["collection"]);
        let Some(leaf) = leaf else { return Ok(BTreeSet::from([NO_COLLECTION.to_owned()])) };
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(self.reader.clone(), self.metadata.clone()).with_batch_size(8 * BATCH);
        let mut batches = builder.with_projection(ProjectionMask::leaves(schema, [leaf])).build().map_err(|e| corrupt(&self.name, e))?;
        let mut names = BTreeSet::new();
        while let Some(batch) = batches.try_next().await.map_err(|e| corrupt(&self.name, e))? {
            texts(batch.column(0), &mut names);
            if batch.column(0).null_count() > 0 {
                names.insert(NO_COLLECTION.to_owned());
            }
        }
        Ok(names)
    }
}

fn texts(array: &dyn Array, into: &mut BTreeSet<String>) {
    let mut add = |text: &str| {
        if !into.contains(text) {
            into.insert(text.to_owned());
        }
    };
    if let Some(strings) = array.as_string_opt::<i32>() {
        strings.iter().flatten().for_each(add);
    } else if let Some(strings) = array.as_string_opt::<i64>() {
        strings.iter().flatten().for_each(add);
    } else if let Some(strings) = array.as_string_view_opt() {
        strings.iter().flatten().for_each(&mut add);
    } else if let Some(dictionary) = array.as_any_dictionary_opt() {
        texts(dictionary.values(), into);
    }
}

fn missing(e: object_store::Error, name: &Location) -> Error {
    match e {
        object_store::Error::NotFound { .. } => Error::new(cube_backend::Kind::NotFound, format!("`{name}` does not exist")).with_source(e),
        other => other.into(),
    }
}

/// An error of the parquet reader: of the store below, or of the file.
fn corrupt(name: &Location, e: ParquetError) -> Error {
    match e {
        ParquetError::External(inner) => match inner.downcast::<object_store::Error>() {
            Ok(store) => (*store).into(),
            Err(other) => Error::corrupt(format!("`{name}` cannot be read as parquet")).with_source(other),
        },
        other => Error::corrupt(format!("`{name}` cannot be read as parquet")).with_source(other),
    }
}
