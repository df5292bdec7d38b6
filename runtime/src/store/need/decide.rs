//! What a script asks the person: one question is one need, and its answer holds for whoever asks the same again.

use intents::Timestamp;
use intents::id::RunId;
use intents::need::{Choice, Kind};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::lapse::BY_TIME;
use super::{NeedStatus, NewNeed, close, open_until};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::need as row;
use crate::store::{Error, Store, sleep};

/// A question about to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct NewQuestion {
    /// The need; its evidence holds the options.
    pub need: NewNeed,
    /// When it gets its default; of all needs that of their kind where it says nothing.
    pub until: Option<Timestamp>,
}

/// How a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nobody was asked, or nobody had to answer any more.
    Unasked,
    /// Nobody has answered yet.
    Open,
    /// A person, or the time, has answered.
    Made(Choice),
}

/// Asks, unless it is answered by now; gives the need whose answer is to be waited for.
pub(in crate::store) async fn ask(batch: &mut Batch<'_>, new: &NewQuestion) -> Result<Option<String>, Error> {
    match decision(batch.tx, &new.need.dedupe_key, new.need.run).await? {
        Decision::Made(_) => Ok(None),
        Decision::Unasked | Decision::Open => {
            open_until(batch, &new.need, new.until).await.map(|id| Some(id.to_string()))
        }
    }
}

/// How a question stands for a run. What a person chose holds for whoever asks it again; that nobody did, only for the run
/// that was told so.
async fn decision(db: &impl Queries, dedupe_key: &str, run: Option<RunId>) -> Result<Decision, Error> {
    let last = row::Entity::find().filter(row::Column::DedupeKey.eq(dedupe_key)).order_by_desc(row::Column::Id);
    let Some(need) = db.one(last).await? else { return Ok(Decision::Unasked) };
    match (need.status.parse()?, need.answer) {
        (NeedStatus::Open, _) => Ok(Decision::Open),
        (NeedStatus::Answered, Some(answer)) => {
            let choice: Choice = answer.parse().map_err(|error| Error::unreadable("need", error))?;
            let is_chosen = choice.option().is_some() && need.answered_by.as_deref() != Some(BY_TIME);
            let is_own = need.run_id == run.map(|run| run.to_string());
            Ok(if is_chosen || is_own { Decision::Made(choice) } else { Decision::Unasked })
        }
        (NeedStatus::Answered | NeedStatus::Withdrawn, _) => Ok(Decision::Unasked),
    }
}

/// When a run has ended, nobody has to answer what it asked.
pub(in crate::store) async fn forget_run(batch: &mut Batch<'_>, run: RunId) -> Result<(), Error> {
    let asked = row::Entity::find()
        .filter(row::Column::RunId.eq(run.to_string()))
        .filter(row::Column::Kind.eq(Kind::Decide.as_str()))
        .filter(row::Column::Status.eq(NeedStatus::Open.as_str()));
    for need in batch.tx.all(asked).await? {
        // Whoever else waits for it asks again.
        let others = sleep::waiting_for_need(batch, &need.id).await?;
        close(batch, need).await?;
        for other in others.into_iter().filter(|other| *other != run) {
            sleep::wake(batch, other).await?;
        }
    }
    Ok(())
}

impl Store {
    /// How a question stands for a run.
    pub async fn decision(&self, dedupe_key: &str, run: RunId) -> Result<Decision, Error> {
        decision(self.reader(), dedupe_key, Some(run)).await
    }
}
