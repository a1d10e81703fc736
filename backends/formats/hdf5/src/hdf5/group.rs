//! Members of groups: old ones with symbol tables (format specification III.B to D), new ones with links (IV.A.2.c, g).

use std::{collections::HashMap, ops::ControlFlow, rc::Rc};

use cube_backend::{Error, Result};

use super::{
    btree1,
    btree2::Tree,
    cursor::Cursor,
    file::File,
    fractal_heap::FractalHeap,
    header::{Header, LINK, LINK_INFO, SYMBOL_TABLE},
    shared,
};

/// A member of a group.
pub(super) struct Link {
    pub(super) name: String,
    pub(super) target: Target,
    order: Option<u64>,
}

/// What a link leads to.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// An object of this file, by the address of its header.
    Object(u64),
    /// Another path of this file.
    Soft(String),
    /// An object of another file: file and path.
    External(String, String),
    /// What only some program understands, by its number.
    Unknown(u8),
}

/// Whether an object is a group.
pub(super) fn is_group(header: &Header) -> bool {
    header.has(SYMBOL_TABLE) || header.has(LINK_INFO) || header.has(LINK)
}

/// The members of a group, in the order in which they were made where the file knows it, else by name.
pub(super) fn links(file: &File<'_>, header: &Header) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    if let Some(message) = header.find(file, SYMBOL_TABLE)? {
        symbol_table(file, &message, &mut links)?;
    }
    for message in header.all(LINK) {
        let body = if message.shared { shared::resolve(file, LINK, &message.body)? } else { message.body.clone() };
        links.push(Link::parse(file, &body)?);
    }
    if let Some(message) = header.find(file, LINK_INFO)? {
        dense(file, &message, &mut links)?;
    }
    if links.iter().all(|l| l.order.is_some()) {
        links.sort_by_key(|l| l.order);
    } else {
        links.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(links)
}

/// The object that a path leads to, from the root or from a group; `None` when there is none.
///
/// `steps` bounds how many names are followed in all, so that links which lead to each other end.
pub(super) fn find(file: &File<'_>, root: u64, from: u64, path: &str, steps: &mut u32) -> Result<ControlFlow<Target, Option<u64>>> {
    let mut at = if path.starts_with('/') { root } else { from };
    let mut names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
    while let Some(name) = names.next() {
        match steps.checked_sub(1) {
            Some(left) => *steps = left,
            None => return Ok(ControlFlow::Continue(None)),
        }
        let members = directory(file, at)?;
        at = match members.get(name) {
            None => return Ok(ControlFlow::Continue(None)),
            Some(Target::Object(address)) => *address,
            Some(Target::Soft(path)) => match find(file, root, at, path, steps)? {
                ControlFlow::Continue(Some(address)) => address,
                other => return Ok(other),
            },
            Some(Target::External(other, path)) => {
                let rest = names.fold(path.trim_end_matches('/').to_owned(), |path, name| format!("{path}/{name}"));
                return Ok(ControlFlow::Break(Target::External(other.clone(), rest)));
            }
            Some(Target::Unknown(kind)) => return Ok(ControlFlow::Break(Target::Unknown(*kind))),
        };
    }
    Ok(ControlFlow::Continue(Some(at)))
}

/// The members of a group that a path leads through: mostly one of few groups, so they are kept.
pub(super) type Directory = HashMap<String, Target>;

/// The members of the object at an address; none when it is no group.
fn directory(file: &File<'_>, address: u64) -> Result<Rc<Directory>> {
    if let Some(known) = file.directories.borrow().get(&address) {
        return Ok(Rc::clone(known));
    }
    let header = Header::read(file, address)?;
    let members = if is_group(&header) { links(file, &header)? } else { Vec::new() };
    let members: Rc<Directory> = Rc::new(members.into_iter().map(|l| (l.name, l.target)).collect());
    file.directories.borrow_mut().insert(address, Rc::clone(&members));
    Ok(members)
}

