//! Fills a store with runs that were never carried out: copies of a real one, rows of the same size in the same tables.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rusqlite::{Connection, params};

/// Runs in one transaction: the writer of the store waits meanwhile.
const AT_ONCE: u32 = 20_000;
/// How long the store may be busy.
const BUSY: Duration = Duration::from_secs(60);

/// The parts of a run, each copied under numbers that no real one has. Identities and dedupe keys are as scattered as
/// real ones. Positions of copied events are below those of the real ones, so that the chain goes on as it was.
const COPIES: [&str; 4] = [
    "INSERT INTO runs SELECT 'run_' || printf('%026d', n.i), r.automation_id, r.script_id, r.contract_id, r.phase, \
     r.attempts, r.generation, r.segments, r.journal_bytes, r.class, r.code, r.calls, r.effects, r.suppressed, \
     r.created_at - 86400000, r.started_at - 86400000, r.ended_at - 86400000, r.item_id, r.trigger_id, \
     hex(randomblob(12)), r.labels, r.useful_until, r.wrapped_key, r.payload, r.tail \
     FROM n, (SELECT * FROM runs WHERE id = ?3) r",
    "INSERT INTO journal SELECT 'run_' || printf('%026d', n.i), j.generation, j.segment, j.records, j.attempt, j.calls, \
     j.effects, j.suppressed, j.at FROM n, (SELECT * FROM journal WHERE run_id = ?3) j",
    "INSERT INTO ledger SELECT randomblob(32), 'eff_' || printf('%026d', n.i), l.automation_id, l.tool, l.key_text, \
     l.state, 'run_' || printf('%026d', n.i), l.call, 'item_' || printf('%026d', n.i), l.arguments, l.outcome, \
     l.settled_by, l.performances, l.suppressions, l.started_at, l.settled_at \
     FROM n, (SELECT * FROM ledger WHERE run_id = ?3) l",
    "INSERT INTO events SELECT -4 * n.i + e.stream_seq % 4, 'evt_' || printf('%026d', n.i), e.workspace, \
     'room_' || printf('%026d', n.i / 100), -4 * n.i + e.stream_seq % 4, e.type, e.actor, e.correlation_id, \
     e.causation_id, 'run_' || printf('%026d', n.i), e.data, e.at, e.prev_hash, e.hash \
     FROM n, (SELECT * FROM events WHERE run = ?3) e",
];

/// Adds copies until there are so many, from those that are there.
pub(super) fn prefill(database: &Path, there: u32, wanted: u32) -> anyhow::Result<()> {
    let mut connection = Connection::open(database).context("the store could not be opened beside the server")?;
    connection.busy_timeout(BUSY)?;
    // What is thrown away need not outlast a loss of power.
    connection.pragma_update(None, "synchronous", "OFF")?;
    let model: String = connection
        .query_row("SELECT id FROM runs WHERE phase = 'succeeded' ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
        .context("there is no run to copy")?;
    for first in (there..wanted).step_by(AT_ONCE as usize) {
        let last = wanted.min(first + AT_ONCE);
        let transaction = connection.transaction()?;
        for copy in COPIES {
            let numbers = "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)";
            transaction.execute(&format!("{numbers} {copy}"), params![first + 1, last + 1, model])?;
        }
        transaction.commit()?;
    }
    Ok(())
}
