//! Times as people at this machine read them.

use jiff::tz::TimeZone;

/// A time of the API in the time zone of this machine.
pub(super) fn local(at: &str) -> String {
    in_zone(at, TimeZone::system())
}

/// A time that may be missing.
pub(super) fn local_or_dash(at: Option<&String>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| local(at))
}

fn in_zone(at: &str, zone: TimeZone) -> String {
    at.parse::<jiff::Timestamp>()
        .map_or_else(|_| at.to_owned(), |at| at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_local_and_what_is_no_time_stays() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        assert_eq!(in_zone("2026-07-01T10:00:00.123Z", rome.clone()), "2026-07-01 12:00:00");
        assert_eq!(in_zone("soon", rome), "soon");
    }
}
