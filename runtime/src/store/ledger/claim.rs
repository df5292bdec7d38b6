//! Claims: a call takes its effect key before anything leaves.

use std::time::Duration;

use intents::Timestamp;
use intents::approval::Content;
use intents::canonical::Digest;
use intents::effect::{Admission, Claim, Gap, Key, State, admit};
use intents::id::{AutomationId, RunId};
use intents::outcome::Outcome;
use intents::run::Phase;
use intents::tool::Name;

use super::entry::{identity, prior, state_of};
use super::room::{Blocked, Passing};
use crate::store::batch::Batch;
use crate::store::rows::effect as row;
use crate::store::run::{self, Progress};
use crate::store::writer::{Command, Ticket};
use crate::store::{Error, Store, WrittenFile, approval, inbox, label};

/// A call that wants to perform an effect. Everything that the run has read so far is stored with it.
#[derive(Debug, Clone)]
pub struct BeginEffect {
    /// What happened since the last commit, the call included.
    pub progress: Progress,
    /// Whose effect it is.
    pub automation: AutomationId,
    /// The tool.
    pub tool: Name,
    /// The key.
    pub key: Key,
    /// Who calls, about what, with which arguments.
    pub claim: Claim,
    /// What the gate said, and what a yes is bound to.
    pub passing: Passing,
    /// The files that it writes.
    pub files: Vec<WrittenFile>,
}

/// What the call may do.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It is `started` and may be performed.
    Perform {
        /// When it was started.
        started_at: Timestamp,
    },
    /// It happened before: this is what it led to.
    GiveBack {
        /// The outcome; none when its content was erased.
        outcome: Option<Outcome>,
        /// Whether another item asked for the same.
        suppressed: bool,
    },
    /// It happened with other arguments for another item.
    KeyConflict {
        /// The run that did it.
        run: RunId,
    },
    /// It may have happened: settle it first.
    Settle {
        /// When it was started.
        started_at: Timestamp,
        /// Whether it had been found uncertain, rather than cut off.
        was_uncertain: bool,
        /// It may have happened in a time that the ledger has forgotten: until then at the latest.
        forgotten_until: Option<Timestamp>,
        /// The content of files that a person said yes to, where one was asked.
        approved: Option<Vec<Content>>,
    },
    /// It may have happened with other arguments, or under another contract: only the person can say.
    SettleOther {
        /// When it was started.
        started_at: Timestamp,
    },
    /// Another run is at it.
    WaitFor(RunId),
    /// The gate does not let it be made now.
    Blocked(Blocked),
    /// The automation is stopped.
    Stopped,
}

/// A run that was stopped still awaits the answers to what it sent: longer than any tool may take, with its grace.
const ON_ITS_WAY_MAX: Duration = Duration::from_secs(180);

/// Whether somebody may still be told how an effect ended.
fn may_be_on_its_way(effect: &row::Model, now: Timestamp) -> Result<bool, Error> {
    let age = now.since(Timestamp::from_millis(effect.started_at));
    Ok(state_of(effect)? == State::Started && age < ON_ITS_WAY_MAX)
}

/// Until when an effect may have happened that nobody here is known to have performed.
fn forgotten_until(effect: &row::Model, gap: Option<Gap>) -> Option<Timestamp> {
    gap.filter(|_| effect.performances == 0).map(|gap| gap.until)
}

impl Command for BeginEffect {
    type Reply = Begun;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Begun, Error> {
        let mut run = run::progress(batch, &self.progress).await?;
        run::refuse_shadow(&run)?;
        run::refuse_overlong(&run)?;
        let identity = identity(batch, self.automation, &self.tool, &self.key);
        let known = batch.effect(identity).await?;
        let gap = batch.caution(self.automation).filter(|gap| !self.is_new_since(*gap, &run));
        let admission = admit(known.as_ref().map(prior).transpose()?.as_ref(), &self.claim, gap);
        let begun = match admission {
            // To settle may be to send again.
            Admission::Perform | Admission::Settle { .. } | Admission::Forgotten(_)
                if batch.is_stopped(self.automation) =>
            {
                Begun::Stopped
            }
            Admission::Perform => self.start(batch, identity, known).await?,
            Admission::GiveBack { suppressed } => {
                let mut effect = known.expect("an effect that is given back is in the ledger");
                let outcome = open_outcome(batch, &effect).await?;
                if suppressed {
                    effect.suppressions += 1;
                    run.suppressed += 1;
                    batch.put_effect(identity, effect);
                }
                Begun::GiveBack { outcome, suppressed }
            }
            Admission::KeyConflict => {
                let effect = known.expect("an effect in conflict is in the ledger");
                Begun::KeyConflict { run: run::parse(&effect.run_id)? }
            }
            Admission::Settle { started_at } => {
                let effect = known.expect("an effect to be settled is in the ledger");
                let was_uncertain = state_of(&effect)? == State::Uncertain;
                let approved = self.approved(batch, &effect).await?;
                Begun::Settle { started_at, was_uncertain, approved, forgotten_until: forgotten_until(&effect, gap) }
            }
            Admission::Forgotten(gap) => match self.enter(batch, known.as_ref()).await? {
                // To settle may be to do it for the first time.
                Err(blocked) => Begun::Blocked(blocked),
                Ok(id) => {
                    let uncertain = self.forgotten(batch, identity, id, known.as_ref(), gap);
                    batch.put_effect(identity, uncertain);
                    let forgotten_until = Some(gap.until);
                    Begun::Settle { started_at: gap.from, was_uncertain: true, approved: None, forgotten_until }
                }
            },
            Admission::WaitFor(other) => {
                let effect = known.expect("an effect to wait for is in the ledger");
                let other_run = batch.run(other).await?;
                let phase: Phase = other_run.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
                if phase.is_over() && batch.is_stopped(self.automation) {
                    Begun::Stopped
                } else if phase.is_over() && !may_be_on_its_way(&effect, batch.now)? {
                    // Nobody else will settle it any more.
                    let was_uncertain = state_of(&effect)? == State::Uncertain;
                    let started_at = Timestamp::from_millis(effect.started_at);
                    // What was sent may differ from what this call would send, and with it how it can be known.
                    let alike = effect.arguments == self.claim.arguments.to_string()
                        && other_run.contract_id == run.contract_id;
                    if alike {
                        let forgotten_until = forgotten_until(&effect, gap);
                        let approved = self.approved(batch, &effect).await?;
                        let mut effect = effect;
                        effect.run_id = self.claim.run.to_string();
                        effect.call = i64::from(self.claim.call);
                        effect.item_id = self.claim.item.to_string();
                        batch.put_effect(identity, effect);
                        Begun::Settle { started_at, was_uncertain, approved, forgotten_until }
                    } else {
                        Begun::SettleOther { started_at }
                    }
                } else {
                    Begun::WaitFor(other)
                }
            }
        };
        batch.put_run(self.progress.run, run);
        Ok(begun)
    }
}

