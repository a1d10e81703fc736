//! Which groups and variables of a granule are taken.

use std::collections::BTreeSet;

use cube_manifest::{Granule, Group};

use crate::{Error, Result};

/// Which groups of granules are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Groups {
    /// The variables of the root group.
    #[default]
    Root,
    /// These, by path: one alone becomes the root of the store, several keep their paths.
    Paths(Vec<String>),
    /// All, as they are.
    Tree,
}

/// Takes a part of granules, and remembers what was never found.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    groups: Groups,
    /// Names, or full paths with a slash before them.
    drop: Vec<String>,
}

/// A granule that was cut to what is wanted.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) granule: Granule,
    /// Groups with variables that were left out.
    pub(super) left_out: Vec<String>,
    /// Names to drop that were found.
    pub(super) dropped: BTreeSet<String>,
}

impl Selection {
    pub(super) fn new(groups: Groups, drop: Vec<String>) -> Self {
        let groups = match groups {
            Groups::Paths(paths) if paths.iter().all(|p| p.trim_matches('/').is_empty()) => Groups::Root,
            other => other,
        };
        Self { groups, drop }
    }

    /// Names that were to be dropped and are in `dropped` by no granule.
    pub(super) fn unknown<'a>(&'a self, dropped: &BTreeSet<String>) -> Option<&'a str> {
        self.drop.iter().find(|name| !dropped.contains(*name)).map(String::as_str)
    }

    /// Cuts a granule to what is wanted.
    ///
    /// # Errors
    /// A group that is not there, or without any variable; the error says which there are.
    pub(super) fn apply(&self, mut granule: Granule) -> Result<Selected> {
        let mut dropped = BTreeSet::new();
        self.drop_from(&mut granule.root, "", &mut dropped);
        let all = with_variables(&granule.root);
        let name = cube_access::public_name(&granule.origin.url);
        match &self.groups {
            Groups::Tree => {}
            Groups::Root => granule.root.groups.clear(),
            Groups::Paths(paths) => {
                if let Some(path) = paths.iter().find(|path| granule.root.group(path).is_none()) {
                    return Err(Error::refused(format!("`{name}` has no group `{path}`"), groups_hint(&all)));
                }
                granule.root = match paths.as_slice() {
                    [path] => Group { name: String::new(), groups: Vec::new(), ..granule.root.group(path).cloned().unwrap_or_default() },
                    paths => only(granule.root, "", paths),
                };
            }
        }
        let kept = with_variables(&granule.root);
        if kept.is_empty() && !all.is_empty() {
            let message = match &self.groups {
                Groups::Paths(paths) => format!("`{name}` has no variable in {}", paths.join(", ")),
                _ => format!("`{name}` has no variable outside its groups"),
            };
            return Err(Error::refused(message, groups_hint(&all)));
        }
        let is_taken = |path: &String| match &self.groups {
            Groups::Paths(paths) => paths.iter().any(|p| p.trim_matches('/') == path.trim_matches('/')),
            _ => kept.contains(path),
        };
        let left_out = all.into_iter().filter(|path| !is_taken(path)).collect();
        Ok(Selected { granule, left_out, dropped })
    }

    fn drop_from(&self, group: &mut Group, path: &str, dropped: &mut BTreeSet<String>) {
        group.variables.retain(|variable| {
            let full = format!("{path}/{}", variable.name);
            let found = self.drop.iter().find(|name| **name == variable.name || **name == full || name.contains('/') && full[1..] == **name);
            found.is_none_or(|name| {
                dropped.insert(name.clone());
                false
            })
        });
        for inner in &mut group.groups {
            let path = format!("{path}/{}", inner.name);
            self.drop_from(inner, &path, dropped);
        }
    }
}

/// Paths of the groups that have variables of their own.
pub(super) fn with_variables(root: &Group) -> Vec<String> {
    let mut found = Vec::new();
    root.walk("/", &mut |path, group| {
        if !group.variables.is_empty() {
            found.push(path.to_owned());
        }
    });
    found
}

