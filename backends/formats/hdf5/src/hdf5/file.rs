use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use bytes::Bytes;
use cube_backend::{Error, Kind, Result};
use cube_manifest::{Reason, Refusal};

use super::{global_heap::GlobalHeap, group::Directory, shared::SharedTable};
use crate::source::Source;

/// An HDF5 file that is being read: its bytes, the sizes of its fields, and how much more may be read of it.
pub(super) struct File<'a> {
    pub(super) source: &'a Source<'a>,
    /// Where the signature is; addresses count from here.
    pub(super) base: u64,
    /// Bytes of an address.
    pub(super) offset_size: usize,
    /// Bytes of a length.
    pub(super) length_size: usize,
    /// Messages that objects share, when the file has such a table.
    pub(super) shared: RefCell<SharedTable>,
    pub(super) heap: RefCell<GlobalHeap>,
    /// Groups that paths led through.
    pub(super) directories: RefCell<HashMap<u64, Rc<Directory>>>,
    allowance: Cell<u64>,
    work: Cell<u64>,
    spent: Cell<bool>,
}

/// Bytes that the description of a file may take in memory, roughly: a bound for hostile files, far above real ones.
const ALLOWANCE: u64 = 192 << 20;
/// Bytes that may be looked at, again and again where a file refers to itself: a bound for the time that hostile files take.
const WORK: u64 = 4 << 30;
/// What a read costs beside its bytes.
const READ: u64 = 64;

impl<'a> File<'a> {
    pub(super) fn new(source: &'a Source<'a>, base: u64, offset_size: usize, length_size: usize) -> Self {
        Self {
            source,
            base,
            offset_size,
            length_size,
            shared: RefCell::default(),
            heap: RefCell::default(),
            directories: RefCell::default(),
            allowance: Cell::new(ALLOWANCE),
            work: Cell::new(WORK),
            spent: Cell::new(false),
        }
    }

    /// Exactly `length` bytes from an address.
    pub(super) fn read(&self, address: u64, length: u64) -> Result<Bytes> {
        self.worked(self.source.read(self.absolute(address)?, length))
    }

    /// At most `length` bytes from an address.
    pub(super) fn read_up_to(&self, address: u64, length: u64) -> Result<Bytes> {
        self.worked(self.source.read_up_to(self.absolute(address)?, length))
    }

    /// Announces what will be read.
    pub(super) fn expect(&self, ranges: impl Iterator<Item = (u64, u64)>) -> Result<()> {
        self.source.expect(ranges.map(|(address, length)| (address.saturating_add(self.base), length)))
    }

    /// Where in the file an address is.
    pub(super) fn absolute(&self, address: u64) -> Result<u64> {
        address.checked_add(self.base).ok_or_else(|| Error::corrupt(format!("address {address} is beyond every file")))
    }

    /// Takes from what may be kept of this file; an error ends the reading of the whole file.
    pub(super) fn spend(&self, bytes: u64) -> Result<()> {
        self.take(&self.allowance, bytes, || format!("the description of this file takes more than {} MiB", ALLOWANCE >> 20))
    }

    /// Takes for what was read; a read that failed costs little, whatever it asked for.
    fn worked(&self, read: Result<Bytes>) -> Result<Bytes> {
        let bytes = read.as_ref().map_or(0, |b| b.len() as u64);
        self.take(&self.work, bytes + READ, || format!("more than {} GiB of this file were read to describe it", WORK >> 30))?;
        read
    }

    fn take(&self, from: &Cell<u64>, bytes: u64, message: impl Fn() -> String) -> Result<()> {
        let left = from.get().checked_sub(bytes).ok_or_else(|| {
            self.spent.set(true);
            Error::corrupt(message())
        })?;
        from.set(left);
        Ok(())
    }

    /// An error that concerns one variable only becomes its refusal; others (the network, the allowance) end the reading.
    pub(super) fn refusal(&self, error: Error) -> Result<Refusal> {
        match error.kind() {
            _ if self.spent.get() => Err(error),
            Kind::Corrupt => Ok(Refusal::new(Reason::Inconsistent, error.to_string())),
            Kind::Unsupported => Ok(Refusal::new(Reason::Layout, error.to_string())),
            _ => Err(error),
        }
    }
}
