//! The tree of groups, and what their variables share.

use std::collections::{HashMap, HashSet};

use cube_core::{DType, Number};
use cube_manifest::{Dimension, Granule, Group, Origin, Refusal};

use super::{
    attributes::{self, Attributes},
    draft::{self, Draft, is_part_of_path},
    error::{Error, Fault},
    location::{Files, Location},
    values::Budget,
    variable,
    xml::{Cursor, Tag, shortened},
};

/// Bytes of the path of a group. Paths are repeated by whatever is in the group, and so must not be long.
const MAX_PATH: usize = 1024;

/// The type of an enumeration, and the names of its values.
pub(super) type Enumeration = (DType, Vec<(String, Number)>);

/// What is known of a document beside its groups.
pub(super) struct Document<'d> {
    pub(super) files: Files,
    pub(super) budget: Budget,
    /// Whether the program that made it wrote its version.
    pub(super) versioned: bool,
    declared: &'d mut Declared,
}

/// What variables name by path: it is kept from one reading of a document to the next.
#[derive(Default)]
pub(super) struct Declared {
    dimensions: HashMap<String, u64>,
    enumerations: HashMap<String, Enumeration>,
    /// Last parts of the names that a variable used and that had not been declared by then.
    unknown: HashSet<String>,
}

impl Declared {
    /// Whether something was used before it was declared, so that a second reading knows more.
    pub(super) fn came_late(&self) -> bool {
        self.dimensions.keys().chain(self.enumerations.keys()).any(|path| self.unknown.contains(last_part(path)))
    }
}

/// Reads a document once.
pub(super) fn read(xml: &str, location: &Location, declared: &mut Declared) -> Result<Granule, Error> {
    Cursor::new(xml).root(|cursor, tag| {
        if tag.name() != "Dataset" {
            return Err(cursor.error(Fault::Root(shortened(tag.name()))));
        }
        let [href, version, name] = tag.values(cursor, ["href", "version", "name"])?;
        let href = href.or_else(|| name.filter(|_| location.data_file(None).is_none()));
        let files = Files::new(location, href.as_deref()).ok_or_else(|| cursor.error(Fault::DataFile(shortened(&location.sidecar))))?;
        let origin = Origin { url: files.main.clone(), size: location.size, etag: None, last_modified: None };
        let versioned = version.is_some_and(|v| !v.trim().is_empty());
        let mut document = Document { files, budget: Budget::default(), versioned, declared };
        let root = document.group(cursor, "", String::new())?;
        Ok(Granule { origin, root })
    })
}

impl Document<'_> {
    /// Reads the open `Dataset` or `Group` element to its end.
    fn group(&mut self, cursor: &mut Cursor<'_>, path: &str, name: String) -> Result<Group, Error> {
        let mut group = Group { name, ..Group::default() };
        let mut attributes = Attributes::default();
        let mut names = HashSet::new();
        let mut dimensions = HashSet::new();
        cursor.children(|cursor, tag| match tag.name() {
            "Dimension" => {
                let dimension = self.read_dimension(cursor, tag, path)?;
                once(cursor, &mut dimensions, "dimension", path, &dimension.name)?;
                group.dimensions.push(dimension);
                Ok(())
            }
            "Enumeration" => self.read_enumeration(cursor, tag, path),
            "Attribute" => attributes.read(cursor, tag),
            "Group" => {
                let name = tag.required(cursor, "name")?.into_owned();
                if !is_part_of_path(&name) || path.len() + name.len() > MAX_PATH {
                    return Err(cursor.error(Fault::Name(shortened(&name))));
                }
                once(cursor, &mut names, "group", path, &name)?;
                group.groups.push(self.group(cursor, &format!("{path}/{name}"), name)?);
                Ok(())
            }
            element => match draft::kind(element) {
                Some(kind) => {
                    let draft = Draft::read(self, cursor, tag, path, kind)?;
                    once(cursor, &mut names, "variable", path, &draft.name)?;
                    group.variables.push(variable::finish(draft, self).map_err(|fault| cursor.error(fault))?);
                    Ok(())
                }
                None => cursor.skip(),
            },
        })?;
        let unlimited: HashSet<String> = attributes.unlimited.drain(..).collect();
        group.dimensions.iter_mut().for_each(|d| d.unlimited = unlimited.contains(&d.name));
        group.attributes = attributes.finish();
        Ok(group)
    }

    fn read_dimension<'x>(&mut self, cursor: &mut Cursor<'x>, tag: &Tag<'x>, path: &str) -> Result<Dimension, Error> {
        let name = tag.required(cursor, "name")?.into_owned();
        let size = cursor.number("size", &tag.required(cursor, "size")?)?;
        self.declared.dimensions.insert(format!("{path}/{name}"), size);
        cursor.skip()?;
        Ok(Dimension { name, size, unlimited: false })
    }

    fn read_enumeration<'x>(&mut self, cursor: &mut Cursor<'x>, tag: &Tag<'x>, path: &str) -> Result<(), Error> {
        let name = tag.required(cursor, "name")?.into_owned();
        let base = tag.required(cursor, "basetype")?;
        let dtype = attributes::number_type(&base).filter(|d| !d.is_float());
        let mut values = Vec::new();
        cursor.children(|cursor, tag| {
            let (name, value) = (tag.required(cursor, "name")?, tag.required(cursor, "value")?);
            let number = dtype.and_then(|d| attributes::number(d, &value));
            let wrong = || cursor.error(Fault::Number { what: "value", value: shortened(&value) });
            if dtype.is_some() {
                values.push((name.into_owned(), number.ok_or_else(wrong)?));
            }
            cursor.skip()
        })?;
        if let Some(dtype) = dtype {
            self.declared.enumerations.insert(format!("{path}/{name}"), (dtype, values));
        }
        Ok(())
    }

    /// Full path and length of a dimension that a variable in the group at `group` names.
    pub(super) fn dimension(&mut self, group: &str, name: &str) -> Option<(String, u64)> {
        let Declared { dimensions, unknown, .. } = &mut *self.declared;
        resolve(dimensions, unknown, group, name).map(|(path, size)| (path, *size))
    }

    /// Type and values of an enumeration that a variable in the group at `group` names; a refusal when all that name one take too much.
    pub(super) fn enumeration(&mut self, group: &str, name: &str) -> Option<Result<Enumeration, Refusal>> {
        let Declared { enumerations, unknown, .. } = &mut *self.declared;
        let (_, (dtype, values)) = resolve(enumerations, unknown, group, name)?;
        Some(values.iter().try_for_each(|(name, _)| self.budget.take_text(name.len())).map(|()| (*dtype, values.clone())))
    }
}

/// Looks a name up: by its full path, or in the group that uses it and in the root. Dots in full names may be escaped.
fn resolve<'d, T>(declared: &'d HashMap<String, T>, unknown: &mut HashSet<String>, group: &str, name: &str) -> Option<(String, &'d T)> {
    let paths = if name.starts_with('/') { [name.to_owned(), name.replace('\\', "")] } else { [format!("{group}/{name}"), format!("/{name}")] };
    let found = paths.into_iter().find_map(|path| declared.get(&path).map(|found| (path, found)));
    if found.is_none() {
        unknown.insert(last_part(name).to_owned());
    }
    found
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn once(cursor: &Cursor<'_>, names: &mut HashSet<String>, what: &'static str, path: &str, name: &str) -> Result<(), Error> {
    if names.insert(name.to_owned()) { Ok(()) } else { Err(cursor.error(Fault::Twice { what, name: format!("{path}/{}", shortened(name)) })) }
}
