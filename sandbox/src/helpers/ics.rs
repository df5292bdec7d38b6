//! Calendars (iCalendar): events as plain data.

use icalendar::parser::{Component, Property, read_calendar, unfold};
use jiff::civil;
use serde_json::{Map, Value, json};

use crate::helpers::{Problem, time};

/// Reads a calendar: `{ name, events: [{ uid, summary, start, end, allDay, .., properties }] }`.
///
/// A start or end is `YYYY-MM-DD` for a whole day, a point in time where its zone is known, and local time otherwise.
pub(crate) fn parse(text: &str) -> Result<String, Problem> {
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded).map_err(|_| Problem::new("the text is no calendar (ICS)"))?;
    let name = calendar.properties.iter().find(|property| property.name.as_str() == "X-WR-CALNAME");
    let events: Vec<Value> = calendar
        .components
        .iter()
        .filter(|component| component.name.as_str().eq_ignore_ascii_case("VEVENT"))
        .map(event)
        .collect();
    Ok(json!({ "name": name.map(|name| name.val.as_str()), "events": events }).to_string())
}

fn event(component: &Component<'_>) -> Value {
    let text = |name: &str| component.find_prop(name).map(|property| property.val.clone().unescape_text().to_string());
    let start = component.find_prop("DTSTART");
    let properties: Map<String, Value> = component
        .properties
        .iter()
        .map(|property| (property.name.as_str().to_owned(), property.val.as_str().into()))
        .collect();
    json!({
        "uid": text("UID"),
        "summary": text("SUMMARY"),
        "description": text("DESCRIPTION"),
        "location": text("LOCATION"),
        "status": text("STATUS"),
        "start": start.map(point),
        "end": component.find_prop("DTEND").map(point),
        "allDay": start.is_some_and(|start| start.val.as_str().len() == DATE_LENGTH),
        "zone": start.and_then(zone),
        "rule": text("RRULE"),
        "properties": properties,
    })
}

/// `20260329`
const DATE_LENGTH: usize = 8;

fn zone<'a>(property: &'a Property<'_>) -> Option<&'a str> {
    let zone = property.params.iter().find(|parameter| parameter.key.as_str() == "TZID")?;
    zone.val.as_ref().map(|zone| zone.as_str())
}

fn point(property: &Property<'_>) -> String {
    let text = property.val.as_str();
    if let Ok(date) = civil::Date::strptime("%Y%m%d", text) {
        return date.to_string();
    }
    let (local, zone) = match text.strip_suffix('Z') {
        Some(local) => (local, Some("UTC")),
        None => (text, zone(property)),
    };
    let Ok(local) = civil::DateTime::strptime("%Y%m%dT%H%M%S", local) else { return text.to_owned() };
    let zoned = zone.and_then(|zone| time::zone(zone).ok()).and_then(|zone| local.to_zoned(zone).ok());
    zoned.map_or_else(|| local.to_string(), |zoned| zoned.timestamp().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_points_in_time_where_their_zone_is_known() {
        let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:a\\, b\r\n\
                    DTSTART;TZID=Europe/Rome:20260329T090000\r\nDTEND:20260329T080000Z\r\nEND:VEVENT\r\n\
                    BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20260401\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let parsed: Value = serde_json::from_str(&parse(text).unwrap()).unwrap();
        assert_eq!(parsed["events"][0]["summary"], "a, b");
        assert_eq!(parsed["events"][0]["start"], "2026-03-29T07:00:00Z");
        assert_eq!(parsed["events"][0]["end"], "2026-03-29T08:00:00Z");
        assert_eq!(parsed["events"][1]["start"], "2026-04-01");
        assert_eq!(parsed["events"][1]["allDay"], true);
    }

    #[test]
    fn what_is_no_calendar_is_refused() {
        assert!(parse("hello").is_err());
    }
}