/// The groups at some paths, with those above them but not their variables.
fn only(group: Group, at: &str, paths: &[String]) -> Group {
    let is_wanted = paths.iter().any(|p| p.trim_matches('/') == at.trim_matches('/'));
    let variables = if is_wanted { group.variables } else { Vec::new() };
    let leads = |path: &str| paths.iter().any(|p| format!("/{}/", p.trim_matches('/')).starts_with(&format!("{path}/")));
    let mut groups = Vec::new();
    for inner in group.groups {
        let path = format!("{at}/{}", inner.name);
        if leads(&path) {
            groups.push(only(inner, &path, paths));
        }
    }
    Group { variables, groups, ..group }
}

fn groups_hint(groups: &[String]) -> String {
    match groups {
        [] => "it has no variables at all".to_owned(),
        groups => format!("choose with --group, or take all with --tree; groups with variables are {}", groups.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use cube_core::DType;
    use cube_manifest::{ChunkRefs, Data, Element, Endian, Origin, Variable};

    use super::*;

    fn group(name: &str, variables: &[&str], groups: Vec<Group>) -> Group {
        let variable = |name: &&str| Variable {
            name: (*name).to_owned(),
            dimensions: vec![],
            shape: vec![],
            element: Element::Number(DType::UInt8, Endian::Little),
            enumeration: vec![],
            attributes: vec![],
            fill: None,
            codecs: vec![],
            data: Ok(Data::Chunks(ChunkRefs::nothing())),
        };
        Group { name: name.to_owned(), variables: variables.iter().map(variable).collect(), groups, ..Group::default() }
    }

    fn granule() -> Granule {
        let inner = group("a", &["v"], vec![group("b", &["v", "w"], vec![]), group("c", &["x"], vec![])]);
        let origin = Origin { url: "/g.h5".into(), size: None, etag: None, last_modified: None };
        Granule { origin, root: group("", &["top"], vec![inner, group("d", &["y"], vec![])]) }
    }

    fn paths(granule: &Granule) -> Vec<String> {
        let mut found = Vec::new();
        granule.root.walk("/", &mut |path, group| found.extend(group.variables.iter().map(|v| format!("{}/{}", path.trim_end_matches('/'), v.name))));
        found
    }

    fn apply(groups: Groups, drop: &[&str]) -> Result<Selected> {
        Selection::new(groups, drop.iter().map(|d| (*d).to_owned()).collect()).apply(granule())
    }

    #[test]
    fn groups_are_chosen_by_path() {
        let of = |list: &[&str]| Groups::Paths(list.iter().map(|p| (*p).to_owned()).collect());
        let root = apply(Groups::Root, &[]).expect("the root");
        assert_eq!((paths(&root.granule), root.left_out.len()), (vec!["/top".to_owned()], 4));
        assert_eq!(paths(&apply(of(&["/"]), &[]).expect("the root").granule), ["/top"]);
        assert_eq!(paths(&apply(of(&["a/b/"]), &[]).expect("one").granule), ["/v", "/w"]);
        assert_eq!(paths(&apply(of(&["/a/b", "d"]), &[]).expect("two").granule), ["/a/b/v", "/a/b/w", "/d/y"]);
        assert_eq!(paths(&apply(Groups::Tree, &[]).expect("all").granule).len(), 6);
        let error = apply(of(&["/a/z"]), &[]).expect_err("no such group");
        assert!(error.to_string().contains("/a/z") && error.hint().is_some_and(|h| h.contains("/a/b")));
    }

    #[test]
    fn variables_are_dropped_by_name_or_path() {
        assert_eq!(paths(&apply(Groups::Tree, &["v", "/a/b/w", "a/c/x"]).expect("some").granule), ["/top", "/d/y"]);
        let selection = Selection::new(Groups::Tree, vec!["v".into(), "nope".into()]);
        let selected = selection.apply(granule()).expect("some");
        assert_eq!(selection.unknown(&selected.dropped), Some("nope"));
        assert!(apply(Groups::Root, &["top"]).is_err());
    }
}
