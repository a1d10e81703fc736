//! Files that nobody should have written.

use cube_backend::{Format, Kind};
use cube_core::{Affine, Asset, Crs, SourceGrid, Window};
use cube_format_cog::Cog;

use crate::files::in_memory;

/// A tag of a little-endian classic TIFF.
pub(crate) struct Tag {
    tag: u16,
    kind: u16,
    count: u32,
    bytes: Vec<u8>,
}

impl Tag {
    pub(crate) fn short(tag: u16, value: u16) -> Self {
        Self::shorts(tag, &[value])
    }

    pub(crate) fn shorts(tag: u16, values: &[u16]) -> Self {
        Self { tag, kind: 3, count: values.len() as u32, bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }

    pub(crate) fn long(tag: u16, value: u32) -> Self {
        Self { tag, kind: 4, count: 1, bytes: value.to_le_bytes().to_vec() }
    }

    pub(crate) fn doubles(tag: u16, values: &[f64]) -> Self {
        Self { tag, kind: 12, count: values.len() as u32, bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }
}

/// Header, data, values that do not fit, directory.
pub(crate) fn classic(data: &[u8], tags: &[Tag]) -> Vec<u8> {
    let mut file = b"II\x2A\0\0\0\0\0".to_vec();
    file.extend_from_slice(data);
    let mut table = (tags.len() as u16).to_le_bytes().to_vec();
    for tag in tags {
        table.extend_from_slice(&tag.tag.to_le_bytes());
        table.extend_from_slice(&tag.kind.to_le_bytes());
        table.extend_from_slice(&tag.count.to_le_bytes());
        let mut value = tag.bytes.clone();
        if value.len() > 4 {
            value = (file.len() as u32).to_le_bytes().to_vec();
            file.extend_from_slice(&tag.bytes);
        }
        value.resize(4, 0);
        table.extend_from_slice(&value);
    }
    let at = file.len() as u32;
    file[4..8].copy_from_slice(&at.to_le_bytes());
    file.extend_from_slice(&table);
    file.extend_from_slice(&[0; 4]);
    file
}

fn tags(change: impl Fn(&mut Vec<Tag>)) -> Vec<u8> {
    let mut tags =
        vec![Tag::long(256, 4), Tag::long(257, 4), Tag::short(258, 8), Tag::short(259, 1), Tag::long(273, 8), Tag::long(278, 4), Tag::long(279, 16)];
    change(&mut tags);
    classic(&[7; 16], &tags)
}

fn set(tag: Tag) -> impl Fn(&mut Vec<Tag>) {
    move |tags| {
        tags.retain(|t| t.tag != tag.tag);
        tags.push(Tag { bytes: tag.bytes.clone(), ..tag });
    }
}

async fn kind_of(bytes: Vec<u8>) -> Result<(), (Kind, String)> {
    let grid = SourceGrid { crs: Some(Crs::wgs84()), affine: Some(Affine::new(1.0, 0.0, 0.0, 0.0, -1.0, 0.0)), ..SourceGrid::default() };
    let stated = Asset { grid: Some(grid), ..Asset::bare("") };
    Cog.open_asset(in_memory(bytes).await, &stated).await.map(|_| ()).map_err(|e| (e.kind(), e.to_string()))
}

#[tokio::test]
async fn absurd_numbers_are_errors_and_allocate_nothing() {
    kind_of(tags(|_| {})).await.expect("the file itself is fine");
    let cases = [
        ("no width", tags(set(Tag::long(256, 0))), Kind::Corrupt),
        ("a width of four billion", tags(set(Tag::long(256, u32::MAX))), Kind::Corrupt),
        ("more rows than strips", tags(set(Tag::long(257, 1 << 30))), Kind::Corrupt),
        ("strips without a place", tags(|t| t.retain(|tag| tag.tag != 273)), Kind::Corrupt),
        (
            "more tiles than places",
            tags(|t| [Tag::long(256, 400), Tag::long(322, 16), Tag::long(323, 16)].into_iter().for_each(|tag| set(tag)(t))),
            Kind::Corrupt,
        ),
        ("tiles of no size", tags(|t| t.extend([Tag::long(322, 0), Tag::long(323, 16)])), Kind::Corrupt),
        ("no bits", tags(set(Tag::short(258, 0))), Kind::Unsupported),
        ("sixty thousand bits", tags(set(Tag::short(258, 60_000))), Kind::Unsupported),
        ("no samples", tags(set(Tag::short(277, 0))), Kind::Corrupt),
        ("sixty thousand samples", tags(|t| t.extend([Tag::short(277, 60_000), Tag::short(284, 2)])), Kind::Corrupt),
        ("data beyond the end", tags(set(Tag::long(273, 1 << 30))), Kind::Corrupt),
        ("an unknown compression", tags(set(Tag::short(259, 4711))), Kind::Unsupported),
        ("an unknown planar configuration", tags(set(Tag::short(284, 9))), Kind::Corrupt),
        ("an unknown predictor", tags(|t| [Tag::short(259, 8), Tag::short(317, 9)].into_iter().for_each(|tag| set(tag)(t))), Kind::Unsupported),
        (
            "a mixture of depths",
            tags(|t| [Tag::shorts(258, &[8, 16]), Tag::short(277, 2)].into_iter().for_each(|tag| set(tag)(t))),
            Kind::Unsupported,
        ),
        (
            "a compressed strip of a petabyte",
            tags(|t| {
                [Tag::short(259, 8), Tag::long(256, 1 << 30), Tag::long(257, 1 << 20), Tag::long(278, 1 << 20)]
                    .into_iter()
                    .for_each(|tag| set(tag)(t))
            }),
            Kind::Unsupported,
        ),
    ];
    for (what, bytes, kind) in cases {
        match kind_of(bytes).await {
            Err((found, _)) if found == kind => {}
            other => panic!("{what}: {other:?} instead of {kind:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_tiff_is_corrupt() {
    let mut looping = tags(|_| {});
    let at = u32::from_le_bytes(looping[4..8].try_into().expect("four bytes"));
    let end = looping.len();
    looping[end - 4..].copy_from_slice(&at.to_le_bytes());
    let cases = [
        Vec::new(),
        b"II".to_vec(),
        vec![0; 5000],
        b"<html>not found</html>".to_vec(),
        b"II\x2A\0\xFF\xFF\xFF\x7F".to_vec(),
        b"MM\0\x2B\0\x08\0\0".to_vec(),
        looping,
    ];
    for bytes in cases {
        let start: Vec<u8> = bytes.iter().copied().take(8).collect();
        let (kind, _) = kind_of(bytes).await.expect_err("it is no TIFF");
        assert_eq!(kind, Kind::Corrupt, "{start:?}");
    }
}

#[tokio::test]
async fn a_file_without_a_grid_names_what_is_missing() {
    let error = Cog.open(in_memory(tags(|_| {})).await).await.expect_err("it has no grid");
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("geotransform") && error.hint().is_some(), "{error}");
    let placed = tags(|t| t.extend([Tag::doubles(33550, &[1.0, 1.0, 0.0]), Tag::doubles(33922, &[0.0; 6])]));
    let error = Cog.open(in_memory(placed).await).await.expect_err("it has no CRS");
    assert!(error.to_string().contains("CRS"), "{error}");
    let points: Vec<f64> = (0..24).map(f64::from).collect();
    let error = Cog.open(in_memory(tags(|t| t.push(Tag::doubles(33922, &points)))).await).await.expect_err("it has control points");
    assert!(error.to_string().contains("4 ground control points"), "{error}");
}

#[tokio::test]
async fn a_block_of_another_image_is_refused() {
    let grid = SourceGrid { crs: Some(Crs::wgs84()), affine: Some(Affine::new(1.0, 0.0, 0.0, 0.0, -1.0, 0.0)), ..SourceGrid::default() };
    let stated = Asset { grid: Some(grid), ..Asset::bare("") };
    let image = Cog.open_asset(in_memory(tags(|_| {})).await, &stated).await.expect("it opens");
    let block = image.blocks(0, &[0], Window::new(0, 0, 4, 4)).swap_remove(0);
    assert!(image.decode(&block, vec![7; 16].into(), None).is_ok());
    for wrong in [
        cube_backend::Block { level: 1, ..block.clone() },
        cube_backend::Block { window: Window::new(0, 0, 9, 9), ..block.clone() },
        cube_backend::Block { window: Window::new(7, 0, 1, 1), ..block.clone() },
        cube_backend::Block { bands: 0..2, ..block.clone() },
        cube_backend::Block { bands: 1..1, ..block },
    ] {
        let error = image.decode(&wrong, vec![7; 16].into(), None).expect_err("it is not of this image");
        assert_eq!(error.kind(), Kind::Invalid);
    }
}
