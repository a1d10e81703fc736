//! Spatial parameters.

use super::params::Params;
use crate::earthdata::records::Shape;
use crate::stac::geometry::Point;

/// Names of the spatial parameters.
pub(super) const NAMES: [&str; 5] = ["bounding_box", "polygon", "point", "line", "circle"];

/// Most points of a line.
const MOST_LINE_POINTS: usize = 500;

/// What is wrong with the spatial parameters, in the CMR's words.
pub(super) fn problems(params: &Params, problems: &mut Vec<String>) {
    for name in NAMES {
        for text in params.all(name) {
            match shape(name, text) {
                Ok(_) => {}
                Err(found) => problems.extend(found),
            }
        }
    }
}

/// One spatial parameter.
pub(super) fn shape(name: &str, text: &str) -> Result<Shape, Vec<String>> {
    let undecoded = || vec![format!("[{text}] is not a valid URL encoded {name}")];
    let numbers: Vec<f64> = text.split(',').map(|number| number.trim().parse()).collect::<Result<_, _>>().map_err(|_| undecoded())?;
    let points: Vec<Point> = numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let mut problems = Vec::new();
    let shape = match (name, numbers.len()) {
        ("bounding_box", 4) => {
            let [west, south, east, north] = [numbers[0], numbers[1], numbers[2], numbers[3]];
            check_points(&[(west, south), (east, north)], &mut problems);
            if north < south {
                problems.push(format!("The bounding rectangle north value [{north}] was less than the south value [{south}]"));
            }
            Shape::rectangle([west, south, east, north])
        }
        ("point", 2) => {
            check_points(&points, &mut problems);
            Shape::point(points[0])
        }
        ("line", 4..) if numbers.len().is_multiple_of(2) => {
            check_points(&points, &mut problems);
            if points.len() > MOST_LINE_POINTS {
                problems.push(format!("[{text}] has too many points for type line"));
            }
            Shape::line(&points)
        }
        ("circle", 3) => {
            check_points(&points, &mut problems);
            if !(10.0..=6_000_000.0).contains(&numbers[2]) {
                problems.push(format!("Circle radius must be between 10 and 6000000, but was {}.", numbers[2]));
            }
            if points[0].1.abs() >= 90.0 {
                problems.push("Circle center cannot be the north or south pole.".into());
            }
            Shape::circle(points[0], numbers[2])
        }
        ("polygon", 6..) if numbers.len().is_multiple_of(2) => {
            check_points(&points, &mut problems);
            check_ring(&points, &mut problems);
            Shape::polygon(std::slice::from_ref(&points))
        }
        _ => return Err(undecoded()),
    };
    if problems.is_empty() { Ok(shape) } else { Err(problems) }
}

fn check_points(points: &[Point], problems: &mut Vec<String>) {
    for (lon, lat) in points {
        if !(-180.0..=180.0).contains(lon) {
            problems.push(format!("Point longitude [{lon}] must be within -180.0 and 180.0"));
        }
        if !(-90.0..=90.0).contains(lat) {
            problems.push(format!("Point latitude [{lat}] must be within -90 and 90.0"));
        }
    }
}

fn check_ring(points: &[Point], problems: &mut Vec<String>) {
    if points.first() != points.last() {
        problems.push("Polygon boundary was not closed. The last point must be equal to the first point.".into());
        return;
    }
    for (place, pair) in points.windows(2).enumerate().filter(|(_, pair)| pair[0] == pair[1]) {
        let text = |place: usize, (lon, lat): Point| format!("{} [lon={lon} lat={lat}]", place + 1);
        problems.push(format!(
            "The shape contained duplicate points. Points {} and {} were considered equivalent or very close.",
            text(place, pair[0]),
            text(place + 1, pair[1])
        ));
    }
    if turning(points) < 0.0 {
        problems.push("The polygon boundary points are listed in the wrong order. Points must be provided in counter-clockwise order.".into());
    }
}

/// Twice the area of a ring, negative if it runs clockwise; edges take the short way round the Earth.
fn turning(points: &[Point]) -> f64 {
    let mut lon = points.first().map_or(0.0, |point| point.0);
    let mut sum = 0.0;
    for pair in points.windows(2) {
        let step = (pair[1].0 - pair[0].0 + 540.0).rem_euclid(360.0) - 180.0;
        sum += lon * pair[1].1 - (lon + step) * pair[0].1;
        lon += step;
    }
    sum
}

/// Several of one kind must all be met unless `options[kind][or]`; different kinds must all be met.
pub(super) fn spatial(params: &Params) -> impl Fn(&Shape) -> bool + use<> {
    let kinds: Vec<(bool, Vec<Shape>)> = NAMES
        .into_iter()
        .map(|name| (params.option(name, "or"), params.all(name).into_iter().filter_map(|text| shape(name, text).ok()).collect::<Vec<_>>()))
        .filter(|(_, shapes)| !shapes.is_empty())
        .collect();
    move |shape| {
        kinds.iter().all(|(any, wanted)| if *any { wanted.iter().any(|one| one.meets(shape)) } else { wanted.iter().all(|one| one.meets(shape)) })
    }
}
