//! Reading journals back.

use intents::id::RunId;
use intents::journal::Record;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::rows::{run, segment as row};
use super::{Error, Store, inbox};

/// The record of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Journal {
    /// Everything that happened, in order.
    pub records: Vec<Record>,
}

impl Store {
    /// The journal of a run, as its present generation has it.
    pub async fn journal(&self, id: RunId) -> Result<Journal, Error> {
        let run = run::Entity::find_by_id(id.to_string()).one(self.reader()).await?;
        let run = run.ok_or_else(|| Error::NotFound { what: "run", which: id.to_string() })?;
        if run.segments == 0 {
            return Ok(Journal::default());
        }
        let key = inbox::key_of(self.reader(), self.shared(), inbox::parse_item(&run.item_id)?).await?;
        let segments = row::Entity::find()
            .filter(row::Column::RunId.eq(&run.id))
            .filter(row::Column::Generation.eq(run.generation))
            .order_by_asc(row::Column::Segment)
            .all(self.reader())
            .await?;
        // Between two reads the run may have gone on; what was there at the first is enough.
        if (segments.len() as i64) < run.segments {
            return Err(Error::unreadable("journal", "segments are missing; it was erased, or changed by hand"));
        }
        let mut records = Vec::new();
        for segment in segments {
            let place = format!("{}/{}/{}", segment.run_id, segment.generation, segment.segment);
            records.extend(key.open_value::<Vec<Record>>("journal", &place, &segment.records)?);
        }
        Ok(Journal { records })
    }
}
