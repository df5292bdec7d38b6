//! Limits, approvals and expectations: each old one must still hold.

use super::imply::{all_imply, asks_as_often};
use super::{Diff, Direction};
use crate::contract::{Approval, Contract, Envelope, Excess, Flow, Limit, Sink};
use crate::expect::Expect;
use crate::tool::Name;

pub(super) fn limits(old: &Contract, new: &Contract, diff: &mut Diff) {
    let about_granted = |limit: &Limit| limit.tool().is_none_or(|tool| grants(new, tool));
    let same_kind = |one: &Limit, other: &Limit| {
        std::mem::discriminant(one) == std::mem::discriminant(other) && one.tool() == other.tool()
    };
    restrictions("limits", (old.limits(), new.limits()), is_as_strict, same_kind, about_granted, Limit::words, diff);
}

pub(super) fn approvals(old: &Contract, new: &Contract, diff: &mut Diff) {
    let about_granted = |approval: &Approval| grants(new, &approval.tool);
    let same_kind = |one: &Approval, other: &Approval| one.tool == other.tool;
    let parts = (old.approvals(), new.approvals());
    restrictions("approvals", parts, asks_whenever, same_kind, about_granted, Approval::words, diff);
}

/// An expectation gives no power, but silence that is not noticed any more is something to confirm.
pub(super) fn expectations(old: &Contract, new: &Contract, diff: &mut Diff) {
    let notices = |new: &Expect, old: &Expect| new.per <= old.per && new.at_least >= old.at_least;
    restrictions("expect", (old.expect(), new.expect()), notices, |_, _| true, |_| true, Expect::words, diff);
}

fn grants(contract: &Contract, tool: &Name) -> bool {
    contract.capabilities().iter().any(|capability| capability.tool == *tool)
}

/// Each old clause must be there, or one that is as strict.
fn restrictions<T: PartialEq>(
    part: &'static str,
    (before, after): (&[T], &[T]),
    is_as_strict: impl Fn(&T, &T) -> bool,
    same_kind: impl Fn(&T, &T) -> bool,
    matters: impl Fn(&T) -> bool,
    words: impl Fn(&T) -> String,
    diff: &mut Diff,
) {
    let mut told: Vec<&T> = Vec::new();
    for old in before.iter().filter(|old| !after.contains(old)) {
        let stricter = after.iter().find(|new| is_as_strict(new, old));
        let instead = || after.iter().find(|new| same_kind(new, old) && !before.contains(new));
        let (direction, new) = match stricter {
            Some(new) => (Direction::Narrows, Some(new)),
            None if matters(old) => (Direction::Widens, instead()),
            // What it was about may not be done at all any more.
            None => (Direction::Neutral, None),
        };
        told.extend(new);
        diff.add(direction, part, Some(words(old)), new.map(&words));
    }
    for new in after.iter().filter(|new| !before.contains(new) && !told.contains(new)) {
        diff.add(Direction::Narrows, part, None, Some(words(new)));
    }
}

fn is_as_strict(new: &Limit, old: &Limit) -> bool {
    match (new, old) {
        (Limit::Rate { rate: new, beyond }, Limit::Rate { rate: old, beyond: excess }) => {
            let same = new.tool == old.tool && new.per == old.per;
            same && new.max <= old.max && new.window >= old.window && lets_less(*beyond, *excess)
        }
        (Limit::Sum { sum: new, beyond }, Limit::Sum { sum: old, beyond: excess }) => {
            let same = new.tool == old.tool && new.of == old.of && new.per == old.per;
            same && new.max <= old.max && new.window >= old.window && lets_less(*beyond, *excess)
        }
        (Limit::Quiet { tool, hours, beyond }, Limit::Quiet { tool: same, hours: within, beyond: excess }) => {
            tool == same && hours.includes(within) && lets_less(*beyond, *excess)
        }
        (Limit::Flow(new), Limit::Flow(old)) => flows_less(new, old),
        (Limit::Rate { .. } | Limit::Sum { .. } | Limit::Quiet { .. } | Limit::Flow(_), _) => false,
    }
}

/// What is skipped never happens; what waits happens later; what is asked about may happen at once.
fn lets_less(new: Excess, old: Excess) -> bool {
    let power = |excess: Excess| match excess {
        Excess::Skip => 0,
        Excess::Wait => 1,
        Excess::Ask => 2,
    };
    power(new) <= power(old)
}

fn flows_less(new: &Flow, old: &Flow) -> bool {
    let was_there = |sink: &Sink| match sink {
        Sink::Tool(_) => old.to.contains(sink),
        Sink::Place(place) => old.to.iter().any(|wider| match wider {
            Sink::Place(wider) => wider.includes(place),
            Sink::Tool(_) => false,
        }),
    };
    new.from.includes(&old.from) && new.to.iter().all(was_there)
}

/// Whether the new clause asks whenever the old one did, and for no less.
fn asks_whenever(new: &Approval, old: &Approval) -> bool {
    let for_as_many = match (new.first, old.first) {
        (None, _) => true,
        (Some(_), None) => false,
        // Under other conditions other effects are counted.
        (Some(new_first), Some(old_first)) => new_first >= old_first && new.when == old.when,
    };
    new.tool == old.tool
        && asks_as_often(&new.when, &old.when)
        && for_as_many
        && covers_less(new, new.envelope.as_ref(), old.envelope.as_ref())
}

fn covers_less(approval: &Approval, new: Option<&Envelope>, old: Option<&Envelope>) -> bool {
    match (new, old) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(new), Some(old)) => {
            new.at_most <= old.at_most
                && new.valid_for <= old.valid_for
                && all_imply(&approval.tool, &new.conditions, &old.conditions)
        }
    }
}