impl BeginEffect {
    /// Takes what the call takes, unless the gate holds it. Gives the id of the effect.
    async fn enter(&self, batch: &mut Batch<'_>, known: Option<&row::Model>) -> Result<Result<String, Blocked>, Error> {
        let known = known.map(|effect| effect.id.clone());
        let id = known.unwrap_or_else(|| batch.shared.env.effect_id().to_string());
        let entry = match self.passing.conclude(batch, self.automation, &id, &id).await? {
            Ok(entry) => entry,
            Err(blocked) => return Ok(Err(blocked)),
        };
        entry.take(batch, self.automation, &id, &id).await?;
        // Before anything is written: a file that carries too many labels is safe, one with too few is not.
        label::note_written(batch, &self.files).await?;
        Ok(Ok(id))
    }

    /// Starts the effect, unless the gate holds it.
    async fn start(&self, batch: &mut Batch<'_>, identity: Digest, known: Option<row::Model>) -> Result<Begun, Error> {
        let id = match self.enter(batch, known.as_ref()).await? {
            Ok(id) => id,
            Err(blocked) => return Ok(Begun::Blocked(blocked)),
        };
        let mut started = self.claimed(batch, identity, known.as_ref(), id);
        started.performances += 1;
        batch.put_effect(identity, started);
        Ok(Begun::Perform { started_at: batch.now })
    }

    /// A row for this claim, `started` now and not performed yet.
    fn claimed(&self, batch: &Batch<'_>, identity: Digest, known: Option<&row::Model>, id: String) -> row::Model {
        row::Model {
            identity: identity.as_bytes().to_vec(),
            key_text: Some(batch.shared.payload.seal_value(&batch.shared.env, &id, &self.key)),
            id,
            automation_id: self.automation.to_string(),
            tool: self.tool.to_string(),
            state: State::Started.as_str().to_owned(),
            run_id: self.claim.run.to_string(),
            call: i64::from(self.claim.call),
            item_id: self.claim.item.to_string(),
            arguments: self.claim.arguments.to_string(),
            outcome: None,
            settled_by: None,
            performances: known.map_or(0, |effect| effect.performances),
            suppressions: known.map_or(0, |effect| effect.suppressions),
            started_at: batch.now.as_millis(),
            settled_at: None,
        }
    }

    /// A row for an effect that may have happened in a time that the ledger has forgotten.
    fn forgotten(
        &self,
        batch: &Batch<'_>,
        identity: Digest,
        id: String,
        known: Option<&row::Model>,
        gap: Gap,
    ) -> row::Model {
        row::Model {
            state: State::Uncertain.as_str().to_owned(),
            // What was performed before the gap is over; whether anything was in it, nobody knows.
            performances: 0,
            started_at: gap.from.as_millis(),
            ..self.claimed(batch, identity, known, id)
        }
    }

    /// Whether a call cannot have been made in a gap: its key is its own, and its run began later.
    fn is_new_since(&self, gap: Gap, run: &crate::store::rows::run::Model) -> bool {
        run.created_at >= gap.until.as_millis()
            && self.key == Key::of_call(self.claim.run, self.progress.generation, self.claim.call)
    }

    /// What a person said yes to when the effect was started.
    async fn approved(&self, batch: &mut Batch<'_>, effect: &row::Model) -> Result<Option<Vec<Content>>, Error> {
        if self.passing.passed.may_ask() { approval::contents_of(batch, &effect.id).await } else { Ok(None) }
    }
}

pub(in crate::store) async fn open_outcome(
    batch: &mut Batch<'_>,
    effect: &row::Model,
) -> Result<Option<Outcome>, Error> {
    let Some(sealed) = &effect.outcome else { return Ok(None) };
    match batch.key_of(inbox::parse_item(&effect.item_id)?).await {
        Ok(key) => key.open_value("outcome", &effect.id, sealed).map(Some),
        // Erased content is gone for good; that the effect happened is not.
        Err(Error::Sealed { .. } | Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Store {
    /// Claims an effect. Answered with `Perform`, its start is on the disk.
    pub async fn begin_effect(&self, begin: BeginEffect) -> Result<Ticket<Begun>, Error> {
        self.enqueue(begin).await
    }
}
