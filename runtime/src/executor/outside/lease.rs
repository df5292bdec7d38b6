//! A lease: what a holder may do with a run, and until when.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::{EngineTokenId, RunId};
use intents::outcome::{Failure, Outcome};
use serde_json::Value;
use tokio::sync::watch;

use super::holder::{Asked, Holder};
use super::opening::Opening;
use super::refusal::{Over, Refusal};
use crate::engine::EngineName;
use crate::env::Env;
use crate::executor::call::Leaving;

/// A holder that is silent for this long has lost its run: long enough for a pause of a busy machine, short enough that
/// a run does not wait long for a holder that died.
pub const LEASE: Duration = Duration::from_secs(30);
/// Calls that a holder has under way at once.
const IN_FLIGHT_MAX: usize = 64;
/// Marks of one run; more are a log.
const STEPS_MAX: usize = 10_000;

/// A call as the engine makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// What the engine calls it: the same again is the same call.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// The canonical text of the arguments.
    pub arguments: String,
    /// The canonical text of the effect key.
    pub key: Option<String>,
    /// Whether the engine can do without the result.
    pub optional: bool,
}

impl NewCall {
    /// What makes two calls of one name the same.
    pub(crate) fn digest(&self) -> Digest {
        digest_of_call(&self.tool, &self.arguments, self.key.as_deref(), self.optional)
    }
}

/// What makes two calls of one name the same.
pub(crate) fn digest_of_call(tool: &str, arguments: &str, key: Option<&str>, optional: bool) -> Digest {
    let key = key.map_or_else(|| "-".to_owned(), |key| format!("+{key}"));
    let parts = [tool.as_bytes(), arguments.as_bytes(), key.as_bytes(), &[u8::from(optional)]];
    Digest::of_parts("steward call 1", &parts)
}

/// A mark of progress on its way in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewStep {
    /// What the engine calls it.
    pub id: String,
    /// What was done, for people.
    pub name: String,
    /// More about it.
    pub data: Value,
}

/// How a holder ends its lease.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// The run has come to its result.
    Completed {
        /// The result.
        result: Value,
    },
    /// The run cannot go on.
    Failed {
        /// Why.
        failure: Failure,
        /// What a person should see.
        details: Value,
    },
    /// The run cannot go on for a reason that may go away.
    GaveUp {
        /// Why.
        failure: Failure,
    },
    /// Somebody else may have the run.
    Released,
}

impl End {
    fn digest(&self) -> Digest {
        let failure = |failure: &Failure| format!("{}\0{}", failure.code, failure.message);
        let (name, text) = match self {
            Self::Completed { result } => ("completed", intents::canonical::to_string(result)),
            Self::Failed { failure: why, details } => {
                ("failed", format!("{}\0{}", failure(why), intents::canonical::to_string(details)))
            }
            Self::GaveUp { failure: why } => ("gave up", failure(why)),
            Self::Released => ("released", String::new()),
        };
        Digest::of_parts("steward engine end 1", &[name.as_bytes(), text.as_bytes()])
    }
}

/// What a call has come to.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// It is under way.
    UnderWay {
        /// Its number in the run.
        number: u32,
    },
    /// It has its outcome.
    Settled {
        /// Its number in the run.
        number: u32,
        /// The outcome.
        outcome: Outcome,
    },
    /// It waits, and so does the run: the lease is over.
    Waits {
        /// Its number in the run.
        number: u32,
        /// What it waits for; none when another call of the run made it sleep.
        on: Option<Waiting>,
    },
}

/// What a call waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// `time`, `event`, `need` or `run`.
    pub kind: &'static str,
    /// When the wait ends at the latest.
    pub until: Option<Timestamp>,
    /// The event that ends it.
    pub event: Option<String>,
    /// What a person is asked.
    pub asks: Option<String>,
}

/// Where a lease stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// The run is being loaded.
    Opening,
    /// A holder has it, and has not begun.
    Claimed,
    /// The holder has begun.
    Started,
    /// Nothing more is taken; how it ends is not known yet.
    Ending,
    /// It is over.
    Over(Over),
}

struct Call {
    number: u32,
    digest: Digest,
    /// Whether this holder has made it.
    made: bool,
    outcome: Option<Outcome>,
}

struct Mark {
    digest: Digest,
    stored: bool,
}

