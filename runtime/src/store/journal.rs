//! Reading journals back.

use std::sync::Arc;

use intents::id::RunId;
use intents::journal::Record;
use intents::run::Phase;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::db::Queries;
use super::rows::{segment as row, whole_run};
use super::run::{self, place};
use super::{Error, Item, Run, Store, inbox};

/// The record of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Journal {
    /// Everything that happened, in order.
    pub records: Vec<Record>,
}

/// A run with what an attempt at it needs to know.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The run.
    pub run: Run,
    /// What it is about.
    pub item: Arc<Item>,
    /// What it did so far.
    pub journal: Journal,
}

impl Store {
    /// A run about to get an attempt. One that came a moment ago is still in memory.
    pub async fn load(&self, id: RunId) -> Result<Loaded, Error> {
        if let Some((row, item)) = self.shared().under_way.take_item(id) {
            return Ok(Loaded { run: run::domain(row)?, item, journal: Journal::default() });
        }
        let run = self.run(id).await?;
        let item = Arc::new(self.item(run.item).await?);
        Ok(Loaded { run, item, journal: self.journal(id).await? })
    }

    /// The journal of a run, as its present generation has it.
    pub async fn journal(&self, id: RunId) -> Result<Journal, Error> {
        let run = self.run_row(id).await?;
        let phase: Phase = run.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
        let tail = if phase.is_over() { self.tail(&run.id).await? } else { None };
        if run.segments == 0 && tail.is_none() {
            return Ok(Journal::default());
        }
        let key = match self.shared().under_way.key_of_run(id) {
            Some(key) => key,
            None => inbox::key_of(self.reader(), self.shared(), run.item()?).await?,
        };
        let segments = self
            .reader()
            .all(
                row::Entity::find()
                    .filter(row::Column::RunId.eq(&run.id))
                    .filter(row::Column::Generation.eq(run.generation))
                    .order_by_asc(row::Column::Segment),
            )
            .await?;
        // Between two reads the run may have gone on; what was there at the first is enough.
        if (segments.len() as i64) < run.segments {
            return Err(Error::unreadable("journal", "segments are missing; it was erased, or changed by hand"));
        }
        let mut records = Vec::new();
        for segment in segments {
            let place = place(&run, segment.segment);
            records.extend(key.open_value::<Vec<Record>>("journal", &place, &segment.records)?);
        }
        if let Some(tail) = tail {
            records.extend(key.open_value::<Vec<Record>>("journal", &place(&run, run.segments), &tail)?);
        }
        Ok(Journal { records })
    }

    /// The end of a journal, which is in the row of its run.
    async fn tail(&self, run: &str) -> Result<Option<Vec<u8>>, Error> {
        let tail: Option<Option<Vec<u8>>> = self
            .reader()
            .tuple(whole_run::Entity::find_by_id(run).select_only().column(whole_run::Column::Tail))
            .await?;
        Ok(tail.flatten())
    }
}
