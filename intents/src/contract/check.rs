//! What must hold between the clauses of a contract.

use std::collections::BTreeSet;

use super::parse::Draft;
use super::read::Problems;
use super::{Limit, Sink, Source, Trigger, Vocabulary, problem};
use crate::tool::{Definition, Name};

/// Gathers the problems of clauses with each other.
pub(super) fn together(draft: &Draft, vocabulary: &dyn Vocabulary, problems: &mut Problems) {
    let granted: BTreeSet<&Name> = draft.granted.iter().map(|(_, tool)| tool).collect();
    duplicates("triggers", &draft.triggers, problems);
    one_webhook_per_name(&draft.triggers, problems);
    duplicates("capabilities", &draft.capabilities, problems);
    duplicates("limits", &draft.limits, problems);
    duplicates("approvals", &draft.approvals, problems);
    duplicates("expect", &draft.expect, problems);
    every_effect_has_its_key(draft, vocabulary, problems);
    for (index, once) in &draft.once {
        let at = format!("/once/{index}");
        if draft.once.iter().any(|(earlier, other)| earlier < index && other.tool == once.tool) {
            let message = format!("there is a clause for `{}` before; a tool has one key", once.tool);
            problems.add(problem::DUPLICATE, &at, message);
        }
        if !granted.contains(&once.tool) {
            not_granted(&once.tool, &at, problems);
        } else if !takes_key(&once.tool, vocabulary) {
            let message =
                format!("`{}` can be repeated without harm and takes no key; leave the clause out", once.tool);
            problems.add(problem::ONCE_UNFIT, &at, message);
        }
    }
    clauses_are_about_granted_tools(draft, &granted, problems);
    one_flow_for_an_origin(&draft.limits, problems);
}

fn clauses_are_about_granted_tools(draft: &Draft, granted: &BTreeSet<&Name>, problems: &mut Problems) {
    let mut check = |tool: &Name, at: String| {
        if !granted.contains(tool) {
            not_granted(tool, &at, problems);
        }
    };
    for (index, capability) in &draft.capabilities {
        for (name, bind) in &capability.bind {
            check(&bind.row_of, format!("/capabilities/{index}/bind/{name}/row_of"));
        }
    }
    for (index, limit) in &draft.limits {
        match limit {
            Limit::Rate { rate, .. } => check(&rate.tool, format!("/limits/{index}/rate/tool")),
            Limit::Sum { sum, .. } => check(&sum.tool, format!("/limits/{index}/sum/tool")),
            Limit::Quiet { tool, .. } => check(tool, format!("/limits/{index}/quiet_hours/tool")),
            Limit::Flow(flow) => {
                for (place, sink) in flow.to.iter().enumerate() {
                    if let Sink::Tool(tool) = sink {
                        check(tool, format!("/limits/{index}/flow/to/{place}"));
                    }
                }
            }
        }
    }
    for (index, approval) in &draft.approvals {
        check(&approval.tool, format!("/approvals/{index}/tool"));
    }
}

/// Two clauses for one origin would each forbid what the other allows.
fn one_flow_for_an_origin(limits: &[(usize, Limit)], problems: &mut Problems) {
    let mut origins = BTreeSet::new();
    for (index, limit) in limits {
        if let Limit::Flow(flow) = limit
            && !origins.insert(&flow.from)
        {
            let message = format!("there is a clause for `{}` before; name all places in one", flow.from);
            problems.add(problem::DUPLICATE, &format!("/limits/{index}/flow/from"), message);
        }
    }
}

/// The name is the address: two of a name could not be told apart.
fn one_webhook_per_name(triggers: &[(usize, Trigger)], problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for (index, trigger) in triggers {
        if let Source::Webhook { name, .. } = &trigger.source
            && !names.insert(name)
        {
            let message = format!("there is a webhook `{name}` before; name this one otherwise");
            problems.add(problem::DUPLICATE, &format!("/triggers/{index}/webhook/name"), message);
        }
    }
}

fn every_effect_has_its_key(draft: &Draft, vocabulary: &dyn Vocabulary, problems: &mut Problems) {
    let mut told = BTreeSet::new();
    for (index, tool) in &draft.granted {
        let keyed = draft.once.iter().any(|(_, once)| once.tool == *tool);
        if takes_key(tool, vocabulary) && !keyed && told.insert(tool) {
            let message = format!(
                "`{tool}` changes something outside and cannot simply be repeated; say under which key it happens \
                 once: \"once\": [{{ \"tool\": \"{tool}\", \"per\": [\"invoice\"] }}]"
            );
            problems.add(problem::ONCE_MISSING, &format!("/capabilities/{index}/tool"), message);
        }
    }
}

/// Whether calls of the tool need an effect key.
fn takes_key(tool: &Name, vocabulary: &dyn Vocabulary) -> bool {
    vocabulary.definition(tool).is_some_and(Definition::takes_key)
}

fn not_granted(tool: &Name, at: &str, problems: &mut Problems) {
    let message = format!("no capability grants `{tool}`; grant it or leave the clause out");
    problems.add(problem::TOOL_NOT_GRANTED, at, message);
}

fn duplicates<T: PartialEq>(kind: &str, clauses: &[(usize, T)], problems: &mut Problems) {
    for (index, clause) in clauses {
        let earlier = clauses.iter().find(|(earlier, other)| earlier < index && other == clause);
        if let Some((earlier, _)) = earlier {
            problems.add(
                problem::DUPLICATE,
                &format!("/{kind}/{index}"),
                format!("this says the same as /{kind}/{earlier}"),
            );
        }
    }
}
