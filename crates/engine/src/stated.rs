//! What is said of the pixels of a band: by the item, by its file, by the spec; and who is believed.

use cube_backend::Image;
use cube_core::{Asset, DType, Number, Values};

/// Scale and offset: value = pixel × scale + offset.
pub(crate) type Scaling = (f64, f64);

/// What a file says of one of its bands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileSays {
    pub dtype: DType,
    pub nodata: Option<Number>,
    pub scaling: Option<Scaling>,
}

impl FileSays {
    pub(crate) fn of(image: &dyn Image, band: usize) -> Self {
        Self { dtype: image.dtype(band), nodata: image.nodata(band), scaling: image.scaling(band) }
    }

    /// The value that means "no data": the file knows its own pixels better than a catalogue that describes many files.
    pub(crate) fn nodata(&self, asset: &Asset) -> Option<Number> {
        let fitting = |n: Option<Number>| n.filter(|n| n.fits(self.dtype));
        fitting(self.nodata).or(fitting(asset.nodata))
    }

    /// Whether the item names another nodata value than the file. NaN is never data, so that naming it contradicts nothing.
    pub(crate) fn contradicts_nodata(&self, asset: &Asset) -> bool {
        let same = |a: Number, b: Number| if self.dtype == DType::Float32 { a.as_f64() as f32 == b.as_f64() as f32 } else { a.same(b) };
        let (Some(own), Some(other)) = (self.nodata.filter(|n| n.fits(self.dtype)), asset.nodata.filter(|n| !n.as_f64().is_nan())) else {
            return false;
        };
        !same(own, other)
    }

    /// Whether both the item and the file state a scaling, and not the same one.
    pub(crate) fn contradicts_scaling(&self, asset: &Asset) -> bool {
        !asset.presumed && asset_scaling(asset).zip(self.scaling).is_some_and(|(a, b)| !alike(a, b))
    }
}

/// Scale and offset as the source states them: both from the item, else both from the file, never one from each. A half that the item leaves
/// out changes nothing. What is presumed of a product comes last, and holds for digital numbers alone: floating point is no longer one.
pub(crate) fn scaling(asset: &Asset, file: Option<&FileSays>) -> Option<Scaling> {
    let item = asset_scaling(asset);
    let written = file.and_then(|f| f.scaling);
    if !asset.presumed {
        return item.or(written);
    }
    let is_float = file.map(|f| f.dtype).or(asset.dtype).is_some_and(DType::is_float);
    written.or(item.filter(|_| !is_float))
}

fn asset_scaling(asset: &Asset) -> Option<Scaling> {
    (asset.scale.is_some() || asset.offset.is_some()).then(|| (asset.scale.unwrap_or(1.0), asset.offset.unwrap_or(0.0)))
}

/// What turns the pixels of a file into values, where the source and the spec (`scale`, `offset`) speak of it.
///
/// Where numbers are kept, the spec says what the cube holds, and stands in for a source that says nothing. Where values are made, its word
/// takes the place of the source's.
pub(crate) fn of_pixels(source: Option<Scaling>, declared: (Option<f64>, Option<f64>), values: Values) -> Scaling {
    let (scale, offset) = (declared.0.unwrap_or(1.0), declared.1.unwrap_or(0.0));
    match (source, values) {
        (None, _) => (scale, offset),
        (Some(source), Values::Scaled) => (declared.0.unwrap_or(source.0), declared.1.unwrap_or(source.1)),
        (Some(source), Values::Raw | Values::Harmonized) => source,
    }
}

