//! A dataset as a variable: its description, and where its values are.

use std::sync::Arc;

use bytes::Bytes;
use cube_backend::{Error, Result};
use cube_manifest::{ChunkRefs, Codec, Data, Element, Reason, Refusal, Variable};

use super::{
    chunks,
    dataspace::Dataspace,
    datatype::{Class, Type},
    file::File,
    fill, filters,
    header::{DATASPACE, DATATYPE, EXTERNAL_FILES, FILTERS, Header, LAYOUT},
    layout::Layout,
    text,
};

/// A variable without attributes and names of dimensions, and how far its dimensions may grow.
pub(super) struct Described {
    pub(super) variable: Variable,
    pub(super) most: Vec<Option<u64>>,
}

/// Reads a dataset. What is wrong with it becomes its refusal.
pub(super) fn read(file: &File<'_>, url: &Arc<str>, name: &str, header: &Header) -> Result<Described> {
    let mut described = Described { variable: refused(name, Refusal::new(Reason::Inconsistent, "not read")), most: Vec::new() };
    described.variable.data = match describe(file, url, header, &mut described) {
        Ok(Ok(data)) => Ok(data),
        Ok(Err(refusal)) => Err(refusal),
        Err(error) => Err(file.refusal(error)?),
    };
    Ok(described)
}

/// A variable of which nothing is known but why.
pub(super) fn refused(name: &str, refusal: Refusal) -> Variable {
    Variable {
        name: name.to_owned(),
        dimensions: Vec::new(),
        shape: Vec::new(),
        element: Element::Other,
        enumeration: Vec::new(),
        attributes: Vec::new(),
        fill: None,
        codecs: Vec::new(),
        data: Err(refusal),
    }
}

/// Fills in what is known, step by step, so that a refusal in the middle keeps what came before it.
fn describe(file: &File<'_>, url: &Arc<str>, header: &Header, into: &mut Described) -> Result<Result<Data, Refusal>> {
    let missing = |what: &str| Error::corrupt(format!("a dataset without {what}"));
    let space = Dataspace::parse(file, &header.find(file, DATASPACE)?.ok_or_else(|| missing("extent"))?)?;
    let variable = &mut into.variable;
    variable.shape.clone_from(&space.shape);
    variable.dimensions = vec![None; space.shape.len()];
    into.most.clone_from(&space.most);

    let mut kind = Type::parse(&header.find(file, DATATYPE)?.ok_or_else(|| missing("type"))?)?;
    variable.element = kind.element();
    let mut inner = Vec::new();
    if let Class::Array { shape, base } = kind.class {
        // The elements of an array type lie as those of further dimensions would.
        variable.dimensions.extend(shape.iter().map(|_| None));
        variable.shape.extend(&shape);
        (inner, kind) = (shape, *base);
    }
    if let Class::Enumeration { names, .. } = &kind.class {
        file.spend(names.len() as u64 * 64)?;
        variable.enumeration.clone_from(names);
    }
    if let Some(message) = header.find(file, FILTERS)? {
        variable.codecs = filters::parse(&message, kind.size)?;
    }
    let layout = Layout::parse(file, &header.find(file, LAYOUT)?.ok_or_else(|| missing("layout"))?)?;
    let fill = fill::read(file, header)?;
    if matches!(kind.class, Class::Other(_) | Class::References) {
        return Ok(Err(Refusal::new(Reason::ElementType, kind.name())));
    }
    if space.null {
        return Ok(Err(Refusal::new(Reason::NotStored, "a dataset without any extent, which holds nothing")));
    }
    if kind.size == 0 {
        return Ok(Err(Refusal::new(Reason::ElementType, "elements of no bytes")));
    }
    if matches!(layout, Layout::Virtual) {
        return Ok(Err(Refusal::new(Reason::External, "a virtual dataset, whose values are in others")));
    }
    if header.has(EXTERNAL_FILES) {
        return Ok(Err(Refusal::new(Reason::External, "values in other files")));
    }
    variable.fill = match element_fill(fill, &kind, &inner) {
        Ok(fill) => fill,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let array = Array { file, url, space: &space, element: kind.size, inner: &inner, codecs: &variable.codecs };
    let refs = match array.refs(&layout)? {
        Ok(refs) => refs,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if kind.class == Class::VariableText {
        // The values are told as they are: nothing is encoded, and nothing absent.
        let (fill, codecs) = (variable.fill.take(), std::mem::take(&mut variable.codecs));
        return text::read(file, &space.shape, &refs, &codecs, fill.as_deref());
    }
    Ok(Ok(Data::Chunks(refs)))
}

/// One element to fill with, of the innermost type.
fn element_fill(fill: Option<Vec<u8>>, kind: &Type, inner: &[u64]) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(fill) = fill else { return Ok(None) };
    let size = kind.size as usize;
    let times = inner.iter().try_fold(1_u64, |n, length| n.checked_mul(*length)).unwrap_or(u64::MAX);
    if fill.len() as u64 != times.saturating_mul(size as u64) {
        let detail = format!("a fill value of {} bytes for elements of {size}", fill.len());
        return Err(Refusal::new(Reason::Inconsistent, detail));
    }
    let mut elements = fill.chunks_exact(size);
    let first = elements.next().map(<[u8]>::to_vec);
    if elements.any(|e| Some(e) != first.as_deref()) {
        return Err(Refusal::new(Reason::Layout, "a fill value that is an array of different numbers"));
    }
    Ok(first)
}

struct Array<'d> {
    file: &'d File<'d>,
    url: &'d Arc<str>,
    space: &'d Dataspace,
    /// Bytes of an element of the innermost type.
    element: u32,
    inner: &'d [u64],
    codecs: &'d [Codec],
}

