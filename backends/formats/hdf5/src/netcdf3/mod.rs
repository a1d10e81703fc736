//! Classic netCDF: CDF-1, CDF-2 (64-bit offsets) and CDF-5 (64-bit data). Everything is big-endian, and nothing is encoded.
//!
//! Source: *The NetCDF Classic Format Specification* and *CDF-5 format specification*.
//!
//! - A variable without the dimension that grows is one chunk. A variable with it has one chunk a record: the records of all variables
//!   alternate in the file.
//! - Characters are text of one byte; the dimension along a text stays a dimension.
//! - The fill value is that of the attribute `_FillValue`. Without one none is given: all values are stored.
//! - A variable that the file is too short for is refused.

mod header;

use std::sync::Arc;

use cube_backend::Result;
use cube_manifest::{ChunkRefs, Data, Dimension, Element, Endian, Granule, Group, Origin, Padding, Reason, Refusal, Variable};

use crate::source::Source;
use header::{Header, Kind, Records};

/// Chunks of one file: a bound for memory.
const MOST_CHUNKS: u64 = 8_000_000;

/// What a file holds. What is wrong with one variable is in that variable.
pub(crate) fn parse(source: &Source<'_>, origin: Origin) -> Result<Granule> {
    let header = header::read(source)?;
    let mut file = Layout::new(&header, source.size(), &origin.url);
    let mut root = Group::default();
    for (number, (name, length)) in header.dimensions.iter().enumerate() {
        let unlimited = file.growing == Some(number);
        let size = if unlimited { file.records } else { *length };
        root.dimensions.push(Dimension { name: name.clone(), size, unlimited });
    }
    root.variables = header.variables.into_iter().map(|v| file.variable(v, &root.dimensions)).collect();
    root.attributes = header.attributes;
    Ok(Granule { origin, root })
}

/// How the values of a file lie.
struct Layout<'a> {
    url: &'a Arc<str>,
    /// Bytes of the file.
    size: u64,
    /// The dimension that grows.
    growing: Option<usize>,
    records: u64,
    /// Bytes from one record to the next.
    stride: u64,
    /// Chunks that may still be listed.
    chunks_left: u64,
}

impl<'a> Layout<'a> {
    fn new(header: &Header, size: u64, url: &'a Arc<str>) -> Self {
        let growing = header.dimensions.iter().position(|(_, length)| *length == 0);
        let on_records: Vec<&header::Variable> =
            header.variables.iter().filter(|v| growing.is_some() && v.dimensions.first().copied() == growing).collect();
        let length = |v: &header::Variable| {
            let lengths = v.dimensions[1..].iter().map(|d| header.dimensions[*d].1);
            lengths.fold(v.kind.size(), u64::saturating_mul)
        };
        // A record of one variable alone is not filled up to four bytes.
        let stride = match on_records.as_slice() {
            [only] => length(only),
            all => all.iter().map(|v| length(v).checked_next_multiple_of(4).unwrap_or(u64::MAX)).fold(0, u64::saturating_add),
        };
        let records = match header.records {
            Records::Counted(count) => count,
            Records::Streaming => {
                let start = on_records.iter().map(|v| v.begin).min().unwrap_or(size);
                size.saturating_sub(start).checked_div(stride).unwrap_or(0)
            }
        };
        Self { url, size, growing, records, stride, chunks_left: MOST_CHUNKS }
    }

    fn variable(&mut self, variable: header::Variable, dimensions: &[Dimension]) -> Variable {
        let shape: Vec<u64> = variable.dimensions.iter().map(|d| dimensions[*d].size).collect();
        let data = self.refs(&variable, &shape).map(Data::Chunks);
        Variable {
            name: variable.name,
            dimensions: variable.dimensions.iter().map(|d| Some(format!("/{}", dimensions[*d].name))).collect(),
            shape,
            element: match variable.kind {
                Kind::Character => Element::Text { bytes: 1, padding: Padding::NullTerminated },
                Kind::Number(dtype) => Element::Number(dtype, Endian::Big),
            },
            enumeration: Vec::new(),
            attributes: variable.attributes,
            fill: variable.fill,
            codecs: Vec::new(),
            data,
        }
    }

    fn refs(&mut self, variable: &header::Variable, shape: &[u64]) -> Result<ChunkRefs, Refusal> {
        let wrong = |what: String| Refusal::new(Reason::Inconsistent, what);
        let growing = variable.dimensions.iter().position(|d| Some(*d) == self.growing);
        let mut chunk: Vec<u64> = shape.iter().map(|size| (*size).max(1)).collect();
        match growing {
            None => {}
            Some(0) if variable.dimensions[1..].iter().all(|d| Some(*d) != self.growing) => chunk[0] = 1,
            Some(_) => return Err(wrong("a variable that grows along another dimension than its first".to_owned())),
        }
        let mut refs = ChunkRefs::new(shape, chunk)?;
        if shape.contains(&0) {
            return Ok(refs);
        }
        let length = refs.chunk_shape().iter().try_fold(variable.kind.size(), |n, size| n.checked_mul(*size));
        let length = length.ok_or_else(|| wrong(format!("an array of shape {shape:?}")))?;
        let count = if growing.is_some() { self.records } else { 1 };
        let end = (count - 1).checked_mul(self.stride).and_then(|n| n.checked_add(variable.begin)?.checked_add(length));
        if end.is_none_or(|end| end > self.size) {
            return Err(wrong(format!("values of shape {shape:?} from {}, in a file that ends at {}", variable.begin, self.size)));
        }
        self.chunks_left =
            self.chunks_left.checked_sub(count).ok_or_else(|| Refusal::new(Reason::Layout, format!("{count} records: more than are listed")))?;
        for record in 0..count {
            refs.push(record, self.url, variable.begin + record * self.stride, length, 0)?;
        }
        Ok(refs)
    }
}
