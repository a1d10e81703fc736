//! Records by chance come back as they were.

use cube_metadata::{
    Options, StacVersion,
    convert::{granule_to_item, item_to_granule},
    umm,
};
use serde_json::{Value, json};

use crate::{
    compare::{difference, turned},
    generator::Generator,
};

fn options(number: usize) -> Options<'static> {
    Options { stac_version: if number.is_multiple_of(2) { StacVersion::V1_1 } else { StacVersion::V1_0 }, ..Options::default() }
}

#[test]
fn granules_come_back() {
    for seed in 0..10 {
        let mut generator = Generator::new(seed);
        for number in 0..150 {
            let record = generator.granule();
            let item = granule_to_item(&record, &options(number)).unwrap_or_else(|e| panic!("seed {seed}, {number}: {e}: {record}"));
            let back = item_to_granule(&item.value).unwrap_or_else(|e| panic!("seed {seed}, {number}: {e}: {record}"));
            let difference = difference(&record, &back.value);
            assert_eq!(difference, None, "seed {seed}, {number}: {record}\n{}", item.value);
        }
    }
}

/// What is made of a granule, said by another catalogue: without anything that UMM wrote beside it.
#[test]
fn items_of_other_catalogues_come_back() {
    for seed in 20..25 {
        let mut generator = Generator::new(seed);
        for number in 0..150 {
            let mut item = granule_to_item(&generator.granule(), &options(number)).expect("an Item").value;
            strip(&mut item);
            item["properties"]["title"] = "A \"title\"".into();
            item["properties"]["eo:snow_cover"] = 12.into();
            item["properties"]["item"] = json!({"of": [1, 2.5, null]});
            item["properties"]["long"] = "ü".repeat(1200).into();
            item["links"] = json!([{"rel": "self", "href": "https://other.test/item.json"}]);
            let granule = item_to_granule(&item).expect("a granule");
            let back = granule_to_item(&granule.value, &options(number)).expect("an Item").value;
            assert_eq!(difference(&turned(&item), &turned(&back)), None, "seed {seed}, {number}: {item}\n{}", granule.value);
            let text = granule.value.to_string();
            let read = umm::Granule::parse(text.as_bytes()).expect("a granule");
            let attributes = read.attributes.expect("attributes").value;
            assert!(attributes.iter().all(|a| a.name.chars().count() <= 80 && a.values().iter().all(|v| (1..=500).contains(&v.chars().count()))));
        }
    }
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !key.starts_with("umm:") && !key.starts_with("cmr:"));
            fields.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Whatever is cut out of a record, reading ends with an answer.
#[test]
fn broken_records_are_errors() {
    let mut generator = Generator::new(77);
    for _ in 0..20 {
        let text = generator.granule().to_string();
        let cuts: Vec<usize> = (0..text.len()).step_by(7).filter(|at| text.is_char_boundary(*at)).collect();
        for cut in cuts {
            assert!(umm::Granule::parse(&text.as_bytes()[..cut]).is_err(), "{}", &text[..cut]);
            let odd = format!("{}\u{0}{}", &text[..cut], &text[cut..]);
            assert!(umm::Granule::parse(odd.as_bytes()).is_err(), "{odd}");
        }
    }
}
