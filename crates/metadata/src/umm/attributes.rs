//! Facts that some providers state as additional attributes; UMM-G has no fields for them.

use super::Granule;
use crate::{Raw, Text};

/// One of the `AdditionalAttributes`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attribute<'a> {
    /// `Name`.
    pub name: Text<'a>,
    /// The first of `Values`; most have one.
    pub value: Option<Text<'a>>,
    /// As it stands in the record.
    pub raw: Raw<'a>,
}

impl<'a> Attribute<'a> {
    /// All of `Values`.
    pub fn values(&self) -> Vec<Text<'a>> {
        super::read::values(self.raw).ok().flatten().unwrap_or_default()
    }
}

/// The pixel grid of a granule in a UTM zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// EPSG code of the CRS.
    pub epsg: u32,
    /// Rows and columns.
    pub shape: [u64; 2],
    /// Upper left corner, in metres.
    pub corner: [f64; 2],
    /// Size of a pixel, in metres.
    pub resolution: f64,
}

impl Grid {
    /// Pixel corner to world, as `proj:transform` has it: `x = a·column + b·row + c`, `y = d·column + e·row + f`.
    pub fn transform(&self) -> [f64; 6] {
        [self.resolution, 0.0, self.corner[0], 0.0, -self.resolution, self.corner[1]]
    }

    /// From `HORIZONTAL_CS_NAME`, `ULX`, `ULY`, `NROWS`, `NCOLS` and `SPATIAL_RESOLUTION`, as the Landsat and Sentinel-2 products of LP DAAC have them.
    fn of(granule: &Granule<'_>, [name, x, y, rows, columns, resolution]: [Option<&str>; 6]) -> Option<Self> {
        let name = name.filter(|n| n.contains("WGS84"))?;
        let zone: u32 = name.rsplit_once("UTM ZONE ")?.1.trim().parse().ok().filter(|z| (1..=60).contains(z))?;
        let number = |text: Option<&str>| text?.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        let count = |text: Option<&str>| text?.trim().parse::<u64>().ok().filter(|n| *n > 0);
        let (corner, resolution) = ([number(x)?, number(y)?], number(resolution).filter(|r| *r > 0.0)?);
        let epsg = if northern(granule, corner[1])? { 32600 } else { 32700 } + zone;
        Some(Self { epsg, shape: [count(rows)?, count(columns)?], corner, resolution })
    }
}

/// What the attributes state that STAC has words for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Facts<'g> {
    pub(crate) cloud_cover: Option<f64>,
    /// Azimuth and elevation in degrees.
    pub(crate) sun: Option<(f64, f64)>,
    pub(crate) doi: Option<&'g str>,
    /// `15UXP`.
    pub(crate) mgrs_tile: Option<&'g str>,
    pub(crate) grid: Option<Grid>,
}

impl<'g> Facts<'g> {
    pub(crate) fn of(granule: &'g Granule<'_>) -> Self {
        let Some(attributes) = &granule.attributes else { return Self::default() };
        let (mut cloud_cover, mut azimuth, mut zenith, mut doi, mut mgrs_tile) = (None, None, None, None, None);
        let mut grid: [Option<&str>; 6] = [None; 6];
        for attribute in &attributes.value {
            let slot = match attribute.name.as_ref() {
                "CLOUD_COVERAGE" => &mut cloud_cover,
                "MEAN_SUN_AZIMUTH_ANGLE" => &mut azimuth,
                "MEAN_SUN_ZENITH_ANGLE" => &mut zenith,
                "IDENTIFIER_PRODUCT_DOI" => &mut doi,
                "MGRS_TILE_ID" => &mut mgrs_tile,
                "HORIZONTAL_CS_NAME" => &mut grid[0],
                "ULX" => &mut grid[1],
                "ULY" => &mut grid[2],
                "NROWS" => &mut grid[3],
                "NCOLS" => &mut grid[4],
                "SPATIAL_RESOLUTION" => &mut grid[5],
                _ => continue,
            };
            *slot = slot.or(attribute.value.as_deref());
        }
        let angle = |text: Option<&str>, most: f64| text?.trim().parse::<f64>().ok().filter(|a| (0.0..=most).contains(a));
        // Twelve digits are more than an angle has; what lies behind them is the error of the subtraction.
        let elevation = |zenith: f64| ((90.0 - zenith) * 1e12).round() / 1e12;
        Self {
            cloud_cover: angle(cloud_cover, 100.0),
            sun: angle(azimuth, 360.0).zip(angle(zenith, 180.0).map(elevation)),
            doi: doi.filter(|d| is_doi(d)),
            mgrs_tile: mgrs_tile.filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric())),
            grid: grid[0].and_then(|_| Grid::of(granule, grid)),
        }
    }
}

/// As the scientific extension wants it: `10.5067/HLS/HLSL30.002`.
pub(crate) fn is_doi(text: &str) -> bool {
    let Some((registrant, suffix)) = text.strip_prefix("10.").and_then(|t| t.split_once('/')) else { return false };
    registrant.len() >= 4 && registrant.bytes().all(|b| b.is_ascii_alphanumeric()) && !suffix.is_empty() && !suffix.contains(char::is_whitespace)
}

/// Whether a northing is counted from the equator, as in northern zones, or from 10,000 km south of it. The attributes do not say, and both occur
/// south of the equator: the footprint tells. A degree of latitude is some 110.6 km.
fn northern(granule: &Granule<'_>, northing: f64) -> Option<bool> {
    let latitudes = granule.spatial.as_ref()?.value.latitudes()?;
    let expected = (latitudes.0 + latitudes.1) / 2.0 * 110_600.0;
    let (north, south) = ((northing - expected).abs(), (northing - 1e7 - expected).abs());
    // A tile is about 110 km high; the corner lies at most a few tiles from its middle.
    (north.min(south) < 500_000.0).then_some(north < south)
}