impl Link {
    fn parse(file: &File<'_>, message: &[u8]) -> Result<Self> {
        let mut c = Cursor::new(message, "a link");
        c.expect_u8("version", &[1])?;
        let flags = c.u8()?;
        let kind = if flags & 8 != 0 { c.u8()? } else { 0 };
        let order = if flags & 4 != 0 { Some(c.u64()?) } else { None };
        c.skip(if flags & 0x10 != 0 { 1 } else { 0 })?;
        let length = c.uint(1 << (flags & 3))?;
        let name = c.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let name = String::from_utf8_lossy(name).into_owned();
        file.spend(name.len() as u64 + 64)?;
        let target = match kind {
            0 => Target::Object(c.address(file.offset_size)?.ok_or_else(|| Error::corrupt(format!("link `{name}` leads nowhere")))?),
            1 => {
                let length = usize::from(c.u16()?);
                Target::Soft(String::from_utf8_lossy(c.take(length)?).into_owned())
            }
            64 => {
                c.skip(3)?;
                Target::External(c.text()?, c.text()?)
            }
            kind => Target::Unknown(kind),
        };
        Ok(Self { name, target, order })
    }
}

fn dense(file: &File<'_>, info: &[u8], links: &mut Vec<Link>) -> Result<()> {
    let mut c = Cursor::new(info, "the place of links");
    c.expect_u8("version", &[0])?;
    let flags = c.u8()?;
    c.skip(if flags & 1 != 0 { 8 } else { 0 })?;
    let (Some(heap), Some(tree)) = (c.address(file.offset_size)?, c.address(file.offset_size)?) else { return Ok(()) };
    let heap = FractalHeap::read(file, heap)?;
    let tree = Tree::open(file, tree)?;
    if tree.kind != 5 || tree.record != 4 + heap.id_size() {
        return Err(Error::corrupt(format!("links in a B-tree of kind {} with records of {} bytes", tree.kind, tree.record)));
    }
    tree.walk(&mut |record| {
        links.push(Link::parse(file, &heap.object(&record[4..])?)?);
        Ok(())
    })
}

fn symbol_table(file: &File<'_>, message: &[u8], links: &mut Vec<Link>) -> Result<()> {
    let (o, l) = (file.offset_size, file.length_size);
    let nowhere = || Error::corrupt("the members of a group are nowhere");
    let mut c = Cursor::new(message, "a symbol table");
    let tree = c.address(o)?.ok_or_else(nowhere)?;
    let heap = c.address(o)?.ok_or_else(nowhere)?;
    let names = local_heap(file, heap)?;
    let name = |offset: u64| {
        let rest = usize::try_from(offset).ok().and_then(|at| names.get(at..));
        Cursor::new(rest.ok_or_else(|| Error::corrupt("a name outside its heap"))?, "the heap of names").text()
    };
    btree1::walk(file, tree, 0, l, &mut |_, node| {
        let entry = 2 * o + 24;
        let start = file.read(node, 8)?;
        let mut c = Cursor::signed(&start, b"SNOD", "node of a symbol table")?;
        c.expect_u8("version", &[1])?;
        c.skip(1)?;
        let count = usize::from(c.u16()?);
        let bytes = file.read(node, (8 + count * entry) as u64)?;
        for bytes in bytes[8..].chunks_exact(entry) {
            let mut c = Cursor::new(bytes, "an entry of a symbol table");
            let name_at = c.uint(o)?;
            let object = c.address(o)?;
            let cached = c.u32()?;
            c.skip(4)?;
            let target = match (cached, object) {
                (2, _) => Target::Soft(name(c.u32()?.into())?),
                (_, Some(address)) => Target::Object(address),
                (_, None) => return Err(nowhere()),
            };
            let name = name(name_at)?;
            file.spend(name.len() as u64 + 64)?;
            links.push(Link { name, target, order: None });
        }
        Ok(())
    })
}

fn local_heap(file: &File<'_>, address: u64) -> Result<bytes::Bytes> {
    let (o, l) = (file.offset_size, file.length_size);
    let bytes = file.read(address, (8 + 2 * l + o) as u64)?;
    let mut c = Cursor::signed(&bytes, b"HEAP", "local heap")?;
    c.expect_u8("version", &[0])?;
    c.skip(3)?;
    let size = c.uint(l)?;
    c.skip(l)?;
    let data = c.address(o)?.ok_or_else(|| Error::corrupt("a local heap without bytes"))?;
    file.read(data, size)
}
