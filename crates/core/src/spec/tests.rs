#![expect(clippy::panic, reason = "tests say what they met")]

use super::*;
use crate::TimeValue;

const WHOLE: &str = r#"
title = "Sentinel-2 over the Alps"
[source]
backend = "stac"
url = "https://earth-search.aws.element84.com/v1"
collections = ["sentinel-2-l2a"]
query = { "eo:cloud_cover" = { lt = 60 } }
[grid]
crs = "EPSG:32632"
resolution = 20.0
extent = [600000.0, 4990000.0, 800000.0, 5210000.0]
anchor = "edge"
[time]
step = "solar_day"
[mosaic]
method = "first"
[bands.red]
dtype = "uint16"
nodata = 0
resampling = "nearest"
values = "raw"
[bands.nir]
resampling = "bilinear"
[chunks]
time = 1
y = 512
x = 512
[encoding]
codec = "blosc"
shard = [1, 4096, 4096]
"#;

fn read(text: &str) -> Result<CubeSpec> {
    CubeSpec::read(text, SpecFormat::Toml, &["stac", "index"])
}

/// The messages of all mistakes of a spec that differs from the whole one.
fn mistakes(changes: &[(&str, &str)]) -> Vec<String> {
    let text = changes.iter().fold(WHOLE.to_owned(), |t, (from, to)| {
        assert!(t.contains(from), "{from}");
        t.replace(from, to)
    });
    match read(&text) {
        Ok(_) => Vec::new(),
        Err(Error::Spec(all)) => {
            assert!(all.iter().all(|e| e.hint().is_some_and(|h| !h.is_empty())), "{all:?}");
            all.iter().map(ToString::to_string).collect()
        }
        Err(e) => panic!("{e}"),
    }
}

#[test]
fn the_spec_of_the_guide_is_read() {
    let spec = read(WHOLE).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(spec.bands["red"].nodata, Some(Number::Int(0)));
    assert_eq!(spec.bands["nir"].resampling, Resampling::Bilinear);
    assert_eq!(spec.encoding.shard, Some([1, 4096, 4096]));
    assert_eq!(spec.grid.resolution.map(Resolution::xy), Some((20.0, 20.0)));
    assert_eq!(spec.source.query["eo:cloud_cover"]["lt"], 60);
    spec.validate().expect("what can be read holds");
}

#[test]
fn yaml_says_the_same() {
    let yaml = r#"
title: Sentinel-2 over the Alps
source:
  backend: stac
  url: https://earth-search.aws.element84.com/v1
  collections: [sentinel-2-l2a]
  query: {"eo:cloud_cover": {lt: 60}}
grid:
  crs: EPSG:32632
  resolution: 20.0
  extent: [600000.0, 4990000.0, 800000.0, 5210000.0]
  anchor: edge
time: {step: solar_day}
mosaic: {method: first}
bands:
  red: {dtype: uint16, nodata: 0, resampling: nearest, values: raw}
  nir:
    resampling: bilinear
chunks: {time: 1, y: 512, x: 512}
encoding:
  codec: blosc
  shard: [1, 4096, 4096]
"#;
    assert_eq!(CubeSpec::from_yaml(yaml).unwrap_or_else(|e| panic!("{e}")), read(WHOLE).expect("a spec"));
    let Err(Error::Spec(all)) = CubeSpec::from_yaml(&yaml.replace("resampling: bilinear", "resampling: bilinaer")) else {
        panic!("no mistake found")
    };
    assert_eq!(all[0].to_string(), "key `bands.nir.resampling` (line 18) `bilinaer` is not known");
    assert!(CubeSpec::from_yaml("a: [1").is_err() && CubeSpec::from_yaml("3").is_err());
}

#[test]
fn five_mistakes_give_five_errors_with_lines() {
    let found = mistakes(&[
        ("backend = \"stac\"", "backend = \"stack\""),
        ("resolution = 20.0", "resolution = \"fine\""),
        ("dtype = \"uint16\"", "dtype = \"uint12\""),
        ("resampling = \"bilinear\"", "resamplng = \"bilinear\""),
        ("y = 512", "y = 0"),
    ]);
    assert_eq!(
        found,
        [
            "key `source.backend` (line 4) `stack` is not known",
            "key `grid.resolution` (line 10) `fine` is not a number or a pair of numbers",
            "key `bands.red.dtype` (line 18) `uint12` is not known",
            "key `bands.nir.resamplng` (line 23) is not a key of a spec",
            "key `chunks.y` (line 26) `0` is not a whole number of 1 or more",
        ]
    );
    let text = WHOLE.replace("resampling = \"bilinear\"", "resamplng = \"bilinear\"");
    assert_eq!(read(&text).expect_err("a mistake").hint().as_deref(), Some("did you mean `resampling`?"));
}

