//! Admits threads in which there is work, and watches their sessions.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use intents::id::ThreadId;
use tokio::sync::watch;

use super::session;
use crate::app::App;
use crate::error::Error;

/// Sessions at once: each may try a script out, and two processors do not get more done by doing it together.
const SESSIONS_MAX: usize = 4;
/// Threads that are looked up at a time.
const LOOK_MAX: u64 = 64;
/// After trouble with the store a thread is taken up again, not sooner than this.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How often it is taken up again before the person is asked.
const TROUBLES_MAX: u32 = 12;

/// The planner.
pub struct Planner {
    /// What sessions work with; nothing once the server ends, so that nobody keeps the store open for it.
    app: Option<App>,
    sessions: BTreeMap<ThreadId, Session>,
    troubles: BTreeMap<ThreadId, u32>,
    /// Whether it looks for work by itself: not in the server that a command starts for itself.
    looks: bool,
}

struct Session {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    /// Whether there is more to do than when it began.
    again: bool,
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planner").field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}

impl Planner {
    /// A planner that has nothing to do yet. `looks` says whether it looks for work by itself, or only where it is told.
    pub fn new(app: App, looks: bool) -> Self {
        Self { app: Some(app), sessions: BTreeMap::new(), troubles: BTreeMap::new(), looks }
    }

    fn admit(&mut self, thread: ThreadId, context: &Context<Self>) {
        let Some(app) = self.app.clone() else { return };
        if let Some(session) = self.sessions.get_mut(&thread) {
            session.again = true;
            return;
        }
        if self.sessions.len() >= SESSIONS_MAX {
            // It is looked up again when a session ends.
            return;
        }
        let (stop, stopped) = watch::channel(false);
        let rest = if self.troubles.contains_key(&thread) { AGAIN_AFTER } else { Duration::ZERO };
        let task = tokio::spawn(watched(app, thread, rest, stopped, context.address()));
        self.sessions.insert(thread, Session { stop, task, again: false });
    }

    /// Looks in the store for threads with work: messages are hints alone.
    fn look(&self, context: &mut Context<Self>) {
        let Some(app) = self.app.as_ref().filter(|_| self.looks) else { return };
        let store = app.store.clone();
        let look = async move { store.working_threads(LOOK_MAX).await };
        context.spawn(look.into_actor(self).map(|found, planner, context| match found {
            Ok(threads) => threads.into_iter().for_each(|thread| planner.admit(thread, context)),
            Err(error) => tracing::warn!(%error, "the planner could not look for its work"),
        }));
    }
}

impl Actor for Planner {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.look(context);
    }
}

impl Supervised for Planner {}

/// There is work in a thread.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Wake(pub(super) ThreadId);

impl Handler<Wake> for Planner {
    type Result = ();

    fn handle(&mut self, Wake(thread): Wake, context: &mut Context<Self>) {
        self.troubles.remove(&thread);
        self.admit(thread, context);
    }
}

/// Stop what is being done in a thread, because the person wants it so. Says whether anything was.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub(super) struct Interrupt(pub(super) ThreadId);

impl Handler<Interrupt> for Planner {
    type Result = bool;

    fn handle(&mut self, Interrupt(thread): Interrupt, _: &mut Context<Self>) -> bool {
        match self.sessions.get(&thread) {
            Some(session) => {
                session.stop.send_replace(true);
                true
            }
            None => false,
        }
    }
}

/// The server ends: what is under way is left as it stands, and goes on at the next start.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct End;

impl Handler<End> for Planner {
    type Result = ();

    fn handle(&mut self, _: End, _: &mut Context<Self>) {
        self.app = None;
        for session in self.sessions.values() {
            session.task.abort();
        }
        self.sessions.clear();
    }
}

/// A session has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended {
    thread: ThreadId,
    troubled: bool,
}

impl Handler<Ended> for Planner {
    type Result = ();

    fn handle(&mut self, Ended { thread, troubled }: Ended, context: &mut Context<Self>) {
        let again = self.sessions.remove(&thread).is_some_and(|session| session.again);
        if troubled {
            let troubles = self.troubles.entry(thread).or_insert(0);
            *troubles += 1;
            if *troubles > TROUBLES_MAX {
                // It stays where it is until somebody says something in it, or the server starts again.
                tracing::error!(%thread, "a thread is left where it stands after trouble again and again");
                return;
            }
            self.admit(thread, context);
        } else {
            self.troubles.remove(&thread);
            if again {
                self.admit(thread, context);
            }
        }
        self.look(context);
    }
}

/// Holds a session and tells the planner when it has ended, however it ends.
async fn watched(app: App, thread: ThreadId, rest: Duration, stop: watch::Receiver<bool>, planner: Addr<Planner>) {
    if !rest.is_zero() {
        app.env.sleep(rest).await;
    }
    let held = AssertUnwindSafe(session::hold(&app, thread, stop)).catch_unwind().await;
    let troubled = match held {
        Ok(Ok(())) => false,
        Ok(Err(error)) => trouble(&app, thread, &error).await,
        Err(_) => {
            let why = "Something failed in a way that nobody foresaw; this is a fault of Steward. You can go on.";
            cut_off(&app, thread, why).await;
            false
        }
    };
    app.live.doing(thread, "");
    app.live.stored(thread);
    // Without a planner nobody keeps a place for it.
    planner.send(Ended { thread, troubled }).await.unwrap_or_default();
}

/// What is done about an error that no turn foresees. Says whether it is to be tried again.
async fn trouble(app: &App, thread: ThreadId, error: &Error) -> bool {
    tracing::warn!(%thread, error = error as &dyn std::error::Error, "a session of the planner broke off");
    match error {
        Error::Store(_) => true,
        Error::Face { .. }
        | Error::Config(_)
        | Error::Contract(_)
        | Error::Script(_)
        | Error::Connector(_)
        | Error::Model(_)
        | Error::Sandbox(_)
        | Error::Answered { .. } => {
            cut_off(app, thread, &format!("It could not go on: {error} ({}).", error.code())).await;
            false
        }
    }
}

async fn cut_off(app: &App, thread: ThreadId, why: &str) {
    if let Err(error) = app.store.cut_thread_off(thread, why, "planner").await {
        tracing::warn!(%thread, %error, "it could not be stored that an answer was cut off");
    }
}
