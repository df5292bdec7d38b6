//! The first step: whether one call may be made at all.

use super::approval::grounds;
use super::call::{Call, Circumstances};
use super::count::Counter;
use super::flow;
use super::reason::{KEY_MISSING, KEY_PARTS, KEY_UNEXPECTED, Reason, TOOL_NOT_GRANTED};
use super::rows::{Fit, Rows, fit};
use super::subject::counters;
use super::verdict::{BoundRow, Clause, Held, Passed, Verdict};
use crate::contract::{Capability, Contract, Limit};
use crate::effect::Key;
use crate::tool::Definition;

/// Decides on a call. Nothing is counted yet.
pub fn decide(contract: &Contract, call: &Call<'_>, circumstances: &Circumstances<'_>) -> Verdict {
    let tool = &call.definition.name;
    if tool.is_host_tool() {
        let words = format!("Every script may use {tool}.");
        return Verdict::Pass(Box::new(Passed::freely(Clause { capability: None, words })));
    }
    let granted = match granted(contract, call, circumstances) {
        Ok(granted) => granted,
        Err(reasons) => return Verdict::Deny { reasons },
    };
    let capability = granted.capability;
    let mut reasons: Vec<_> = key_fits(contract, call.definition, call.key).err().into_iter().collect();
    let connection = capability.connection.as_ref();
    reasons.extend(flow::refusals(contract, call.definition, call.arguments, connection, circumstances.labels));
    let counters = counters(contract, call.definition, call.arguments);
    let mut counters = counters.unwrap_or_else(|unfit| {
        reasons.extend(unfit);
        Vec::new()
    });
    if !reasons.is_empty() {
        return Verdict::Deny { reasons };
    }
    if let Some((call, reread)) = granted.aged {
        let clause = capability.words();
        return if reread { Verdict::Stale { call, clause } } else { Verdict::NeedsFreshRead { call, clause } };
    }
    let (grounds, first) = grounds(contract, call.definition, call.arguments, circumstances, &granted.rows);
    counters.extend(first);
    Verdict::Pass(Box::new(Passed {
        clause: Clause { capability: Some(granted.index), words: capability.words() },
        identity: capability.identity.clone(),
        connection: capability.connection.clone(),
        rows: evidence(&granted.rows),
        counters,
        held: quiet(contract, call.definition, circumstances),
        grounds,
    }))
}

/// What a call that was made before has taken in counters, whether or not it would pass now: its rows may have gone, and
/// the clock has moved.
pub fn counted(contract: &Contract, call: &Call<'_>, circumstances: &Circumstances<'_>) -> Vec<Counter> {
    let mut counters = counters(contract, call.definition, call.arguments).unwrap_or_default();
    if let Ok(granted) = granted(contract, call, circumstances) {
        counters.extend(grounds(contract, call.definition, call.arguments, circumstances, &granted.rows).1);
    }
    counters
}

/// Whether a read may go on to another address, as a redirect asks: whether the same call to that address would pass as
/// it is.
pub fn allows_redirect(contract: &Contract, call: &Call<'_>, circumstances: &Circumstances<'_>, to: &str) -> bool {
    let mut redirected = call.arguments.clone();
    let Some(url) = redirected.get_mut("url") else { return false };
    *url = to.into();
    match decide(contract, &Call { arguments: &redirected, key: None, ..*call }, circumstances) {
        Verdict::Pass(_) => !call.definition.is_effect(),
        Verdict::Deny { .. } | Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. } => false,
    }
}

/// The capability that grants a call.
struct Granted<'a> {
    index: usize,
    capability: &'a Capability,
    rows: Rows<'a>,
    /// The call that read rows too long ago, and whether it was read again.
    aged: Option<(u32, bool)>,
}

/// The first capability that the call fits with fresh rows; else the first that it fits with rows that are too old.
fn granted<'a>(
    contract: &'a Contract,
    call: &Call<'_>,
    circumstances: &Circumstances<'a>,
) -> Result<Granted<'a>, Vec<Reason>> {
    let tool = &call.definition.name;
    let granting = contract.capabilities().iter().enumerate().filter(|(_, capability)| capability.tool == *tool);
    let (mut first_aged, mut reasons) = (None, Vec::new());
    for (index, capability) in granting {
        match fit(capability, call.arguments, circumstances) {
            Fit::Fits(rows) => return Ok(Granted { index, capability, rows, aged: None }),
            Fit::Aged { rows, call, reread } => {
                first_aged.get_or_insert(Granted { index, capability, rows, aged: Some((call, reread)) });
            }
            Fit::Misfit(reason) => reasons.push(reason),
        }
    }
    if let Some(aged) = first_aged {
        return Ok(aged);
    }
    if reasons.is_empty() {
        let words = format!("No clause of the contract lets the script use {tool}.");
        reasons.push(Reason { code: TOOL_NOT_GRANTED, words });
    }
    Err(reasons)
}

fn evidence(rows: &Rows<'_>) -> Vec<BoundRow> {
    let bound = rows.iter().flat_map(|(name, rows)| rows.iter().map(move |row| (*name, row)));
    bound.map(|(name, row)| BoundRow { name: name.clone(), call: row.call, value: row.value.clone() }).collect()
}

/// The hours that keep the call from being made now.
fn quiet(contract: &Contract, definition: &Definition, circumstances: &Circumstances<'_>) -> Vec<Held> {
    let held = |limit: &Limit| match limit {
        Limit::Quiet { tool, hours, beyond } if *tool == definition.name => {
            let until = hours.until(circumstances.now)?;
            Some(Held { excess: *beyond, until, words: limit.words(), subject: limit.subject() })
        }
        Limit::Quiet { .. } | Limit::Rate { .. } | Limit::Sum { .. } | Limit::Flow(_) => None,
    };
    contract.limits().iter().filter_map(held).collect()
}

fn key_fits(contract: &Contract, definition: &Definition, key: Option<&Key>) -> Result<(), Reason> {
    let tool = &definition.name;
    let reason = |code, words| Err(Reason { code, words });
    if !definition.takes_key() {
        return match key {
            None => Ok(()),
            Some(_) => reason(KEY_UNEXPECTED, format!("A call of {tool} takes no effect key; this one has a key.")),
        };
    }
    let Some(once) = contract.once_of(tool) else {
        // The tool was another when the contract was parsed.
        return reason(KEY_MISSING, format!("No clause of the contract says under which key {tool} happens once."));
    };
    let mut wanted: Vec<_> = once.per.iter().map(|part| part.as_str()).collect();
    wanted.sort_unstable();
    match key {
        None => reason(KEY_MISSING, format!("{} This call has no key.", once.words())),
        // Names of a key are sorted and unique already.
        Some(key) if key.names().eq(wanted.iter().copied()) => Ok(()),
        Some(_) => reason(KEY_PARTS, format!("{} This call's key has other parts.", once.words())),
    }
}