#[test]
fn each_mistake_is_found() {
    for (from, to, problem) in [
        ("title = \"Sentinel-2 over the Alps\"", "title = 3", "`title` (line 2) `3` is not a text"),
        ("backend = \"stac\"", "", "`source.backend` (line 3) is missing"),
        ("url = \"https://earth-search.aws.element84.com/v1\"", "url = \"\"", "`source.url` (line 5) is empty"),
        ("collections = [\"sentinel-2-l2a\"]", "collections = \"sentinel-2-l2a\"", "not a list of texts"),
        ("[grid]", "filter = \"a < 1\"\n[grid]", "`source.filter` (line 8) and source.query are both given"),
        ("[grid]", "datetime = \"June\"\n[grid]", "`source.datetime`"),
        ("crs = \"EPSG:32632\"", "crs = \"UTM 32\"", "`grid.crs` (line 9)"),
        ("crs = \"EPSG:32632\"", "", "`grid.crs` (line 8) is missing"),
        (
            "crs = \"EPSG:32632\"\nresolution = 20.0\nextent = [600000.0, 4990000.0, 800000.0, 5210000.0]",
            "crs = \"native\"\nshape = [1, 1]",
            "does not fit `crs = \"native\"`",
        ),
        ("resolution = 20.0", "resolution = -20", "is not positive"),
        ("resolution = 20.0", "", "`grid.resolution` (line 8) is missing"),
        ("resolution = 20.0", "resolution = 20.0\nshape = [10, 10]", "and grid.resolution are both given"),
        ("resolution = 20.0", "like = \"a.tif\"", "and grid.like are both given"),
        ("extent = [600000.0, 4990000.0, 800000.0, 5210000.0]", "extent = [800000.0, 4990000.0, 600000.0, 5210000.0]", "west not before its east"),
        ("extent = [600000.0, 4990000.0, 800000.0, 5210000.0]", "extent = [600000.0, 5210000.0, 800000.0, 4990000.0]", "south not below its north"),
        ("extent = [600000.0, 4990000.0, 800000.0, 5210000.0]", "extent = [1, 2, 3]", "not four numbers"),
        ("anchor = \"edge\"", "anchor = \"corner\"", "anchor `corner` is not known"),
        ("anchor = \"edge\"", "anchor = [2.0, 0.0]", "outside 0 ≤ f < 1"),
        ("step = \"solar_day\"", "step = \"P2D\"", "`time.step` (line 14) `P2D` is not known"),
        ("step = \"solar_day\"", "step = \"solar_day\"\nrange = \"2024-01-01/..\"", "is open"),
        ("step = \"solar_day\"", "step = \"instant\"\nrange = \"2024-01-01/2024-01-02\"", "cannot be cut into steps of `instant`"),
        ("step = \"solar_day\"", "step = \"none\"\nrange = \"2024-01-01/2024-01-02\"", "does not fit `step = \"none\"`"),
        ("step = \"solar_day\"", "step = \"P1M\"\nvalues = [\"2024-01-15\"]", "is not the start of a step"),
        ("step = \"solar_day\"", "step = \"P1D\"\nvalues = [\"2024-01-15\", \"2024-01-15\"]", "is listed twice"),
        ("step = \"solar_day\"", "step = \"P1D\"\nvalues = []", "is empty"),
        ("step = \"solar_day\"", "step = \"P1D\"\nvalues = [\"2024\"]\nrange = \"2024\"", "are both given"),
        ("step = \"solar_day\"", "settle = \"P1M\"", "`time.settle`"),
        ("method = \"first\"", "method = \"newest\"", "`mosaic.method`"),
        ("method = \"first\"", "order = \"-\"", "`mosaic.order`"),
        ("nodata = 0", "nodata = -1", "`-1` does not fit uint16"),
        ("nodata = 0", "nodata = \"nan\"", "does not fit uint16"),
        ("nodata = 0", "nodata = \"none\"", "cannot be read"),
        ("values = \"raw\"", "values = \"scaled\"", "needs a dtype of floating point"),
        ("values = \"raw\"", "scale = 0", "is zero"),
        ("[bands.nir]", "[bands.time]", "has a name that the cube uses itself"),
        ("[bands.nir]", "[bands.\"a/b\"]", "cannot be a variable"),
        ("[bands.nir]", "[bands._cube]", "has a name that the cube uses itself"),
        ("time = 1", "time = 10", "steps arrive one by one"),
        ("x = 512", "x = 5.5", "`chunks.x`"),
        ("x = 512", "x = 4000000", "no codec takes"),
        ("codec = \"blosc\"", "codec = \"lzma\"", "`encoding.codec`"),
        ("codec = \"blosc\"", "codec = \"zstd\"\nlevel = 30", "not a level of this codec"),
        ("codec = \"blosc\"", "codec = \"none\"\nlevel = 1", "does not fit `codec = \"none\"`"),
        ("codec = \"blosc\"", "codec = \"gzip\"\nshuffle = \"bit\"", "for `codec = \"blosc\"` only"),
        ("codec = \"blosc\"", "compressor = \"lzo\"", "`encoding.compressor`"),
        ("shard = [1, 4096, 4096]", "shard = [1, 1000, 4096]", "not a multiple of the chunk of 512"),
        ("shard = [1, 4096, 4096]", "shard = [2, 4096, 4096]", "steps arrive one by one"),
        ("shard = [1, 4096, 4096]", "shard = [4096, 4096]", "not three whole numbers"),
        ("[encoding]", "[encodings]", "`encodings` (line 28) is not a key"),
        ("[chunks]", "[chunks", "TOML `[chunks` cannot be read in line 24"),
    ] {
        let text = WHOLE.replacen(from, to, 1);
        let e = read(&text).map(|_| ()).expect_err(to);
        let Error::Spec(all) = &e else { panic!("{e}") };
        assert!(e.to_string().contains(problem), "{to}: {e}");
        assert_eq!(all.len(), 1, "{to}: {e}");
    }
}

