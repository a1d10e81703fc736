//! From the root group to all that is below it.

use std::{ops::ControlFlow, sync::Arc};

use cube_backend::{Error, Kind, Result};
use cube_manifest::{Attribute, AttributeValue, Reason, Refusal, Variable};

use super::{
    attribute::{self, Raw},
    dataset,
    file::File,
    group::{self, Link, Target},
    header::{DATASPACE, Header, LAYOUT, USUAL_SIZE},
};

/// A group whose dimensions are not named yet.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) datasets: Vec<Dataset>,
    pub(super) groups: Vec<Self>,
}

/// A variable, and what its attributes say of dimensions.
pub(super) struct Dataset {
    pub(super) variable: Variable,
    pub(super) marks: Marks,
    /// Address of its header, by which others refer to it.
    pub(super) address: Option<u64>,
    /// Whether its first dimension grows without end.
    pub(super) unlimited: bool,
}

/// What HDF5's dimension scales and netCDF-4 keep in attributes of a dataset.
#[derive(Default)]
pub(super) struct Marks {
    /// It is a dimension scale.
    pub(super) scale: bool,
    /// It is a dimension, and no variable.
    pub(super) no_variable: bool,
    /// Number of the netCDF dimension.
    pub(super) dimension_id: Option<i64>,
    /// Numbers of the dimensions of a variable.
    pub(super) coordinates: Vec<i64>,
    /// For each dimension the scale that is attached to it.
    pub(super) scales: Vec<Option<u64>>,
}

/// Groups in groups.
const DEEPEST: usize = 100;
/// Names that are followed to find what one soft link leads to.
const LONGEST_PATH: u32 = 200;
/// Headers that are announced at once.
const AT_ONCE: usize = 1024;
const NO_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable";
/// What netCDF keeps for itself.
const BOOKKEEPING: [&str; 9] =
    ["CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties", "_IsNetcdf4"];

/// Walks through a file from its root group.
pub(super) struct Walk<'f, 'a> {
    pub(super) file: &'f File<'a>,
    pub(super) url: &'f Arc<str>,
    pub(super) root: u64,
    /// The groups that lead to where the walk is.
    above: Vec<u64>,
}

impl<'f, 'a> Walk<'f, 'a> {
    pub(super) fn new(file: &'f File<'a>, url: &'f Arc<str>, root: u64) -> Self {
        Self { file, url, root, above: Vec::new() }
    }

    /// The root group.
    pub(super) fn run(mut self) -> Result<Found> {
        let header = Header::read(self.file, self.root)?;
        self.group(String::new(), self.root, &header)
    }

    fn group(&mut self, name: String, address: u64, header: &Header) -> Result<Found> {
        if self.above.len() >= DEEPEST {
            return Err(Error::corrupt(format!("groups in groups, {DEEPEST} deep")));
        }
        let mut found = Found { name, attributes: self.group_attributes(header)?, datasets: Vec::new(), groups: Vec::new() };
        self.above.push(address);
        let links = group::links(self.file, header)?;
        for part in links.chunks(AT_ONCE) {
            let objects = part.iter().filter_map(|link| match link.target {
                Target::Object(address) => Some((address, USUAL_SIZE)),
                _ => None,
            });
            self.file.expect(objects)?;
            for link in part {
                self.member(link, &mut found)?;
            }
        }
        self.above.pop();
        Ok(found)
    }

    fn member(&mut self, link: &Link, into: &mut Found) -> Result<()> {
        match self.resolve(link)? {
            Ok(address) => self.object(&link.name, address, into),
            Err(refusal) => {
                into.datasets.push(Dataset {
                    variable: dataset::refused(&link.name, refusal),
                    marks: Marks::default(),
                    address: None,
                    unlimited: false,
                });
                Ok(())
            }
        }
    }