pub(super) struct Inner {
    pub(super) stage: Stage,
    pub(super) opening: Option<Opening>,
    pub(super) attempt: u32,
    pub(super) expires_at: Timestamp,
    pub(super) queue: VecDeque<Asked>,
    calls: BTreeMap<String, Call>,
    names: BTreeMap<u32, String>,
    next_call: u32,
    steps: BTreeMap<String, Mark>,
    /// Whether the holder has said that it begins.
    begun: bool,
    /// The end that the holder asked for.
    end: Option<Digest>,
    /// When a call was made or answered last.
    pub(super) active_at: Timestamp,
    /// Calls made and answered so far.
    pub(super) activity: u64,
    pub(super) waits: BTreeMap<u32, Waiting>,
    pub(super) failure: Option<(String, String)>,
}

impl Inner {
    /// Calls of this holder that have no outcome yet.
    pub(super) fn in_flight(&self) -> usize {
        self.calls.values().filter(|call| call.made && call.outcome.is_none()).count()
    }

    /// A call was made or answered.
    pub(super) fn active(&mut self, now: Timestamp) {
        self.activity += 1;
        self.active_at = now;
    }

    /// Takes in what holders before this one have done.
    pub(super) fn know(&mut self, opening: &Opening) {
        for known in &opening.calls {
            let outcome = known.outcome.clone();
            let call = Call { number: known.number, digest: known.digest, made: false, outcome };
            self.names.insert(known.number, known.id.clone());
            self.calls.insert(known.id.clone(), call);
            self.next_call = self.next_call.max(known.number + 1);
        }
        for step in &opening.steps {
            let digest = digest_of_step(&step.name, &step.data);
            self.steps.insert(step.id.clone(), Mark { digest, stored: true });
        }
    }

    /// Numbers calls from here on.
    pub(super) fn number_from(&mut self, next: u32) {
        self.next_call = self.next_call.max(next);
    }

    /// A call has its outcome.
    pub(super) fn settle(&mut self, number: u32, outcome: &Outcome) {
        let name = self.names.get(&number).expect("every call of a holder has a name");
        let call = self.calls.get_mut(name).expect("every name belongs to a call");
        call.outcome = Some(outcome.clone());
    }

    /// A mark is on the disk.
    pub(super) fn mark_stored(&mut self, id: &str) {
        if let Some(mark) = self.steps.get_mut(id) {
            mark.stored = true;
        }
    }
}

pub(super) struct Shared {
    pub(super) run: RunId,
    pub(super) engine: EngineName,
    token: EngineTokenId,
    /// The digest of the lease's own secret.
    secret: Digest,
    pub(super) env: Env,
    inner: Mutex<Inner>,
    /// Counts what requests wait for.
    changed: watch::Sender<u64>,
    /// Counts what the attempt is to look at.
    pub(super) wake: watch::Sender<u64>,
}

/// The holder's end of a run. Clones are the same lease.
#[derive(Clone)]
pub struct Lease(pub(super) Arc<Shared>);

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("run", &self.0.run).field("engine", &self.0.engine).finish_non_exhaustive()
    }
}

impl Lease {
    /// Makes both ends, and the secret that proves who holds the lease.
    pub(crate) fn pair(env: &Env, run: RunId, engine: EngineName, token: EngineTokenId) -> (Self, Holder, String) {
        let secret = Digest::from_bytes(env.random_bytes()).to_string();
        let now = env.now();
        let inner = Inner {
            stage: Stage::Opening,
            opening: None,
            attempt: 0,
            expires_at: now + LEASE,
            queue: VecDeque::new(),
            calls: BTreeMap::new(),
            names: BTreeMap::new(),
            next_call: 0,
            steps: BTreeMap::new(),
            begun: false,
            end: None,
            active_at: now,
            activity: 0,
            waits: BTreeMap::new(),
            failure: None,
        };
        let lease = Self(Arc::new(Shared {
            run,
            engine,
            token,
            secret: Digest::of(secret.as_bytes()),
            env: env.clone(),
            inner: Mutex::new(inner),
            changed: watch::channel(0).0,
            wake: watch::channel(0).0,
        }));
        (lease.clone(), Holder::new(lease), secret)
    }

    /// The run.
    pub fn run(&self) -> RunId {
        self.0.run
    }

    /// The engine that holds it.
    pub fn engine(&self) -> &EngineName {
        &self.0.engine
    }

    /// The token that the holder came with.
    pub fn token(&self) -> EngineTokenId {
        self.0.token
    }

    /// The attempt that the holder has.
    pub fn attempt(&self) -> u32 {
        self.lock().attempt
    }

    /// When it ends unless the holder is heard of.
    pub fn expires_at(&self) -> Timestamp {
        self.lock().expires_at
    }

    /// Whether a text is the secret of this lease. How long this takes tells nothing.
    pub fn is_held_with(&self, secret: &str) -> bool {
        blake3::Hash::from(*self.0.secret.as_bytes()) == blake3::hash(secret.as_bytes())
    }

