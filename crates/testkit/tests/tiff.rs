//! Every form that the TIFF writer knows, read back by rasterio.

mod common;

use std::fs;
use std::path::Path;

use cube_testkit::tiff::{
    Blocks, Compression, Endian, Georeference, Interleave, Mask, MaskDepth, Options, Plane, Predictor, Reduce, SampleType, encode,
};
use serde_json::{Value, json};

const ROWS: usize = 83;
const COLS: usize = 101;
const NORTH_UP: [f64; 6] = [10.0, 0.0, 600_000.0, 0.0, -10.0, 5_200_000.0];

/// Bands that use the whole range of the type, with runs (for LZW) and jumps (for predictors).
fn bands(sample: SampleType, count: usize) -> Vec<Plane> {
    (0..count)
        .map(|band| {
            let mut bytes = Vec::new();
            for index in 0..ROWS * COLS {
                let seed = (index / 3 + band * 7919) as u64;
                let noise = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed << 7);
                match sample {
                    SampleType::F32 | SampleType::F64 => sample.push(((noise >> 20) as f64).sin() * 1e3, &mut bytes),
                    _ if index % 5 == 0 => sample.push((index % 100) as f64, &mut bytes),
                    _ => bytes.extend_from_slice(&noise.to_le_bytes()[..sample.size()]),
                }
            }
            Plane::from_bytes(sample, ROWS, COLS, bytes).expect("a plane")
        })
        .collect()
}

/// Files written so far, described for the script.
struct Folder<'a> {
    path: &'a Path,
    manifest: Vec<Value>,
}

impl Folder<'_> {
    fn add(&mut self, name: &str, bands: &[Plane], options: &Options) {
        let options = &Options {
            georeference: Some(options.georeference.clone().unwrap_or(Georeference { epsg: 32632, affine: NORTH_UP, pixel_is_point: false })),
            ..options.clone()
        };
        let place = options.georeference.as_ref().expect("just set");
        fs::write(self.path.join(format!("{name}.tif")), encode(bands, options).expect(name)).expect("written");
        self.raw(name, "full", bands);
        let nodata = options.nodata.as_deref().and_then(|text| text.parse::<f64>().ok());
        let overviews: Vec<Value> = options
            .overviews
            .iter()
            .map(|factor| {
                let reduced: Vec<Plane> = bands.iter().map(|band| band.reduced(*factor, options.reduce, nodata)).collect();
                self.raw(name, &format!("overview{factor}"), &reduced);
                json!({ "factor": factor, "shape": [bands.len(), reduced[0].shape().0, reduced[0].shape().1] })
            })
            .collect();
        if let Some(mask) = &options.mask {
            fs::write(self.path.join(format!("{name}.mask.raw")), mask.valid.iter().map(|valid| u8::from(*valid)).collect::<Vec<_>>())
                .expect("written");
        }
        let compression = match options.compression {
            Compression::None => "none",
            Compression::Lzw => "lzw",
            Compression::Deflate(_) => "deflate",
            Compression::Zstd(_) => "zstd",
        };
        self.manifest.push(json!({
            "name": name, "dtype": bands[0].sample().name(), "shape": [bands.len(), bands[0].shape().0, bands[0].shape().1],
            "epsg": place.epsg, "affine": place.affine, "point": place.pixel_is_point, "compression": compression, "overviews": overviews,
            "nodata": options.nodata.as_ref().map(|text| nodata.filter(|value| !value.is_nan()).map_or(json!(text), |value| json!(value))),
            "scale_offset": options.scale_offset, "mask": options.mask.is_some(),
            "interleave": if options.interleave == Interleave::Pixel { "pixel" } else { "band" },
        }));
    }

    fn raw(&self, name: &str, kind: &str, bands: &[Plane]) {
        let bytes: Vec<u8> = bands.iter().flat_map(|band| band.bytes().iter().copied()).collect();
        fs::write(self.path.join(format!("{name}.{kind}.raw")), bytes).expect("written");
    }
}

/// Types × predictors × compressions, while the other choices rotate so that they meet in many ways.
fn combinations(folder: &mut Folder<'_>) {
    let blocks = [Blocks::Tiles(32, 48), Blocks::Strips(10), Blocks::Tiles(128, 128), Blocks::Strips(1000)];
    let compressions = [Compression::None, Compression::Lzw, Compression::Deflate(6), Compression::Zstd(3)];
    let mut turn = 0_usize;
    for sample in SampleType::ALL {
        for predictor in [Predictor::None, Predictor::Horizontal, Predictor::FloatingPoint] {
            for compression in compressions {
                for interleave in [Interleave::Pixel, Interleave::Band] {
                    let wrong = predictor == Predictor::FloatingPoint && !sample.is_float()
                        || predictor != Predictor::None && compression == Compression::None;
                    if wrong {
                        continue;
                    }
                    turn += 1;
                    let options = Options {
                        blocks: blocks[turn % 4],
                        big: turn.is_multiple_of(3),
                        endian: if turn % 5 < 2 { Endian::Big } else { Endian::Little },
                        interleave,
                        compression,
                        predictor,
                        ..Options::default()
                    };
                    folder.add(&format!("{turn:03}-{}", sample.name()), &bands(sample, 1 + turn % 3), &options);
                }
            }
        }
    }
}

