//! Bound rows: which rows of what the run has read fit a call, and whether they are fresh.

use std::collections::BTreeMap;

use serde_json::Value;

use super::call::{Circumstances, Read};
use super::reason::{CONDITION_FAILED, NO_ROW, ROWS_TOO_MANY, Reason};
use crate::Timestamp;
use crate::contract::{Bind, Capability, RowName, misfits};

/// Rows that one call is compared with, for each name: more make a call slow for no good reason.
pub const ROWS_MAX: usize = 20_000;

/// How a capability and a call go together.
pub(super) enum Fit<'a> {
    /// They do, with these rows.
    Fits(Rows<'a>),
    /// They did when the rows were read, which is too long ago.
    Aged {
        rows: Rows<'a>,
        /// The call that read the youngest row that is too old.
        call: u32,
        /// Whether that was read again for this call already.
        reread: bool,
    },
    /// They do not.
    Misfit(Reason),
}

/// For each name the rows that fit, oldest first; never empty.
pub(super) type Rows<'a> = BTreeMap<&'a RowName, Vec<Row<'a>>>;

/// A row that fits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) call: u32,
    pub(super) at: Timestamp,
    pub(super) value: &'a Value,
}

pub(super) fn fit<'a>(capability: &'a Capability, arguments: &Value, circumstances: &Circumstances<'a>) -> Fit<'a> {
    // Only the places are named: what stands there is the script's data.
    let fails_at = |places: &[String]| format!("{} This call fails at `{}`.", capability.words(), places.join("`, `"));
    let failing = capability.failing(arguments);
    if !failing.is_empty() {
        return Fit::Misfit(Reason { code: CONDITION_FAILED, words: fails_at(&failing) });
    }
    let mut rows = Rows::new();
    for (name, bind) in &capability.bind {
        let read = match read(bind, circumstances.reads) {
            Ok(read) => read,
            Err(TooMany) => {
                let words = format!("{} The run has read more than {ROWS_MAX} such rows.", capability.words());
                return Fit::Misfit(Reason { code: ROWS_TOO_MANY, words });
            }
        };
        let fitting: Vec<_> = read
            .into_iter()
            .filter(|row| misfits(&capability.tool, &capability.conditions, name, row.value, arguments).is_empty())
            .collect();
        if fitting.is_empty() {
            let words = format!("{} No row `{name}` that the run has read fits this call.", capability.words());
            return Fit::Misfit(Reason { code: NO_ROW, words });
        }
        rows.insert(name, fitting);
    }
    match aged(capability, &rows, circumstances) {
        Some((call, reread)) => Fit::Aged { rows, call, reread },
        None => Fit::Fits(rows),
    }
}

struct TooMany;

/// All rows of a bind, oldest first.
fn read<'a>(bind: &Bind, reads: &[Read<'a>]) -> Result<Vec<Row<'a>>, TooMany> {
    let mut rows = Vec::new();
    for read in reads.iter().filter(|read| *read.tool == bind.row_of && bind.takes(read.arguments)) {
        let found = bind.at.select(read.value);
        rows.extend(found.into_iter().map(|value| Row { call: read.call, at: read.at, value }));
        if rows.len() > ROWS_MAX {
            return Err(TooMany);
        }
    }
    rows.sort_by_key(|row| row.at);
    Ok(rows)
}

/// The first row name of which even the youngest row is too old: who read it, and whether it was read again. One that
/// was read again in vain comes before one that is still to be read again.
fn aged(capability: &Capability, rows: &Rows<'_>, circumstances: &Circumstances<'_>) -> Option<(u32, bool)> {
    let fresh_for = capability.fresh_for?.duration();
    let now = circumstances.now;
    // What was read in the future of a clock that went back may be of any age.
    let is_fresh = |row: &Row<'_>| row.at <= now && now.since(row.at) <= fresh_for;
    let aged: Vec<_> = rows
        .values()
        .filter(|rows| !rows.iter().any(is_fresh))
        .filter_map(|rows| rows.last())
        .map(|row| (row.call, circumstances.reread.contains(&row.call)))
        .collect();
    aged.iter().find(|(_, reread)| *reread).or(aged.first()).copied()
}