    fn resolve(&self, link: &Link) -> Result<Result<u64, Refusal>> {
        let external = |file: &str, path: &str| Refusal::new(Reason::External, format!("a link to `{path}` of `{file}`"));
        let unknown = |kind: u8| Refusal::new(Reason::External, format!("a link of kind {kind}, which only some program understands"));
        let path = match &link.target {
            Target::Object(address) => return Ok(Ok(*address)),
            Target::External(file, path) => return Ok(Err(external(file, path))),
            Target::Unknown(kind) => return Ok(Err(unknown(*kind))),
            Target::Soft(path) => path,
        };
        let from = self.above.last().copied().unwrap_or(self.root);
        Ok(match group::find(self.file, self.root, from, path, &mut { LONGEST_PATH }) {
            Ok(ControlFlow::Continue(Some(address))) => Ok(address),
            Ok(ControlFlow::Break(Target::External(file, path))) => Err(external(&file, &path)),
            Ok(ControlFlow::Break(Target::Unknown(kind))) => Err(unknown(kind)),
            Ok(_) => Err(Refusal::new(Reason::NotStored, format!("a link to `{path}`, which is not there"))),
            Err(error) => Err(self.file.refusal(error)?),
        })
    }

    fn object(&mut self, name: &str, address: u64, into: &mut Found) -> Result<()> {
        // A group that is above itself: all of it is listed already.
        if self.above.contains(&address) {
            tracing::debug!(link = name, "a link to a group above it is left out");
            return Ok(());
        }
        let header = match Header::read(self.file, address) {
            Ok(header) => header,
            Err(error) => {
                let variable = dataset::refused(name, self.file.refusal(error)?);
                into.datasets.push(Dataset { variable, marks: Marks::default(), address: None, unlimited: false });
                return Ok(());
            }
        };
        if group::is_group(&header) {
            let group = self.group(name.to_owned(), address, &header)?;
            into.groups.push(group);
        } else if header.has(DATASPACE) || header.has(LAYOUT) {
            into.datasets.push(self.dataset(name, address, &header)?);
        }
        // What is left is a type that has a name: it has no values.
        Ok(())
    }

    fn dataset(&self, name: &str, address: u64, header: &Header) -> Result<Dataset> {
        let described = dataset::read(self.file, self.url, name, header)?;
        let mut variable = described.variable;
        let mut marks = Marks::default();
        // Without its attributes a variable may mean something else (scale, units): then it is refused too.
        match self.variable_attributes(header, &mut marks) {
            Ok(attributes) => variable.attributes = attributes,
            Err(error) => variable.data = Err(self.file.refusal(error)?),
        }
        Ok(Dataset { variable, marks, address: Some(address), unlimited: described.most.first() == Some(&None) })
    }

    fn variable_attributes(&self, header: &Header, marks: &mut Marks) -> Result<Vec<Attribute>> {
        let raw = attribute::read_all(self.file, header)?;
        for attribute in &raw {
            marks.note(self.file, attribute)?;
        }
        raw.into_iter().filter(|a| !BOOKKEEPING.contains(&a.name.as_str())).map(|a| a.into_attribute(self.file)).collect()
    }

    /// Attributes of a group; one that cannot be read keeps its name.
    fn group_attributes(&self, header: &Header) -> Result<Vec<Attribute>> {
        let each = |raw: Raw| {
            let name = raw.name.clone();
            raw.into_attribute(self.file).or_else(|error| match error.kind() {
                Kind::Corrupt | Kind::Unsupported => {
                    let refusal = self.file.refusal(error)?;
                    Ok(Attribute { name, value: AttributeValue::Other(refusal.to_string()) })
                }
                _ => Err(error),
            })
        };
        attribute::read_all(self.file, header)?.into_iter().filter(|a| !BOOKKEEPING.contains(&a.name.as_str())).map(each).collect()
    }
}

impl Marks {
    fn note(&mut self, file: &File<'_>, attribute: &Raw) -> Result<()> {
        match attribute.name.as_str() {
            "CLASS" => self.scale |= attribute.fixed_text().as_deref() == Some("DIMENSION_SCALE"),
            "NAME" => self.no_variable |= attribute.fixed_text().is_some_and(|t| t.starts_with(NO_VARIABLE)),
            "_Netcdf4Dimid" => self.dimension_id = attribute.integers().first().copied(),
            "_Netcdf4Coordinates" => self.coordinates = attribute.integers(),
            "DIMENSION_LIST" => self.scales = attribute.last_references(file)?,
            _ => {}
        }
        Ok(())
    }
}
