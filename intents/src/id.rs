//! Typed identifiers: a ULID behind a prefix that says what it names.

use std::fmt;
use std::str::FromStr;

use crate::Timestamp;

/// Why a text is no identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of the form `{prefix}_` followed by 26 characters")]
pub struct Malformed {
    /// What was given.
    pub text: String,
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// A 128-bit sortable identifier: 48 bits of milliseconds, 80 bits of chance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(u128);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TEXT_LEN: usize = 26;

impl Ulid {
    /// Makes an identifier from a time and 80 bits of chance (the rest of `entropy` is ignored).
    pub fn from_parts(at: Timestamp, entropy: u128) -> Self {
        let millis = u128::from(at.as_millis().max(0).unsigned_abs()) & ((1 << 48) - 1);
        Self((millis << 80) | (entropy & ((1 << 80) - 1)))
    }

    /// The lowest identifier above this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The bits, most significant first.
    pub fn to_u128(self) -> u128 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() != TEXT_LEN {
            return None;
        }
        let mut bits: u128 = 0;
        for (position, byte) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|&c| c == byte)? as u128;
            if position == 0 && digit > 7 {
                return None;
            }
            bits = (bits << 5) | digit;
        }
        Some(Self(bits))
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; TEXT_LEN];
        let mut bits = self.0;
        for slot in text.iter_mut().rev() {
            *slot = ALPHABET[(bits & 31) as usize];
            bits >>= 5;
        }
        f.write_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

impl fmt::Debug for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Declares an identifier type with its own prefix.
macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// The prefix with which every such id prints.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from a time and chance.
            pub fn from_parts(at: Timestamp, entropy: u128) -> Self {
                Self(Ulid::from_parts(at, entropy))
            }

            /// The lowest id of this kind.
            pub const ZERO: Self = Self(Ulid(0));

            /// The id of this kind with the given identifier.
            pub const fn from_ulid(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// The identifier without its prefix.
            pub fn ulid(self) -> Ulid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(Ulid::parse)
                    .map(Self)
                    .ok_or_else(|| Malformed { text: text.to_owned(), prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

typed_id!(
    /// Identifies what the user delegated. Prints as `auto_01JD...`.
    AutomationId, "auto");
typed_id!(
    /// Identifies one version of a contract. Prints as `ctr_01JD...`.
    ContractId, "ctr");
typed_id!(
    /// Identifies one version of a script. Prints as `scr_01JD...`.
    ScriptId, "scr");
typed_id!(
    /// Identifies one execution of an automation. Prints as `run_01JD...`.
    RunId, "run");
typed_id!(
    /// Identifies one crossing from script to host. Prints as `call_01JD...`.
    CallId, "call");
typed_id!(
    /// Identifies a durable message on its way to an automation. Prints as `item_01JD...`.
    ItemId, "item");
typed_id!(
    /// Identifies something that a run sleeps on. Prints as `wait_01JD...`.
    WaitId, "wait");
typed_id!(
    /// Identifies an entry of the action-needed inbox. Prints as `need_01JD...`.
    NeedId, "need");
typed_id!(
    /// Identifies an entry of an event stream. Prints as `evt_01JD...`.
    EventId, "evt");
typed_id!(
    /// Identifies an event stream. Prints as `room_01JD...`.
    RoomId, "room");
typed_id!(
    /// Identifies a trigger of an automation. Prints as `trig_01JD...`.
    TriggerId, "trig");
typed_id!(
    /// Identifies a row of the ledger. Prints as `eff_01JD...`.
    EffectId, "eff");
typed_id!(
    /// Identifies a person's yes or no to an effect. Prints as `appr_01JD...`.
    ApprovalId, "appr");
typed_id!(
    /// Identifies a token of an engine outside. Prints as `etok_01JD...`.
    EngineTokenId, "etok");
typed_id!(
    /// Identifies something that an engine outside made in a run. Prints as `art_01JD...`.
    ArtifactId, "art");
typed_id!(
    /// Identifies a provider of models. Prints as `prov_01JD...`.
    ProviderId, "prov");
typed_id!(
    /// Identifies one call of a model. Prints as `mcall_01JD...`.
    ModelCallId, "mcall");
typed_id!(
    /// Identifies one time that an automation spends in shadow. Prints as `shadow_01JD...`.
    ShadowId, "shadow");
typed_id!(
    /// Identifies what a shadow run would have done. Prints as `note_01JD...`.
    NoteId, "note");
typed_id!(
    /// Identifies the proof sheet of one trial. Prints as `trial_01JD...`.
    TrialId, "trial");
typed_id!(
    /// Identifies a conversation with a person. Prints as `th_01JD...`.
    ThreadId, "th");
typed_id!(
    /// Identifies a message of a thread. Prints as `msg_01JD...`.
    MessageId, "msg");
typed_id!(
    /// Identifies a proposed automation, for a person to confirm. Prints as `card_01JD...`.
    CardId, "card");
typed_id!(
    /// Identifies what the maintainer did about one failure. Prints as `rep_01JD...`.
    RepairId, "rep");
typed_id!(
    /// Identifies failures that have one cause, and what became of them. Prints as `inc_01JD...`.
    IncidentId, "inc");
typed_id!(
    /// Identifies a recorded run that every version must still lead to the same effects. Prints as `gold_01JD...`.
    GoldenId, "gold");
typed_id!(
    /// Identifies a message to the user's mailbox or webhook. Prints as `dlv_01JD...`.
    DeliveryId, "dlv");
typed_id!(
    /// Identifies a link in a mail that answers a need once. Prints as `link_01JD...`.
    LinkId, "link");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_and_parses_back() {
        let id = RunId::from_parts(Timestamp::from_millis(1_790_000_000_000), u128::MAX);
        assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
        assert!(id.to_string().starts_with("run_"));
    }

    #[test]
    fn ids_sort_by_time() {
        let early = ItemId::from_parts(Timestamp::from_millis(1), u128::MAX);
        let late = ItemId::from_parts(Timestamp::from_millis(2), 0);
        assert!(early < late && early.to_string() < late.to_string());
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let id = RunId::from_parts(Timestamp::from_millis(1), 7).to_string();
        assert!(id.parse::<NeedId>().is_err());
        for text in ["run_", "run_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "run_0000000000000000000000000u", ""] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
