//! Where engines outside get their work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use intents::id::{AutomationId, EngineTokenId, RunId};
use tokio::sync::{Semaphore, watch};

use super::EngineName;
use super::leases::Leases;
use super::token::Tokens;
use crate::env::Env;
use crate::executor::outside::{Lease, Opening};
use crate::executor::{AdmitOutside, Control};
use crate::router::{Places, pick};
use crate::store::{EngineToken, Error, Store};

/// Holders that wait for work at once; each looks in the store when something changes.
const WAITING_MAX: usize = 128;
/// Between two looks of one who waits: many runs become ready at once, and one look finds the first.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// How soon one who waits looks again without a hint.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Runs that are looked at to find one that may go.
const LOOK_MAX: u64 = 100;

/// What engines outside share. Clones share everything.
#[derive(Debug, Clone)]
pub struct Engines {
    env: Env,
    store: Store,
    control: Control,
    /// Changes when a place becomes free.
    places: watch::Receiver<u64>,
    tokens: Tokens,
    leases: Leases,
    seats: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// A run that was claimed.
#[derive(Debug)]
pub struct Claimed {
    /// Its lease.
    pub lease: Lease,
    /// The secret that proves who holds it. Shown this once.
    pub secret: String,
    /// What the holder is given.
    pub opening: Opening,
}

/// Whose run is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The engine that asks.
    pub engine: EngineName,
    /// The token that it came with.
    pub token: EngineTokenId,
    /// Only of this automation.
    pub automation: Option<AutomationId>,
}

impl Engines {
    /// Opens the desk.
    pub async fn open(env: Env, store: Store, control: Control, places: watch::Receiver<u64>) -> Result<Self, Error> {
        let tokens = Tokens::load(&store).await?;
        let seats = Arc::new(Semaphore::new(WAITING_MAX));
        Ok(Self { env, store, control, places, tokens, leases: Leases::default(), seats, waiting: Arc::default() })
    }

    /// Gives the next run of an engine to a holder, waiting for one if there is none. None when the time is up; an
    /// error of its own when more wait than can.
    pub async fn claim(&self, wanted: &Wanted, wait: Duration) -> Result<Claim, Error> {
        let Ok(_seat) = self.seats.try_acquire() else { return Ok(Claim::Busy) };
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted(&self.waiting);
        let mut runs = self.store.signals().runs;
        let mut places = self.places.clone();
        let up = self.env.clock.sleep_until(self.env.now() + wait);
        tokio::pin!(up);
        loop {
            runs.mark_unchanged();
            places.mark_unchanged();
            if let Some(claimed) = self.try_claim(wanted).await? {
                return Ok(Claim::Given(Box::new(claimed)));
            }
            tokio::select! {
                changed = runs.changed() => if changed.is_err() { return Ok(Claim::Nothing) },
                changed = places.changed() => if changed.is_err() { return Ok(Claim::Nothing) },
                () = self.env.sleep(LOOK_AGAIN) => {}
                () = &mut up => return Ok(Claim::Nothing),
            }
            self.env.sleep(LOOK_PAUSE).await;
        }
    }

    async fn try_claim(&self, wanted: &Wanted) -> Result<Option<Claimed>, Error> {
        let standing = self.control.standing().await;
        let mut ready = self.store.claimable(&wanted.engine, wanted.automation, LOOK_MAX, &standing.full).await?;
        ready.retain(|runnable| !standing.runs.contains(&runnable.run));
        // In the order in which each would be picked if those before it were not to run after all.
        for runnable in pick(&ready, &Places { free: ready.len(), taken: standing.automations }) {
            let (lease, holder, secret) = Lease::pair(&self.env, runnable.run, wanted.engine.clone(), wanted.token);
            // Whoever is first at the executor gets the run; the other looks for the next.
            let admitted = self.control.executor().send(AdmitOutside { runnable, holder }).await;
            if !admitted.unwrap_or(false) {
                continue;
            }
            // Known before its holder is: a stop or a revoked token finds it.
            self.leases.add(lease.clone());
            if self.tokens.engine(wanted.token).is_none() {
                lease.revoke();
            }
            if let Some(opening) = lease.opened().await {
                return Ok(Some(Claimed { lease, secret, opening }));
            }
        }
        Ok(None)
    }

    /// The lease of a run that is held with this secret and this token.
    pub fn lease(&self, run: RunId, token: EngineTokenId, secret: &str) -> Option<Lease> {
        self.leases.find(run, token, secret)
    }

    /// The leases that last.
    pub fn leases(&self) -> Vec<Lease> {
        self.leases.lasting()
    }

    /// How many holders wait for work.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whose token a text is.
    pub fn token_of(&self, text: &str) -> Option<EngineTokenId> {
        self.tokens.of(text)
    }

    /// The engine that a good token stands for.
    pub fn engine_of(&self, token: EngineTokenId) -> Option<EngineName> {
        self.tokens.engine(token)
    }

    /// Makes a token; the text is shown this once.
    pub async fn create_token(&self, engine: &EngineName, by: &str) -> Result<(EngineToken, String), Error> {
        self.tokens.create(&self.store, &self.env, engine, by).await
    }

    /// Ends a token, and with it the leases that were taken with it.
    pub async fn revoke_token(&self, id: EngineTokenId, by: &str) -> Result<EngineToken, Error> {
        let token = self.tokens.revoke(&self.store, id, by).await?;
        for lease in self.leases.lasting().into_iter().filter(|lease| lease.token() == id) {
            lease.revoke();
        }
        Ok(token)
    }
}

/// What became of a claim.
#[derive(Debug)]
pub enum Claim {
    /// A run.
    Given(Box<Claimed>),
    /// There is none now.
    Nothing,
    /// More holders wait than can.
    Busy,
}

/// One that waits, counted until this is dropped.
struct Counted<'c>(&'c AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