    /// How it has ended, if it has.
    pub fn over(&self) -> Option<Over> {
        match &self.lock().stage {
            Stage::Over(over) => Some(over.clone()),
            Stage::Opening | Stage::Claimed | Stage::Started | Stage::Ending => None,
        }
    }

    /// Ends it because the token of its holder is no longer good.
    pub(crate) fn revoke(&self) {
        let mut inner = self.lock();
        if matches!(inner.stage, Stage::Opening | Stage::Claimed | Stage::Started) {
            inner.stage = Stage::Over(Over::Revoked);
        }
        self.tell(inner);
    }

    /// Waits until the run is loaded, and takes what its holder is given; none when it is not to run.
    pub(crate) async fn opened(&self) -> Option<Opening> {
        let opened = |inner: &mut Inner| match &inner.stage {
            Stage::Opening => None,
            Stage::Claimed | Stage::Started => Some(inner.opening.take()),
            Stage::Ending | Stage::Over(_) => Some(None),
        };
        self.wait_for(opened).await
    }

    /// The holder is there. Says until when the lease lasts now.
    pub fn heartbeat(&self) -> Result<Timestamp, Refusal> {
        let mut inner = self.lock();
        self.alive(&mut inner)?;
        Ok(inner.expires_at)
    }

    /// The holder begins.
    pub async fn start(&self, says: Option<String>) -> Result<Timestamp, Refusal> {
        {
            let mut inner = self.lock();
            self.alive(&mut inner)?;
            if !inner.begun {
                inner.begun = true;
                inner.queue.push_back(Asked::Start { says });
                self.tell(inner);
            }
        }
        self.stored(|inner| inner.stage == Stage::Started).await
    }

    /// The engine makes a call, or asks again for one that it made. Says the number that it has in the run.
    pub fn call(&self, new: NewCall) -> Result<u32, Refusal> {
        let mut inner = self.lock();
        self.working(&mut inner)?;
        let digest = new.digest();
        let NewCall { id, tool, arguments, key, optional } = new;
        let in_flight = inner.in_flight();
        let next = inner.next_call;
        let number = match inner.calls.get_mut(&id) {
            Some(known) if known.digest != digest => return Err(Refusal::CallDiffers { id }),
            Some(known) if known.outcome.is_some() || known.made => return Ok(known.number),
            // An earlier holder made it, and it has no outcome yet: it goes on as the same call.
            Some(_) | None if in_flight >= IN_FLIGHT_MAX => return Err(Refusal::Busy),
            Some(known) => {
                known.made = true;
                known.number
            }
            None => {
                inner.next_call += 1;
                inner.names.insert(next, id.clone());
                inner.calls.insert(id.clone(), Call { number: next, digest, made: true, outcome: None });
                next
            }
        };
        inner.active(self.0.env.now());
        inner.queue.push_back(Asked::Call(Leaving { call: number, id: Some(id), tool, arguments, key, optional }));
        self.tell(inner);
        Ok(number)
    }

    /// What a call has come to, once it has, or the run sleeps over it, or the time is up.
    pub async fn outcome(&self, id: &str, wait: Duration) -> Result<State, Refusal> {
        let came = |inner: &mut Inner| {
            let Some(call) = inner.calls.get(id) else {
                return Some(Err(match &inner.stage {
                    Stage::Over(over) => Refusal::Over(over.clone()),
                    Stage::Opening | Stage::Claimed | Stage::Started | Stage::Ending => {
                        Refusal::CallUnknown { id: id.to_owned() }
                    }
                }));
            };
            let number = call.number;
            if let Some(outcome) = &call.outcome {
                return Some(Ok(State::Settled { number, outcome: outcome.clone() }));
            }
            match &inner.stage {
                Stage::Over(Over::Asleep) => Some(Ok(State::Waits { number, on: inner.waits.get(&number).cloned() })),
                Stage::Over(over) => Some(Err(Refusal::Over(over.clone()))),
                Stage::Opening | Stage::Claimed | Stage::Started | Stage::Ending => None,
            }
        };
        let number = {
            let mut inner = self.lock();
            if let Some(came) = came(&mut inner) {
                return came;
            }
            // One that is ending is over in a moment; then it is told why, and what became of the call.
            if inner.stage != Stage::Ending {
                self.alive(&mut inner)?;
            }
            inner.calls.get(id).map_or(0, |call| call.number)
        };
        tokio::select! {
            biased;
            came = self.wait_for(came) => came,
            () = self.0.env.sleep(wait) => Ok(State::UnderWay { number }),
        }
    }

