//! What happens once, how often at most, and how often at least.

use super::common::{COUNT_MAX, TEXT_MAX, argument, span, tool};
use crate::contract::read::{Node, Problems};
use crate::contract::{Excess, Limit, Once, PartName, Rate, Vocabulary, problem};
use crate::expect::Expect;

pub(super) fn once(node: &Node<'_>, vocabulary: &dyn Vocabulary, problems: &mut Problems) -> Option<Once> {
    let members = node.members(&["tool", "per"], problems)?;
    let name = members.need("tool", problems).and_then(|node| tool(&node, vocabulary, problems));
    let list = members.need("per", problems)?;
    let items = list.items(crate::effect::PARTS_MAX, problems);
    let mut per: Vec<PartName> = Vec::new();
    for item in &items {
        let Some(part) = item.parsed(problem::VALUE, problems) else { continue };
        if per.contains(&part) {
            problems.add(problem::DUPLICATE, &item.at, format!("the part `{part}` is named before"));
        }
        per.push(part);
    }
    if list.value.as_array().is_some_and(Vec::is_empty) {
        problems.add(problem::EMPTY, &list.at, "name at least one part, such as \"invoice\"");
    }
    Some(Once { tool: name?.name.clone(), per })
}

pub(super) fn limit(node: &Node<'_>, vocabulary: &dyn Vocabulary, problems: &mut Problems) -> Option<Limit> {
    let members = node.members(&["rate", "else"], problems)?;
    let rate = members.need("rate", problems).and_then(|node| rate(&node, vocabulary, problems));
    let words = Excess::ALL.map(|excess| (excess.as_str(), excess));
    let beyond = members.need("else", problems).and_then(|node| node.word(&words, problems));
    Some(Limit { rate: rate?, beyond: beyond? })
}

fn rate(node: &Node<'_>, vocabulary: &dyn Vocabulary, problems: &mut Problems) -> Option<Rate> {
    let members = node.members(&["tool", "per", "max", "window"], problems)?;
    let definition = members.need("tool", problems).and_then(|node| tool(&node, vocabulary, problems));
    let max = members.need("max", problems).and_then(|node| node.count(COUNT_MAX, problems));
    let window = span(members.need("window", problems), problems);
    let definition = definition?;
    let per = match members.maybe("per") {
        None => None,
        Some(node) => Some(argument(node.text(TEXT_MAX, problems)?, &node.at, definition, problems)?),
    };
    Some(Rate { tool: definition.name.clone(), per, max: max?, window: window? })
}

pub(super) fn expect(node: &Node<'_>, problems: &mut Problems) -> Option<Expect> {
    let runs = node.members(&["runs"], problems)?.need("runs", problems)?;
    let members = runs.members(&["per", "at_least"], problems)?;
    let per = span(members.need("per", problems), problems);
    let at_least = members.need("at_least", problems).and_then(|node| node.count(COUNT_MAX, problems));
    Some(Expect { per: per?, at_least: at_least? })
}
