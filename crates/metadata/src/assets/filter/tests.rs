use serde_json::json;

use super::*;
use crate::assets::Band;

fn filter(text: &str) -> AssetFilter {
    text.parse().unwrap_or_else(|e: AssetFilterError| unreachable!("{e}: {:?}", e.hint()))
}

fn asset(key: &str, file: &str, roles: &[&str], bands: &[(&str, &str)], size: Option<u64>) -> Asset {
    let band = |(name, common): &(&str, &str)| Band { common_name: Some((*common).into()), ..Band::named(*name) };
    let roles = roles.iter().map(|r| (*r).into()).collect();
    Asset { roles, bands: bands.iter().map(band).collect(), size, ..Asset::new(key, format!("https://data.example.test/d/{file}?sig=a/b")) }
}

const GRANULE: &str = "HLS.L30.T32TMT.2024153T101010.v2.0";

fn granule() -> Vec<Asset> {
    let file = |end: &str| format!("{GRANULE}.{end}");
    let cog = |a: Asset| Asset { media_type: Some("image/tiff; application=geotiff; profile=cloud-optimized".into()), ..a };
    vec![
        cog(asset("B04", &file("B04.tif"), &["data"], &[("B04", "red")], Some(20_000_000))),
        cog(asset("B05", &file("B05.tif"), &["data"], &[("B05", "nir08")], Some(300_000_000))),
        asset("Fmask", &file("Fmask.tif"), &["data", "cloud"], &[], None),
        asset("browse", &file("jpg"), &["thumbnail", "visual"], &[], Some(40_000)),
        asset("metadata", &file("cmr.xml"), &["metadata"], &[], Some(9_000)),
        asset("nc", "other_B041.nc", &["data"], &[], Some(1_000_000)),
        asset("sidecar", "other_B041.nc.dmrpp", &["metadata"], &[], Some(50_000)),
    ]
}

