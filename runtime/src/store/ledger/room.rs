//! The second step of the gate, taken in the commit that starts a call: what was counted, and what a person has said.
//!
//! Two runs that both want the last place are two commands of one writer: the second sees the mark of the first.

use std::collections::BTreeSet;

use intents::Timestamp;
use intents::amount::Amount;
use intents::approval::Binding;
use intents::canonical::Digest;
use intents::gate::{Conclusion, Consent, Counter, Ground, Mark, Passed, Take};
use intents::id::{AutomationId, ShadowId};
use intents::shadow::{Foreseen, foresee};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::store::Error;
use crate::store::approval::{No, Standing};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::rate_mark as row;

/// A call that the contract allows, as far as that is known before its commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Passing {
    /// What the gate said.
    pub passed: Passed,
    /// What a person's yes to it is bound to.
    pub binding: Binding,
}

/// What keeps a call from being made now.
#[derive(Debug, Clone, PartialEq)]
pub enum Blocked {
    /// It waits; then the whole gate decides again.
    Wait {
        /// Until when.
        until: Timestamp,
    },
    /// It is left out.
    Skip {
        /// The clause in plain words.
        clause: String,
    },
    /// A person is to be asked first.
    Ask {
        /// The clauses that want a yes.
        grounds: Vec<Ground>,
    },
    /// A person said no, or nobody answered in time.
    NotApproved(No),
}

/// What a call takes when it is made: places in counters, and uses of approvals.
#[derive(Default)]
pub(super) struct Entry {
    takes: Vec<Take>,
    envelopes: BTreeSet<Digest>,
    standing: Standing,
}

/// Marks that are read at once. More are read only where these do not say whether there is room.
const MARKS_AT_ONCE: u64 = 1024;

impl Passing {
    /// Decides whether the call may be made now. `by` names who uses what a person said, and `place` what is taken: under
    /// the same name, no second time.
    pub(super) async fn conclude(
        &self,
        batch: &mut Batch<'_>,
        automation: AutomationId,
        by: &str,
        place: &str,
    ) -> Result<Result<Entry, Blocked>, Error> {
        if self.passed.is_free() {
            return Ok(Ok(Entry::default()));
        }
        let taken = self.taken(batch, automation, None, place).await?;
        let standing = self.standing(batch, automation, by).await?;
        let consent = Consent { grounds: standing.grounds()?, envelopes: standing.envelopes() };
        Ok(match self.passed.conclude(&taken, &consent, batch.now) {
            Conclusion::Allow { takes, envelopes } => Ok(Entry { takes, envelopes, standing }),
            Conclusion::Wait { until, .. } => Err(Blocked::Wait { until }),
            Conclusion::Skip { clause } => Err(Blocked::Skip { clause }),
            Conclusion::NeedsApproval { grounds } => {
                Err(standing.no(batch).await?.map_or(Blocked::Ask { grounds }, Blocked::NotApproved))
            }
        })
    }

    /// What the clauses would do with the call in a shadow, where what is really taken counts as what is taken in it.
    pub(in crate::store) async fn foresee(
        &self,
        batch: &Batch<'_>,
        automation: AutomationId,
        shadow: ShadowId,
        by: &str,
    ) -> Result<Foreseen, Error> {
        if self.passed.is_free() {
            return Ok(Foreseen::default());
        }
        let taken = self.taken(batch, automation, Some(shadow), by).await?;
        let standing = self.standing(batch, automation, by).await?;
        Ok(foresee(&self.passed, &taken, standing.envelopes(), batch.now))
    }

    /// What others have taken: for each counter, one list for each of its subjects.
    async fn taken(
        &self,
        batch: &Batch<'_>,
        automation: AutomationId,
        shadow: Option<ShadowId>,
        place: &str,
    ) -> Result<Vec<Vec<Vec<Mark>>>, Error> {
        let mut taken = Vec::with_capacity(self.passed.counters.len());
        for counter in &self.passed.counters {
            taken.push(marks(batch, automation, shadow, counter, place).await?);
        }
        Ok(taken)
    }

    async fn standing(&self, batch: &Batch<'_>, automation: AutomationId, by: &str) -> Result<Standing, Error> {
        if !self.passed.may_ask() {
            return Ok(Standing::default());
        }
        let offers: Vec<_> = self.passed.offers().map(|offer| offer.subject).collect();
        Standing::look(batch, &automation.to_string(), &self.binding, &offers, by).await
    }
}

