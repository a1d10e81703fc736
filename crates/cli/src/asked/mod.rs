//! What is searched for, as it is typed: the service, the conditions, the files.

mod collections;
mod common;
mod files;
mod granules;
mod service;

pub(crate) use collections::CollectionFlags;
pub(crate) use files::AssetFlags;
pub(crate) use granules::QueryFlags;
pub(crate) use service::{PagingFlags, ServiceFlags};