fn kept(text: &str) -> String {
    let assets = granule();
    filter(text).select(GRANULE, &assets).iter().map(|a| a.key.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn expressions_choose_assets() {
    let all = "B04 B05 Fmask browse metadata nc sidecar";
    let cases = [
        // Words: key, part of the file name (never half a word), band, role, type, granule.
        ("B04", "B04"),
        ("b04 or B05", "B04 B05"),
        ("B04,B05", "B04 B05"),
        ("nir08", "B05"),
        ("thumbnail", "browse"),
        ("cog", "B04 B05"),
        ("tif", "B04 B05 Fmask"),
        ("T32TMT.2024153T101010", "B04 B05 Fmask browse metadata"),
        ("T32TM", ""),
        (GRANULE, all),
        ("HLS.L30.*", all),
        ("*B04*", "B04 nc sidecar"),
        ("/B04[.1]/", "B04 nc sidecar"),
        ("/b04/", ""),
        ("/(?i)b04\\.TIF$/", "B04"),
        // Fields.
        ("name:*.tif and not role:cloud", "B04 B05"),
        ("name:B04", ""),
        ("key:B0?", "B04 B05"),
        ("key:B0[!4]", "B05"),
        ("key:{B04,Fmask}", "B04 Fmask"),
        ("key:/^B/", "B04 B05"),
        ("band:red,nir08", "B04 B05"),
        ("band:B0*", "B04 B05"),
        ("role:data and not type:geotiff", "nc"),
        ("granule:*.v2.0 and role:thumbnail", "browse"),
        ("granule:HLS.S30.*", ""),
        // Types: the format and its kinds, with or without parameters.
        ("type:tiff", "B04 B05 Fmask"),
        ("type:image/tiff", "B04 B05 Fmask"),
        ("type:geotiff and not type:cog", "Fmask"),
        ("type:\"image/tiff; profile=cloud-optimized\"", "B04 B05"),
        ("type:image/*", "B04 B05 Fmask browse"),
        ("type:netcdf,jpeg", "browse nc"),
        ("type:application/x-netcdf", "nc"),
        ("type:/json$/", ""),
        // Sizes; one that is not known leaves nothing out.
        ("size<200MB and role:data", "B04 Fmask nc"),
        ("size>=300MB", "B05 Fmask"),
        ("not size>=300MB and type:tiff", "B04 Fmask"),
        ("size<1MB or size>=1MB", all),
        ("size<=20MB and not size<20MB", "B04 Fmask"),
        ("cloud-optimised", "B04 B05 nc"),
        ("NOT Cloud-Optimized AND type:tiff", "Fmask"),
        // Precedence.
        ("B04 or B05 and size<1MB", "B04"),
        ("(B04 or B05) and size>100MB", "B05"),
        ("not not B04", "B04"),
        ("not (B04 or role:data)", "browse metadata sidecar"),
        ("all", all),
        ("none", ""),
        ("all and not none", all),
        ("*", all),
        ("\"B04\"", "B04"),
        ("'all'", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(kept(text), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_understood_is_named_with_its_place_and_advice() {
    let cases = [
        ("", 1, "a condition is missing", "B04"),
        ("B04 B05", 5, "`B05` follows", "`and` or `or`"),
        ("B04 && B05", 5, "`&&` follows", "`and`"),
        ("B04 | B05", 5, "`|` follows", "`or`"),
        ("!B04", 1, "`!`", "`not`"),
        ("B04 and", 8, "a condition is missing", "B04"),
        ("and B04", 1, "before `and`", "B04"),
        ("not", 4, "a condition is missing", "B04"),
        ("(B04 or B05", 1, "`(` is not closed", "`)`"),
        ("(B04 B05)", 6, "`B05)` follows", "`and`"),
        ("B04)", 4, "`)` closes nothing", "`(`"),
        ("()", 2, "a condition is missing", "B04"),
        ("band:", 6, "nothing follows `band:`", "a word"),
        ("role: (data)", 7, "nothing follows `role:`", "a word"),
        ("B04,", 5, "nothing follows `B04,`", "a word"),
        ("colour:red", 1, "no field `colour`", "granule, key, name"),
        ("B04,role:data", 5, "stands in a list", "or role:data"),
        ("type:geotif", 6, "not a type of file", "geotiff"),
        ("size", 5, "compared with nothing", "size<200MB"),
        ("size<", 6, "a number of bytes", "size<200MB"),
        ("size<lots", 6, "a number of bytes", "size<200MB"),
        ("size=5", 5, "`=`", "size<="),
        ("gsd<5", 4, "only `size`", "size<200MB"),
        ("name:[a", 6, "`[` is not closed", "[[]"),
        ("name:{a", 6, "`{` is not closed", "[{]"),
        ("name:a[z-a]", 7, "no range", "[a-z]"),
        ("ä \"B04", 3, "the quote is not closed", "`\"`"),
        ("/B04", 1, "not closed", "`/`"),
        ("/B04(/", 2, "not a regular expression", "docs.rs/regex"),
        ("name:\"\"", 7, "nothing to compare with", "`*`"),
        ("name:a\\", 7, "nothing follows `\\`", "`\\\\`"),
    ];
    for (text, position, message, hint) in cases {
        let error = text.parse::<AssetFilter>().expect_err(text);
        assert_eq!(error.position, position, "{error}");
        assert!(error.message.contains(message), "{error}");
        assert!(error.hint().is_some_and(|h| h.contains(hint)), "{error}: {:?}", error.hint());
    }
}

#[test]
fn hostile_text_is_refused_in_time() {
    let deep = format!("{}B04{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(deep.parse::<AssetFilter>().is_err_and(|e| e.message.contains("more than 100")));
    assert!("not ".repeat(100_000).parse::<AssetFilter>().is_err());
    let wide = vec!["B04"; 10_000].join(" or ");
    assert_eq!(filter(&wide).select("", &granule()).len(), 1);
    assert!("/(a{1000}){1000}/".parse::<AssetFilter>().is_err_and(|e| e.message.contains("size limit")), "too large to be held");
    let slow = filter("/(a|a)*(a|a)*b$/ or name:*a*a*a*a*a*a*a*a*a*b");
    assert!(!slow.keeps("", &Asset::new("x", "a".repeat(100_000))));
}

#[test]
fn the_short_form_includes_and_excludes() {
    let chosen = |value: serde_json::Value| {
        let filter: AssetFilter = serde_json::from_value(value.clone()).unwrap_or_else(|e| unreachable!("{value}: {e}"));
        let assets = granule();
        filter.select(GRANULE, &assets).iter().map(|a| a.key.as_str()).collect::<Vec<_>>().join(" ")
    };
    let cases = [
        (json!({"include": ["B04", "B05"]}), "B04 B05"),
        (json!({"include": ["B04", "B05"], "exclude": ["*"]}), "B04 B05"),
        (json!({"include": "*.tif", "exclude": ["B05", "Fmask"]}), "B04"),
        (json!({"exclude": ["tif", "role:metadata"]}), "browse nc"),
        (json!({"exclude": ["*"]}), ""),
        (json!({"include": [], "exclude": []}), "B04 B05 Fmask browse metadata nc sidecar"),
        (json!({"include": [GRANULE], "exclude": ["metadata", "thumbnail"]}), "B04 B05 Fmask nc"),
        (json!({"include": ["HLS.S30.*"]}), ""),
        (json!({"include": ["thumbnail", "application/xml"]}), "browse metadata"),
        (json!({"names": ["*.tif"], "exclude_names": ["/B05/"], "max_size": "1GB"}), "B04 Fmask"),
        (json!({"roles": "data", "exclude_roles": ["cloud"], "exclude_media_types": ["netcdf"], "min_size": 100_000_000}), "B05"),
        (json!({"media_types": ["image/*"], "cloud_optimized": false}), "Fmask browse"),
        (json!({"keys": ["B*"], "bands": ["red"], "cloud_optimised": true}), "B04"),
        (json!(["B04", "role:thumbnail"]), "B04 browse"),
        (json!([]), ""),
        (json!("B04 or B05"), "B04 B05"),
    ];
    for (value, expected) in cases {
        assert_eq!(chosen(value.clone()), expected, "{value}");
    }
}

#[test]
fn specifications_with_mistakes_say_where_they_are() {
    let cases = [
        (json!({"includes": ["B04"]}), "unknown field `includes`"),
        (json!({"include": [1]}), "expected a text or a list of texts"),
        (json!({"include": ["B04 B05"]}), "write `and` or `or`"),
        (json!({"max_size": "much"}), "write 200MB"),
        (json!({"names": ["[a"]}), "`[` is not closed"),
        (json!("B04 and"), "at character 8"),
        (json!(7), "an asset filter: an expression, a list of expressions, or a table"),
    ];
    for (value, expected) in cases {
        let error = serde_json::from_value::<AssetFilter>(value.clone()).expect_err("a mistake").to_string();
        assert!(error.contains(expected), "{value}: {error}");
    }
}

#[test]
fn a_table_in_toml_is_a_filter() {
    #[derive(serde::Deserialize, serde::Serialize)]
    struct Spec {
        assets: AssetFilter,
    }
    let spec: Spec = toml::from_str("[assets]\ninclude = [\"B04\", 'name:*.nc']\nexclude = 'thumbnail'\nmax_size = '1.5 GiB'").expect("a filter");
    assert_eq!(spec.assets.to_string(), "(B04 or name:*.nc) and not thumbnail and size<=1536MiB");
    let written = toml::to_string(&spec).expect("TOML");
    assert_eq!(toml::from_str::<Spec>(&written).expect("the same").assets, spec.assets);
}

#[test]
fn explanations_name_what_decided() {
    let assets = granule();
    let said = |text: &str, key: &str| {
        let all = filter(text).explain(GRANULE, &assets);
        all.iter().find(|e| e.asset.key == key).map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(said("role:data and size<1GB", "browse"), "`browse` is left out: `role:data` does not fit (roles `thumbnail`, `visual`)");
    assert_eq!(said("role:data and size<1GB", "Fmask"), "`Fmask` is kept: `size<1GB` cannot be told (its size is not known)");
    assert_eq!(said("B04 or nir08", "B05"), "`B05` is kept: `nir08` fits (bands `B05`, `nir08`)");
    assert_eq!(said("not (role:thumbnail or role:metadata)", "metadata"), "`metadata` is left out: `role:metadata` fits (roles `metadata`)");
    assert_eq!(said("size>1MB", "browse"), "`browse` is left out: `size>1MB` does not fit (size 40kB)");
    assert_eq!(said("cloud-optimised", "nc"), "`nc` is kept: `cloud-optimised` fits (a DMR++ lies beside `other_B041.nc`)");
    assert_eq!(
        said("cloud-optimised", "Fmask"),
        "`Fmask` is left out: `cloud-optimised` does not fit (media type `image/tiff; application=geotiff`)"
    );
    assert_eq!(said("all", "nc"), "`nc` is kept");
    assert!(said("nonesuch", "nc").contains("key `nc`, file name `other_B041.nc`, no bands, roles `data`, media type `application/netcdf`"));
}

#[test]
fn filters_are_put_together_in_code() -> Result<(), AssetFilterError> {
    let bands = AssetFilter::bands(["red", "nir08"])?;
    let built = bands.clone() & (AssetFilter::max_size(1_000_000_000) | !AssetFilter::cloud_optimised());
    assert_eq!(built, filter("band:red,nir08 and (size<=1GB or not cloud-optimised)"));
    assert_eq!(AssetFilter::all() & bands.clone(), bands);
    assert_eq!(AssetFilter::none() | bands.clone(), bands);
    assert_eq!(AssetFilter::names(["/a/b/", "*.tif"])?.to_string(), "name:/a\\/b/,*.tif");
    assert_eq!(AssetFilter::roles(Vec::<String>::new())?, AssetFilter::none());
    assert!(AssetFilter::media_types(["geotif"]).is_err_and(|e| e.expression == "geotif"));
    assert!(AssetFilter::all().is_all() && !bands.is_all());
    Ok(())
}

/// Filters and assets by chance: a linear congruential generator, so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn word(&mut self) -> String {
        let letters = [
            "a", "B04", "b", ".", "_", "*", "?", "tif", "[ab]", "[!a]", "{a,b}", " ", "\"", "'", ":", "/", ",", "(", "é", "\\*", "and", "all", "!",
            "<", "data", "cog",
        ];
        (0..=self.below(3)).map(|_| self.pick(&letters)).collect()
    }

    fn filter(&mut self, depth: usize) -> AssetFilter {
        let choice = self.below(if depth == 0 { 6 } else { 10 });
        let words: Vec<_> = (0..=self.below(2)).map(|_| self.word()).collect();
        let made = match choice {
            0 => AssetFilter::words(&words),
            1 => AssetFilter::names(&words),
            2 => AssetFilter::keys([self.pick(&["a", "b*", "/B0[45]/", "/a\\/b|_/", "?"])]),
            3 => AssetFilter::roles([self.pick(&["data", "thumbnail", "*"])])
                .map(|f| f | AssetFilter::bands(["red"]).unwrap_or_else(|_| AssetFilter::none())),
            4 => AssetFilter::media_types([self.pick(&["cog", "image/*", "netcdf", "image/tiff; application=geotiff"])]),
            5 => Ok(match self.below(5) {
                0 => AssetFilter::all(),
                1 => AssetFilter::none(),
                2 => AssetFilter::cloud_optimised(),
                3 => AssetFilter::min_size(self.pick(&[0, 10, 1000, 1 << 30])),
                _ => AssetFilter::max_size(self.pick(&[0, 10, 1000, u64::MAX])),
            }),
            6 | 7 => Ok(self.filter(depth - 1) & self.filter(depth - 1)),
            8 => Ok(self.filter(depth - 1) | self.filter(depth - 1)),
            _ => Ok(!self.filter(depth - 1)),
        };
        // A word by chance may be no pattern; then there is another one.
        made.unwrap_or_else(|_| self.filter(depth))
    }

    fn asset(&mut self) -> Asset {
        let file = format!(
            "{}{}{}",
            self.pick(&["a", "b", "B04", ""]),
            self.pick(&["_", ".", "é", "/"]),
            self.pick(&["tif", "B04.nc", "a b.tif", "x.dmrpp", "nc"])
        );
        let roles: Vec<&str> = (0..self.below(3)).map(|_| self.pick(&["data", "thumbnail", "cog"])).collect();
        let size = self.pick(&[None, Some(0), Some(10), Some(1000), Some(1001), Some(u64::MAX)]);
        let bands: &[(&str, &str)] = self.pick(&[&[] as &[_], &[("B04", "red")], &[("a", "b"), ("tif", "nir")]]);
        let mut asset = asset(self.pick(&["a", "b", "B04", "data"]), &file, &roles, bands, size);
        if self.below(3) == 0 {
            asset.media_type = Some("image/tiff; application=geotiff; profile=cloud-optimized".into());
        }
        asset
    }
}

fn verdicts(filter: &AssetFilter, assets: &[Asset]) -> Vec<Verdict> {
    let described = filter.described(assets);
    assets.iter().map(|asset| filter.expression.verdict(&Candidate { granule: "B04.a", asset, described: &described })).collect()
}

#[test]
fn the_algebra_holds() {
    let mut chance = Chance(4);
    for round in 0..500 {
        let assets: Vec<_> = (0..8).map(|_| chance.asset()).collect();
        let [a, b, c] = [0; 3].map(|_| chance.filter(3));
        let same = |law: &str, left: &AssetFilter, right: &AssetFilter| {
            assert_eq!(verdicts(left, &assets), verdicts(right, &assets), "round {round}, {law}: `{left}` and `{right}` of {assets:?}");
        };
        let (all, none) = (AssetFilter::all(), AssetFilter::none());
        let [x, y, z] = [&a, &b, &c].map(|f| move || f.clone());
        same("de Morgan, and", &!(x() & y()), &(!x() | !y()));
        same("de Morgan, or", &!(x() | y()), &(!x() & !y()));
        same("double negation", &!!x(), &a);
        same("and commutes", &(x() & y()), &(y() & x()));
        same("or commutes", &(x() | y()), &(y() | x()));
        same("and associates", &((x() & y()) & z()), &(x() & (y() & z())));
        same("or associates", &((x() | y()) | z()), &(x() | (y() | z())));
        same("and is idempotent", &(x() & x()), &a);
        same("or is idempotent", &(x() | x()), &a);
        same("and absorbs", &(x() & (x() | y())), &a);
        same("or absorbs", &(x() | (x() & y())), &a);
        same("and distributes", &(x() & (y() | z())), &((x() & y()) | (x() & z())));
        same("or distributes", &(x() | (y() & z())), &((x() | y()) & (x() | z())));
        same("all is neutral", &(x() & all.clone()), &a);
        same("none is neutral", &(x() | none.clone()), &a);
        same("all absorbs", &(x() | all.clone()), &all);
        same("none absorbs", &(x() & none.clone()), &none);

        let both = (x() & y()).select("B04.a", &assets);
        let kept = [&a, &b].map(|f| f.select("B04.a", &assets));
        assert!(both.iter().all(|asset| kept.iter().all(|k| k.contains(asset))), "round {round}: what both keep, each keeps");
    }
}

#[test]
fn a_filter_reads_as_what_was_written() {
    let mut chance = Chance(5);
    for _ in 0..4000 {
        let filter = chance.filter(4);
        let text = filter.to_string();
        assert_eq!(text.parse::<AssetFilter>().as_ref(), Ok(&filter), "{text}");
        let json = serde_json::to_value(&filter).expect("JSON");
        assert_eq!(serde_json::from_value::<AssetFilter>(json).expect("a filter"), filter, "{text}");
    }
}

/// No text is a surprise: it is a filter that reads as itself, or an error within the text.
#[test]
fn any_text_is_a_filter_or_an_error_with_a_place() {
    let mut chance = Chance(6);
    let parts = [
        "B04", " ", "and", "or", "not", "(", ")", ",", "name:", "size", "<", "=", ">=", "200MB", "\"", "'", "/", "[", "]", "{", "}", "\\", "*", "!",
        "é", ":", "-",
    ];
    let mut filters = 0;
    for _ in 0..50_000 {
        let text: String = (0..chance.below(9)).map(|_| chance.pick(&parts)).collect();
        match text.parse::<AssetFilter>() {
            Ok(filter) => {
                filters += 1;
                assert_eq!(filter.to_string().parse::<AssetFilter>(), Ok(filter), "{text}");
            }
            Err(error) => assert!(error.position <= text.chars().count() + 1 && error.hint().is_some(), "{text}: {error:?}"),
        }
    }
    assert!(filters > 1000, "only {filters} texts were filters");
}

/// The same answer as the crate `glob` gives, for what both can say.
#[test]
fn globs_are_those_of_the_shell() {
    let mut chance = Chance(7);
    let options = glob::MatchOptions { case_sensitive: false, require_literal_separator: false, require_literal_leading_dot: false };
    let (mut compared, mut fitting) = (0, 0);
    for _ in 0..3000 {
        let text: String = (0..=chance.below(6))
            .map(|_| chance.pick(&["a", "B", "b", ".", "*", "?", "[ab]", "[!a]", "[a-c]", "[]a]", "[!]]", "[*]", "-", "é"]))
            .collect();
        let (Ok(theirs), Ok(ours)) = (glob::Pattern::new(&text), AssetFilter::keys([&text])) else { continue };
        for _ in 0..20 {
            let name: String = (0..chance.below(6)).map(|_| chance.pick(&["a", "b", "B", "c", ".", "-", "]", "*", "é", "["])).collect();
            let fits = ours.keeps("", &Asset::new(name.as_str(), ""));
            assert_eq!(fits, theirs.matches_with(&name, options), "`{text}` and `{name}`");
            compared += 1;
            fitting += usize::from(fits);
        }
    }
    assert!(compared > 40_000 && fitting > 1_500, "{compared} compared, {fitting} fit");
}
