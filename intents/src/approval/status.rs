//! Where an approval stands, and what moves it.

use std::fmt;
use std::str::FromStr;

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// A person is asked.
    Pending,
    /// A person has put the question off.
    Held,
    /// A person said yes; it has room for a use.
    Approved,
    /// A person said no.
    Refused,
    /// Nobody answered in time, or nobody used the yes in time.
    Expired,
    /// It was used as often as it may be.
    Used,
    /// It is for nothing any more: its run ended, what was asked about became another, or the yes was taken back.
    Void,
}

/// What moves an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A person puts the question off.
    Hold,
    /// The time for which it was put off is over.
    Release,
    /// A person says yes.
    Approve,
    /// A person says no.
    Refuse,
    /// Its time is over.
    Expire,
    /// An effect starts under it.
    Use {
        /// Whether that was its last use.
        last: bool,
    },
    /// It is proven that an effect which started under it did not happen.
    GiveBack,
    /// It is for nothing any more.
    Void,
}

/// What cannot become of an approval where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an approval that is {status} cannot {}", verb(*.event))]
pub struct NotNow {
    /// Where it stands.
    pub status: Status,
    /// What was to move it.
    pub event: Event,
}

/// Decides where an approval stands next.
pub fn step(status: Status, event: Event) -> Result<Status, NotNow> {
    use Status::{Approved, Expired, Held, Pending, Refused, Used, Void};
    match (status, event) {
        (Pending | Held, Event::Hold) => Ok(Held),
        (Held, Event::Release) => Ok(Pending),
        (Pending | Held, Event::Approve) => Ok(Approved),
        (Pending | Held, Event::Refuse) => Ok(Refused),
        // What is put off does not expire: the person has seen it, and comes back to it.
        (Pending | Approved, Event::Expire) => Ok(Expired),
        (Approved, Event::Use { last: false }) => Ok(Approved),
        (Approved, Event::Use { last: true }) => Ok(Used),
        // What did not happen took nothing of the yes.
        (Approved | Used, Event::GiveBack) => Ok(Approved),
        // An envelope that is over stays over.
        (Expired | Void, Event::GiveBack) => Ok(status),
        (Pending | Held | Approved, Event::Void) => Ok(Void),
        (Approved | Refused | Expired | Used | Void, Event::Hold | Event::Approve | Event::Refuse)
        | (Pending | Approved | Refused | Expired | Used | Void, Event::Release)
        | (Held | Refused | Expired | Used | Void, Event::Expire)
        | (Pending | Held | Refused | Expired | Used | Void, Event::Use { .. })
        | (Pending | Held | Refused, Event::GiveBack)
        | (Refused | Expired | Used | Void, Event::Void) => Err(NotNow { status, event }),
    }
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Held, Self::Approved, Self::Refused, Self::Expired, Self::Used, Self::Void];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Void => "void",
        }
    }

    /// Whether a person is still asked.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Held => true,
            Self::Approved | Self::Refused | Self::Expired | Self::Used | Self::Void => false,
        }
    }

    /// Whether an effect may come of it: the question is open, or the yes has room.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Pending | Self::Held | Self::Approved => true,
            Self::Refused | Self::Expired | Self::Used | Self::Void => false,
        }
    }
}

const fn verb(event: Event) -> &'static str {
    match event {
        Event::Hold => "be put off",
        Event::Release => "come back",
        Event::Approve => "be approved",
        Event::Refuse => "be refused",
        Event::Expire => "expire",
        Event::Use { .. } => "be used",
        Event::GiveBack => "be given back",
        Event::Void => "be taken back",
    }
}

/// A stored or sent name that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no status of an approval")]
pub struct UnknownStatus(pub String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Hold),
            Just(Event::Release),
            Just(Event::Approve),
            Just(Event::Refuse),
            Just(Event::Expire),
            any::<bool>().prop_map(|last| Event::Use { last }),
            Just(Event::GiveBack),
            Just(Event::Void),
        ]
    }

    #[test]
    fn names_are_read_back() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("yes".parse::<Status>().is_err());
    }

    proptest! {
        #[test]
        fn nothing_is_used_without_a_yes_and_a_no_is_for_ever(
            story in prop::collection::vec(events(), 0..40),
        ) {
            let (mut status, mut answered) = (Status::Pending, None);
            for event in story {
                let Ok(next) = step(status, event) else { continue };
                match event {
                    Event::Approve | Event::Refuse => {
                        prop_assert!(status.is_open() && answered.is_none(), "answered twice");
                        answered = Some(event);
                    }
                    Event::Use { .. } => {
                        prop_assert_eq!((status, answered), (Status::Approved, Some(Event::Approve)));
                    }
                    Event::Hold | Event::Release | Event::Expire | Event::GiveBack | Event::Void => {}
                }
                if matches!(status, Status::Refused | Status::Expired | Status::Void) {
                    prop_assert_eq!(next, status);
                }
                status = next;
            }
        }
    }
}
