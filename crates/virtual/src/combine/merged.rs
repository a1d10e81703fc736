//! Attributes of many granules as one set.

use cube_core::Number;
use cube_manifest::{Attribute, AttributeValue};

/// What becomes of attributes that differ between granules; the words are xarray's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CombineAttributes {
    /// Those that any two granules disagree on are left out.
    #[default]
    DropConflicts,
    /// Those of the first granule.
    Override,
    /// They must not differ.
    Identical,
    /// None.
    Drop,
}

/// Attributes so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Merged {
    kept: Vec<Attribute>,
    dropped: Vec<String>,
}

impl Merged {
    pub(super) fn new(attributes: &[Attribute]) -> Self {
        Self { kept: attributes.to_vec(), dropped: Vec::new() }
    }

    /// Adds those of another granule; gives the first that differs where none may.
    pub(super) fn add(&mut self, attributes: &[Attribute], how: CombineAttributes) -> Result<(), String> {
        match how {
            CombineAttributes::Override | CombineAttributes::Drop => Ok(()),
            CombineAttributes::Identical => match difference(&self.kept, attributes) {
                Some(name) => Err(format!("its attribute `{name}` differs")),
                None => Ok(()),
            },
            CombineAttributes::DropConflicts => {
                for a in attributes {
                    match self.kept.iter().position(|k| k.name == a.name) {
                        Some(at) if !same(&self.kept[at].value, &a.value) => self.dropped.push(self.kept.remove(at).name),
                        Some(_) => {}
                        None if self.dropped.contains(&a.name) => {}
                        None => self.kept.push(a.clone()),
                    }
                }
                Ok(())
            }
        }
    }

    pub(super) fn finish(self, how: CombineAttributes, always: &[&str]) -> Vec<Attribute> {
        let mut kept = self.kept;
        if how == CombineAttributes::Drop {
            kept.retain(|a| always.contains(&a.name.as_str()));
        }
        kept
    }
}

fn difference<'a>(a: &'a [Attribute], b: &'a [Attribute]) -> Option<&'a str> {
    let differs = |x: &&Attribute, other: &[Attribute]| other.iter().find(|y| y.name == x.name).is_none_or(|y| !same(&x.value, &y.value));
    a.iter().find(|x| differs(x, b)).or_else(|| b.iter().find(|x| differs(x, a))).map(|x| x.name.as_str())
}

/// Whether two values are equal, NaN being equal to itself. Numbers count by value: references that were kept do not say their type.
pub(super) fn same(a: &AttributeValue, b: &AttributeValue) -> bool {
    match (numbers(a), numbers(b)) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(*b)),
        (None, None) => a == b,
        _ => false,
    }
}

fn numbers(value: &AttributeValue) -> Option<&[Number]> {
    match value {
        AttributeValue::Number(_, n) => Some(std::slice::from_ref(n)),
        AttributeValue::Numbers(_, list) => Some(list),
        _ => None,
    }
}
