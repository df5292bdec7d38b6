//! Mail addresses, web addresses, words in texts and times of the day, read as plainly as possible.

use std::sync::LazyLock;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use regex::Regex;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
static MAIL: LazyLock<Regex> = LazyLock::new(|| {
    let address = r"([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+)@((?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])(?:\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]))*)";
    Regex::new(&format!(r#"^(?:{address}|[^<>()\[\]\\,;:@"\x00-\x1f]*<{address}>)$"#)).unwrap()
});
static WEB: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(https?)://([a-z0-9][a-z0-9.-]*[a-z0-9])(:[0-9]+)?(/[^?#]*)?(\?[^#]*)?$").unwrap());

/// The address behind a name, its domain in small letters.
pub(crate) fn mail(text: &str) -> Option<String> {
    let found = MAIL.captures(text)?;
    let part = |plain: usize, named: usize| found.get(plain).or_else(|| found.get(named)).unwrap().as_str();
    Some(format!("{}@{}", part(1, 3), part(2, 4).to_lowercase()))
}

/// Scheme with host and port, path, and query of an address in its plain form.
pub(crate) struct Web {
    pub(crate) host: String,
    pub(crate) origin: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

pub(crate) fn web(text: &str) -> Option<Web> {
    let found = WEB.captures(text)?;
    let part = |index: usize| found.get(index).map_or("", |part| part.as_str());
    let path = if part(4).is_empty() { "/" } else { part(4) };
    let strange = path.contains("//")
        || path.contains(['\\', ' ', '%', '@'])
        || path.split('/').any(|step| step.starts_with(".."))
        || path.split('/').any(|step| step == ".")
        // The standard writes a slash before a query.
        || (part(4).is_empty() && !part(5).is_empty());
    if strange || part(3) == ":80" || part(3) == ":443" {
        return None;
    }
    Some(Web {
        host: part(2).to_owned(),
        origin: format!("{}://{}{}", part(1), part(2), part(3)),
        path: path.to_owned(),
        query: found.get(5).map(|query| query.as_str()[1..].to_owned()),
    })
}

/// Whether an address lies under a prefix.
pub(crate) fn lies_under(address: &Web, prefix: &Web) -> bool {
    if address.origin != prefix.origin {
        return false;
    }
    match &prefix.query {
        Some(start) => {
            address.path == prefix.path && address.query.as_ref().is_some_and(|query| query.starts_with(start.as_str()))
        }
        None => {
            let folder = format!("{}/", prefix.path.trim_end_matches('/'));
            address.path.starts_with(&folder) || (address.path == prefix.path)
        }
    }
}

/// Whether a word stands in a text with nothing that belongs to it before or after.
pub(crate) fn stands_in(word: &str, text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let word: Vec<char> = word.chars().collect();
    if word.is_empty() || word.len() > letters.len() {
        return false;
    }
    let is_letter = |place: i64| {
        usize::try_from(place).ok().and_then(|place| letters.get(place)).is_some_and(|c| c.is_alphanumeric())
    };
    let joins = |place: i64| {
        usize::try_from(place).ok().and_then(|place| letters.get(place)).is_some_and(|c| "-_./\\".contains(*c))
    };
    (0..=letters.len() - word.len()).filter(|start| letters[*start..*start + word.len()] == word[..]).any(|start| {
        let (before, after) = (start as i64 - 1, (start + word.len()) as i64);
        let touched_before = is_letter(before) || (joins(before) && is_letter(before - 1));
        let touched_after = is_letter(after) || (joins(after) && is_letter(after + 1));
        !touched_before && !touched_after
    })
}

/// The end of the quiet hours that a time falls into, in milliseconds.
pub(crate) fn quiet_until(from: &str, to: &str, zone: &str, now: i64) -> Option<i64> {
    let zone = ZONES.get(zone).unwrap();
    let time = |text: &str| -> Time {
        let (hour, minute) = text.split_once(':').unwrap();
        Time::new(hour.parse().unwrap(), minute.parse().unwrap(), 0, 0).unwrap()
    };
    let (from, to) = (time(from), time(to));
    let today: Date = zone.to_datetime(Timestamp::from_millisecond(now).unwrap()).date();
    let stretches: Vec<(i64, i64)> = (-3..6)
        .map(|shift| today.checked_add(shift.days()).unwrap())
        .map(|day| {
            let last = if from < to { day } else { day.tomorrow().unwrap() };
            (instant(&zone, day.to_datetime(from)), instant(&zone, last.to_datetime(to)))
        })
        .collect();
    let is_quiet = |at: i64| stretches.iter().any(|(start, end)| *start <= at && at < *end);
    let ends = stretches.iter().map(|(_, end)| *end).filter(|end| *end > now && !is_quiet(*end));
    if is_quiet(now) { ends.min() } else { None }
}

/// A time that does not exist is the next that does; of one that exists twice it is the first.
fn instant(zone: &TimeZone, mut local: DateTime) -> i64 {
    loop {
        let ambiguous = zone.to_ambiguous_timestamp(local);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => local = local.checked_add(1.minute()).unwrap(),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                return ambiguous.earlier().unwrap().as_millisecond();
            }
        }
    }
}
