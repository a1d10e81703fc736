//! What GDAL keeps in its private tags: nodata, scale and offset, units and descriptions.

use cube_backend::Label;
use cube_core::{DType, Number, Pixel, Pixels};
use quick_xml::{
    Reader,
    escape::{resolve_xml_entity, unescape},
    events::{BytesRef, Event},
};

/// The nodata value, if the text is one and a pixel can have it.
pub(crate) fn nodata(text: &str, dtype: DType) -> Option<Number> {
    let number = Number::parse(text).ok()?;
    match (dtype, number) {
        // GDAL writes a whole number with decimals or an exponent as well; a value that a pixel cannot have excludes none.
        (d, n) if d.is_float() => Some(n),
        (d, n) => Some(Number::from(n.as_f64())).map(|whole| if matches!(n, Number::Int(_)) { n } else { whole }).filter(|n| n.fits(d)),
    }
}

/// A mask that excludes floats which GDAL takes for nodata although they are not exactly the value (texts with few digits);
/// `None` when there are none.
pub(crate) fn nearly_nodata(pixels: &Pixels, nodata: Number) -> Option<Vec<bool>> {
    match pixels {
        Pixels::Float32(values) => near_mask(values, f64::from(nodata.as_f64() as f32)),
        Pixels::Float64(values) => near_mask(values, nodata.as_f64()),
        _ => None,
    }
}

/// GDAL's rule: within four single-precision roundings.
fn near_mask<T: Pixel>(values: &[T], nodata: f64) -> Option<Vec<bool>> {
    if nodata == 0.0 || !nodata.is_finite() {
        return None;
    }
    let near = |v: &T| {
        let v = v.to_f64();
        v != nodata && (v - nodata).abs() < f64::from(f32::EPSILON) * (v + nodata).abs() * 2.0
    };
    // Without a branch for each pixel, since all but a few files have none.
    let (reach, exact) = (nodata.abs() * 1e-6, T::from_f64(nodata));
    let (low, high) = (T::from_f64(nodata - reach), T::from_f64(nodata + reach));
    let candidates = values.iter().fold(false, |any, v| any | ((*v >= low) & (*v <= high) & (*v != exact)));
    (candidates && values.iter().any(near)).then(|| values.iter().map(|v| !near(v)).collect())
}

/// What GDAL says of a band.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Facts {
    /// Scale and offset; `None` when neither is stated.
    pub(crate) scaling: Option<(f64, f64)>,
    pub(crate) label: Label,
}

/// What is said of each band. XML that cannot be read says nothing.
pub(crate) fn facts(xml: Option<&str>, bands: usize) -> Box<[Facts]> {
    let mut found = vec![Facts::default(); bands];
    for item in xml.map(items).unwrap_or_default() {
        let Some(facts) = found.get_mut(item.sample) else { continue };
        let number = item.text.parse::<f64>();
        let (scale, offset) = facts.scaling.unwrap_or((1.0, 0.0));
        match (item.role.as_str(), number) {
            ("scale", Ok(scale)) => facts.scaling = Some((scale, offset)),
            ("offset", Ok(offset)) => facts.scaling = Some((scale, offset)),
            ("unittype", _) if !item.text.is_empty() => facts.label.unit = Some(item.text),
            ("description", _) if !item.text.is_empty() => facts.label.long_name = Some(item.text),
            _ => {}
        }
    }
    found.into()
}

/// A text about a band.
struct Item {
    sample: usize,
    role: String,
    text: String,
}

/// The items that belong to a band and have a role.
fn items(xml: &str) -> Vec<Item> {
    let mut reader = Reader::from_str(xml);
    let mut items = Vec::new();
    let mut open: Option<Item> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) if tag.name().as_ref() == b"Item" => {
                let attribute = |name: &str| tag.try_get_attribute(name).ok().flatten().map(|a| String::from_utf8_lossy(&a.value).into_owned());
                let sample = attribute("sample").and_then(|s| s.parse().ok());
                open = sample.zip(attribute("role")).map(|(sample, role)| Item { sample, role, text: String::new() });
            }
            Ok(Event::Text(text)) => {
                if let (Some(item), Ok(text)) = (&mut open, text.decode()) {
                    item.text.push_str(&text);
                }
            }
            Ok(Event::GeneralRef(reference)) => {
                if let (Some(item), Some(character)) = (&mut open, character(&reference)) {
                    item.text.push_str(&character);
                }
            }
            Ok(Event::End(_)) => items.extend(open.take().map(|item| Item { text: twice_escaped(item.text.trim()), ..item })),
            Ok(Event::Eof) | Err(_) => return items,
            Ok(_) => {}
        }
    }
}

/// GDAL escapes texts before the XML does, and undoes both.
fn twice_escaped(text: &str) -> String {
    unescape(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

/// What `&amp;` or `&#176;` stands for.
fn character(reference: &BytesRef<'_>) -> Option<String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character.to_string());
    }
    reference.decode().ok().and_then(|name| resolve_xml_entity(&name)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_by_role_and_band() {
        let xml = r#"<GDALMetadata>
            <Item name="OFFSET" sample="1" role="offset">-0.1</Item>
            <Item name="SCALE" sample="1" role="scale">1e-4</Item>
            <Item name="scale" sample="0">7</Item>
            <Item name="SCALE" sample="2" role="scale">2</Item>
            <Item name="DESCRIPTION" sample="0" role="description">a &amp;amp; b</Item>
            <Item name="UNITTYPE" sample="0" role="unittype">&#176;C</Item>
        </GDALMetadata>"#;
        let found = facts(Some(xml), 3);
        assert_eq!(found.iter().map(|f| f.scaling).collect::<Vec<_>>(), [None, Some((1e-4, -0.1)), Some((2.0, 0.0))]);
        assert_eq!(found[0].label, Label { unit: Some("°C".into()), long_name: Some("a & b".into()) });
        assert_eq!(*facts(Some("<GDALMetadata><Item sample=\"0\" role=\"scale\">2"), 1), [Facts::default()]);
    }

    #[test]
    fn what_gdal_takes_for_nodata_is_masked() {
        let text = Number::parse("-1.26765060000000006e+30").expect("a number");
        let pixels = Pixels::Float64(vec![-1.267_650_600_228_229_4e30, -1.2e30, 0.0, f64::NAN, text.as_f64()]);
        assert_eq!(nearly_nodata(&pixels, text), Some(vec![false, true, true, true, true]));
        assert_eq!(nearly_nodata(&Pixels::Float32(vec![1.0, -9999.0]), Number::Int(-9999)), None);
        assert_eq!(nearly_nodata(&Pixels::Float32(vec![f32::MIN, 1.0]), Number::Float(-3.402_823e38)), Some(vec![false, true]));
    }

    #[test]
    fn nodata_is_a_value_that_a_pixel_can_have() {
        assert_eq!(nodata("255.0", DType::UInt8), Some(Number::Int(255)));
        assert_eq!(nodata("-9999", DType::UInt16), None);
        assert_eq!(nodata("nan", DType::Int16), None);
        assert!(nodata("nan", DType::Float32).is_some_and(|n| n.as_f64().is_nan()));
        assert_eq!(nodata("18446744073709551615", DType::UInt64), Some(Number::Int(u64::MAX.into())));
    }
}
