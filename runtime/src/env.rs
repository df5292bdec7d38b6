//! Time, chance and the places to die: everything that a test must be able to hold in its hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use intents::Timestamp;
use intents::id::Ulid;
use ring::rand::{SecureRandom, SystemRandom};

/// Tells the time and waits for it.
pub trait Clock: Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// The time of day in nanoseconds since 1970, for figures and traces alone: nothing is decided by it.
    fn nanos(&self) -> i64 {
        self.now().as_millis().saturating_mul(1_000_000)
    }

    /// Ends at a point in time; at once when it has passed.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// Gives numbers that nobody can foresee.
pub trait Entropy: Send + Sync {
    /// 128 random bits.
    fn next_u128(&self) -> u128;
}

/// A place in the path of a run at which the process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultPoint {
    /// The item is to be delivered; nothing is stored.
    BeforeDeliver,
    /// The item and its run are stored; nobody has been told.
    AfterDeliver,
    /// The attempt has been claimed in memory.
    AttemptClaimed,
    /// A call has left the script; nothing is recorded.
    CallReceived,
    /// A read has given its outcome; it is in memory only.
    ReadDone,
    /// An effect is to be claimed in the ledger.
    BeforeBegin,
    /// The effect is `started` in the ledger; nothing has left.
    AfterBegin,
    /// The service has performed the effect; we have its answer in memory only.
    AfterPerform,
    /// The outcome is stored; the script has not seen it.
    AfterSettle,
    /// The settling question was answered; the answer is in memory only.
    AfterSettleQuestion,
    /// The run is to go to sleep.
    BeforeSleep,
    /// The wait is stored.
    AfterSleep,
    /// The script has returned; the end is not stored.
    BeforeFinish,
    /// The end is stored.
    AfterFinish,
}

impl FaultPoint {
    /// Every place.
    pub const ALL: [Self; 14] = [
        Self::BeforeDeliver,
        Self::AfterDeliver,
        Self::AttemptClaimed,
        Self::CallReceived,
        Self::ReadDone,
        Self::BeforeBegin,
        Self::AfterBegin,
        Self::AfterPerform,
        Self::AfterSettle,
        Self::AfterSettleQuestion,
        Self::BeforeSleep,
        Self::AfterSleep,
        Self::BeforeFinish,
        Self::AfterFinish,
    ];
}

/// Decides whether the process dies at a place. A simulation that dies there never returns from `reached`.
pub trait Faults: Send + Sync {
    /// Called at each place, each time.
    fn reached(&self, point: FaultPoint) -> BoxFuture<'static, ()>;
}

/// Everything that is not the same in two executions.
#[derive(Clone)]
pub struct Env {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    faults: Option<Arc<dyn Faults>>,
    last_id: Arc<Mutex<Ulid>>,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}

impl Env {
    /// The real world.
    pub fn real() -> Self {
        Self::simulated(Arc::new(WallClock), Arc::new(SystemEntropy(SystemRandom::new())), None)
    }

    /// A world for simulations.
    pub fn simulated(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, faults: Option<Arc<dyn Faults>>) -> Self {
        Self { clock, entropy, faults, last_id: Arc::new(Mutex::new(Ulid::from_parts(Timestamp::EPOCH, 0))) }
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Passes a place at which a simulation may die.
    pub async fn reached(&self, point: FaultPoint) {
        if let Some(faults) = &self.faults {
            faults.reached(point).await;
        }
    }

    /// 32 random bytes.
    pub fn random_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.entropy.next_u128().to_be_bytes());
        bytes[16..].copy_from_slice(&self.entropy.next_u128().to_be_bytes());
        bytes
    }

    /// A new identifier, higher than all before it: what comes in one millisecond sorts in its order, too.
    fn ulid(&self) -> Ulid {
        let fresh = Ulid::from_parts(self.now(), self.entropy.next_u128());
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last = fresh.max(last.next());
        *last
    }

    /// How long it is since a reading of the clock's nanoseconds.
    pub fn since(&self, nanos: i64) -> Duration {
        Duration::from_nanos(u64::try_from(self.clock.nanos().saturating_sub(nanos)).unwrap_or_default())
    }

    /// Has all identifiers from here on be higher than one that an earlier life made.
    pub fn go_on_after(&self, ulid: Ulid) {
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last = ulid.max(*last);
    }

    /// Waits for a length of time.
    pub async fn sleep(&self, length: Duration) {
        self.clock.sleep_until(self.now() + length).await;
    }
}

/// Makes ids from an [`Env`].
macro_rules! id_maker {
    ($($function:ident -> $id:ident),* $(,)?) => {
        impl Env {
            $(
                /// Makes a new id.
                pub fn $function(&self) -> intents::id::$id {
                    intents::id::$id::from_ulid(self.ulid())
                }
            )*
        }
    };
}

id_maker! {
    automation_id -> AutomationId,
    contract_id -> ContractId,
    script_id -> ScriptId,
    run_id -> RunId,
    item_id -> ItemId,
    wait_id -> WaitId,
    need_id -> NeedId,
    event_id -> EventId,
    trigger_id -> TriggerId,
    effect_id -> EffectId,
    approval_id -> ApprovalId,
    engine_token_id -> EngineTokenId,
    artifact_id -> ArtifactId,
    provider_id -> ProviderId,
    model_call_id -> ModelCallId,
    trial_id -> TrialId,
    thread_id -> ThreadId,
    message_id -> MessageId,
    card_id -> CardId,
    repair_id -> RepairId,
    incident_id -> IncidentId,
    golden_id -> GoldenId,
    delivery_id -> DeliveryId,
    link_id -> LinkId,
    shadow_id -> ShadowId,
    note_id -> NoteId,
}

struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn nanos(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let length = at.since(self.now());
        Box::pin(tokio::time::sleep(length))
    }
}

struct SystemEntropy(SystemRandom);

impl Entropy for SystemEntropy {
    fn next_u128(&self) -> u128 {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes).expect("the operating system gives random bytes");
        u128::from_be_bytes(bytes)
    }
}
