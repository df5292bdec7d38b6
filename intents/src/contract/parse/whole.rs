//! The contract as a whole.

use serde_json::Value;

use super::approval::approval;
use super::capability::capability;
use super::clauses::{budgets, expect, once};
use super::limit::{Around, limit};
use super::trigger::trigger;
use crate::contract::exact::parse_exact;
use crate::contract::problem::{self, Problem};
use crate::contract::read::{Node, Problems};
use crate::contract::{Approval, Budgets, Capability, Contract, Limit, Once, Source, Trigger, Vocabulary, check};
use crate::expect::Expect;
use crate::schedule::Zone;
use crate::tool::Name;

/// Nobody can confirm a longer contract.
const BYTES_MAX: usize = 256 * 1024;
/// A title fits into a line.
const TITLE_MAX: usize = 120;
/// A goal is a paragraph.
const GOAL_MAX: usize = 2000;
/// An automation with more ways to start is several.
const TRIGGERS_MAX: usize = 16;
/// Nobody can confirm more clauses of a kind.
const CLAUSES_MAX: usize = 64;

/// What was read, each clause with its place among its kind, so that later checks can point at it.
#[derive(Default)]
pub(in crate::contract) struct Draft {
    pub(in crate::contract) title: Option<String>,
    pub(in crate::contract) goal: Option<String>,
    pub(in crate::contract) triggers: Vec<(usize, Trigger)>,
    /// Also tools of capabilities that have other problems, so that one mistake is told once.
    pub(in crate::contract) granted: Vec<(usize, Name)>,
    pub(in crate::contract) capabilities: Vec<(usize, Capability)>,
    pub(in crate::contract) once: Vec<(usize, Once)>,
    pub(in crate::contract) limits: Vec<(usize, Limit)>,
    pub(in crate::contract) approvals: Vec<(usize, Approval)>,
    pub(in crate::contract) expect: Vec<(usize, Expect)>,
    pub(in crate::contract) budgets: Option<Budgets>,
}

impl Contract {
    /// Parses a contract's text. All problems are told, not only the first.
    pub fn parse(text: &str, vocabulary: &dyn Vocabulary) -> Result<Self, Vec<Problem>> {
        let whole = |code, message| vec![Problem { code, pointer: String::new(), message }];
        if text.len() > BYTES_MAX {
            return Err(whole(problem::TOO_LARGE, format!("a contract has at most {BYTES_MAX} bytes")));
        }
        let value = parse_exact(text).map_err(|error| whole(problem::NOT_JSON, error.reason()))?;
        Self::from_value(&value, vocabulary)
    }

    /// Parses a contract that was read as JSON before.
    pub fn from_value(value: &Value, vocabulary: &dyn Vocabulary) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let contract = read(&Node::root(value), vocabulary, &mut problems);
        problems.into_result(contract)
    }
}

fn read(root: &Node<'_>, vocabulary: &dyn Vocabulary, problems: &mut Problems) -> Option<Contract> {
    const KEYS: [&str; 9] =
        ["title", "goal", "triggers", "capabilities", "once", "limits", "approvals", "expect", "budgets"];
    let members = root.members(&KEYS, problems)?;
    let mut draft = Draft {
        title: members.need("title", problems).and_then(|node| title(&node, problems)),
        goal: members.need("goal", problems).and_then(|node| node.text(GOAL_MAX, problems)).map(str::to_owned),
        ..Draft::default()
    };
    if let Some(node) = members.need("triggers", problems) {
        if node.value.as_array().is_some_and(Vec::is_empty) {
            problems.add(
                problem::EMPTY,
                &node.at,
                "nothing starts this automation; add a trigger such as {\"manual\": true}",
            );
        }
        let items = node.items(TRIGGERS_MAX, problems);
        draft.triggers = numbered(items, |item| trigger(item, problems));
    }
    if let Some(node) = members.need("capabilities", problems) {
        let items = node.items(CLAUSES_MAX, problems);
        let granted = &mut draft.granted;
        draft.capabilities = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                capability(item, vocabulary, problems, &mut |tool| granted.push((index, tool))).map(|one| (index, one))
            })
            .collect();
    }
    let list = |key, problems: &mut Problems| {
        members.maybe(key).map(|node| node.items(CLAUSES_MAX, problems)).unwrap_or_default()
    };
    draft.once = numbered(list("once", problems), |item| once(item, vocabulary, problems));
    let around = Around { zone: common_zone(&draft.triggers), capabilities: &draft.capabilities };
    draft.limits = numbered(list("limits", problems), |item| limit(item, vocabulary, &around, problems));
    let capabilities = &draft.capabilities;
    draft.approvals = numbered(list("approvals", problems), |item| approval(item, vocabulary, capabilities, problems));
    draft.expect = numbered(list("expect", problems), |item| expect(item, problems));
    draft.budgets = members.maybe("budgets").map_or(Some(Budgets::default()), |node| budgets(&node, problems));
    check::together(&draft, vocabulary, problems);
    Some(Contract {
        title: draft.title?,
        goal: draft.goal?,
        triggers: unnumbered(draft.triggers),
        capabilities: unnumbered(draft.capabilities),
        once: unnumbered(draft.once),
        limits: unnumbered(draft.limits),
        approvals: unnumbered(draft.approvals),
        expect: unnumbered(draft.expect),
        budgets: draft.budgets?,
    })
}

/// The zone that all schedules have in common, if there is one.
fn common_zone(triggers: &[(usize, Trigger)]) -> Option<Zone> {
    let mut zones = triggers.iter().filter_map(|(_, trigger)| match &trigger.source {
        Source::Schedule { zone, .. } => Some(zone),
        Source::File { .. } | Source::Webhook { .. } | Source::Event { .. } | Source::Manual => None,
    });
    let first = zones.next()?;
    zones.all(|zone| zone == first).then(|| first.clone())
}

fn numbered<T>(items: Vec<Node<'_>>, mut read: impl FnMut(&Node<'_>) -> Option<T>) -> Vec<(usize, T)> {
    items.iter().enumerate().filter_map(|(index, item)| read(item).map(|clause| (index, clause))).collect()
}

fn unnumbered<T>(clauses: Vec<(usize, T)>) -> Vec<T> {
    clauses.into_iter().map(|(_, clause)| clause).collect()
}

fn title(node: &Node<'_>, problems: &mut Problems) -> Option<String> {
    let text = node.text(TITLE_MAX, problems)?;
    if text.contains('\n') {
        problems.add(problem::VALUE, &node.at, "a title is one line");
        return None;
    }
    Some(text.to_owned())
}
