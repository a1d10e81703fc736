//! Typed access to a document that gathers every mistake instead of stopping at the first.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::document::join;
use crate::{Error, error::shorten};

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    lines: BTreeMap<String, usize>,
    found: RefCell<Vec<(usize, Error)>>,
    /// Keys that have been complained about: nothing follows from their values.
    keys: RefCell<BTreeSet<String>>,
}

impl Mistakes {
    pub(super) fn new(lines: BTreeMap<String, usize>) -> Self {
        Self { lines, ..Self::default() }
    }

    /// Notes a mistake at a key; a second one at the same key is left out.
    pub(super) fn add(&self, path: &str, problem: impl AsRef<str>, hint: impl Into<String>) {
        if !self.keys.borrow_mut().insert(path.to_owned()) {
            return;
        }
        let line = self.line(path);
        let at = line.map_or(String::new(), |l| format!("(line {l}) "));
        let error = Error::invalid("key", path, format!("{at}{}", problem.as_ref())).with_hint(hint);
        self.found.borrow_mut().push((line.unwrap_or(usize::MAX), error));
    }

    /// Line of a key, or of the table that should hold it.
    fn line(&self, path: &str) -> Option<usize> {
        self.lines.get(path).copied().or_else(|| self.line(path.rsplit_once('.')?.0))
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.keys.borrow().contains(path)
    }

    /// All mistakes, in the order of their lines.
    pub(super) fn into_errors(self) -> Vec<Error> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(line, _)| *line);
        found.into_iter().map(|(_, e)| e).collect()
    }
}

/// One table of a document.
#[derive(Debug)]
pub(super) struct Table<'a> {
    path: String,
    entries: Option<&'a Map<String, Value>>,
    mistakes: &'a Mistakes,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub(super) fn root(entries: &'a Map<String, Value>, mistakes: &'a Mistakes) -> Self {
        Self { path: String::new(), entries: Some(entries), mistakes, known: RefCell::default() }
    }

    /// A value, absent when it is not there or null.
    fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.known.borrow_mut().push(key);
        self.entries?.get(key).filter(|v| !v.is_null())
    }

    pub(super) fn path(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// A table inside; empty when it is not there.
    pub(super) fn table(&self, key: &'static str) -> Self {
        let entries = self.value(key).and_then(|v| {
            let table = v.as_object();
            if table.is_none() {
                self.mistakes.add(
                    &self.path(key),
                    format!("is {}, not a table", kind(v)),
                    format!("write `[{}]` and its keys below", self.path(key)),
                );
            }
            table
        });
        Self { path: self.path(key), entries, mistakes: self.mistakes, known: RefCell::default() }
    }

    /// Every table inside, by name; names are the user's.
    pub(super) fn tables(&self) -> Vec<(&'a str, Self)> {
        let mut out = Vec::new();
        for (name, value) in self.entries.into_iter().flatten() {
            match value.as_object() {
                Some(_) | None if value.is_null() => {
                    out.push((name.as_str(), Self { path: self.path(name), entries: None, mistakes: self.mistakes, known: RefCell::default() }))
                }
                Some(entries) => out.push((
                    name.as_str(),
                    Self { path: self.path(name), entries: Some(entries), mistakes: self.mistakes, known: RefCell::default() },
                )),
                None => self.mistakes.add(
                    &self.path(name),
                    format!("is {}, not a table", kind(value)),
                    format!("write `[{}]` and its keys below", self.path(name)),
                ),
            }
        }
        out
    }

    /// A value of a type that deserialises from it; `expected` continues "is not …".
    pub(super) fn get<T: DeserializeOwned>(&self, key: &'static str, expected: &str, hint: &str) -> Option<T> {
        let value = self.value(key)?;
        serde_json::from_value(value.clone())
            .inspect_err(|e| {
                // An error of our own types says more than serde's.
                let own = e.to_string();
                let problem = if own.contains('`') && !own.contains("expected") { own } else { format!("`{}` is not {expected}", show(value)) };
                self.mistakes.add(&self.path(key), problem, hint);
            })
            .ok()
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str, hint: &str) -> Option<String> {
        self.get(key, "a text", hint)
    }

    /// A whole number of 1 or more.
    pub(super) fn count(&self, key: &'static str, hint: &str) -> Option<usize> {
        let n: usize = self.get(key, "a whole number of 1 or more", hint)?;
        if n == 0 || n > u32::MAX as usize {
            self.mistakes.add(&self.path(key), format!("`{n}` is not a whole number of 1 or more"), hint);
            return None;
        }
        Some(n)
    }

    /// One of some words.
    pub(super) fn word<T: DeserializeOwned>(&self, key: &'static str, words: &[&str]) -> Option<T> {
        let value = self.value(key)?;
        let list = words.join(", ");
        let Some(word) = value.as_str() else {
            self.mistakes.add(&self.path(key), format!("is {}, not a text", kind(value)), format!("use one of {list}"));
            return None;
        };
        serde_json::from_value(value.clone())
            .inspect_err(|_| {
                let hint = closest(word, words).map_or_else(|| format!("use one of {list}"), |c| format!("did you mean `{c}`? ({list})"));
                self.mistakes.add(&self.path(key), format!("`{}` is not known", shorten(word)), hint);
            })
            .ok()
    }

    /// Complains about every key that nobody asked for.
    pub(super) fn finish(&self) {
        let known = self.known.borrow();
        for key in self.entries.into_iter().flatten().map(|(k, _)| k).filter(|k| !known.contains(&k.as_str())) {
            let list = known.join(", ");
            let hint = closest(key, &known).map_or_else(|| format!("keys here are {list}"), |c| format!("did you mean `{c}`?"));
            self.mistakes.add(&self.path(key), "is not a key of a spec", hint);
        }
    }
}

fn show(value: &Value) -> String {
    shorten(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// The word that is most like another, when one is like it at all.
pub(super) fn closest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let word = word.to_lowercase();
    let scored = words.iter().map(|w| (distance(&word, &w.to_lowercase()), *w));
    scored.filter(|(d, w)| *d <= 1 + w.len().max(word.len()) / 4).min_by_key(|(d, _)| *d).map(|(_, w)| w)
}

/// Letters to insert, delete, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swap = if swapped { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + same).min(swap)
            };
        }
    }
    rows[a.len()][b.len()]
}
