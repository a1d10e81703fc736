//! The time axis of a group, and how steps are inserted into it.

use cube_core::TimeValue;

use crate::{Error, Result};

/// How the steps of an axis move when others are inserted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Insertion {
    /// The axis afterwards, sorted.
    pub(crate) steps: Vec<TimeValue>,
    /// For each old step its new index.
    pub(crate) forward: Vec<u32>,
    /// For each new step its old index.
    pub(crate) backward: Vec<Option<u32>>,
}

impl Insertion {
    /// Inserts `wanted` into the sorted `existing`; `None` when all of it is there.
    pub(crate) fn of(existing: &[TimeValue], wanted: &[TimeValue]) -> Option<Self> {
        let mut new: Vec<_> = wanted.iter().copied().filter(|t| existing.binary_search(t).is_err()).collect();
        if new.is_empty() {
            return None;
        }
        new.extend_from_slice(existing);
        new.sort_unstable();
        new.dedup();
        let backward: Vec<_> = new.iter().map(|t| existing.binary_search(t).ok().map(|i| i as u32)).collect();
        let mut forward = vec![0; existing.len()];
        for (index, old) in backward.iter().enumerate() {
            if let Some(old) = old {
                forward[*old as usize] = index as u32;
            }
        }
        Some(Self { steps: new, forward, backward })
    }

    /// The new index of an old one, where it changes.
    pub(crate) fn moved(&self, old: u32) -> Option<u32> {
        self.forward.get(old as usize).copied().filter(|new| *new != old)
    }

    /// Whether an existing step gets another index.
    pub(crate) fn moves(&self) -> bool {
        self.forward.iter().enumerate().any(|(old, new)| old as u32 != *new)
    }

    /// The first step that lies before the last existing one.
    pub(crate) fn out_of_order(&self) -> Option<TimeValue> {
        self.moves().then(|| self.steps.iter().zip(&self.backward).find(|(_, old)| old.is_none()).map(|(t, _)| *t)).flatten()
    }
}

/// The index of a step in a sorted axis.
pub(crate) fn index_of(steps: &[TimeValue], step: TimeValue) -> Result<usize> {
    steps.binary_search(&step).map_err(|_| Error::NoStep { step: step.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(values: &[i64]) -> Vec<TimeValue> {
        values.iter().map(|v| TimeValue(*v)).collect()
    }

    #[test]
    fn steps_go_to_their_place_whatever_the_order() {
        let i = Insertion::of(&axis(&[10, 30]), &axis(&[40, 20, 5, 30, 20])).expect("something new");
        assert_eq!(i.steps, axis(&[5, 10, 20, 30, 40]));
        assert_eq!(i.forward, [1, 3]);
        assert_eq!(i.backward, [None, Some(0), None, Some(1), None]);
        assert!(i.moves());
        assert_eq!(i.out_of_order(), Some(TimeValue(5)));
    }

    #[test]
    fn appending_moves_nothing() {
        let i = Insertion::of(&axis(&[10, 30]), &axis(&[40])).expect("something new");
        assert!(!i.moves() && i.out_of_order().is_none());
        assert_eq!(Insertion::of(&axis(&[10, 30]), &axis(&[30])), None);
    }
}