impl Array<'_> {
    fn refs(&self, layout: &Layout) -> Result<Result<ChunkRefs, Refusal>> {
        Ok(match layout {
            Layout::Compact(bytes) => self.compact(bytes),
            Layout::Contiguous(address) => self.contiguous(*address),
            Layout::Chunked(chunked) => {
                let shape = &self.space.shape;
                if chunked.chunk.len() != shape.len() {
                    return Ok(Err(Refusal::new(Reason::Inconsistent, format!("chunks of shape {:?} in an array of {shape:?}", chunked.chunk))));
                }
                let times = self.inner.iter().try_fold(u64::from(self.element), |n, length| n.checked_mul(*length)).unwrap_or(u64::MAX);
                let dataset =
                    chunks::Dataset { url: self.url, shape, most: &self.space.most, element: times, filters: self.codecs.len(), inner: self.inner };
                return chunks::list(self.file, &dataset, chunked);
            }
            Layout::Virtual => Err(Refusal::new(Reason::External, "a virtual dataset")),
        })
    }

    /// One chunk of the whole shape, without chunks in it; and its bytes.
    fn whole(&self) -> Result<(ChunkRefs, u64), Refusal> {
        let shape = [&self.space.shape, self.inner].concat();
        let too_large = || Refusal::new(Reason::Inconsistent, format!("an array of shape {shape:?}"));
        let length = shape.iter().try_fold(u64::from(self.element), |n, size| n.checked_mul(*size)).ok_or_else(too_large)?;
        let refs = ChunkRefs::new(&shape, shape.iter().map(|size| (*size).max(1)).collect())?;
        Ok((refs, length))
    }

    fn compact(&self, bytes: &Bytes) -> Result<ChunkRefs, Refusal> {
        let (mut refs, length) = self.whole()?;
        if length > 0 {
            let values = usize::try_from(length).ok().filter(|l| *l <= bytes.len()).map(|l| bytes.slice(..l));
            let wrong = || Refusal::new(Reason::Inconsistent, format!("{} bytes of values that should have {length}", bytes.len()));
            refs.push_inline(0, values.ok_or_else(wrong)?, 0)?;
        }
        Ok(refs)
    }

    fn contiguous(&self, address: Option<u64>) -> Result<ChunkRefs, Refusal> {
        let (mut refs, length) = self.whole()?;
        let Some(address) = address.filter(|_| length > 0) else { return Ok(refs) };
        let end = self.file.source.size();
        let offset = address.checked_add(self.file.base).filter(|o| o.checked_add(length).is_some_and(|e| e <= end));
        let beyond = || Refusal::new(Reason::Inconsistent, format!("{length} bytes from {address}, beyond the end of the file at {end}"));
        refs.push(0, self.url, offset.ok_or_else(beyond)?, length, 0)?;
        Ok(refs)
    }
}
