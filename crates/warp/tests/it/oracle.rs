//! Pixel by pixel against `rasterio.warp.reproject(tolerance=0)`: a few small cases kept here, and all of `oracle.py` when the
//! environment variable `CUBE_PYTHON` names a Python that has rasterio.

use std::{collections::BTreeMap, path::Path};

use cube_core::{Crs, DType, GeoBox, Number, Pixels, Raster, Resampling, Shape, Window, with_dtype};
use cube_warp::{Canvas, Mapping, Source, proj, resample};
use serde_json::Value;

/// What of all pixels may differ because their source coordinate lies on a decision edge.
const ON_AN_EDGE: f64 = 1e-5;

#[test]
fn golden_cases_agree_with_gdal() {
    let all = Oracle::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/warp"));
    all.compare();
}

#[cfg(feature = "gdal")]
#[test]
fn all_cases_agree_with_gdal() {
    let Some(python) = std::env::var_os("CUBE_PYTHON") else {
        eprintln!("CUBE_PYTHON is not set: skipped");
        return;
    };
    let out = std::env::var_os("CUBE_ORACLE").map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle"), Into::into);
    if !out.with_extension("json").exists() {
        let done = std::process::Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.py"))
            .arg(&out)
            .status()
            .expect("Python runs");
        assert!(done.success(), "oracle.py failed");
    }
    Oracle::open(&out).compare();
}

struct Oracle {
    cases: Vec<Value>,
    pixels: Vec<u8>,
}

struct Case<'a> {
    name: &'a str,
    mapping: Mapping,
    geographic: bool,
    nodata: Option<Number>,
    source: Vec<f64>,
}

#[derive(Debug, Default)]
struct Tally {
    pixels: usize,
    wrong: usize,
    /// Differences in pixels that lie on an edge by construction.
    edges: usize,
    worst: f64,
    first: Option<String>,
}

impl Oracle {
    fn open(at: &Path) -> Self {
        let json: Value = serde_json::from_slice(&std::fs::read(at.with_extension("json")).expect("cases")).expect("JSON");
        let pixels = std::fs::read(at.with_extension("bin")).expect("pixels");
        Self { cases: json["cases"].as_array().expect("cases").clone(), pixels }
    }

    fn pixels(&self, dtype: DType, at: &Value, shape: Shape) -> Pixels {
        let at = at.as_u64().expect("an offset") as usize;
        Pixels::from_bytes(dtype, &self.pixels[at..at + shape.len() * dtype.size()]).expect("whole pixels")
    }

    fn compare(&self) {
        let mut tallies = BTreeMap::<String, Tally>::new();
        let mut skipped = 0;
        for case in &self.cases {
            let (source, destination) = (grid(&case["source"]), grid(&case["destination"]));
            let Ok(mapping) = Mapping::new(&source, &destination) else {
                skipped += 1;
                continue;
            };
            let dtype = DType::parse(case["dtype"].as_str().expect("a dtype")).expect("a dtype");
            let nodata: Option<Number> = serde_json::from_value(case["nodata"].clone()).expect("a number");
            let raster = Raster { shape: source.shape(), pixels: self.pixels(dtype, &case["source"]["at"], source.shape()), mask: None };
            let geographic = proj::describe(source.crs()).expect("a CRS").geographic;
            let whole = Case { name: case["name"].as_str().expect("a name"), mapping, geographic, nodata, source: doubles(&raster.pixels) };
            for (name, at) in case["results"].as_object().expect("results") {
                let method: Resampling = serde_json::from_value(Value::String(name.clone())).expect("a method");
                if is_gdals_own(whole.name, method) {
                    continue;
                }
                let input = Source::new(&raster, Window::whole(source.shape()), nodata).expect("it fits");
                let canvas = resample(&whole.mapping, &input, Window::whole(destination.shape()), method, dtype, nodata).expect("a canvas");
                let expected = self.pixels(dtype, at, destination.shape());
                differences(tallies.entry(name.clone()).or_default(), &whole, method, &canvas, &expected);
            }
        }
        for (method, tally) in &tallies {
            eprintln!(
                "{method:13} {:9} pixels, {:6} differ, {:5} on edges, worst {:.2e}; first: {}",
                tally.pixels,
                tally.wrong,
                tally.edges,
                tally.worst,
                tally.first.as_deref().unwrap_or("-")
            );
        }
        eprintln!("{} cases, {skipped} skipped", self.cases.len());
        for (method, tally) in tallies {
            assert!(tally.wrong as f64 <= ON_AN_EDGE * tally.pixels as f64, "{method}: {tally:?}");
        }
    }
}

