//! Granules that follow from their number.

use std::collections::HashMap;
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::Value;

use super::Granules;
use super::facts::Facts;
use super::template::Template;

/// A family of granules that follow from their number.
pub(super) trait Family: Send + Sync + std::fmt::Debug {
    /// `GranuleUR`; no two are equal.
    fn name(&self, index: usize) -> String;
    /// What a search looks at first.
    fn facts(&self, index: usize) -> Facts;
    /// The fields of the template, in their order.
    fn fields(&self, index: usize) -> Vec<String>;
    /// Keys (`bucket/path`) of the files of a granule.
    fn keys(&self, name: &str) -> Vec<String>;
    /// The name of the granule that a file belongs to, by the looks of its key.
    fn owner<'a>(&self, key: &'a str) -> Option<&'a str>;
}

/// Bytes of every file that is made up.
pub(super) const FILE_SIZE: usize = 600;

/// Granules that follow from their number.
#[derive(Debug)]
pub(super) struct Generated<F> {
    family: F,
    template: Template,
    length: usize,
    first_number: u64,
    numbers: OnceLock<HashMap<String, usize>>,
}

impl<F: Family> Generated<F> {
    /// `record` is the template of [`Template::new`]; concept ids count from `first_number`.
    pub(super) fn new(family: F, record: &Value, fields: &[&str], length: usize, first_number: u64) -> Self {
        Self { family, template: Template::new(record, fields), length, first_number, numbers: OnceLock::new() }
    }
}

impl<F: Family> Granules for Generated<F> {
    fn len(&self) -> usize {
        self.length
    }

    fn name(&self, index: usize) -> String {
        self.family.name(index)
    }

    fn facts(&self, index: usize) -> Facts {
        self.family.facts(index)
    }

    fn render(&self, index: usize, out: &mut String) {
        let mut fields = vec![self.number(index).to_string(), self.family.name(index)];
        fields.extend(self.family.fields(index));
        self.template.render(&fields, out);
    }

    fn number(&self, index: usize) -> u64 {
        self.first_number + index as u64
    }

    fn file(&self, path: &str) -> Option<Bytes> {
        let key = path.trim_start_matches('/');
        let name = self.family.owner(key)?;
        let numbers = self.numbers.get_or_init(|| (0..self.length).map(|index| (self.family.name(index), index)).collect());
        let known = numbers.contains_key(name) && self.family.keys(name).iter().any(|known| known == key);
        known.then(|| key.bytes().chain([b'\n']).cycle().take(FILE_SIZE).collect())
    }
}
