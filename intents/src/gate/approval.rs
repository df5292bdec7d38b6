//! Which of the contract's approvals a call needs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::call::Circumstances;
use super::count::{Beyond, Counter};
use super::rows::Rows;
use crate::amount::Amount;
use crate::canonical::Digest;
use crate::contract::{Approval, Condition, Contract, Place, RowName, failing, may_hold, misfits, row_of};
use crate::tool::Definition;

/// Why a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// What tells the ground from others: the content of its clause, and for the first effects of a version that
    /// version. A yes covers the grounds that it was asked for.
    pub subject: Digest,
    /// The clause in plain words.
    pub words: String,
    /// What one yes may cover beside this call. Only where this call is of that kind.
    pub envelope: Option<Offer>,
}

/// Several calls that one yes may cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What tells the envelope from others: the content of its clause, and the version of what is to be done under it.
    pub subject: Digest,
    /// The most calls.
    pub at_most: u32,
    /// For how long after the yes.
    pub valid_for: Duration,
    /// What it covers, in plain words.
    pub words: String,
}

/// The grounds that apply whatever was done before, and the counters of those that apply to the first effects only.
pub(super) fn grounds(
    contract: &Contract,
    definition: &Definition,
    arguments: &Value,
    circumstances: &Circumstances<'_>,
    rows: &Rows<'_>,
) -> (Vec<Ground>, Vec<Counter>) {
    let (mut grounds, mut counters) = (Vec::new(), Vec::new());
    let of_tool = contract.approvals().iter().filter(|approval| approval.tool == definition.name);
    for approval in of_tool.filter(|approval| applies(approval, arguments, rows)) {
        let ground = ground(approval, arguments, circumstances, rows);
        match approval.first {
            None => grounds.push(ground),
            Some(first) => counters.push(Counter {
                subjects: vec![approval.first_subject(circumstances.major)],
                amount: Amount::ONE,
                max: Amount::whole(first),
                window: None,
                beyond: Beyond::Trusted(Box::new(ground)),
            }),
        }
    }
    (grounds, counters)
}

fn ground(approval: &Approval, arguments: &Value, circumstances: &Circumstances<'_>, rows: &Rows<'_>) -> Ground {
    let envelope = approval.envelope.as_ref().filter(|envelope| {
        let named: BTreeSet<&RowName> =
            envelope.conditions.iter().filter_map(|(place, condition)| row_of(place, condition)).collect();
        // Which of several rows the call is about cannot be known, so each must be of that kind.
        failing(&approval.tool, &envelope.conditions, arguments).is_empty()
            && named.into_iter().all(|name| {
                rows.get(name).is_some_and(|rows| {
                    rows.iter()
                        .all(|row| misfits(&approval.tool, &envelope.conditions, name, row.value, arguments).is_empty())
                })
            })
    });
    Ground {
        subject: approval.subject(circumstances.major),
        words: approval.words(),
        envelope: envelope.map(|envelope| Offer {
            subject: approval.envelope_subject(circumstances.major),
            at_most: envelope.at_most,
            valid_for: envelope.valid_for.duration(),
            words: approval.envelope_words().unwrap_or_default(),
        }),
    }
}

/// Whether the clause applies to a call: unless one of its conditions plainly does not hold. With several rows that fit
/// the call, it applies if it does with any of them.
fn applies(approval: &Approval, arguments: &Value, rows: &Rows<'_>) -> bool {
    let about = |name: Option<&RowName>| -> Vec<_> {
        approval.when.iter().filter(|(place, condition)| row_of(place, condition) == name).collect()
    };
    let constants = about(None).into_iter().all(|(place, condition)| match place.argument() {
        Some(pointer) => may_hold(&approval.tool, pointer, condition, arguments),
        None => true,
    });
    let named: BTreeSet<_> = approval.when.iter().filter_map(|(place, condition)| row_of(place, condition)).collect();
    constants
        && named.into_iter().all(|name| match rows.get(name) {
            // A row that the call is not bound to is an absent path.
            None => true,
            Some(rows) => {
                let conditions = about(Some(name));
                rows.iter().any(|row| {
                    conditions
                        .iter()
                        .all(|(place, condition)| may_hold_with(approval, place, condition, row.value, arguments))
                })
            }
        })
}

fn may_hold_with(approval: &Approval, place: &Place, condition: &Condition, row: &Value, arguments: &Value) -> bool {
    match place {
        Place::Row(own) => condition.may_hold_at(&own.at, row),
        Place::Argument(pointer) => match condition.bound_to(row) {
            Some(bound) => may_hold(&approval.tool, pointer, &bound, arguments),
            None => true,
        },
    }
}
