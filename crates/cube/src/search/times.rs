//! Times that a service cannot be told as they are meant: seasons, and several intervals at once.

use cube_core::{Period, TimeValue};
use cube_query::{Change, Effect, GranuleQuery, Season, When};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// When results must have been taken.
#[derive(Debug, Clone)]
pub(super) struct Times {
    wanted: Vec<When>,
    /// All of them rather than any.
    every: bool,
}

impl Times {
    /// Those of a query; `None` where it asks for all of time.
    pub(super) fn of(query: &GranuleQuery) -> Option<Self> {
        let every = query.options.get("temporal", "and") == Some(true);
        (!query.temporal.is_empty()).then(|| Self { wanted: query.temporal.clone(), every })
    }

    /// Whether an item was taken at such a time. What states no time is kept, so that nothing is missed.
    pub(super) fn admits(&self, item: &Map<String, Value>) -> bool {
        let Some((first, last)) = interval(item) else { return true };
        let meets = |when: &When| when.meets(first, last);
        if self.every { self.wanted.iter().all(meets) } else { self.wanted.iter().any(meets) }
    }
}

/// First and last instant of an item.
fn interval(item: &Map<String, Value>) -> Option<(TimeValue, TimeValue)> {
    let properties = item.get("properties")?;
    let time = |name: &str| cube_core::Toi::parse(properties.get(name)?.as_str()?).ok()?.periods().first()?.start;
    let one = || time("datetime");
    let (first, last) = (time("start_datetime").or_else(one), time("end_datetime").or_else(one));
    // Some items have the two the wrong way round.
    first.or(last).zip(last.or(first)).map(|(a, b)| (a.min(b), a.max(b)))
}

/// The query as CMR finds at least what is meant, and what that changes.
///
/// CMR counts a season up to the first instant of its last day, and one that reaches over the turn of the year only from the first year of the
/// interval on (`current-end-date` and `periodic-temporal->simple-conditions` of its `converters/temporal.clj`): its January is missing there.
/// So it is told a day more, and such a season in two parts.
pub(super) fn for_cmr(mut query: GranuleQuery, changes: &mut Vec<Change>) -> GranuleQuery {
    let every = query.options.get("temporal", "and") == Some(true);
    let mut told = Vec::with_capacity(query.temporal.len());
    for when in query.temporal {
        let Some(season) = when.season else {
            told.push(when);
            continue;
        };
        changes.push(Change {
            field: "temporal".into(),
            value: days(season),
            effect: Effect::Widened,
            reason: "CMR leaves out most of the last day of a season, and the first weeks of one that begins the year before".into(),
            hint: None,
        });
        match wider(season) {
            // All of these must hold, and two parts never do.
            parts if every && parts.len() > 1 => told.push(When::during(when.period)),
            parts => told.extend(parts.into_iter().map(|season| When { season, ..when }).filter(has_days)),
        }
    }
    query.temporal = told;
    query
}

/// Seasons within a year that hold this one to its last instant, as CMR counts.
fn wider(season: Season) -> Vec<Option<Season>> {
    let until = |last: Option<u16>| last.filter(|day| *day < 365).map(|day| day + 1);
    let part = |first: Option<u16>, last: Option<u16>| (first.is_some() || last.is_some()).then_some(Season { first, last });
    match (season.first, season.last) {
        (Some(first), Some(last)) if first > last => vec![part(Some(first), None), part(None, until(Some(last)))],
        (first, last) => vec![part(first, until(last))],
    }
}

/// That there is a day to be found at all.
///
/// # Errors
/// Seasons of which no day lies in their intervals.
pub(super) fn check(query: &GranuleQuery) -> Result<()> {
    match query.temporal.iter().find_map(|when| when.season) {
        Some(season) if !query.temporal.iter().any(has_days) => {
            let message = format!("none of the days {} of a year lies in the time that is asked for", days(season));
            Err(Error::refused(
                message,
                "give a longer time, or other days: 1 is the first of January, 152 the first of June (or, in leap years, the day before)",
            ))
        }
        _ => Ok(()),
    }
}

fn has_days(when: &When) -> bool {
    let Period { start, end } = when.period;
    when.meets(start.unwrap_or(TimeValue(i64::MIN)), end.unwrap_or(TimeValue(i64::MAX)))
}

/// `152 to 243`.
fn days(season: Season) -> String {
    format!("{} to {}", season.first.unwrap_or(1), season.last.unwrap_or(366))
}

#[cfg(test)]
mod tests {
    use cube_core::Toi;
    use serde_json::json;

    use super::*;

