//! Whether one condition holds wherever another does.

use std::collections::BTreeMap;

use crate::contract::cover::{companion_places, leaves_open};
use crate::contract::place::Place;
use crate::contract::{Comparison, Condition, Prefix};
use crate::pointer::Pointer;
use crate::tool::Name;

/// Whether every call that these conditions cover is covered by those, and by the rows that both are bound to.
pub(super) fn all_imply(tool: &Name, new: &BTreeMap<Place, Condition>, old: &BTreeMap<Place, Condition>) -> bool {
    old.iter().all(|(place, wanted)| {
        let own = new.get(place);
        own.is_some_and(|own| implies(own, wanted) && (leaves_open(wanted) || !leaves_open(own)))
            && place.argument().is_none_or(|pointer| companions_imply(tool, pointer, wanted, new, old))
    })
}

/// A condition on "to" reaches to the copies, unless these have a condition of their own. A new condition of their own
/// must not let more pass than the one that reached to them.
fn companions_imply(
    tool: &Name,
    pointer: &Pointer,
    wanted: &Condition,
    new: &BTreeMap<Place, Condition>,
    old: &BTreeMap<Place, Condition>,
) -> bool {
    let about = |conditions: &BTreeMap<Place, Condition>, place: &Pointer| {
        let mut own = conditions.keys().filter_map(Place::argument);
        own.any(|pointer| pointer.segments().starts_with(place.segments()))
    };
    companion_places(tool, pointer).into_iter().all(|(place, is_alike)| {
        if about(old, &place) || !about(new, &place) {
            return true;
        }
        is_alike && new.get(&Place::Argument(place)).is_some_and(|own| implies(own, wanted))
    })
}

/// Whether the new condition holds only where the old one does.
pub(super) fn implies(new: &Condition, old: &Condition) -> bool {
    use Comparison::{
        AsRow, AtMostLength, Contains, Equals, GreaterThan, LessThan, Matches, Names, OneOf, Prefix as Starts,
    };
    if new == old {
        return true;
    }
    if new.shape != old.shape {
        return false;
    }
    match (&new.comparison, &old.comparison) {
        // What equals a constant is read as the constant is.
        (Equals(value), Equals(_) | OneOf(_) | Starts(_) | Contains(_) | Matches(_) | GreaterThan(_) | LessThan(_))
        | (Equals(value), AtMostLength(_)) => old.holds(value),
        (OneOf(values), Equals(_) | OneOf(_) | Starts(_) | Contains(_) | Matches(_) | GreaterThan(_) | LessThan(_))
        | (OneOf(values), AtMostLength(_)) => values.iter().all(|value| old.holds(value)),
        (Starts(Prefix::Text(new)), Starts(Prefix::Text(old))) => new.starts_with(old.as_str()),
        (Starts(Prefix::Address(new)), Starts(Prefix::Address(old))) => old.includes(new),
        (Starts(Prefix::Text(new)) | Contains(new), Contains(old)) => new.contains(old.as_str()),
        (GreaterThan(new), GreaterThan(old)) => new >= old,
        (LessThan(new), LessThan(old)) => new <= old,
        (AtMostLength(new), AtMostLength(old)) => new <= old,
        (
            Equals(_) | OneOf(_) | Starts(_) | Contains(_) | Names(_) | Matches(_) | GreaterThan(_) | LessThan(_)
            | AtMostLength(_) | AsRow(..),
            _,
        ) => false,
    }
}

/// Whether every call to which conditions of an approval may apply is one to which the new ones may apply: there are none
/// that the old do not have, and each bound is at least as low or high.
pub(super) fn asks_as_often(new: &BTreeMap<Place, Condition>, old: &BTreeMap<Place, Condition>) -> bool {
    new.iter().all(|(place, new)| {
        let Some(old) = old.get(place) else { return false };
        let eased = match (&new.comparison, &old.comparison) {
            (Comparison::GreaterThan(new), Comparison::GreaterThan(old)) => new <= old,
            (Comparison::LessThan(new), Comparison::LessThan(old)) => new >= old,
            (
                Comparison::Equals(_)
                | Comparison::OneOf(_)
                | Comparison::Prefix(_)
                | Comparison::Contains(_)
                | Comparison::Names(_)
                | Comparison::Matches(_)
                | Comparison::GreaterThan(_)
                | Comparison::LessThan(_)
                | Comparison::AtMostLength(_)
                | Comparison::AsRow(..),
                _,
            ) => false,
        };
        new == old || (eased && new.shape == old.shape)
    })
}
