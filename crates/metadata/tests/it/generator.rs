//! Records by chance, from a seed: the same at every run.

use serde_json::{Map, Value, json};

/// Makes records. A failure names the seed and the number of the record.
pub(crate) struct Generator {
    state: u64,
    /// Whether rings may be listed in the wrong direction and without their end, as some providers do.
    untidy: bool,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, untidy: true }
    }

    /// A polygon as it should be, concave now and then.
    pub(crate) fn tidy_polygon(&mut self) -> Value {
        self.untidy = false;
        self.polygon()
    }

    fn next(&mut self) -> u64 {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.next() >> 33) as usize) % n
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// Between two numbers, with few digits, so that ends and corners meet now and then.
    fn real(&mut self, low: f64, high: f64) -> f64 {
        let digits = self.pick(&[1.0, 10.0, 1e6]);
        let value = low + (high - low) * (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((value * digits).round() / digits).clamp(low, high)
    }

    fn word(&mut self) -> String {
        let words =
            ["HLS", "B04", "Fmask", "a b", "ü", "\"q\"", "back\\slash", "tab\there", "日本", "😀", "v2.0", "/x/", "T32TMT", "line\nbreak", "\u{1}"];
        let count = 1 + self.below(3);
        (0..count).map(|_| self.pick(&words)).collect::<Vec<_>>().join(".")
    }

    fn name(&mut self) -> String {
        let parts = ["HLS.L30", "T32TMT", "2024153T101559", "v2.0", "MUR", "ATL08_2019", "x-1", "granule"];
        let count = 1 + self.below(3);
        (0..count).map(|_| self.pick(&parts)).collect::<Vec<_>>().join(".")
    }

    fn date(&mut self) -> String {
        let (year, month, day) = (1980 + self.below(60), 1 + self.below(12), 1 + self.below(28));
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        let fraction = self.pick(&["", ".123", ".5", ".000", ".123456789"]);
        let zone = self.pick(&["Z", "Z", "Z", "Z", "+00:00", "+02:00", ""]);
        if self.chance(3) {
            format!("{year}-{month:02}-{day:02}")
        } else {
            format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
        }
    }

    /// Any JSON.
    fn any(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => self.chance(50).into(),
            2 => self.real(-1e9, 1e9).into(),
            3 => (self.next() as i64).into(),
            4 => self.word().into(),
            5 => (0..self.below(3)).map(|_| self.any(depth - 1)).collect(),
            _ => (0..self.below(3)).map(|i| (format!("{}{i}", self.word()), self.any(depth - 1))).collect::<Map<_, _>>().into(),
        }
    }

    fn longitude(&mut self) -> f64 {
        if self.chance(10) { self.pick(&[-180.0, 180.0, 0.0]) } else { self.real(-180.0, 180.0) }
    }

    fn point(&mut self) -> Value {
        json!({"Longitude": self.longitude(), "Latitude": self.real(-90.0, 90.0)})
    }

    /// A ring around a place, counter-clockwise unless by chance; it may lie across the antimeridian.
    fn ring(&mut self, around: [f64; 2], size: f64) -> Vec<Value> {
        let corners = 3 + self.below(6);
        let (turn, star) = (self.real(0.0, 6.0), corners > 5 && size > 0.4);
        let mut ring: Vec<Value> = (0..corners)
            .map(|i| {
                let angle = turn + std::f64::consts::TAU * i as f64 / corners as f64;
                // A star: it may cross the antimeridian many times.
                let size = if star && i % 2 == 1 { size * 0.3 } else { size };
                let (x, y) = (around[0] + size * angle.cos(), (around[1] + size * angle.sin()).clamp(-90.0, 90.0));
                let x = if x > 180.0 {
                    x - 360.0
                } else if x < -180.0 {
                    x + 360.0
                } else {
                    x
                };
                json!({"Longitude": (x * 1e6).round() / 1e6, "Latitude": (y * 1e6).round() / 1e6})
            })
            .collect();
        ring.push(ring[0].clone());
        if self.untidy && self.chance(5) {
            ring.reverse();
        }
        if self.untidy && self.chance(3) {
            ring.pop();
        }
        ring
    }

    /// Around a pole, to the left of its boundary; perhaps with corners on either side of the map.
    fn cap(&mut self) -> Value {
        let (corners, sides, pole) = (4 + self.below(8), self.chance(50), self.pick(&[-1.0, 1.0]));
        let level = self.real(50.0, 85.0);
        let is_level = self.chance(30);
        let mut longitudes: Vec<f64> = (0..corners).map(|i| -180.0 + 360.0 * (i as f64 + self.real(0.0, 0.8)) / corners as f64).collect();
        if sides {
            longitudes.insert(0, -180.0);
            longitudes.push(180.0);
        }
        let mut ring: Vec<Value> = longitudes
            .into_iter()
            .map(|x| json!({"Longitude": (x * 1e6).round() / 1e6, "Latitude": pole * if is_level { level } else { self.real(50.0, 85.0) }}))
            .collect();
        if pole < 0.0 {
            ring.reverse();
        }
        let first = self.below(ring.len());
        ring.rotate_left(first);
        ring.push(ring[0].clone());
        json!({"Boundary": {"Points": ring}})
    }

    fn polygon(&mut self) -> Value {
        if self.chance(5) {
            return self.cap();
        }
        let middle = [if self.chance(30) { self.real(175.0, 180.0) } else { self.longitude() }, self.real(-70.0, 70.0)];
        let size = self.real(0.5, 15.0);
        let mut polygon = json!({"Boundary": {"Points": self.ring(middle, size)}});
        if self.chance(25) {
            let holes: Vec<Value> =
                (0..1 + self.below(2)).map(|i| json!({"Points": self.ring([middle[0] + size * 0.12 * i as f64, middle[1]], size * 0.05)})).collect();
            polygon["ExclusiveZone"] = json!({"Boundaries": holes});
        }
        polygon
    }

    fn rectangle(&mut self) -> Value {
        let (south, west) = (self.real(-90.0, 89.0), self.longitude());
        let east = if self.chance(20) { self.longitude() } else { (west + self.real(0.1, 60.0)).min(180.0) };
        json!({
            "WestBoundingCoordinate": west, "SouthBoundingCoordinate": south,
            "EastBoundingCoordinate": east, "NorthBoundingCoordinate": (south + self.real(0.0, 30.0)).min(90.0),
        })
    }

    fn spatial(&mut self) -> Value {
        let mut geometry = Map::new();
        if self.chance(70) {
            geometry.insert("GPolygons".into(), (0..1 + self.below(3)).map(|_| self.polygon()).collect());
        }
        if self.chance(25) {
            geometry.insert("BoundingRectangles".into(), (0..1 + self.below(3)).map(|_| self.rectangle()).collect());
        }
        if self.chance(10) {
            geometry.insert("Points".into(), (0..1 + self.below(3)).map(|_| self.point()).collect());
        }
        if self.chance(10) {
            let line = (0..2 + self.below(3)).map(|_| self.point()).collect::<Vec<_>>();
            geometry.insert("Lines".into(), json!([{"Points": line}]));
        }
        let mut domain = Map::new();
        if !geometry.is_empty() {
            domain.insert("Geometry".into(), geometry.into());
        }
        if self.chance(15) {
            domain.insert("Track".into(), json!({"Cycle": self.below(600), "Passes": [{"Pass": self.below(500), "Tiles": ["1L", "2R"]}]}));
        }
        if self.chance(15) {
            domain.insert(
                "Orbit".into(),
                json!({"AscendingCrossing": self.longitude(), "StartLatitude": 0, "StartDirection": "A", "EndLatitude": 0, "EndDirection": "D"}),
            );
        }
        let mut spatial = json!({"HorizontalSpatialDomain": domain});
        if self.chance(10) {
            spatial["GranuleLocalities"] = json!([self.word()]);
        }
        if self.chance(5) {
            spatial["Unknown"] = self.any(2);
        }
        spatial
    }

    fn urls(&mut self, id: &str) -> Vec<Value> {
        let types = [
            "GET DATA",
            "GET DATA",
            "GET DATA",
            "GET RELATED VISUALIZATION",
            "EXTENDED METADATA",
            "VIEW RELATED INFORMATION",
            "USE SERVICE API",
            "DOWNLOAD SOFTWARE",
            "PROJECT HOME PAGE",
            "Of its own",
        ];
        let mut urls = Vec::new();
        for _ in 0..self.below(8) {
            let ending = self.pick(&[".B04.tif", ".B05.tif", ".Fmask.tif", ".nc", ".h5", ".jpg", ".nc.dmrpp", "", ".B04.tif"]);
            let file = if self.chance(80) { format!("{id}{ending}") } else { format!("{}{ending}", self.name()) };
            let folder = self.pick(&["a", "b", "a/b"]);
            let mut url = json!({"URL": format!("https://data.example.test/{folder}/{file}"), "Type": self.pick(&types)});
            if self.chance(40) {
                url["Description"] = self.word().into();
            }
            if self.chance(30) {
                url["MimeType"] = self.pick(&["image/tiff", "application/x-netcdf", "Not provided", "application/octet-stream", "text/html"]).into();
            }
            if self.chance(20) {
                url["Subtype"] = self.pick(&["OPENDAP DATA", "DMR++", "USER'S GUIDE"]).into();
            }
            if self.chance(20) {
                url["Size"] = self.real(0.0, 1e4).into();
                url["SizeUnit"] = "MB".into();
            }
            if self.chance(5) {
                url["unknown"] = self.any(2);
            }
            let direct = self.chance(50).then(|| json!({"URL": format!("s3://bucket/{folder}/{file}"), "Type": "GET DATA VIA DIRECT ACCESS"}));
            let again = self.chance(5).then(|| url.clone());
            urls.push(url);
            urls.extend(direct);
            urls.extend(again);
        }
        urls
    }

    fn data(&mut self, urls: &[Value]) -> Value {
        let mut files: Vec<Value> = Vec::new();
        for url in urls {
            if self.chance(60) {
                let name = url["URL"].as_str().and_then(|u| u.rsplit('/').next()).unwrap_or_default().to_owned();
                let mut file = json!({"Name": if self.chance(90) && !name.is_empty() { name } else { "Not provided".to_owned() }});
                if self.chance(50) {
                    file["SizeInBytes"] = (self.next() >> 20).into();
                }
                if self.chance(50) {
                    file["Size"] = self.real(0.0, 1e4).into();
                    file["SizeUnit"] = self.pick(&["KB", "MB", "GB", "NA"]).into();
                }
                if self.chance(40) {
                    let sums = [("MD5", "ab".repeat(16)), ("SHA-256", "0F".repeat(32)), ("Adler-32", "11e60398".into()), ("SHA-512", "short".into())];
                    let (algorithm, value) = self.pick(&sums);
                    file["Checksum"] = json!({"Algorithm": algorithm, "Value": value});
                }
                if self.chance(10) {
                    file["Files"] = json!([{"Name": self.name(), "SizeInBytes": 7}]);
                }
                files.push(file);
            }
        }
        let mut data = Map::new();
        if !files.is_empty() {
            data.insert("ArchiveAndDistributionInformation".into(), files.into());
        }
        if self.chance(90) {
            data.insert("DayNightFlag".into(), self.pick(&["Day", "Night", "Both", "Unspecified"]).into());
        }
        if self.chance(90) {
            data.insert("ProductionDateTime".into(), self.date().into());
        }
        if self.chance(30) {
            data.insert("Identifiers".into(), json!([{"Identifier": self.word(), "IdentifierType": "ProducerGranuleId"}]));
        }
        if self.chance(5) {
            data.insert("Unknown".into(), self.any(2));
        }
        data.into()
    }

    fn platforms(&mut self) -> Value {
        let count = self.below(3);
        let mut platforms = Vec::new();
        for _ in 0..count {
            let mut platform = json!({"ShortName": self.pick(&["LANDSAT-9", "Terra", "ICESat-2"])});
            if self.chance(70) {
                let instruments = (0..1 + self.below(2)).map(|_| json!({"ShortName": self.pick(&["OLI", "TIRS", "MODIS"])}));
                platform["Instruments"] = instruments.collect();
            }
            if self.chance(10) {
                platform["Instruments"] = json!([{"ShortName": "X", "OperationalModes": ["Mode1"]}]);
            }
            platforms.push(platform);
        }
        platforms.into()
    }

    fn attributes(&mut self) -> Value {
        let names = [
            ("CLOUD_COVERAGE", "17"),
            ("MGRS_TILE_ID", "32TMT"),
            ("MEAN_SUN_AZIMUTH_ANGLE", "158.1"),
            ("MEAN_SUN_ZENITH_ANGLE", "64.5797445"),
            ("IDENTIFIER_PRODUCT_DOI", "10.5067/HLS/HLSL30.002"),
            ("SOMETHING", "else"),
        ];
        let mut attributes = Vec::new();
        for _ in 0..self.below(6) {
            let (name, value) = self.pick(&names);
            let value = if self.chance(10) { self.word() } else { value.to_owned() };
            attributes.push(json!({"Name": name, "Values": [value]}));
        }
        attributes.into()
    }

    /// A record of UMM-G, in CMR's envelope most often.
    pub(crate) fn granule(&mut self) -> Value {
        let id = if self.chance(90) { self.name() } else { self.word() };
        let mut umm = Map::new();
        umm.insert("GranuleUR".into(), id.clone().into());
        umm.insert(
            "MetadataSpecification".into(),
            json!({"URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6", "Name": "UMM-G", "Version": "1.6.6"}),
        );
        umm.insert(
            "CollectionReference".into(),
            if self.chance(70) {
                json!({"ShortName": self.name(), "Version": self.pick(&["2.0", "061", "1.v2", "a"])})
            } else {
                json!({"EntryTitle": self.word()})
            },
        );
        umm.insert("ProviderDates".into(), json!([{"Date": "2024-01-02T03:04:05Z", "Type": "Insert"}, {"Date": self.date(), "Type": "Update"}]));
        if self.chance(95) {
            let temporal = match self.below(4) {
                0 => json!({"SingleDateTime": self.date()}),
                1 => json!({"RangeDateTime": {"BeginningDateTime": self.date()}}),
                2 => {
                    let date = self.date();
                    json!({"RangeDateTime": {"BeginningDateTime": date, "EndingDateTime": date}})
                }
                _ => json!({"RangeDateTime": {"BeginningDateTime": self.date(), "EndingDateTime": self.date()}}),
            };
            umm.insert("TemporalExtent".into(), temporal);
        }
        if self.chance(90) {
            umm.insert("SpatialExtent".into(), self.spatial());
        }
        let urls = self.urls(&id);
        if self.chance(80) {
            umm.insert("DataGranule".into(), self.data(&urls));
        }
        if !urls.is_empty() {
            umm.insert("RelatedUrls".into(), urls.into());
        }
        if self.chance(50) {
            umm.insert("CloudCover".into(), self.pick(&[json!(0), json!(17), json!(17.25), json!(100), json!(101), json!(-1)]));
        }
        if self.chance(60) {
            umm.insert("Platforms".into(), self.platforms());
        }
        if self.chance(60) {
            umm.insert("AdditionalAttributes".into(), self.attributes());
        }
        if self.chance(30) {
            umm.insert("PGEVersionClass".into(), json!({"PGEVersion": "2.0"}));
        }
        if self.chance(20) {
            umm.insert(self.pick(&["Unknown", "unknown", "day_night", "archive", "fields", "ü"]).into(), self.any(3));
        }
        if self.chance(10) {
            // Of another shape than the schema has it.
            umm.insert(self.pick(&["Platforms", "CloudCover", "SpatialExtent", "DataGranule", "AdditionalAttributes"]).into(), self.any(2));
        }
        if self.chance(20) {
            return umm.into();
        }
        let mut meta = json!({"concept-id": "G1-P", "native-id": id, "provider-id": "P", "collection-concept-id": "C1-P", "revision-id": 3, "concept-type": "granule"});
        if self.chance(80) {
            meta["revision-date"] = self.date().into();
        }
        if self.chance(10) {
            meta["Odd_name"] = self.any(2);
        }
        let mut record = json!({"meta": meta, "umm": umm});
        if self.chance(5) {
            record["beside"] = self.any(2);
        }
        record
    }
}
