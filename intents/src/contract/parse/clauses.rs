//! What happens once, how often at least, and what may be spent.

use super::common::{COUNT_MAX, TEXT_MAX, span, tool};
use crate::amount::Amount;
use crate::contract::read::{Node, Problems, echo};
use crate::contract::{Budgets, Once, PartName, Vocabulary, problem};
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

pub(super) fn expect(node: &Node<'_>, problems: &mut Problems) -> Option<Expect> {
    let runs = node.members(&["runs"], problems)?.need("runs", problems)?;
    let members = runs.members(&["per", "at_least"], problems)?;
    let per = span(members.need("per", problems), problems);
    let at_least = members.need("at_least", problems).and_then(|node| node.count(COUNT_MAX, problems));
    Some(Expect { per: per?, at_least: at_least? })
}

pub(super) fn budgets(node: &Node<'_>, problems: &mut Problems) -> Option<Budgets> {
    let members = node.members(&["model_cost_per_month", "repairs_per_week"], problems)?;
    let model_cost_per_month = members.maybe("model_cost_per_month").and_then(|node| dollars(&node, problems));
    let repairs_per_week = members.maybe("repairs_per_week").and_then(|node| {
        let count = node.value.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count <= COUNT_MAX);
        if count.is_none() {
            problems.add(problem::VALUE, &node.at, format!("this must be a whole number from 0 to {COUNT_MAX}"));
        }
        count
    });
    Some(Budgets { model_cost_per_month, repairs_per_week })
}

/// What things cost is known in dollars; an amount in another currency would need a rate that nobody confirmed.
fn dollars(node: &Node<'_>, problems: &mut Problems) -> Option<Amount> {
    let text = node.text(TEXT_MAX, problems)?;
    let amount = text.strip_suffix(" USD").and_then(|amount| amount.parse().ok());
    if amount.is_none() {
        let message = format!("`{}` is no amount in US dollars such as \"0.20 USD\"", echo(text));
        problems.add(problem::VALUE, &node.at, message);
    }
    amount
}
