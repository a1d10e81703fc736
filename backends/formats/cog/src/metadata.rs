//! What GDAL keeps in its private tags: nodata, scale and offset.

use cube_core::{DType, Number, Pixel, Pixels};
use quick_xml::{Reader, events::Event};

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

/// Scale and offset of each band; `None` for a band of which neither is stated. XML that cannot be read states nothing.
pub(crate) fn scaling(xml: Option<&str>, bands: usize) -> Box<[Option<(f64, f64)>]> {
    let mut found = vec![(None, None); bands];
    for item in xml.map(items).unwrap_or_default() {
        if let Some((scale, offset)) = found.get_mut(item.sample) {
            match item.role.as_str() {
                "scale" => *scale = Some(item.value),
                "offset" => *offset = Some(item.value),
                _ => {}
            }
        }
    }
    let complete =
        |(scale, offset): (Option<f64>, Option<f64>)| (scale.is_some() || offset.is_some()).then(|| (scale.unwrap_or(1.0), offset.unwrap_or(0.0)));
    found.into_iter().map(complete).collect()
}

struct Item {
    sample: usize,
    role: String,
    value: f64,
}

/// The items that belong to a band, have a role and are numbers.
fn items(xml: &str) -> Vec<Item> {
    let mut reader = Reader::from_str(xml);
    let mut items = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) if tag.name().as_ref() == b"Item" => {
                let attribute = |name: &str| tag.try_get_attribute(name).ok().flatten().map(|a| String::from_utf8_lossy(&a.value).into_owned());
                let sample = attribute("sample").and_then(|s| s.parse().ok());
                open = sample.zip(attribute("role")).map(|(sample, role)| (sample, role, String::new()));
            }
            Ok(Event::Text(text)) => {
                if let (Some((_, _, value)), Ok(text)) = (&mut open, text.decode()) {
                    value.push_str(&text);
                }
            }
            Ok(Event::End(_)) => {
                let done = open.take().and_then(|(sample, role, value)| Some(Item { sample, role, value: value.trim().parse().ok()? }));
                items.extend(done);
            }
            Ok(Event::Eof) | Err(_) => return items,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_and_offset_are_read_by_role_and_band() {
        let xml = r#"<GDALMetadata>
            <Item name="OFFSET" sample="1" role="offset">-0.1</Item>
            <Item name="SCALE" sample="1" role="scale">1e-4</Item>
            <Item name="scale" sample="0">7</Item>
            <Item name="SCALE" sample="2" role="scale">2</Item>
            <Item name="DESCRIPTION" sample="0" role="description">a &amp; b</Item>
        </GDALMetadata>"#;
        assert_eq!(*scaling(Some(xml), 3), [None, Some((1e-4, -0.1)), Some((2.0, 0.0))]);
        assert_eq!(*scaling(Some("<GDALMetadata><Item sample=\"0\" role=\"scale\">2"), 1), [None]);
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