    /// The engine marks its progress. Answered when the mark is on the disk.
    pub async fn step(&self, new: NewStep) -> Result<Timestamp, Refusal> {
        let id = new.id.clone();
        {
            let mut inner = self.lock();
            self.working(&mut inner)?;
            let digest = digest_of_step(&new.name, &new.data);
            match inner.steps.get(&id) {
                Some(known) if known.digest != digest => return Err(Refusal::StepDiffers { id }),
                Some(_) => {}
                None if inner.steps.len() >= STEPS_MAX => return Err(Refusal::StepsFull),
                None => {
                    inner.steps.insert(id.clone(), Mark { digest, stored: false });
                    inner.queue.push_back(Asked::Step(new));
                    self.tell(inner);
                }
            }
        }
        self.stored(|inner| inner.steps.get(&id).is_some_and(|mark| mark.stored)).await
    }

    /// Drops the outcomes that it holds. What it waited for can still be asked.
    pub(crate) fn forget(&self) {
        self.lock().calls.retain(|_, call| call.outcome.is_none());
    }

    /// Whether something may be stored for the run now.
    pub fn may_store(&self) -> Result<u32, Refusal> {
        let mut inner = self.lock();
        self.working(&mut inner)?;
        Ok(inner.attempt)
    }

    /// The holder ends its lease. Says how it ended; the same end again says the same.
    pub async fn end(&self, end: End) -> Result<Over, Refusal> {
        let digest = end.digest();
        {
            let mut inner = self.lock();
            let again = inner.end == Some(digest);
            match &inner.stage {
                Stage::Ending if again => {}
                Stage::Ending => return Err(Refusal::Ending),
                Stage::Over(over) if again => return Ok(over.clone()),
                Stage::Over(over) => return Err(Refusal::Over(over.clone())),
                Stage::Opening | Stage::Claimed | Stage::Started => {
                    if !matches!(end, End::Released) {
                        self.working(&mut inner)?;
                    }
                    self.alive(&mut inner)?;
                    inner.stage = Stage::Ending;
                    inner.end = Some(digest);
                    inner.queue.push_back(Asked::End(end));
                    self.tell(inner);
                }
            }
        }
        Ok(self
            .wait_for(|inner| match &inner.stage {
                Stage::Over(over) => Some(over.clone()),
                Stage::Opening | Stage::Claimed | Stage::Started | Stage::Ending => None,
            })
            .await)
    }

    /// Whether the holder has begun and is still heard.
    fn working(&self, inner: &mut Inner) -> Result<(), Refusal> {
        self.alive(inner)?;
        match inner.stage {
            Stage::Started => Ok(()),
            Stage::Opening | Stage::Claimed => Err(Refusal::NotStarted),
            Stage::Ending => Err(Refusal::Ending),
            Stage::Over(ref over) => Err(Refusal::Over(over.clone())),
        }
    }

    /// Looks whether the lease still lasts, and if so, lets it last longer.
    fn alive(&self, inner: &mut Inner) -> Result<(), Refusal> {
        let now = self.0.env.now();
        match &inner.stage {
            Stage::Over(over) => return Err(Refusal::Over(over.clone())),
            Stage::Ending => return Err(Refusal::Ending),
            Stage::Opening | Stage::Claimed | Stage::Started => {}
        }
        if now >= inner.expires_at {
            inner.stage = Stage::Over(Over::Expired);
            self.0.wake.send_modify(|count| *count += 1);
            self.0.changed.send_modify(|count| *count += 1);
            return Err(Refusal::Over(Over::Expired));
        }
        inner.expires_at = now + LEASE;
        Ok(())
    }

    /// Waits until something is on the disk.
    async fn stored(&self, is_stored: impl Fn(&Inner) -> bool) -> Result<Timestamp, Refusal> {
        self.wait_for(|inner| match &inner.stage {
            _ if is_stored(inner) => Some(Ok(inner.expires_at)),
            Stage::Over(over) => Some(Err(Refusal::Over(over.clone()))),
            Stage::Opening | Stage::Claimed | Stage::Started | Stage::Ending => None,
        })
        .await
    }

    async fn wait_for<T>(&self, mut look: impl FnMut(&mut Inner) -> Option<T>) -> T {
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.changed().await.expect("a lease has its sender with it");
        }
    }

    /// Tells the attempt and whoever waits that something has changed.
    pub(super) fn tell(&self, inner: MutexGuard<'_, Inner>) {
        drop(inner);
        self.0.wake.send_modify(|count| *count += 1);
        self.0.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest_of_step(name: &str, data: &Value) -> Digest {
    let data = intents::canonical::to_string(data);
    Digest::of_parts("steward step 1", &[name.as_bytes(), data.as_bytes()])
}