fn extras(folder: &mut Folder<'_>) {
    let u16 = bands(SampleType::U16, 2);
    let tiles = Options { blocks: Blocks::Tiles(16, 32), ..Options::default() };
    for (name, reduce) in [("nearest", Reduce::Nearest), ("average", Reduce::Average)] {
        let options = Options { overviews: vec![2, 4, 8], reduce, nodata: Some("0".into()), predictor: Predictor::Horizontal, ..tiles.clone() };
        folder.add(&format!("overviews-{name}"), &u16, &options);
        folder.add(&format!("overviews-{name}-big"), &u16, &Options { big: true, endian: Endian::Big, ..options });
    }
    let float = bands(SampleType::F32, 1);
    folder.add("nodata-nan", &float, &Options { nodata: Some("nan".into()), ..tiles.clone() });
    folder.add("nodata-negative", &float, &Options { nodata: Some("-9999".into()), ..tiles.clone() });
    folder.add("scaled", &u16, &Options { scale_offset: vec![(0.0001, -0.1), (2.0, 5.5)], ..tiles.clone() });
    for (name, epsg, affine, pixel_is_point) in [
        ("point", 32633, NORTH_UP, true),
        ("south-up", 32633, [10.0, 0.0, 600_000.0, 0.0, 10.0, 5_200_000.0], false),
        ("south-up-point", 32633, [10.0, 0.0, 600_000.0, 0.0, 10.0, 5_200_000.0], true),
        ("rotated", 3035, [8.0, 6.0, 4_000_000.0, 6.0, -8.0, 3_000_000.0], false),
        ("geographic", 4326, [0.25, 0.0, 9.0, 0.0, -0.25, 47.0], false),
    ] {
        folder.add(name, &u16, &Options { georeference: Some(Georeference { epsg, affine, pixel_is_point }), ..tiles.clone() });
    }
    for (name, depth) in [("bit", MaskDepth::Bit), ("byte", MaskDepth::Byte)] {
        let valid: Vec<bool> = (0..ROWS * COLS).map(|index| (index % COLS + index / COLS) % 7 > 1).collect();
        let mask = Some(Mask { valid, depth });
        folder.add(&format!("mask-{name}"), &u16, &Options { mask: mask.clone(), overviews: vec![2], ..tiles.clone() });
        folder.add(&format!("mask-{name}-strips"), &u16, &Options { mask, blocks: Blocks::Strips(16), ..Options::default() });
    }
    for (name, nodata) in [("zero", None), ("declared", Some(7.0))] {
        let hole = Plane::from_fn(SampleType::I16, ROWS, COLS, |row, col| if col > 40 { nodata.unwrap_or(0.0) } else { (row * 3 + col) as f64 });
        let options = Options { sparse: true, nodata: nodata.map(|value| value.to_string()), overviews: vec![2], ..tiles.clone() };
        folder.add(&format!("sparse-{name}"), &[hole.expect("a plane")], &options);
    }
}

#[test]
fn rasterio_reads_what_was_written() {
    let directory = tempfile::tempdir().expect("a folder");
    let mut folder = Folder { path: directory.path(), manifest: Vec::new() };
    combinations(&mut folder);
    extras(&mut folder);
    fs::write(directory.path().join("manifest.json"), Value::from(folder.manifest).to_string()).expect("written");
    common::python("check_tiff.py", &[&directory.path().to_string_lossy()]);
}

#[test]
fn sparse_blocks_are_left_out() {
    let empty = Plane::from_fn(SampleType::U16, 64, 64, |_, _| 0.0).expect("a plane");
    let dense = Options { compression: Compression::None, blocks: Blocks::Tiles(64, 64), ..Options::default() };
    let (dense, sparse) =
        (encode(std::slice::from_ref(&empty), &dense), encode(std::slice::from_ref(&empty), &Options { sparse: true, ..dense.clone() }));
    assert_eq!(dense.expect("a file").len() - sparse.expect("a file").len(), 64 * 64 * 2);
}

#[test]
fn contradictions_are_refused() {
    let plane = bands(SampleType::U8, 1);
    let other = Plane::new(1, 1, &[1_u8]).expect("a plane");
    assert!(encode(&[], &Options::default()).is_err());
    assert!(encode(&[plane[0].clone(), other], &Options::default()).is_err());
    for options in [
        Options { predictor: Predictor::FloatingPoint, ..Options::default() },
        Options { blocks: Blocks::Tiles(20, 16), ..Options::default() },
        Options { overviews: vec![4, 2], ..Options::default() },
        Options { compression: Compression::None, predictor: Predictor::Horizontal, ..Options::default() },
        Options { scale_offset: vec![(1.0, 0.0); 2], ..Options::default() },
        Options { mask: Some(Mask { valid: vec![true], depth: MaskDepth::Bit }), ..Options::default() },
    ] {
        assert!(encode(&plane, &options).is_err(), "{options:?}");
    }
    assert!(Plane::new(2, 2, &[1_u8]).is_err());
}
