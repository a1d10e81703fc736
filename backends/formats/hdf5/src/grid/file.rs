use std::{collections::BTreeMap, sync::Arc};

use cube_backend::{ByteSource, Error, Kind, Result, Taken};
use cube_manifest::{Granule, Origin, Variable};
use object_store::ObjectStoreExt;

use super::taken;
use crate::dmrpp;

/// What is kept of the header of a file.
#[derive(Debug)]
pub(super) struct File {
    /// By full path, without the slash before it: `lat`, `science/sst`.
    variables: BTreeMap<String, Arc<Variable>>,
    /// When it was taken, as its attributes say.
    pub(super) stated: Option<Taken>,
}

/// Which variable of a file, and which of its layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) path: String,
    /// From 0.
    pub(super) layer: Option<usize>,
}

impl File {
    pub(super) async fn read(source: &ByteSource) -> Result<Self> {
        let origin = Origin { url: Arc::clone(&source.name), size: None, etag: None, last_modified: None };
        crate::read(source, origin).await.map(Self::new)
    }

    /// From a DMR++ beside the file, which is not read.
    pub(super) async fn described(source: &ByteSource, sidecar: &ByteSource) -> Result<Self> {
        let xml = sidecar.store.get(&sidecar.path).await?.bytes().await?;
        let location = dmrpp::Location { sidecar: sidecar.name.to_string(), data: Some(source.name.to_string()), size: None };
        let parsed = tokio::task::spawn_blocking(move || dmrpp::read(&xml, &location).map(Self::new)).await;
        let parsed = parsed.map_err(|e| Error::new(Kind::Unavailable, "reading a sidecar was stopped").with_source(e))?;
        parsed.map_err(|e| Error::corrupt(format!("`{}` cannot be used", sidecar.name)).with_source(e))
    }

    fn new(granule: Granule) -> Self {
        let mut variables = BTreeMap::new();
        let stated = taken::stated(&granule.root);
        collect(granule.root, "", &mut variables);
        Self { variables, stated }
    }

    /// All variables with their paths, sorted by these.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, &Arc<Variable>)> {
        self.variables.iter().map(|(path, variable)| (path.as_str(), variable))
    }

    /// A variable by its full path.
    pub(super) fn get(&self, path: &str) -> Option<&Arc<Variable>> {
        self.variables.get(path.trim_start_matches('/'))
    }

    /// A variable that one in the group `group` calls `name`: there, or in the nearest group above (CF-1.11, 2.7).
    pub(super) fn near(&self, group: &str, name: &str) -> Option<&Arc<Variable>> {
        if name.starts_with('/') {
            return self.get(name);
        }
        let mut group = group.trim_matches('/');
        loop {
            let path = if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") };
            match (self.variables.get(&path), group.rsplit_once('/')) {
                (Some(found), _) => return Some(found),
                (None, Some((above, _))) => group = above,
                (None, None) if group.is_empty() => return None,
                (None, None) => group = "",
            }
        }
    }

    /// What a request names: a variable, or `variable.2` for its second layer; without a name the only variable that has rows and columns.
    pub(super) fn wanted(&self, name: Option<&str>, file: &str) -> Result<Wanted> {
        let candidates = self.candidates();
        let known = || match candidates.as_slice() {
            [] => "it has none on a grid".to_owned(),
            some => format!("it has {}", some.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ")),
        };
        let hint = format!("{}; name one after the asset: `asset#{}`", known(), candidates.first().map_or("variable", String::as_str));
        let Some(name) = name else {
            return match candidates.as_slice() {
                [] => Err(Error::unsupported(format!("`{file}` holds no variable with rows and columns"))),
                [only] => Ok(Wanted { path: only.clone(), layer: None }),
                several => Err(Error::new(Kind::Invalid, format!("`{file}` holds {} variables, and none was named", several.len())).with_hint(hint)),
            };
        };
        let path = name.trim_matches('/');
        if self.variables.contains_key(path) {
            return Ok(Wanted { path: path.to_owned(), layer: None });
        }
        let layer = |(path, number): (&str, &str)| {
            let layer = number.parse::<usize>().ok()?.checked_sub(1)?;
            self.variables.contains_key(path).then(|| Wanted { path: path.to_owned(), layer: Some(layer) })
        };
        let absent = || Error::new(Kind::Invalid, format!("`{file}` has no variable `{name}`")).with_hint(hint);
        path.rsplit_once('.').and_then(layer).ok_or_else(absent)
    }

    /// Variables of two dimensions or more that are no coordinates or bounds of others.
    pub(super) fn candidates(&self) -> Vec<String> {
        let described: Vec<String> = self.variables.values().flat_map(|v| super::axes::described(v)).collect();
        let is_candidate = |(path, variable): &(&String, &Arc<Variable>)| {
            let name = path.rsplit('/').next().unwrap_or(path);
            variable.shape.len() >= 2 && variable.data.is_ok() && variable.element.size().is_some() && !described.iter().any(|d| d == name)
        };
        self.variables.iter().filter(is_candidate).map(|(path, _)| path.clone()).collect()
    }
}

fn collect(group: cube_manifest::Group, path: &str, into: &mut BTreeMap<String, Arc<Variable>>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    for variable in group.variables {
        into.insert(below(&variable.name), Arc::new(variable));
    }
    for group in group.groups {
        let path = below(&group.name);
        collect(group, &path, into);
    }
}
