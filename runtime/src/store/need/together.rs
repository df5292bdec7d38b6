//! One answer for several needs, where none of them wants a look of its own.

use intents::id::NeedId;
use intents::need::{Choice, Kind, TOGETHER_MAX, may_answer_together};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::inbox::awake;
use super::{NeedStatus, parse};
use crate::store::db::Queries;
use crate::store::rows::need as row;
use crate::store::{Error, Store};

/// Which needs get the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Together {
    /// These.
    These(Vec<NeedId>),
    /// All open ones of a kind that are not put off, as many as one request answers.
    AllOf(Kind),
}

/// What came of one answer for several needs.
#[derive(Debug, Clone, Default)]
pub struct AnsweredTogether {
    /// Those that took it.
    pub answered: Vec<NeedId>,
    /// Those that did not, each with the reason.
    pub refused: Vec<(NeedId, Error)>,
    /// Whether there are more of the kind.
    pub more: bool,
}

fn refuse_kind(kind: Kind) -> Result<(), Error> {
    if may_answer_together(kind) {
        return Ok(());
    }
    let reason = format!("a need of kind `{kind}` wants a look of its own; answer each by itself");
    Err(Error::Conflict { code: "NEED_ALONE", reason })
}

impl Store {
    /// Gives several needs one answer, each by itself: what cannot take it keeps no other from taking it. A kind that
    /// wants a look of its own among them refuses all.
    pub async fn answer_needs(&self, which: Together, choice: Choice, by: &str) -> Result<AnsweredTogether, Error> {
        let (needs, more) = match which {
            Together::These(needs) if needs.len() > TOGETHER_MAX => {
                let reason = format!("one request answers at most {TOGETHER_MAX} needs");
                return Err(Error::Conflict { code: "NEED_TOGETHER", reason });
            }
            Together::These(mut needs) => {
                needs.sort_unstable();
                needs.dedup();
                for need in &needs {
                    match self.need(*need).await {
                        Ok(need) => refuse_kind(need.kind)?,
                        // It is told with the others below.
                        Err(Error::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                (needs, false)
            }
            Together::AllOf(kind) => {
                refuse_kind(kind)?;
                self.open_of_kind(kind).await?
            }
        };
        let mut outcome = AnsweredTogether { more, ..AnsweredTogether::default() };
        for need in needs {
            match self.answer_need(need, choice, by).await {
                Ok(_) => outcome.answered.push(need),
                Err(error @ (Error::Conflict { .. } | Error::NotFound { .. })) => outcome.refused.push((need, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(outcome)
    }

    async fn open_of_kind(&self, kind: Kind) -> Result<(Vec<NeedId>, bool), Error> {
        let now = self.shared().env.now().as_millis();
        let ids = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .filter(row::Column::Status.eq(NeedStatus::Open.as_str()))
            .filter(row::Column::Kind.eq(kind.as_str()))
            .filter(awake(now))
            .order_by_asc(row::Column::Id)
            .limit(TOGETHER_MAX as u64 + 1);
        let mut ids: Vec<String> = self.reader().tuples(ids).await?;
        let more = ids.len() > TOGETHER_MAX;
        ids.truncate(TOGETHER_MAX);
        Ok((ids.iter().map(|id| parse(id)).collect::<Result<_, _>>()?, more))
    }
}
