//! Effects of shadow runs: looked up, judged and noted in one commit. Nothing is claimed, and nothing is performed.

use intents::effect::{Claim, Key, admit};
use intents::id::{AutomationId, RunId, ShadowId};
use intents::outcome::Outcome;
use intents::shadow::{Foreseen, Known, Would, may_go_on};
use intents::tool::Name;
use intents::{Timestamp, canonical};
use sea_orm::EntityTrait;
use serde_json::Value;

use super::note::{self, Body};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::ledger::{self, Passing};
use crate::store::rows::{effect, run as run_row, shadow_note as row};
use crate::store::run::{self, Progress};
use crate::store::writer::{Command, Ticket};
use crate::store::{Error, Store, inbox};

/// An effect of a shadow run. Everything that the run has read so far is stored with it.
#[derive(Debug, Clone)]
pub struct Foresee {
    /// What happened since the last commit, the call included.
    pub progress: Progress,
    /// Whose effect it would be.
    pub automation: AutomationId,
    /// The tool.
    pub tool: Name,
    /// What makes it one.
    pub subject: NoteSubject,
    /// Who calls, about what, with which arguments.
    pub claim: Claim,
    /// What the gate said.
    pub passing: Passing,
    /// What it would be done with.
    pub arguments: Value,
    /// What the script is given, where nothing else is known.
    pub made: Outcome,
}

/// What makes a note one.
#[derive(Debug, Clone, PartialEq)]
pub enum NoteSubject {
    /// The key of an effect.
    Key(Key),
    /// What the host itself would have told, as the ledger knows it.
    Message(canonical::Digest),
    /// The call alone: it would have come to nothing, and holds no key.
    Call {
        /// The generation of its run's journal.
        generation: u32,
    },
}

/// What becomes of the call.
#[derive(Debug, Clone, PartialEq)]
pub enum Foretold {
    /// The script is given this.
    Goes(Outcome),
    /// It was done or noted with other arguments for another item.
    KeyConflict {
        /// The run that did it.
        run: RunId,
    },
    /// The automation is stopped, or the shadow is over.
    Stopped,
}

/// What is known under the key: in the shadow, or else in reality.
enum Earlier {
    Noted(row::Model),
    Done(effect::Model),
}

impl Command for Foresee {
    type Reply = Foretold;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Foretold, Error> {
        let mut run = run::progress(batch, &self.progress).await?;
        run::refuse_overlong(&run)?;
        let not_shadow = || Error::Conflict {
            code: "RUN_SHADOW",
            reason: format!("{} is no shadow run: what it does, it does", run.id),
        };
        let shadow = note::of(run.shadow.as_deref())?.ok_or_else(not_shadow)?;
        let automation = batch.automation(self.automation).await?;
        let current = note::of(automation.as_ref().and_then(|automation| automation.shadow.as_deref()))?;
        let foretold = if batch.is_stopped(self.automation) || !may_go_on(Some(shadow), current) {
            Foretold::Stopped
        } else {
            self.tell(batch, &mut run, shadow).await?
        };
        batch.put_run(self.progress.run, run);
        Ok(foretold)
    }
}

impl Foresee {
    async fn tell(&self, batch: &mut Batch<'_>, run: &mut run_row::Model, shadow: ShadowId) -> Result<Foretold, Error> {
        let earlier = self.earlier(batch, shadow).await?;
        let prior = match &earlier {
            None => None,
            Some(Earlier::Noted(note)) => Some(note::prior(note)?),
            Some(Earlier::Done(effect)) => Some(ledger::prior(effect)?),
        };
        // What a restored ledger has forgotten is a matter of reality.
        let known = Known::from(admit(prior.as_ref(), &self.claim, None));
        let done_by = prior.map(|prior| prior.claim.run);
        match known {
            Known::Nothing | Known::Perhaps => {
                let id = batch.shared.env.note_id().to_string();
                let foreseen = self.passing.foresee(batch, self.automation, shadow, &id).await?;
                let outcome = foreseen.outcome(self.made.clone());
                let at = foreseen.at(batch.now);
                ledger::take_in_shadow(batch, shadow, &foreseen.takes, &id, at).await?;
                self.note(batch, shadow, id, foreseen.would(known), &foreseen, Some(outcome.clone())).await?;
                Ok(Foretold::Goes(outcome))
            }
            Known::Before { suppressed } => {
                let outcome = self.outcome_of(batch, earlier.as_ref()).await?;
                if suppressed {
                    run.suppressed += 1;
                    match earlier {
                        Some(Earlier::Noted(mut note)) => {
                            note.suppressions += 1;
                            batch.tx.update(&note).await?;
                        }
                        Some(Earlier::Done(_)) | None => {
                            self.note_alone(batch, shadow, Would::BeSuppressed, Some(outcome.clone())).await?;
                        }
                    }
                }
                Ok(Foretold::Goes(outcome))
            }
            Known::Conflict => {
                self.note_alone(batch, shadow, Would::Conflict, None).await?;
                Ok(Foretold::KeyConflict { run: done_by.unwrap_or(self.claim.run) })
            }
        }
    }