/// Where GDAL errs and this crate does not follow: over the antimeridian its sums smear or lose pixels, and where a coordinate is exactly
/// that of a pixel its stretched lanczos kernel has no middle (case 6 has such coordinates along its diagonals).
fn is_gdals_own(name: &str, method: Resampling) -> bool {
    (name.starts_with("edge") && method == Resampling::Sum) || (name.starts_with("edge 6") && method == Resampling::Lanczos)
}

fn grid(v: &Value) -> GeoBox {
    let affine: [f64; 6] = serde_json::from_value(v["affine"].clone()).expect("six numbers");
    let shape: Shape = serde_json::from_value(v["shape"].clone()).expect("a shape");
    GeoBox::new(Crs::parse(v["crs"].as_str().expect("a CRS")).expect("a CRS"), affine.into(), shape).expect("a grid")
}

fn differences(tally: &mut Tally, case: &Case<'_>, method: Resampling, ours: &Canvas, theirs: &Pixels) {
    use Resampling::{Max, Med, Min, Mode, Nearest, Q1, Q3, Sum};
    let exact = matches!(method, Nearest | Mode | Min | Max | Med | Q1 | Q3);
    // In longitude and latitude GDAL does not paste: neighbours come in over edges by rounding.
    let on_edges = case.mapping.is_paste(method) && case.geographic && !matches!(method, Nearest | Resampling::Bilinear | Resampling::Cubic);
    let float = theirs.dtype().is_float();
    let rounding = match theirs.dtype() {
        DType::Float32 => 2.0 * f64::from(f32::EPSILON),
        DType::Float64 => 1e-13,
        _ => 0.0,
    };
    let nothing = case.nodata.map_or(0.0, Number::as_f64);
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    tally.pixels += ours.shape.len();
    for (i, (a, b)) in doubles(&ours.pixels).into_iter().zip(doubles(theirs)).enumerate() {
        let difference = (a - b).abs();
        if same(a, b) || (!exact && difference <= rounding * a.abs()) {
            continue;
        }
        let sliver = method == Sum && ((same(a, nothing) && b.abs() <= 1.0) || (same(b, nothing) && a.abs() <= 1.0));
        if on_edges || sliver {
            tally.edges += 1;
            continue;
        }
        let (row, col) = (i / ours.shape.cols, i % ours.shape.cols);
        let allowed = match (exact, float) {
            (true, _) => 0.0,
            (false, false) => 1.0,
            (false, true) => 1e-5 * range(case.mapping.source_window(Window::new(row, col, 1, 1), method), case),
        };
        if difference <= allowed {
            tally.worst = tally.worst.max(if float { difference / allowed } else { difference });
        } else {
            tally.wrong += 1;
            tally.first.get_or_insert_with(|| format!("{}: row {row}, column {col}: {a} instead of {b} (allowed {allowed:.3e})", case.name));
            if std::env::var_os("CUBE_VERBOSE").is_some() {
                eprintln!("{method:?} {}: row {row}, column {col}: {a} instead of {b}", case.name);
            }
        }
    }
}

/// Largest less smallest of the source pixels in a window.
fn range(window: Option<Window>, case: &Case<'_>) -> f64 {
    let Some(w) = window else { return 0.0 };
    let inside = (w.row..w.row_end()).flat_map(|r| (w.col..w.col_end()).map(move |c| r * case.mapping.source().cols + c)).map(|i| case.source[i]);
    let (lo, hi) = inside.filter(|v| !v.is_nan()).fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    (hi - lo).max(0.0)
}

fn doubles(pixels: &Pixels) -> Vec<f64> {
    fn typed<T: cube_core::Pixel>(p: &Pixels) -> Vec<f64> {
        T::unwrap_ref(p).expect("of this type").iter().map(|v| v.to_f64()).collect()
    }
    with_dtype!(pixels.dtype(), T => typed::<T>(pixels))
}