/// Whether two scalings are the same but for rounding: files and items often keep one of them in single precision.
pub(crate) fn alike(a: Scaling, b: Scaling) -> bool {
    let close = |x: f64, y: f64| (x - y).abs() <= 1e-6 * x.abs().max(y.abs());
    close(a.0, b.0) && close(a.1, b.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(scale: Option<f64>, offset: Option<f64>) -> Asset {
        Asset { scale, offset, ..Asset::bare("a.tif") }
    }

    fn file(scaling: Option<Scaling>) -> FileSays {
        FileSays { dtype: DType::UInt16, nodata: Some(Number::Int(0)), scaling }
    }

    #[test]
    fn scale_and_offset_come_from_one_hand() {
        let (written, silent) = (file(Some((0.01, 5.0))), file(None));
        for (item, from, expected, contradicted) in [
            (asset(Some(0.01), None), written, Some((0.01, 0.0)), true),
            (asset(None, Some(7.0)), written, Some((1.0, 7.0)), true),
            (asset(Some(0.01), Some(5.000_000_1)), written, Some((0.01, 5.000_000_1)), false),
            (asset(None, None), written, Some((0.01, 5.0)), false),
            (asset(Some(0.5), None), silent, Some((0.5, 0.0)), false),
            (asset(None, None), silent, None, false),
        ] {
            assert_eq!((scaling(&item, Some(&from)), from.contradicts_scaling(&item)), (expected, contradicted), "{item:?} {from:?}");
        }
    }

    #[test]
    fn what_is_presumed_comes_last_and_never_for_floats() {
        let presumed = Asset { presumed: true, ..asset(Some(0.0001), Some(-0.1)) };
        let floats = |scaling| FileSays { dtype: DType::Float32, ..file(scaling) };
        assert_eq!(scaling(&presumed, Some(&file(None))), Some((0.0001, -0.1)));
        assert_eq!(scaling(&presumed, Some(&file(Some((0.0001, 0.0))))), Some((0.0001, 0.0)));
        assert_eq!(scaling(&presumed, Some(&floats(None))), None);
        assert_eq!(scaling(&presumed, Some(&floats(Some((0.5, 1.0))))), Some((0.5, 1.0)));
    }

    #[test]
    fn the_spec_stands_in_for_a_source_that_says_nothing() {
        let declared = (Some(0.5), Some(1.0));
        for values in [Values::Raw, Values::Scaled, Values::Harmonized] {
            assert_eq!(of_pixels(None, declared, values), (0.5, 1.0));
            assert_eq!(of_pixels(None, (None, None), values), (1.0, 0.0));
            assert_eq!(of_pixels(Some((0.01, 5.0)), (None, None), values), (0.01, 5.0));
        }
        assert_eq!(of_pixels(Some((0.01, 5.0)), declared, Values::Scaled), (0.5, 1.0), "the user's word");
        assert_eq!(of_pixels(Some((0.01, 5.0)), (Some(0.5), None), Values::Scaled), (0.5, 5.0), "key by key");
        assert_eq!(of_pixels(Some((0.01, 5.0)), declared, Values::Raw), (0.01, 5.0), "what the cube holds is another matter");
    }

    #[test]
    fn the_file_knows_its_own_nodata() {
        let item = |n| Asset { nodata: n, ..Asset::bare("a.tif") };
        let says = |dtype, nodata| FileSays { dtype, nodata, scaling: None };
        let (zero, hundred, nan) = (Some(Number::Int(0)), Some(Number::Int(100)), Some(Number::Float(f64::NAN)));
        for (file, item, expected, contradicted) in [
            (says(DType::UInt16, zero), item(hundred), zero, true),
            (says(DType::UInt16, None), item(hundred), hundred, false),
            (says(DType::UInt8, Some(Number::Int(-9999))), item(hundred), hundred, false),
            (says(DType::Float32, hundred), item(nan), hundred, false),
            (says(DType::Float32, Some(Number::Float(0.1))), item(Some(Number::Float(f64::from(0.1_f32)))), Some(Number::Float(0.1)), false),
        ] {
            assert_eq!((file.nodata(&item), file.contradicts_nodata(&item)), (expected, contradicted), "{file:?} {item:?}");
        }
    }
}