#[test]
fn other_spellings_are_read() {
    for (from, to) in [
        ("crs = \"EPSG:32632\"", "crs = 32632"),
        ("crs = \"EPSG:32632\"\nresolution = 20.0\nextent = [600000.0, 4990000.0, 800000.0, 5210000.0]", "crs = \"native\""),
        ("crs = \"EPSG:32632\"\nresolution = 20.0\nextent = [600000.0, 4990000.0, 800000.0, 5210000.0]", "like = \"a.tif\""),
        ("resolution = 20.0", "resolution = [20, 10]"),
        ("resolution = 20.0", "shape = [11000, 10000]"),
        ("anchor = \"edge\"", "anchor = [0.5, 0.5]"),
        ("step = \"solar_day\"", "step = \"P1D\"\nvalues = [2024-01-15, 2024-02-01]"),
        ("dtype = \"uint16\"\nnodata = 0", "dtype = \"uint64\"\nnodata = 18446744073709551615"),
        ("dtype = \"uint16\"\nnodata = 0", "dtype = \"float32\"\nnodata = nan"),
        ("dtype = \"uint16\"\nnodata = 0", "dtype = \"float32\"\nnodata = -3.4e38"),
        ("query = { \"eo:cloud_cover\" = { lt = 60 } }", "filter = { op = \"<\", args = [{ property = \"eo:cloud_cover\" }, 60] }"),
        ("shard = [1, 4096, 4096]", "level = 9\ncompressor = \"lz4\"\nshuffle = \"byte\""),
    ] {
        let text = WHOLE.replacen(from, to, 1);
        assert_ne!(text, WHOLE, "{from}");
        let spec = read(&text).unwrap_or_else(|e| panic!("{to}: {e}"));
        let written = spec.to_toml().expect("TOML");
        let again = CubeSpec::from_toml(&written).unwrap_or_else(|e| panic!("{to}: {e}\n{written}"));
        assert_eq!(serde_json::to_value(&again).expect("JSON"), serde_json::to_value(&spec).expect("JSON"), "{written}");
    }
}

#[test]
fn ranges_become_steps() {
    let steps = |step: &str, range: &str| {
        let spec = read(&WHOLE.replace("step = \"solar_day\"", &format!("step = \"{step}\"\nrange = \"{range}\""))).expect("a spec");
        spec.time.axis(3).expect("an axis")
    };
    let axis = steps("P1M", "2024-01-15/2024-03-01");
    assert_eq!(
        axis.declared.as_ref().map(|d| d.iter().map(ToString::to_string).collect::<Vec<_>>()),
        Some(vec!["2024-01-01".into(), "2024-02-01".into(), "2024-03-01".into()])
    );
    assert_eq!((axis.utc_offset_hours, axis.settle_micros), (0, 3 * 86_400_000_000));
    let axis = steps("solar_day", "2024");
    assert_eq!(axis.declared.as_ref().map(Vec::len), Some(366));
    assert_eq!(axis.utc_offset_hours, 3);
    assert_eq!(steps("P1Y", "1999/2024").declared.map(|d| d.len()), Some(26));
    assert!(read(WHOLE).expect("a spec").time.axis(1).expect("an axis").grows());
    let whole = read(
        &WHOLE
            .replace("time = 1", "time = 12")
            .replace("shard = [1,", "shard = [24,")
            .replace("step = \"solar_day\"", "step = \"P1M\"\nrange = \"2020/2021\""),
    )
    .expect("a declared axis may have any chunks");
    assert_eq!(whole.time.declared().expect("steps").map(|d| d[23]), Some(TimeValue(1_638_316_800_000_000)));
}

#[test]
fn defaults_follow_the_dtype() {
    let auto = EncodingSpec::default();
    assert_eq!(auto.resolve(DType::UInt16), (Codec::Blosc, 1, "zstd".into(), Shuffle::Bit));
    assert_eq!(auto.resolve(DType::Float32), (Codec::Blosc, 1, "zstd".into(), Shuffle::Bit));
    assert_eq!(auto.resolve(DType::UInt8), (Codec::Blosc, 1, "zstd".into(), Shuffle::None));
    let zstd = EncodingSpec { codec: Some(Codec::Zstd), ..EncodingSpec::default() };
    assert_eq!(zstd.resolve(DType::UInt16), (Codec::Zstd, 3, "zstd".into(), Shuffle::None));
}
