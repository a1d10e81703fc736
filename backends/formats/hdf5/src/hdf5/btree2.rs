//! B-trees of the second version (format specification III.A.2): names of links and attributes, and chunks of arrays that grow in
//! several dimensions.

use bytes::Bytes;
use cube_backend::{Error, Result};

use super::{
    cursor::{Cursor, bytes_for},
    file::File,
};

/// A tree whose header was read.
pub(super) struct Tree<'f, 'a> {
    file: &'f File<'a>,
    /// What its records are, as the specification numbers them.
    pub(super) kind: u8,
    /// Bytes of a record.
    pub(super) record: usize,
    node_size: u64,
    depth: u16,
    root: Option<(u64, u64)>,
    levels: Vec<Level>,
}

struct Node {
    records: Bytes,
    pointers: Bytes,
    /// Bytes of a pointer; 0 in a leaf.
    pointer: usize,
}

impl Node {
    /// Address and number of records of each child.
    fn children(&self, tree: &Tree<'_, '_>) -> Result<Vec<(u64, u64)>> {
        self.pointers.chunks_exact(self.pointer.max(1)).map(|p| tree.child(p)).collect()
    }
}

/// Sizes of the fields that lead to the nodes of a level.
struct Level {
    /// Bytes for the number of records in all nodes below.
    total_size: usize,
    most_total: u64,
}

/// Signature, version and kind; and the checksum after the records.
const PREFIX: usize = 6;
const OVERHEAD: u64 = 10;
const DEEPEST: u16 = 32;

impl<'f, 'a> Tree<'f, 'a> {
    pub(super) fn open(file: &'f File<'a>, address: u64) -> Result<Self> {
        let bytes = file.read(address, 22 + file.offset_size as u64 + file.length_size as u64)?;
        let mut c = Cursor::signed(&bytes, b"BTHD", "B-tree")?;
        c.expect_u8("version", &[0])?;
        let kind = c.u8()?;
        let node_size = u64::from(c.u32()?);
        let record = usize::from(c.u16()?);
        let depth = c.u16()?;
        c.skip(2)?;
        let root = c.address(file.offset_size)?;
        let count = u64::from(c.u16()?);
        c.uint(file.length_size)?;
        c.check()?;
        if record == 0 || node_size < OVERHEAD + record as u64 || depth > DEEPEST {
            return Err(Error::corrupt(format!("a B-tree with nodes of {node_size} bytes, records of {record} bytes and depth {depth}")));
        }
        let mut tree = Self { file, kind, record, node_size, depth, root: root.map(|r| (r, count)), levels: Vec::new() };
        tree.measure()?;
        Ok(tree)
    }

    /// Calls `visit(record)` for each record, in order.
    pub(super) fn walk(&self, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Some(root) = self.root else { return Ok(()) };
        self.announce(root)?;
        self.visit(root.0, root.1, self.depth, visit)
    }

    fn count_size(&self) -> usize {
        bytes_for((self.node_size - OVERHEAD) / self.record as u64)
    }

    /// Bytes that lead to a child whose own children are `depth` levels above the leaves.
    fn pointer(&self, depth: usize) -> usize {
        self.file.offset_size + self.count_size() + self.levels[depth].total_size
    }

    fn measure(&mut self) -> Result<()> {
        let most = (self.node_size - OVERHEAD) / self.record as u64;
        self.levels.push(Level { total_size: 0, most_total: most });
        for depth in 1..=usize::from(self.depth) {
            let pointer = self.pointer(depth - 1) as u64;
            let room = self.node_size.checked_sub(OVERHEAD + pointer).ok_or_else(|| Error::corrupt("a B-tree whose nodes are too small"))?;
            let most = room / (self.record as u64 + pointer);
            let total = (most + 1).saturating_mul(self.levels[depth - 1].most_total).saturating_add(most);
            self.levels.push(Level { total_size: bytes_for(total), most_total: total });
        }
        Ok(())
    }

    /// Fetches the tree level by level: one round each, however many nodes there are. A node that is wrong is left to the visit.
    fn announce(&self, root: (u64, u64)) -> Result<()> {
        if self.file.source.is_memory() {
            return Ok(());
        }
        let mut nodes = vec![root];
        for depth in (1..=self.depth).rev() {
            let mut below = Vec::new();
            for (address, count) in nodes {
                let Ok(children) = self.read(address, count, depth).and_then(|node| node.children(self)) else { return Ok(()) };
                below.extend(children);
            }
            self.file.expect(below.iter().map(|(address, _)| (*address, self.node_size)))?;
            nodes = below;
        }
        Ok(())
    }

    fn visit(&self, address: u64, count: u64, depth: u16, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let node = self.read(address, count, depth)?;
        let mut records = node.records.chunks_exact(self.record);
        for (address, count) in node.children(self)? {
            self.visit(address, count, depth - 1, each)?;
            if let Some(record) = records.next() {
                each(record)?;
            }
        }
        records.try_for_each(each)
    }

    fn read(&self, address: u64, count: u64, depth: u16) -> Result<Node> {
        let pointer = if depth == 0 { 0 } else { self.pointer(usize::from(depth) - 1) };
        let records = count.saturating_mul(self.record as u64);
        let pointers = if depth == 0 { 0 } else { (count + 1).saturating_mul(pointer as u64) };
        let used = records.saturating_add(pointers).saturating_add(OVERHEAD);
        if used > self.node_size {
            return Err(Error::corrupt(format!("a node of a B-tree has {count} records")));
        }
        let bytes = self.file.read(address, used)?;
        // A tree may list one node many times: time is bounded too.
        self.file.spend(used / 8 + 16)?;
        let (signature, what) = if depth == 0 { (b"BTLF", "leaf of a B-tree") } else { (b"BTIN", "node of a B-tree") };
        let mut c = Cursor::signed(&bytes, signature, what)?;
        c.expect_u8("version", &[0])?;
        c.expect_u8("kind", &[self.kind])?;
        c.skip((records + pointers) as usize)?;
        c.check()?;
        let middle = PREFIX + records as usize;
        Ok(Node { records: bytes.slice(PREFIX..middle), pointers: bytes.slice(middle..middle + pointers as usize), pointer })
    }

    fn child(&self, pointer: &[u8]) -> Result<(u64, u64)> {
        let mut c = Cursor::new(pointer, "a node of a B-tree");
        let address = c.address(self.file.offset_size)?.ok_or_else(|| Error::corrupt("a B-tree has a child that is nowhere"))?;
        Ok((address, c.uint(self.count_size())?))
    }
}
