//! Files that a trigger has seen, so that a start does not read every file again.

use intents::Timestamp;
use intents::id::TriggerId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::batch::Batch;
use super::db::Queries;
use super::inbox::{self, Delivered, Delivery};
use super::rows::seen_file as row;
use super::writer::Command;
use super::{Error, Store};

/// A file as it was when a trigger looked at it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    /// Its path below the folder.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was changed.
    pub modified: Timestamp,
    /// The digest of its content.
    pub digest: String,
}

struct Take {
    trigger: TriggerId,
    file: SeenFile,
    delivery: Option<Delivery>,
}

impl Command for Take {
    type Reply = Option<Delivered>;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Option<Delivered>, Error> {
        let model = row::Model {
            trigger_id: self.trigger.to_string(),
            path: self.file.path.clone(),
            size: i64::try_from(self.file.size).unwrap_or(i64::MAX),
            modified_ms: self.file.modified.as_millis(),
            digest: self.file.digest.clone(),
        };
        batch.tx.put(&model).await?;
        match &self.delivery {
            Some(delivery) => inbox::deliver(batch, delivery).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Store {
    /// Remembers a file and delivers it, in one commit.
    pub async fn take_file(
        &self,
        trigger: TriggerId,
        file: SeenFile,
        delivery: Option<Delivery>,
    ) -> Result<Option<Delivered>, Error> {
        self.commit(Take { trigger, file, delivery }).await
    }

    /// The files that a trigger has seen.
    pub async fn seen_files(&self, trigger: TriggerId) -> Result<Vec<SeenFile>, Error> {
        let rows =
            self.reader().all(row::Entity::find().filter(row::Column::TriggerId.eq(trigger.to_string()))).await?;
        Ok(rows
            .into_iter()
            .map(|row| SeenFile {
                path: row.path,
                size: row.size.unsigned_abs(),
                modified: Timestamp::from_millis(row.modified_ms),
                digest: row.digest,
            })
            .collect())
    }
}
