//! B-trees of the first version (format specification III.A.1): old groups, and chunks in files for old libraries.

use bytes::Bytes;
use cube_backend::{Error, Result};

use super::{cursor::Cursor, file::File};

/// A tree never has more levels than this: one has 2³² entries with the smallest nodes.
const DEEPEST: u8 = 32;

/// Entries of a node, as libraries write them: HDF5 reserves room for as many.
const USUAL_ENTRIES: usize = 64;

/// Calls `leaf(key, child)` for each entry of the leaves below a node, in order.
///
/// `kind` is 0 for groups and 1 for chunks, `key` the bytes of a key.
pub(super) fn walk(file: &File<'_>, root: u64, kind: u8, key: usize, leaf: &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
    let tree = Tree { file, kind, key };
    tree.announce(root)?;
    tree.visit(root, None, leaf)
}

struct Tree<'f, 'a> {
    file: &'f File<'a>,
    kind: u8,
    key: usize,
}

struct Node {
    level: u8,
    /// Bytes of an entry: a key and a child.
    entry: usize,
    entries: Bytes,
}

impl Node {
    fn entries(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.chunks_exact(self.entry)
    }
}

impl Tree<'_, '_> {
    fn read(&self, address: u64) -> Result<Node> {
        let entry = self.key + self.file.offset_size;
        let prefix = 8 + 2 * self.file.offset_size;
        let start = self.file.read(address, prefix as u64)?;
        let mut c = Cursor::signed(&start, b"TREE", "B-tree node")?;
        c.expect_u8("kind", &[self.kind])?;
        let level = c.u8()?;
        let used = usize::from(c.u16()?);
        let bytes = self.file.read(address, (prefix + used * entry + self.key) as u64)?;
        // A tree may list one node many times: time is bounded too.
        self.file.spend(bytes.len() as u64 / 8 + 16)?;
        Ok(Node { level, entry, entries: bytes.slice(prefix..prefix + used * entry) })
    }

    fn child(&self, entry: &[u8]) -> Result<u64> {
        let child = Cursor::new(&entry[self.key..], "a B-tree node").address(self.file.offset_size)?;
        child.ok_or_else(|| Error::corrupt("a B-tree has a child that is nowhere"))
    }

    /// Fetches the tree level by level: one round each, however many nodes there are. A node that is wrong is left to the visit.
    fn announce(&self, root: u64) -> Result<()> {
        if self.file.source.is_memory() {
            return Ok(());
        }
        let size = (8 + 2 * self.file.offset_size + USUAL_ENTRIES * (self.key + self.file.offset_size) + self.key) as u64;
        let mut nodes = vec![root];
        for _ in 0..DEEPEST {
            let mut below = Vec::new();
            let mut deeper = false;
            for address in nodes {
                let Ok(node) = self.read(address) else { return Ok(()) };
                if node.level > 0 {
                    below.extend(node.entries().filter_map(|e| self.child(e).ok()));
                }
                deeper |= node.level > 1;
            }
            self.file.expect(below.iter().map(|address| (*address, size)))?;
            if !deeper {
                break;
            }
            nodes = below;
        }
        Ok(())
    }

    /// `parent` is the level of the node above: levels go down by one, so no tree can refer to itself.
    fn visit(&self, address: u64, parent: Option<u8>, leaf: &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        let node = self.read(address)?;
        let level = node.level;
        let right = parent.map_or(level <= DEEPEST, |parent| parent.checked_sub(1) == Some(level));
        if !right {
            return Err(Error::corrupt(format!("a node of level {level} below one of level {parent:?} in a B-tree")));
        }
        for entry in node.entries() {
            let child = self.child(entry)?;
            if level == 0 { leaf(&entry[..self.key], child)? } else { self.visit(child, Some(level), leaf)? }
        }
        Ok(())
    }
}
