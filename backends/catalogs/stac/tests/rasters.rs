//! Items made of rasters: read back by us as they were, and accepted by pystac.

mod common;

use common::{open, patches, python, run};
use cube_backend::PatchQuery;
use cube_catalog_stac::{RasterBand, RasterFile, RasterScene, Taken, item_from_rasters, read_name, write_index};
use cube_core::{Affine, Crs, DType, Extent, GeoBox, Number, Period, Shape, TimeValue};
use futures::stream;

fn grid(crs: u32) -> GeoBox {
    GeoBox::new(Crs::from_epsg(crs), Affine::new(10.0, 0.0, 300_000.0, 0.0, -10.0, 5_000_040.0), Shape::new(1000, 2000)).expect("a grid")
}

fn band(name: Option<&str>) -> RasterBand {
    RasterBand {
        name: name.map(str::to_owned),
        dtype: DType::UInt16,
        nodata: Some(Number::Int(0)),
        scaling: Some((0.0001, -0.1)),
        unit: Some("1".into()),
    }
}

fn scene(id: &str, taken: Option<Taken>) -> RasterScene {
    let file = |key: &str, bands: Vec<RasterBand>| RasterFile {
        key: key.into(),
        href: format!("/data/{id}_{key}.tif"),
        grid: grid(32632),
        bands,
        media_type: None,
        size: Some(4321),
        modified: Some(TimeValue(1_700_000_000_000_000)),
    };
    RasterScene {
        id: id.into(),
        collection: "mine".into(),
        taken,
        outline: vec![(9.0, 45.0), (10.0, 45.0), (10.0, 46.0), (9.0, 46.0), (9.0, 45.0)],
        files: vec![
            file("B04", vec![band(None)]),
            file(
                "rgb",
                vec![
                    band(Some("r")),
                    band(Some("g")),
                    RasterBand { dtype: DType::Float32, nodata: Some(Number::Float(f64::NAN)), ..band(Some("b")) },
                ],
            ),
        ],
    }
}

#[tokio::test]
async fn a_folder_becomes_a_catalogue() {
    let dir = tempfile::tempdir().expect("a folder");
    let scenes = [
        scene("ndvi_20240601", read_name("ndvi_20240601.tif").taken),
        scene("shot_20240602T101112", read_name("shot_20240602T101112.tif").taken),
        scene("dem", None),
    ];
    for name in ["index.json", "index.parquet"] {
        let path = dir.path().join(name);
        let items = scenes.iter().map(item_from_rasters).collect::<Vec<_>>();
        write_index(stream::iter(items), &path).await.expect("an index");
        let index = open(&path).await.expect("the index");
        let all = patches(&index, &PatchQuery::default()).await.expect("patches");
        assert_eq!(all.len(), 3);
        let p = all.iter().find(|p| p.id.as_str() == "mine/ndvi_20240601").expect("a patch");
        let red = &p.assets["B04"];
        assert_eq!(red.grid.as_ref().and_then(|g| g.geobox()), Some(grid(32632)));
        assert_eq!(
            (red.href.as_str(), red.dtype, red.nodata, red.scale, red.offset, red.size),
            ("/data/ndvi_20240601_B04.tif", Some(DType::UInt16), Some(Number::Int(0)), Some(0.0001), Some(-0.1), Some(4321))
        );
        assert_eq!((p.assets["g"].band, p.assets["rgb.3"].band, p.assets["band_1"].href == red.href), (1, 2, true));
        assert!(p.assets["b"].nodata.is_some_and(|n| n.as_f64().is_nan()) && p.assets["b"].dtype == Some(DType::Float32));
        assert_eq!(p.version, "2023-11-14T22:13:20Z");
        assert_eq!(p.bbox, Some([9.0, 45.0, 10.0, 46.0]));
        let terrain = all.iter().find(|p| p.id.as_str() == "mine/dem").expect("a patch");
        assert_eq!((terrain.time, terrain.interval), (None, None), "no time is no time");

        let day = |d: i64| TimeValue((19_875 + d) * 86_400_000_000);
        let on = |d: i64| PatchQuery {
            periods: vec![Period::new(day(d), day(d + 1))],
            boxes: vec![Extent::new(9.5, 45.5, 9.6, 45.6)],
            ..PatchQuery::default()
        };
        for (d, expected) in [(0, vec!["mine/dem", "mine/ndvi_20240601"]), (1, vec!["mine/dem", "mine/shot_20240602T101112"]), (2, vec!["mine/dem"])]
        {
            let mut ids: Vec<String> = patches(&index, &on(d)).await.expect("patches").iter().map(|p| p.id.to_string()).collect();
            ids.sort();
            assert_eq!(ids, expected, "{name} {d}");
        }
    }
    let Some(python) = python() else { return };
    let script = r"
import sys, json, pystac
from pystac.extensions.projection import ProjectionExtension as P
for d in json.load(open(sys.argv[1]))['features']:
    i = pystac.Item.from_dict(d)
    assert i.geometry['type'] == 'Polygon' and len(i.bbox) == 4 and i.collection_id == 'mine'
    assert (i.datetime is None) == (i.id == 'dem') and (i.datetime or i.common_metadata.start_datetime)
    p = P.ext(i.assets['B04'])
    assert p.code == 'EPSG:32632' and p.shape == [1000, 2000] and p.transform == [10, 0, 300000, 0, -10, 5000040], p
    assert [b['name'] for b in i.assets['rgb'].to_dict()['bands']] == ['r', 'g', 'b']
    assert i.to_dict()['stac_version'] == '1.1.0'
";
    run(&python, script, &[dir.path().join("index.json").to_str().expect("a path")]);
}

#[test]
fn what_makes_no_item_is_refused() {
    let good = scene("a", None);
    let twice = RasterScene { files: vec![good.files[0].clone(), good.files[0].clone()], ..good.clone() };
    let nowhere = RasterScene { outline: vec![(f64::NAN, 0.0); 5], ..good.clone() };
    let empty = RasterScene { files: vec![], ..good.clone() };
    for (bad, why) in [(twice, "`B04`"), (nowhere, "no area"), (empty, "no file")] {
        assert!(item_from_rasters(&bad).expect_err(why).to_string().contains(why));
    }
    let across = RasterScene { outline: vec![(179.0, 1.0), (-179.0, 1.0), (-179.0, 2.0), (179.0, 2.0), (179.0, 1.0)], ..good };
    let item = item_from_rasters(&across).expect("an item");
    assert_eq!(item.as_json()["geometry"]["type"], "MultiPolygon");
    assert_eq!(item.as_json()["bbox"], serde_json::json!([179.0, 1.0, -179.0, 2.0]));
}