impl Entry {
    /// Takes the places and uses the approvals, in this commit.
    pub(super) async fn take(
        self,
        batch: &mut Batch<'_>,
        automation: AutomationId,
        by: &str,
        place: &str,
    ) -> Result<(), Error> {
        let subject = |counted| subject(automation, counted);
        take_all(batch, &self.takes, subject, place, batch.now).await?;
        self.standing.use_for(batch, by, &self.envelopes).await
    }
}

/// Takes places in a shadow: outside of it they do not count.
pub(in crate::store) async fn take_in_shadow(
    batch: &Batch<'_>,
    shadow: ShadowId,
    takes: &[Take],
    place: &str,
    at: Timestamp,
) -> Result<(), Error> {
    take_all(batch, takes, |counted| subject_in_shadow(shadow, counted), place, at).await
}

async fn take_all(
    batch: &Batch<'_>,
    takes: &[Take],
    subject: impl Fn(Digest) -> Vec<u8>,
    place: &str,
    at: Timestamp,
) -> Result<(), Error> {
    let mark = |take: &Take| row::Model {
        subject: subject(take.subject),
        effect: place.to_owned(),
        at: at.as_millis(),
        amount: Some(take.amount.millionths()),
    };
    let marks: Vec<_> = takes.iter().map(mark).collect();
    if !marks.is_empty() {
        batch.tx.put_all(&marks).await?;
    }
    Ok(())
}

/// What is counted together, as rows hold it.
fn subject(automation: AutomationId, subject: Digest) -> Vec<u8> {
    let automation = automation.to_string();
    Digest::of_parts("steward rate 1", &[automation.as_bytes(), subject.as_bytes()]).as_bytes().to_vec()
}

fn subject_in_shadow(shadow: ShadowId, subject: Digest) -> Vec<u8> {
    let shadow = shadow.to_string();
    Digest::of_parts("steward shadow rate 1", &[shadow.as_bytes(), subject.as_bytes()]).as_bytes().to_vec()
}

/// What others have taken in a counter: one list for each of its subjects.
async fn marks(
    batch: &Batch<'_>,
    automation: AutomationId,
    shadow: Option<ShadowId>,
    counter: &Counter,
    place: &str,
) -> Result<Vec<Vec<Mark>>, Error> {
    let mut marks = Vec::with_capacity(counter.subjects.len());
    for counted in &counter.subjects {
        let mut subjects = vec![subject(automation, *counted)];
        subjects.extend(shadow.map(|shadow| subject_in_shadow(shadow, *counted)));
        let mut query = row::Entity::find()
            .select_only()
            .column(row::Column::At)
            .column(row::Column::Amount)
            .filter(row::Column::Subject.is_in(subjects))
            .filter(row::Column::Effect.ne(place))
            .order_by_desc(row::Column::At);
        if let Some(since) = counter.since(batch.now) {
            query = query.filter(row::Column::At.gt(since.as_millis()));
        }
        let mut most = MARKS_AT_ONCE;
        let found = loop {
            let found: Vec<(i64, Option<i64>)> = batch.tx.tuples(query.clone().limit(most)).await?;
            let found: Vec<_> = found.into_iter().map(mark).collect::<Result<_, _>>()?;
            // The newest alone fill it: whatever came before them changes nothing.
            if (found.len() as u64) < most || total(&found) >= counter.max.millionths() {
                break found;
            }
            most = most.saturating_mul(4);
        };
        marks.push(found);
    }
    Ok(marks)
}

/// A mark; one that was made before amounts were kept is one call.
fn mark((at, amount): (i64, Option<i64>)) -> Result<Mark, Error> {
    let amount = match amount {
        None => Amount::ONE,
        Some(amount) => {
            Amount::from_millionths(amount).ok_or_else(|| Error::unreadable("mark", "its amount is out of bounds"))?
        }
    };
    Ok(Mark { at: Timestamp::from_millis(at), amount })
}

fn total(marks: &[Mark]) -> i64 {
    marks.iter().fold(0, |total: i64, mark| total.saturating_add(mark.amount.millionths()))
}