    #[test]
    fn items_say_when_in_several_ways() {
        let winter = Times::of(&GranuleQuery::new().with("temporal", "2023-01-01,2024-12-31,335,59")).expect("times");
        for (properties, expected) in [
            (json!({"datetime": "2024-01-15T10:00:00Z"}), true),
            (json!({"datetime": "2024-06-15T10:00:00Z"}), false),
            (json!({"datetime": "2024-11-30T01:00:00+02:00"}), false),
            (json!({"datetime": null, "start_datetime": "2024-11-01T00:00:00Z", "end_datetime": "2024-12-31T23:59:59.999999Z"}), true),
            (json!({"datetime": "2024-06-15T10:00:00Z", "start_datetime": "2024-01-15T00:00:00Z"}), true),
            (json!({"start_datetime": "2024-06-15T00:00:00Z", "end_datetime": "2024-02-01T00:00:00Z"}), true),
            (json!({"datetime": null}), true),
        ] {
            let item = json!({"properties": properties});
            assert_eq!(winter.admits(item.as_object().expect("an object")), expected, "{properties}");
        }
    }

    #[test]
    fn several_times_are_alternatives_unless_said_otherwise() {
        let both = GranuleQuery::new().with("temporal", "2024-01").with("temporal", "2024-03");
        let admits = |query: &GranuleQuery, start: &str, end: &str| {
            let item = json!({"properties": {"start_datetime": start, "end_datetime": end}});
            Times::of(query).expect("times").admits(item.as_object().expect("an object"))
        };
        assert!(admits(&both, "2024-03-05T00:00:00Z", "2024-03-06T00:00:00Z"));
        assert!(!admits(&both, "2024-02-05T00:00:00Z", "2024-02-06T00:00:00Z"));
        let every = both.option("temporal", "and", true);
        assert!(!admits(&every, "2024-03-05T00:00:00Z", "2024-03-06T00:00:00Z"));
        assert!(admits(&every, "2024-01-05T00:00:00Z", "2024-03-06T00:00:00Z"));
        assert!(Times::of(&GranuleQuery::new()).is_none());
    }

    fn time(text: &str) -> TimeValue {
        Toi::parse(text).expect("a time").periods()[0].start.expect("a start")
    }

    /// What CMR makes of a season, by its source: intervals of each year, both ends inclusive.
    fn cmr_finds(when: &When, at: TimeValue) -> bool {
        let Some(season) = when.season else { return when.period.contains(at) };
        let (begin, end) = (when.period.start.expect("a start"), when.period.end.expect("an end").0 - 1);
        let year = |t: i64| TimeValue(t).to_datetime().format("%Y").to_string().parse::<i32>().expect("a year");
        let day = |year: i32, day: u16| time(&format!("{year}-01-01")).0 + (i64::from(day) - 1) * 86_400_000_000;
        (year(begin.0)..=year(end)).any(|y| {
            let first = season.first.unwrap_or(1);
            let from = day(y, first).max(begin.0);
            let to = match season.last {
                None if y == year(end) => end,
                None => day(y + 1, 1) - 1_000_000,
                Some(last) if last >= first => day(y, last).min(end),
                Some(last) => day(y + 1, last).min(end),
            };
            (from..=to).contains(&at.0)
        })
    }

    #[test]
    fn cmr_is_told_enough_to_find_every_day_of_a_season() {
        for (first, last) in
            [(Some(152), Some(243)), (Some(335), Some(59)), (Some(10), Some(10)), (None, Some(59)), (Some(335), None), (Some(1), Some(366))]
        {
            let season = Some(Season { first, last });
            let period = Period::new(time("2023-01-01"), time("2025-01-01"));
            let mut changes = Vec::new();
            let meant = When { period, season };
            let told = for_cmr(GranuleQuery::new().temporal(meant), &mut changes).temporal;
            assert_eq!(changes.len(), 1);
            let mut lost = 0;
            for hours in 0..24 * 731 {
                let at = TimeValue(period.start.expect("a start").0 + hours * 3_600_000_000);
                let found = told.iter().any(|w| cmr_finds(w, at));
                assert!(found || !meant.meets(at, at), "{first:?} to {last:?}: {}", at.to_datetime());
                lost += usize::from(meant.meets(at, at) && !cmr_finds(&meant, at));
            }
            assert_eq!(lost == 0, last.is_none(), "{first:?} to {last:?}: CMR loses {lost} hours otherwise");
        }
    }

    #[test]
    fn parts_of_a_season_that_lie_outside_the_time_are_not_asked_for() {
        let ask = |toi: &str, first: u16, last: u16| {
            let when = When { period: Toi::parse(toi).expect("a time").periods()[0], season: Some(Season { first: Some(first), last: Some(last) }) };
            GranuleQuery::new().temporal(when)
        };
        let told = for_cmr(ask("2024-01/2024-02", 335, 59), &mut Vec::new());
        assert_eq!(told.temporal.len(), 1);
        assert_eq!(told.temporal[0].season, Some(Season { first: None, last: Some(60) }));
        assert_eq!(for_cmr(ask("2024", 335, 59), &mut Vec::new()).temporal.len(), 2);
        assert!(check(&ask("2024-06", 1, 31)).is_err() && check(&ask("2024-06", 1, 180)).is_ok() && check(&GranuleQuery::new()).is_ok());
    }
}
