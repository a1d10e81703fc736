//! Reading spec files.

use std::path::{Component, Path, PathBuf};

use cube_core::{Crs, CubeSpec, SpecFormat};

use crate::{Error, Result, builtin};

/// Reads a spec: YAML when the name ends in `.yaml` or `.yml`, else TOML. All mistakes are told at once.
///
/// Relative paths in `source.url` and `grid.like` begin at the folder of the file, and are absolute in the answer, so that a cube
/// finds its source from anywhere.
pub fn read_spec(path: impl AsRef<Path>) -> Result<CubeSpec> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|e| Error::unreadable(path, e))?;
    let yaml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"));
    let format = if yaml { SpecFormat::Yaml } else { SpecFormat::Toml };
    let mut spec = parse(&text, format).map_err(|source| Error::Spec { path: path.display().to_string(), source })?;
    let absolute = std::path::absolute(path).map_err(|e| Error::unreadable(path, e))?;
    let folder = absolute.parent().unwrap_or_else(|| Path::new("/"));
    // CMR has a root, never a file.
    if spec.source.backend != "cmr" {
        spec.source.url = from_folder(&spec.source.url, folder);
    }
    spec.grid.like = spec.grid.like.map(|like| from_folder(&like, folder));
    Ok(spec)
}

/// All mistakes at once, also the one that only PROJ finds: a CRS that there is not.
fn parse(text: &str, format: SpecFormat) -> Result<CubeSpec, cube_core::Error> {
    let parsed = CubeSpec::read(text, format, &builtin::CATALOGS);
    match (parsed, unknown_crs(text, format)) {
        (parsed, None) => parsed,
        (Ok(_), Some(unknown)) => Err(cube_core::Error::Spec(vec![unknown])),
        (Err(cube_core::Error::Spec(mut all)), Some(unknown)) => {
            all.push(unknown);
            Err(cube_core::Error::Spec(all))
        }
        (Err(other), Some(_)) => Err(other),
    }
}

/// Looks at the CRS of a text even where the rest of it is wrong.
fn unknown_crs(text: &str, format: SpecFormat) -> Option<cube_core::Error> {
    let value: serde_json::Value = match format {
        SpecFormat::Yaml => serde_yaml_ng::from_str(text).ok()?,
        SpecFormat::Toml => serde_json::to_value(toml::from_str::<toml::Table>(text).ok()?).ok()?,
    };
    let name = value.pointer("/grid/crs")?.as_str().filter(|c| *c != "native")?;
    let problem = cube_warp::proj::describe(&Crs::parse(name).ok()?).err()?;
    let error = cube_core::Error::invalid("`grid.crs`:", name, format!("cannot be used: {problem}"));
    Some(match problem.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    })
}

/// A path as it is meant by a file in a folder: absolute, without `.` and `..`. URLs stay as they are.
fn from_folder(text: &str, folder: &Path) -> String {
    if text.contains("://") || text.is_empty() {
        return text.to_owned();
    }
    let mut out = PathBuf::new();
    for part in folder.join(text).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out.to_string_lossy().into_owned()
}

/// What differs between the spec that a cube was made with and another, as `grid.resolution: 20.0 in the cube, 10.0 in the spec`.
/// The title may differ.
pub fn differences(of_cube: &CubeSpec, other: &CubeSpec) -> Vec<String> {
    let (Ok(a), Ok(b)) = (serde_json::to_value(of_cube), serde_json::to_value(other)) else { return Vec::new() };
    let mut out = Vec::new();
    compare("", &a, &b, &mut out);
    out.retain(|line| !line.starts_with("title:"));
    out
}

fn compare(path: &str, a: &serde_json::Value, b: &serde_json::Value, out: &mut Vec<String>) {
    use serde_json::Value;
    if let (Value::Object(x), Value::Object(y)) = (a, b) {
        let keys: std::collections::BTreeSet<_> = x.keys().chain(y.keys()).collect();
        for key in keys {
            let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            compare(&inner, x.get(key).unwrap_or(&Value::Null), y.get(key).unwrap_or(&Value::Null), out);
        }
    } else if a != b {
        let show = |v: &Value| if v.is_null() { "absent".to_owned() } else { v.to_string() };
        out.push(format!("{path}: {} in the cube, {} in the spec", show(a), show(b)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "[source]\nbackend = 'stac'\nurl = '../stac/items.json'\n[grid]\ncrs = 'EPSG:32632'\nresolution = 20.0\nextent = [600000.0, 4990000.0, 800000.0, 5210000.0]\n[bands.red]\n";

    #[test]
    fn paths_begin_at_the_folder_of_the_spec() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("specs");
        std::fs::create_dir(&path).expect("a folder");
        std::fs::write(path.join("cube.toml"), SPEC).expect("a file");
        let spec = read_spec(path.join("cube.toml")).expect("a spec");
        assert_eq!(Path::new(&spec.source.url), folder.path().join("stac/items.json"));
    }

    #[test]
    fn urls_stay_as_they_are() {
        for url in ["https://host/a/../b", "s3://bucket/x", "file:///a/b"] {
            assert_eq!(from_folder(url, Path::new("/data")), url);
        }
        assert_eq!(from_folder("./a/./b", Path::new("/data")), "/data/a/b");
        assert_eq!(from_folder("/c", Path::new("/data")), "/c");
    }

    #[test]
    fn yaml_and_toml_say_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let yaml = "source: {backend: stac, url: ../stac/items.json}\ngrid: {crs: 'EPSG:32632', resolution: 20.0, extent: [600000.0, 4990000.0, 800000.0, 5210000.0]}\nbands: {red: {}}\n";
        std::fs::write(folder.path().join("a.toml"), SPEC).expect("a file");
        std::fs::write(folder.path().join("b.yml"), yaml).expect("a file");
        let read = |name: &str| read_spec(folder.path().join(name)).expect("a spec");
        assert_eq!(read("a.toml"), read("b.yml"));
    }

    #[test]
    fn what_differs_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.toml"), SPEC).expect("a file");
        let a = read_spec(folder.path().join("a.toml")).expect("a spec");
        let mut b = a.clone();
        b.title = Some("another".into());
        assert!(differences(&a, &b).is_empty());
        b.grid.resolution = Some(cube_core::Resolution::Square(10.0));
        b.bands.insert("nir".into(), cube_core::BandSpec::default());
        let said = differences(&a, &b);
        assert_eq!(said.len(), 2);
        assert!(said.iter().any(|s| s == "grid.resolution: 20.0 in the cube, 10.0 in the spec"), "{said:?}");
    }
}
