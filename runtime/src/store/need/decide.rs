//! What a script asks the person: one question is one need, and its answer holds for whoever asks the same again.

use intents::Timestamp;
use intents::id::RunId;
use intents::need::{Choice, Kind};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{NeedStatus, NewNeed, close, open_until};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::need as row;
use crate::store::{Error, Store};

/// A question about to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct NewQuestion {
    /// The need; its evidence holds the options.
    pub need: NewNeed,
    /// When it gets its default; of all needs that of their kind where it says nothing.
    pub until: Option<Timestamp>,
}

/// Asks, unless it is answered by now; gives the need whose answer is to be waited for.
pub(in crate::store) async fn ask(batch: &mut Batch<'_>, new: &NewQuestion) -> Result<Option<String>, Error> {
    if decided(batch.tx, &new.need.dedupe_key).await?.is_some() {
        return Ok(None);
    }
    open_until(batch, &new.need, new.until).await.map(|id| Some(id.to_string()))
}

/// What was answered to a question. What was withdrawn was not answered, and is asked again.
async fn decided(db: &impl Queries, dedupe_key: &str) -> Result<Option<Choice>, Error> {
    let last = row::Entity::find().filter(row::Column::DedupeKey.eq(dedupe_key)).order_by_desc(row::Column::Id);
    let answered = db.one(last).await?.filter(|need| need.status == NeedStatus::Answered.as_str());
    let answer = answered.and_then(|need| need.answer);
    answer.map(|answer| answer.parse().map_err(|error| Error::unreadable("need", error))).transpose()
}

/// When a run has ended, nobody has to answer what it asked.
pub(in crate::store) async fn forget_run(batch: &mut Batch<'_>, run: RunId) -> Result<(), Error> {
    let asked = row::Entity::find()
        .filter(row::Column::RunId.eq(run.to_string()))
        .filter(row::Column::Kind.eq(Kind::Decide.as_str()))
        .filter(row::Column::Status.eq(NeedStatus::Open.as_str()));
    for need in batch.tx.all(asked).await? {
        close(batch, need).await?;
    }
    Ok(())
}

impl Store {
    /// What was answered to a question; none while it is open, or where it was never asked.
    pub async fn decision(&self, dedupe_key: &str) -> Result<Option<Choice>, Error> {
        decided(self.reader(), dedupe_key).await
    }
}
