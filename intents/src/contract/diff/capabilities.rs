//! Capabilities: each new one must lie within an old one.

use std::collections::BTreeSet;

use super::imply::all_imply;
use super::{Change, Diff, Direction};
use crate::contract::cover::row_of;
use crate::contract::{Approval, Capability, Contract, Limit};
use crate::tool::Name;

const PART: &str = "capabilities";

pub(super) fn capabilities(old: &Contract, new: &Contract, diff: &mut Diff) {
    let (before, after) = (old.capabilities(), new.capabilities());
    let mut narrowed: Vec<&Capability> = Vec::new();
    for capability in after.iter().filter(|capability| !before.contains(capability)) {
        match before.iter().find(|wider| lies_within(capability, wider)) {
            Some(wider) => {
                narrowed.push(wider);
                diff.add(Direction::Narrows, PART, Some(wider.words()), Some(capability.words()));
            }
            None => {
                let gone = |one: &&Capability| one.tool == capability.tool && !after.contains(one);
                let replaced = before.iter().find(gone).map(Capability::words);
                diff.add(Direction::Widens, PART, replaced, Some(capability.words()));
            }
        }
    }
    for capability in before.iter().filter(|capability| !after.contains(capability)) {
        let told = narrowed.contains(&capability)
            || diff.changes.iter().any(|change| change.old.as_ref() == Some(&capability.words()));
        if !told {
            diff.add(Direction::Narrows, PART, Some(capability.words()), None);
        }
    }
    another_may_be_chosen(old, new, diff);
}

/// A call is bound to the rows, and goes through the account, of the first capability that it fits. Where an approval
/// or a flow looks at these, also a capability that is gone can let another take its place.
fn another_may_be_chosen(old: &Contract, new: &Contract, diff: &mut Diff) {
    let tools: BTreeSet<&Name> = new.capabilities().iter().map(|capability| &capability.tool).collect();
    for tool in tools {
        let of = |contract: &'_ Contract| -> Vec<Capability> {
            contract.capabilities().iter().filter(|capability| capability.tool == *tool).cloned().collect()
        };
        let (before, after) = (of(old), of(new));
        if before == after || before.is_empty() {
            continue;
        }
        let asks_about_rows = |contract: &Contract| {
            contract.approvals().iter().any(|approval| approval.tool == *tool && speaks_of_rows(approval))
        };
        let has_flow = old.limits().iter().any(|limit| match limit {
            Limit::Flow(_) => true,
            Limit::Rate { .. } | Limit::Sum { .. } | Limit::Quiet { .. } => false,
        });
        let connects = before.iter().chain(&after).any(|capability| capability.connection.is_some());
        if asks_about_rows(old) || asks_about_rows(new) || (has_flow && connects) {
            diff.changes.push(Change {
                direction: Direction::Widens,
                part: PART,
                old: None,
                new: None,
                why: Some(
                    "approvals or flows look at the row or the account of the first clause that a call fits, and with \
                     other clauses this may be another",
                ),
            });
        }
    }
}

fn speaks_of_rows(approval: &Approval) -> bool {
    let envelope = approval.envelope.iter().flat_map(|envelope| &envelope.conditions);
    approval.when.iter().chain(envelope).any(|(place, condition)| row_of(place, condition).is_some())
}

/// Whether every call that the new capability grants is granted by the old one, with the same rows and no older.
fn lies_within(new: &Capability, old: &Capability) -> bool {
    let is_as_fresh = match (new.fresh_for, old.fresh_for) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(old)) => new <= old,
    };
    new.tool == old.tool
        && new.connection == old.connection
        && new.identity == old.identity
        && old.bind.iter().all(|(name, bind)| new.bind.get(name) == Some(bind))
        && is_as_fresh
        && all_imply(&new.tool, &new.conditions, &old.conditions)
}
