//! How far a run has come: what its attempts report goes into its journal.

use intents::id::RunId;
use intents::journal::Record;
use intents::run::{Event, Phase};

use super::advance;
use crate::store::batch::Batch;
use crate::store::rows::run as row;
use crate::store::writer::{Command, Ticket};
use crate::store::{Error, Store};

/// What an attempt has to add to its journal with its next commit.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The run.
    pub run: RunId,
    /// The attempt that reports.
    pub attempt: u32,
    /// The generation of the journal.
    pub generation: u32,
    /// What has happened since the last commit.
    pub records: Vec<Record>,
    /// Calls so far.
    pub calls: u32,
}

/// Journal bytes a run may have on disk; a run that needs more is not one automation step.
const JOURNAL_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// Appends what an attempt reports to the journal, and returns the row to be changed and put back.
pub(in crate::store) async fn progress(batch: &mut Batch<'_>, progress: &Progress) -> Result<row::Model, Error> {
    let mut row = reported(batch, progress).await?;
    if !progress.records.is_empty() {
        let records = seal(batch, &row, &progress.records).await?;
        row.journal_bytes += records.len() as i64;
        batch.add_segment(&row, records);
        row.segments += 1;
    }
    Ok(row)
}

/// As `progress`, for the last report of a run: the end of the journal goes into the row itself.
pub(in crate::store) async fn last_progress(
    batch: &mut Batch<'_>,
    progress: &Progress,
) -> Result<(row::Model, Option<Vec<u8>>), Error> {
    let mut row = reported(batch, progress).await?;
    if progress.records.is_empty() {
        return Ok((row, None));
    }
    let tail = seal(batch, &row, &progress.records).await?;
    row.journal_bytes += tail.len() as i64;
    Ok((row, Some(tail)))
}

/// Checks that an attempt may report, and takes its claim.
async fn reported(batch: &mut Batch<'_>, progress: &Progress) -> Result<row::Model, Error> {
    let mut row = batch.run(progress.run).await?;
    let late = || Error::Conflict {
        code: "RUN_TRANSITION",
        reason: format!("attempt {} of {} is no longer the one that runs", progress.attempt, progress.run),
    };
    if row.generation != i64::from(progress.generation) {
        return Err(late());
    }
    // A claim lives in memory until the first commit of its attempt.
    if row.phase == Phase::Queued.as_str() && row.attempts < i64::from(progress.attempt) {
        row.attempts = i64::from(progress.attempt) - 1;
        advance(&mut row, Event::Claimed)?;
        if row.started_at.is_none() {
            row.started_at = Some(batch.now.as_millis());
            batch.leave_start_untold(progress.run);
        }
    }
    if row.phase != Phase::Running.as_str() || row.attempts != i64::from(progress.attempt) {
        return Err(late());
    }
    row.calls = i64::from(progress.calls);
    Ok(row)
}

/// Seals records for the place after the last segment of a journal.
async fn seal(batch: &mut Batch<'_>, row: &row::Model, records: &[Record]) -> Result<Vec<u8>, Error> {
    let key = batch.key_of_run(row).await?;
    let place = place(row, row.segments);
    Ok(key.seal_value(&batch.shared.env, &place, &records))
}

/// The place that a part of a journal is sealed for.
pub(in crate::store) fn place(row: &row::Model, segment: i64) -> String {
    format!("{}/{}/{segment}", row.id, row.generation)
}

/// Refuses to go on with a journal that is too long. Asked only where nothing has happened yet: what did happen is
/// recorded, however long it is.
pub(in crate::store) fn refuse_overlong(run: &row::Model) -> Result<(), Error> {
    if run.journal_bytes <= JOURNAL_BYTES_MAX {
        return Ok(());
    }
    let reason = format!("the journal of {} is longer than {JOURNAL_BYTES_MAX} bytes", run.id);
    Err(Error::Conflict { code: "LIMIT_JOURNAL", reason })
}

/// Stores what has happened so far.
struct Append(Progress);

impl Command for Append {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let row = progress(batch, &self.0).await?;
        refuse_overlong(&row)?;
        batch.put_run(self.0.run, row);
        Ok(())
    }
}

impl Store {
    /// Stores what has happened so far; ordered after what was handed in before.
    pub async fn append(&self, progress: Progress) -> Result<Ticket<()>, Error> {
        self.enqueue(Append(progress)).await
    }
}
