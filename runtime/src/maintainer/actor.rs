//! Chooses which repairs are worked on, and watches their sessions.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use intents::id::RepairId;
use intents::repair::{Move, Standing, pick};
use tokio::task::JoinHandle;

use super::session;
use crate::app::App;
use crate::error::Error;
use crate::store::GiveUp;

/// How often it looks for work that nobody told it of.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// After trouble with the store a repair is taken up again, not sooner than this.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How often it is taken up again before it is given up.
const TROUBLES_MAX: u32 = 12;
/// A day, in which repairs may cost so much.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The maintainer.
pub struct Maintainer {
    /// What sessions work with; nothing once the server ends.
    app: Option<App>,
    sessions: BTreeMap<RepairId, JoinHandle<()>>,
    troubles: BTreeMap<RepairId, u32>,
    listener: Option<JoinHandle<()>>,
    /// Whether it looks for work: not in the server that a command starts for itself.
    looks: bool,
}

impl std::fmt::Debug for Maintainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maintainer").field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}

impl Maintainer {
    /// A maintainer that has nothing to do yet.
    pub fn new(app: App, looks: bool) -> Self {
        Self { app: Some(app), sessions: BTreeMap::new(), troubles: BTreeMap::new(), listener: None, looks }
    }

    /// Looks in the store for what is to be done: messages are hints alone.
    fn look(&self, context: &mut Context<Self>) {
        let Some(app) = self.app.clone().filter(|_| self.looks) else { return };
        let held: Vec<RepairId> = self.sessions.keys().copied().collect();
        let look = async move { chosen(&app, &held).await };
        context.spawn(look.into_actor(self).map(|found, maintainer, context| match found {
            Ok(repairs) => repairs.into_iter().for_each(|repair| maintainer.admit(repair, context)),
            Err(error) => tracing::warn!(%error, "the maintainer could not look for its work"),
        }));
    }

    fn admit(&mut self, repair: RepairId, context: &Context<Self>) {
        let Some(app) = self.app.clone() else { return };
        if self.sessions.contains_key(&repair) {
            return;
        }
        let troubles = self.troubles.get(&repair).copied().unwrap_or(0);
        let task = tokio::spawn(watched(app, repair, troubles, context.address()));
        self.sessions.insert(repair, task);
    }
}

/// What is worked on next. What is given up together is given up here.
async fn chosen(app: &App, held: &[RepairId]) -> Result<Vec<RepairId>, Error> {
    let choices = app.store.repair_choices().await?;
    if choices.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.env.now();
    let (_, budget) = session::budgets(app).await?;
    let spent = app.store.repairs_cost_since(now - DAY).await?;
    let standing: Vec<_> = choices
        .into_iter()
        .map(|choice| Standing {
            is_held: held.contains(&choice.id),
            id: choice.id,
            state: choice.state,
            storm: choice.storm,
            updated_at: choice.updated_at,
        })
        .collect();
    let mut taken = Vec::new();
    for next in pick(&standing, spent, budget, now) {
        match next {
            Move::TakeUp(id) => taken.push(id),
            Move::GiveUpStorm(repairs) => {
                let why =
                    "the first of the automations that fail in the same way could not be repaired, so the others \
                           were not tried"
                        .to_owned();
                app.store.give_repairs_up(GiveUp { repairs, why, steps: Vec::new() }).await?;
            }
            Move::GiveUpBroke(repairs) => {
                let why = format!("repairs may cost {budget} USD a day, and that is used up (`repair.budget_per_day`)");
                app.store.give_repairs_up(GiveUp { repairs, why, steps: Vec::new() }).await?;
            }
        }
    }
    Ok(taken)
}

impl Actor for Maintainer {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.look(context);
        let (Some(app), true) = (self.app.clone(), self.looks) else { return };
        let (mut repairs, env, maintainer) = (app.store.signals().repairs, app.env.clone(), context.address());
        drop(app);
        self.listener = Some(tokio::spawn(async move {
            loop {
                tokio::select! {
                    changed = repairs.changed() => if changed.is_err() { return },
                    () = env.sleep(LOOK_EVERY) => {}
                }
                if maintainer.send(Look).await.is_err() {
                    return;
                }
            }
        }));
    }
}

impl Supervised for Maintainer {}

/// There may be something to do.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Look;

impl Handler<Look> for Maintainer {
    type Result = ();

    fn handle(&mut self, _: Look, context: &mut Context<Self>) {
        self.look(context);
    }
}

/// The server ends: what is under way is left as it stands, and goes on at the next start.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct End;

impl Handler<End> for Maintainer {
    type Result = ();

    fn handle(&mut self, _: End, _: &mut Context<Self>) {
        self.app = None;
        for task in self.sessions.values().chain(&self.listener) {
            task.abort();
        }
        self.sessions.clear();
        self.listener = None;
    }
}

/// A session has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended {
    repair: RepairId,
    troubled: bool,
    /// Whether it is not to go on now: it is looked at again after a while.
    rests: bool,
}

impl Handler<Ended> for Maintainer {
    type Result = ();

    fn handle(&mut self, Ended { repair, troubled, rests }: Ended, context: &mut Context<Self>) {
        self.sessions.remove(&repair);
        if troubled {
            *self.troubles.entry(repair).or_insert(0) += 1;
        } else {
            self.troubles.remove(&repair);
        }
        if !rests {
            self.look(context);
        }
    }
}

/// Holds a session and tells the maintainer when it has ended, however it ends.
async fn watched(app: App, repair: RepairId, troubles: u32, maintainer: Addr<Maintainer>) {
    if troubles > 0 {
        app.env.sleep(AGAIN_AFTER).await;
    }
    let held = AssertUnwindSafe(session::hold(&app, repair)).catch_unwind().await;
    let mut rests = false;
    let troubled = match held {
        Ok(Ok(ended)) => {
            rests = ended == session::Ended::NotNow;
            false
        }
        Ok(Err(Error::Store(error))) if troubles < TROUBLES_MAX => {
            tracing::warn!(%repair, %error, "a repair broke off, and goes on");
            true
        }
        Ok(Err(error)) => {
            give_up(&app, repair, format!("it could not go on: {error} ({})", error.code())).await;
            false
        }
        Err(_) => {
            give_up(&app, repair, "something failed that nobody foresaw; this is a fault of Steward".to_owned()).await;
            false
        }
    };
    // Without a maintainer nobody keeps a place for it.
    maintainer.send(Ended { repair, troubled, rests }).await.unwrap_or_default();
}

async fn give_up(app: &App, repair: RepairId, why: String) {
    tracing::warn!(%repair, %why, "a repair is given up");
    let give_up = GiveUp { repairs: vec![repair], why, steps: Vec::new() };
    if let Err(error) = app.store.give_repairs_up(give_up).await {
        tracing::error!(%repair, %error, "it could not be stored that a repair was given up");
    }
}
