//! Bounds on how often, how much, when and where to.

use std::time::Duration;

use super::common::{COUNT_MAX, TEXT_MAX, argument, span, tool};
use crate::amount::Amount;
use crate::canonical;
use crate::contract::read::{Members, Node, Problems, advice, echo};
use crate::contract::{Capability, ConnectionName, Excess, Flow, Limit, Rate, Sink, Sum, Vocabulary, problem};
use crate::label::{self, KINDS};
use crate::pointer::Pointer;
use crate::schedule::{QuietHours, Zone};
use crate::time::Span;
use crate::tool::{Definition, Name};

/// What is counted is kept for this long: a leap year.
const WINDOW_MAX: Duration = Duration::from_secs(366 * 86_400);
/// Places that one clause names.
const SINKS_MAX: usize = 32;

/// What else of the contract the limits must know.
pub(super) struct Around<'c> {
    /// The zone of the schedules, if they have one in common.
    pub(super) zone: Option<Zone>,
    /// The capabilities.
    pub(super) capabilities: &'c [(usize, Capability)],
}

pub(super) fn limit(
    node: &Node<'_>,
    vocabulary: &dyn Vocabulary,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<Limit> {
    const KINDS: [&str; 4] = ["rate", "sum", "quiet_hours", "flow"];
    let kinds: Vec<_> = KINDS.into_iter().filter(|kind| node.value.get(kind).is_some()).collect();
    let [kind] = kinds.as_slice() else {
        let list = KINDS.map(|kind| format!("`{kind}`")).join(", ");
        let code = if node.value.is_object() { problem::KEY_MISSING } else { problem::TYPE };
        problems.add(code, &node.at, format!("a limit is an object with exactly one of the keys {list}"));
        return None;
    };
    if *kind == "flow" {
        let members = node.members(&["flow"], problems)?;
        return flow(&members.need("flow", problems)?, vocabulary, around, problems).map(Limit::Flow);
    }
    let members = node.members(&[*kind, "else"], problems)?;
    let words = Excess::ALL.map(|excess| (excess.as_str(), excess));
    let beyond = members.need("else", problems).and_then(|node| node.word(&words, problems));
    let inner = members.need(kind, problems)?;
    match *kind {
        "rate" => {
            let rate = rate(&inner, vocabulary, problems);
            Some(Limit::Rate { rate: rate?, beyond: beyond? })
        }
        "sum" => {
            let sum = sum(&inner, vocabulary, problems);
            Some(Limit::Sum { sum: sum?, beyond: beyond? })
        }
        _ => {
            let quiet = quiet(&inner, vocabulary, around, problems);
            let (tool, hours) = quiet?;
            Some(Limit::Quiet { tool, hours, beyond: beyond? })
        }
    }
}

fn rate(node: &Node<'_>, vocabulary: &dyn Vocabulary, problems: &mut Problems) -> Option<Rate> {
    let members = node.members(&["tool", "per", "max", "window"], problems)?;
    let definition = members.need("tool", problems).and_then(|node| tool(&node, vocabulary, problems));
    let max = members.need("max", problems).and_then(|node| node.count(COUNT_MAX, problems));
    let window = window(&members, problems);
    let definition = definition?;
    let per = per(&members, definition, problems);
    Some(Rate { tool: definition.name.clone(), per: per?, max: max?, window: window? })
}

fn sum(node: &Node<'_>, vocabulary: &dyn Vocabulary, problems: &mut Problems) -> Option<Sum> {
    let members = node.members(&["tool", "of", "per", "max", "window"], problems)?;
    let definition = members.need("tool", problems).and_then(|node| tool(&node, vocabulary, problems));
    let max = members.need("max", problems).and_then(|node| amount(&node, problems));
    let window = window(&members, problems);
    let of = members.need("of", problems);
    let definition = definition?;
    let of = of.and_then(|node| argument(node.text(TEXT_MAX, problems)?, &node.at, definition, problems));
    let per = per(&members, definition, problems);
    Some(Sum { tool: definition.name.clone(), of: of?, per: per?, max: max?, window: window? })
}

/// The argument that is counted apart; the outer none is a problem, the inner one that all count together.
#[expect(clippy::option_option, reason = "a problem is told apart from what was left out, once")]
fn per(members: &Members<'_>, definition: &Definition, problems: &mut Problems) -> Option<Option<Pointer>> {
    match members.maybe("per") {
        None => Some(None),
        Some(node) => argument(node.text(TEXT_MAX, problems)?, &node.at, definition, problems).map(Some),
    }
}

fn window(members: &Members<'_>, problems: &mut Problems) -> Option<Span> {
    let node = members.need("window", problems)?;
    let at = node.at.clone();
    let window = span(Some(node), problems)?;
    if window.duration() > WINDOW_MAX {
        problems.add(problem::VALUE, &at, "what happened is counted for a year; make the window at most 366d");
        return None;
    }
    Some(window)
}

fn amount(node: &Node<'_>, problems: &mut Problems) -> Option<Amount> {
    let number = node.value.as_number().filter(|number| canonical::is_exact(&number.to_string()));
    let amount = number.and_then(Amount::exact);
    if amount.is_none() {
        let message = "this must be a number that is not negative, with at most six digits behind the point";
        problems.add(problem::VALUE, &node.at, message);
    }
    amount
}

fn quiet(
    node: &Node<'_>,
    vocabulary: &dyn Vocabulary,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<(Name, QuietHours)> {
    let members = node.members(&["tool", "from", "to", "tz"], problems)?;
    let definition = members.need("tool", problems).and_then(|node| tool(&node, vocabulary, problems));
    let from = members.need("from", problems).and_then(|node| node.parsed(problem::VALUE, problems));
    let to = members.need("to", problems).and_then(|node| node.parsed(problem::VALUE, problems));
    let zone = match members.maybe("tz") {
        Some(node) => node.parsed(problem::TZ_UNKNOWN, problems),
        None => {
            if around.zone.is_none() {
                let message =
                    "say on which clock, such as \"tz\": \"Europe/Rome\": the schedules do not all have one zone";
                problems.add(problem::KEY_MISSING, &node.at, message);
            }
            around.zone.clone()
        }
    };
    let hours = QuietHours { from: from?, to: to?, zone: zone? };
    if hours.from == hours.to {
        problems.add(
            problem::VALUE,
            &node.at,
            "these hours have no length; a tool that is never to act is not granted",
        );
        return None;
    }
    Some((definition?.name.clone(), hours))
}

fn flow(node: &Node<'_>, vocabulary: &dyn Vocabulary, around: &Around<'_>, problems: &mut Problems) -> Option<Flow> {
    let members = node.members(&["from", "to"], problems)?;
    let from = members.need("from", problems).and_then(|node| origin(&node, around, problems));
    let items = members.need("to", problems)?.items(SINKS_MAX, problems);
    let mut to: Vec<Sink> = Vec::new();
    for item in &items {
        let Some(sink) = sink(item, vocabulary, problems) else { continue };
        if to.contains(&sink) {
            problems.add(problem::DUPLICATE, &item.at, format!("`{sink}` is named before"));
        }
        to.push(sink);
    }
    Some(Flow { from: from?, to })
}

/// A label, or the short name of a connection.
fn origin(node: &Node<'_>, around: &Around<'_>, problems: &mut Problems) -> Option<label::Pattern> {
    let text = node.text(TEXT_MAX, problems)?;
    if let Ok(pattern) = text.parse() {
        return Some(pattern);
    }
    let known: Vec<_> =
        around.capabilities.iter().filter_map(|(_, capability)| capability.connection.as_ref()).collect();
    let named = format!("conn_{text}").parse::<ConnectionName>().ok().filter(|name| known.contains(&name));
    if named.is_none() {
        let short: Vec<_> = known.iter().map(|name| name.as_str().trim_start_matches("conn_")).collect();
        let kinds = KINDS.iter().map(|(kind, _)| format!("`{kind}:`")).collect::<Vec<_>>().join(", ");
        let message = format!(
            "`{}` is neither a label such as `http:books.example` or `http:*` (they start with {kinds}) nor a \
             connection of this contract; {}",
            echo(text),
            advice(text, short.iter().copied()),
        );
        problems.add(problem::LABEL_MALFORMED, &node.at, message.trim_end_matches([';', ' ']));
    }
    named.and_then(|name| name.label().0.parse().ok())
}

fn sink(node: &Node<'_>, vocabulary: &dyn Vocabulary, problems: &mut Problems) -> Option<Sink> {
    let text = node.text(TEXT_MAX, problems)?;
    if !text.contains(':') {
        let definition = tool(node, vocabulary, problems)?;
        if !definition.leaves_machine {
            let message = format!("calls of `{text}` do not leave the machine; data may always go there");
            problems.add(problem::SINK_UNFIT, &node.at, message);
            return None;
        }
        return Some(Sink::Tool(definition.name.clone()));
    }
    match text.parse::<label::Pattern>() {
        Ok(pattern) if text.starts_with("http:") || text.starts_with("mail:") => Some(Sink::Place(pattern)),
        Ok(_) | Err(_) => {
            let message = format!(
                "`{}` is no place that data can leave for, such as `http:books.example` or `mail:example.com`",
                echo(text)
            );
            problems.add(problem::SINK_UNFIT, &node.at, message);
            None
        }
    }
}
