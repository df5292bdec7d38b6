//! What a person says yes to before it happens.

use std::collections::BTreeMap;

use super::Condition;
use super::place::Place;
use crate::time::Span;
use crate::tool::Name;

/// Calls that need a person's yes.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// The tool whose calls need it.
    pub tool: Name,
    /// Only calls of which all this may hold; without conditions every call.
    pub when: BTreeMap<Place, Condition>,
    /// Only the first so many effects of each major version of the script.
    pub first: Option<u32>,
    /// What one yes may cover beside the one call.
    pub envelope: Option<Envelope>,
}

/// Several calls that one yes may cover: so many, of this kind, for so long.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The most calls.
    pub at_most: u32,
    /// What must hold for each.
    pub conditions: BTreeMap<Place, Condition>,
    /// For how long after the yes.
    pub valid_for: Span,
}
