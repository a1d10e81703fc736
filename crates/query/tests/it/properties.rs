//! Any fields and any values together.

use cube_query::{CmrParameters, Effect, GranuleQuery, StacItemQuery};
use serde_json::{Value, json};

use crate::table::granule_parameters;

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    /// Below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// A decimal fraction between two numbers.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        let digits = 10_f64.powi(self.below(7) as i32);
        ((low + (high - low) * self.below(1 << 20) as f64 / f64::from(1 << 20)) * digits).round() / digits
    }

    fn date(&mut self) -> String {
        format!("{:04}-{:02}-{:02}", 1980 + self.below(60), 1 + self.below(12), 1 + self.below(28))
    }

    fn instant(&mut self) -> String {
        format!("{}T{:02}:{:02}:{:02}.{:03}Z", self.date(), self.below(24), self.below(60), self.below(60), self.below(1000))
    }

    fn time(&mut self) -> Value {
        let mut ends = [self.instant(), self.instant()];
        ends.sort();
        match self.below(5) {
            0 => json!(self.date()),
            1 => json!(format!("{}/..", self.instant())),
            2 => json!(format!("../{}", self.instant())),
            3 => json!(format!("{}-{:02}", 1980 + self.below(60), 1 + self.below(12))),
            _ => json!(ends.join("/")),
        }
    }

    /// A star of corners around a middle, counter-clockwise, which never meets itself.
    fn ring(&mut self) -> Value {
        let (n, lon, lat) = (3 + self.below(9), self.between(-170.0, 170.0), self.between(-80.0, 80.0));
        let mut ring: Vec<[f64; 2]> = (0..n)
            .map(|k| {
                let (angle, reach) = (k as f64 / n as f64 * std::f64::consts::TAU, self.between(1.0, 9.0));
                [lon + reach * angle.cos(), lat + reach * angle.sin()]
            })
            .collect();
        ring.push(ring[0]);
        json!(ring)
    }

    fn shape(&mut self) -> (&'static str, Value) {
        let (west, south) = (self.between(-180.0, 179.0), self.between(-90.0, 89.0));
        let east = self.between(-180.0, 180.0);
        match self.below(4) {
            0 => ("bounding_box", json!([west, south, east, self.between(south, 90.0)])),
            1 => ("point", json!([west, south])),
            2 => ("line", json!([[west, south], [west + 0.5, south + 0.25], [west + 0.75, south]])),
            _ => ("polygon", self.ring()),
        }
    }
}

/// Any fields together: what is sent, received and sent again is the same; so is what is written and read.
#[test]
fn to_cmr_of_from_cmr_is_the_identity() {
    let (table, mut numbers) = (granule_parameters(), Numbers(11));
    let mut sent_anything = 0;
    for _ in 0..3_000 {
        let mut query = GranuleQuery::new();
        for _ in 0..1 + numbers.below(8) {
            let (field, value, _) = &table[numbers.below(table.len())];
            query = query.with(field, value.clone());
        }
        let written: GranuleQuery = serde_json::from_value(serde_json::to_value(&query).expect("JSON")).expect("an object");
        assert_eq!(written, query);
        let Ok(sent) = query.to_cmr() else { continue };
        sent_anything += 1;
        let received = GranuleQuery::from_cmr(&sent.value);
        assert_eq!(received.changes, []);
        // Between different parameters order means nothing; among the values of one it is kept.
        let sorted = |mut p: CmrParameters| {
            p.0.sort_by(|a, b| a.0.cmp(&b.0));
            p
        };
        assert_eq!(sorted(received.value.to_cmr().expect("valid").value), sorted(sent.value.clone()), "{query:?}");
        assert_eq!(CmrParameters::from_query_string(&sent.value.to_query_string()), sent.value);
        let stac = query.to_stac().expect("valid").value;
        let body = stac.body();
        assert_eq!(StacItemQuery::from_stac(&body).value.body(), body);
    }
    assert!(sent_anything > 500, "{sent_anything}");
}

/// Any shapes, times and clouds: the numbers that CMR and STAC are sent are those that were given, and come back.
#[test]
fn any_values_come_back_from_both_services() {
    let (mut numbers, mut exact) = (Numbers(5), 0);
    for _ in 0..3_000 {
        let (shape, value) = numbers.shape();
        let mut clouds = [numbers.between(0.0, 100.0), numbers.between(0.0, 100.0)];
        clouds.sort_by(f64::total_cmp);
        let query = GranuleQuery::new()
            .collections(["HLSL30.v2.0"])
            .with(shape, value)
            .temporal(numbers.time())
            .cloud_cover(clouds)
            .granule_name(format!("HLS.?30.*{}_%", numbers.below(99)))
            .option("readable_granule_name", "ignore_case", false);
        assert_eq!(query.validate(), [], "{query:?}");

        let sent = query.to_cmr().expect("valid").value;
        let received = GranuleQuery::from_cmr(&sent);
        assert_eq!(received.changes, []);
        assert_eq!(received.value.to_cmr().expect("valid").value, sent);
        assert_eq!((&received.value.bounding_box, &received.value.polygon), (&query.bounding_box, &query.polygon));
        assert_eq!((&received.value.cloud_cover, &received.value.granule_name), (&query.cloud_cover, &query.granule_name));

        let said = query.to_stac().expect("valid");
        assert!(said.changes.iter().all(|c| c.effect == Effect::Rewritten), "{:?}", said.changes);
        let back = GranuleQuery::from_stac(&StacItemQuery::from_stac(&said.value.body()).value);
        assert!(back.is_exact(), "{:?}", back.changes);
        assert_eq!(back.value.to_stac().expect("valid").value.body(), said.value.body());
        assert_eq!(back.value.cloud_cover, query.cloud_cover);
        exact += 1;
    }
    assert_eq!(exact, 3_000);
}
