use cube_backend::Place;

/// Where the blocks of an image lie, in as few bytes as they need: the headers of thousands of files are kept.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    offsets: Numbers,
    lengths: Numbers,
}

#[derive(Debug, Clone)]
enum Numbers {
    Short(Box<[u32]>),
    Long(Box<[u64]>),
}

impl Numbers {
    fn collect(values: impl Iterator<Item = u64> + Clone) -> Self {
        if values.clone().all(|v| u32::try_from(v).is_ok()) { Self::Short(values.map(|v| v as u32).collect()) } else { Self::Long(values.collect()) }
    }

    fn get(&self, i: usize) -> Option<u64> {
        match self {
            Self::Short(v) => v.get(i).map(|v| u64::from(*v)),
            Self::Long(v) => v.get(i).copied(),
        }
    }
}

impl Index {
    /// From the values of the two tags.
    pub(crate) fn new(offsets: impl Iterator<Item = u64> + Clone, lengths: impl Iterator<Item = u64> + Clone) -> Self {
        Self { offsets: Numbers::collect(offsets), lengths: Numbers::collect(lengths) }
    }

    /// Where block `i` lies. Offset or length 0 is how GDAL marks a block that is not stored.
    pub(crate) fn place(&self, i: usize) -> Place {
        match (self.offsets.get(i), self.lengths.get(i)) {
            (Some(offset), Some(length)) if offset > 0 && length > 0 => Place::Range { offset, length },
            _ => Place::Absent,
        }
    }
}