    /// What was noted under the key, or else really done: what is only noted was not in the ledger when it was.
    async fn earlier(&self, batch: &Batch<'_>, shadow: ShadowId) -> Result<Option<Earlier>, Error> {
        let identity = note::identity(batch, shadow, &self.claim, &self.tool, &self.subject);
        if let Some(note) = batch.tx.one(row::Entity::find_by_id(identity.as_bytes().to_vec())).await? {
            return Ok(Some(Earlier::Noted(note)));
        }
        match &self.subject {
            NoteSubject::Key(key) => {
                let identity = ledger::identity(batch, self.automation, &self.tool, key);
                Ok(batch.effect(identity).await?.map(Earlier::Done))
            }
            // Named by its run, it is in no ledger.
            NoteSubject::Message(_) | NoteSubject::Call { .. } => Ok(None),
        }
    }

    /// What an earlier one led to; what is made up, where that was erased.
    async fn outcome_of(&self, batch: &mut Batch<'_>, earlier: Option<&Earlier>) -> Result<Outcome, Error> {
        let outcome = match earlier {
            None => None,
            Some(Earlier::Done(effect)) => ledger::open_outcome(batch, effect).await?,
            Some(Earlier::Noted(note)) => match (&note.body, batch.key_of(inbox::parse_item(&note.item_id)?).await) {
                (Some(body), Ok(key)) => key.open_value::<Body>("shadow note", &note.id, body)?.outcome,
                (None, Ok(_)) | (_, Err(Error::Sealed { .. } | Error::NotFound { .. })) => None,
                (_, Err(error)) => return Err(error),
            },
        };
        Ok(outcome.unwrap_or_else(|| self.made.clone()))
    }

    /// Notes a call that no clause was asked about.
    async fn note_alone(
        &self,
        batch: &mut Batch<'_>,
        shadow: ShadowId,
        would: Would,
        outcome: Option<Outcome>,
    ) -> Result<(), Error> {
        let id = batch.shared.env.note_id().to_string();
        self.note(batch, shadow, id, would, &Foreseen::default(), outcome).await
    }

    async fn note(
        &self,
        batch: &mut Batch<'_>,
        shadow: ShadowId,
        id: String,
        would: Would,
        foreseen: &Foreseen,
        outcome: Option<Outcome>,
    ) -> Result<(), Error> {
        let of_call = NoteSubject::Call { generation: self.progress.generation };
        // Made again, the call is noted in the same place.
        let subject = if would.holds_its_key() { &self.subject } else { &of_call };
        let (until, waited_for) = match &foreseen.waits {
            Some((until, clauses)) => (Some(*until), clauses.clone()),
            None => (None::<Timestamp>, Vec::new()),
        };
        let body = Body {
            key: match &self.subject {
                NoteSubject::Key(key) => Some(key.to_string()),
                NoteSubject::Message(_) | NoteSubject::Call { .. } => None,
            },
            arguments: self.arguments.clone(),
            outcome,
            clauses: waited_for.into_iter().chain(foreseen.asks.clone()).chain(foreseen.skip.clone()).collect(),
            until,
        };
        let key = batch.key_of(self.claim.item).await?;
        let model = row::Model {
            identity: note::identity(batch, shadow, &self.claim, &self.tool, subject).as_bytes().to_vec(),
            shadow: shadow.to_string(),
            automation_id: self.automation.to_string(),
            run_id: self.claim.run.to_string(),
            item_id: self.claim.item.to_string(),
            tool: self.tool.to_string(),
            would: would.as_str().to_owned(),
            arguments: self.claim.arguments.to_string(),
            call: i64::from(self.claim.call),
            body: Some(key.seal_value(&batch.shared.env, &id, &body)),
            suppressions: 0,
            at: batch.now.as_millis(),
            id,
        };
        batch.tx.put(&model).await
    }
}

impl Store {
    /// Notes what a shadow run would do, and says what its script is given.
    pub async fn foresee(&self, foresee: Foresee) -> Result<Ticket<Foretold>, Error> {
        self.enqueue(foresee).await
    }
}
