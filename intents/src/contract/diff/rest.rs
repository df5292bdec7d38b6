//! Texts, triggers, keys and budgets.

use super::{Diff, Direction};
use crate::contract::{Budgets, Contract, Once, Source, Trigger};
use crate::schedule::CatchUp;

pub(super) fn texts(old: &Contract, new: &Contract, diff: &mut Diff) {
    for (part, before, after) in [("title", old.title(), new.title()), ("goal", old.goal(), new.goal())] {
        if before != after {
            diff.add(Direction::Neutral, part, Some(before.to_owned()), Some(after.to_owned()));
        }
    }
}

/// What starts runs is what they read first; another source is more.
pub(super) fn triggers(old: &Contract, new: &Contract, diff: &mut Diff) {
    let (before, after) = (old.triggers(), new.triggers());
    let mut told: Vec<&Trigger> = Vec::new();
    for trigger in after.iter().filter(|trigger| !before.contains(trigger)) {
        let wider = before.iter().find(|old| starts_less(trigger, old));
        let direction = if wider.is_some() { Direction::Narrows } else { Direction::Widens };
        told.extend(wider);
        diff.add(direction, "triggers", wider.map(Trigger::words), Some(trigger.words()));
    }
    for trigger in before.iter().filter(|trigger| !after.contains(trigger) && !told.contains(trigger)) {
        diff.add(Direction::Narrows, "triggers", Some(trigger.words()), None);
    }
}

fn starts_less(new: &Trigger, old: &Trigger) -> bool {
    let makes_up = |catch_up: CatchUp| match catch_up {
        CatchUp::None => 0,
        CatchUp::Latest => 1,
        CatchUp::All => 2,
    };
    let same_source = match (&new.source, &old.source) {
        (
            Source::Schedule { cron, zone, catch_up },
            Source::Schedule { cron: same_cron, zone: same_zone, catch_up: before },
        ) => cron == same_cron && zone == same_zone && makes_up(*catch_up) <= makes_up(*before),
        (
            Source::Schedule { .. }
            | Source::File { .. }
            | Source::Webhook { .. }
            | Source::Event { .. }
            | Source::Manual,
            _,
        ) => new.source == old.source,
    };
    let useful_for_less = match (new.useful_for, old.useful_for) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(old)) => new <= old,
    };
    same_source && useful_for_less && new.overlap == old.overlap
}

/// Under another key the same thing happens again.
pub(super) fn once(old: &Contract, new: &Contract, diff: &mut Diff) {
    let grants = |contract: &Contract, once: &Once| {
        contract.capabilities().iter().any(|capability| capability.tool == once.tool)
    };
    for once in old.once() {
        match new.once_of(&once.tool) {
            Some(same) if same_parts(same, once) => {}
            Some(other) => diff.add(Direction::Widens, "once", Some(once.words()), Some(other.words())),
            None if grants(new, once) => diff.add(Direction::Widens, "once", Some(once.words()), None),
            None => diff.add(Direction::Neutral, "once", Some(once.words()), None),
        }
    }
    for once in new.once().iter().filter(|once| old.once_of(&once.tool).is_none()) {
        let direction = if grants(old, once) { Direction::Widens } else { Direction::Neutral };
        diff.add(direction, "once", None, Some(once.words()));
    }
}

fn same_parts(one: &Once, other: &Once) -> bool {
    one.per.len() == other.per.len() && one.per.iter().all(|part| other.per.contains(part))
}

pub(super) fn budgets(old: &Contract, new: &Contract, diff: &mut Diff) {
    let (before, after) = (old.budgets(), new.budgets());
    let cost = |budgets: &Budgets| Budgets { repairs_per_week: None, ..*budgets };
    let repairs = |budgets: &Budgets| Budgets { model_cost_per_month: None, ..*budgets };
    let lower = [
        (cost(before), cost(after), is_lower(before.model_cost_per_month, after.model_cost_per_month)),
        (repairs(before), repairs(after), is_lower(before.repairs_per_week, after.repairs_per_week)),
    ];
    for (before, after, is_lower) in lower.into_iter().filter(|(before, after, _)| before != after) {
        let direction = if is_lower { Direction::Narrows } else { Direction::Widens };
        diff.add(direction, "budgets", before.words().pop(), after.words().pop());
    }
}

fn is_lower<T: PartialOrd>(before: Option<T>, after: Option<T>) -> bool {
    match (before, after) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(before), Some(after)) => after <= before,
    }
}
