//! Names of dimensions: from HDF5's dimension scales, as netCDF-4 uses them.
//!
//! - A dataset that is a dimension scale is a dimension of the group that it is in, and mostly a variable too.
//! - A dimension of a variable is named by the scale that is attached to it. Without one it has no name: netCDF makes up names
//!   (`phony_dim_0`), which differ from file to file and say nothing.
//! - An unlimited dimension is as long as the longest variable on it. A variable may be shorter: its shape stays what it is.

use std::collections::HashMap;

use cube_manifest::{Dimension, Group};

use super::walk::{Dataset, Found};

/// Variables with the name of a dimension that they do not belong to have this before their name.
const NOT_A_COORDINATE: &str = "_nc4_non_coord_";

/// The tree with its dimensions.
pub(super) fn name(found: Found) -> Group {
    let mut known = Known::default();
    known.collect(&found, "");
    let mut root = known.finish(found, "");
    known.lengthen(&mut root, "");
    root
}

#[derive(Default)]
struct Known {
    by_address: HashMap<u64, String>,
    by_id: HashMap<i64, String>,
    /// The most elements that a variable has along a dimension.
    longest: HashMap<String, u64>,
}

impl Known {
    fn collect(&mut self, group: &Found, path: &str) {
        for dataset in group.datasets.iter().filter(|d| is_dimension(d)) {
            let path = format!("{path}/{}", dataset.variable.name);
            if let Some(id) = dataset.marks.dimension_id {
                self.by_id.entry(id).or_insert_with(|| path.clone());
            }
            if let Some(address) = dataset.address {
                self.by_address.entry(address).or_insert(path);
            }
        }
        for below in &group.groups {
            self.collect(below, &format!("{path}/{}", below.name));
        }
    }

    fn finish(&mut self, found: Found, path: &str) -> Group {
        let mut group = Group { name: found.name, attributes: found.attributes, ..Group::default() };
        let mut dimensions = Vec::new();
        for dataset in found.datasets {
            let Dataset { mut variable, marks, unlimited, .. } = dataset;
            let own = format!("{path}/{}", variable.name);
            if marks.scale && !variable.shape.is_empty() {
                let dimension = Dimension { name: variable.name.clone(), size: variable.shape[0], unlimited };
                dimensions.push((marks.dimension_id, dimension));
                if marks.no_variable {
                    continue;
                }
            }
            let by_id: Vec<_> = marks.coordinates.iter().map(|id| self.by_id.get(id).cloned()).collect();
            let rank = variable.shape.len();
            for (d, name) in variable.dimensions.iter_mut().enumerate() {
                let attached = || marks.scales.get(d).copied().flatten().and_then(|address| self.by_address.get(&address).cloned());
                *name = match by_id.get(d).filter(|_| by_id.len() == rank) {
                    _ if marks.scale && rank == 1 => Some(own.clone()),
                    Some(Some(name)) => Some(name.clone()),
                    _ if marks.scale && d == 0 => Some(own.clone()),
                    _ => attached(),
                };
                if let Some(name) = name {
                    let longest = self.longest.entry(name.clone()).or_default();
                    *longest = variable.shape[d].max(*longest);
                }
            }
            if let Some(rest) = variable.name.strip_prefix(NOT_A_COORDINATE) {
                variable.name = rest.to_owned();
            }
            group.variables.push(variable);
        }
        // netCDF numbers its dimensions; others stay in the order of the file.
        dimensions.sort_by_key(|(id, _)| id.unwrap_or(i64::MAX));
        group.dimensions = dimensions.into_iter().map(|(_, dimension)| dimension).collect();
        group.groups = found
            .groups
            .into_iter()
            .map(|below| {
                let path = format!("{path}/{}", below.name);
                self.finish(below, &path)
            })
            .collect();
        group
    }

    /// Gives unlimited dimensions their length.
    fn lengthen(&self, group: &mut Group, path: &str) {
        for dimension in group.dimensions.iter_mut().filter(|d| d.unlimited) {
            dimension.size = self.longest.get(&format!("{path}/{}", dimension.name)).copied().unwrap_or(0).max(dimension.size);
        }
        for below in &mut group.groups {
            let path = format!("{path}/{}", below.name);
            self.lengthen(below, &path);
        }
    }
}

fn is_dimension(dataset: &Dataset) -> bool {
    dataset.marks.scale && !dataset.variable.shape.is_empty()
}
