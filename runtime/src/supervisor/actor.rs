//! Watches an actix actor.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use actix::dev::{AsyncContextParts, ContextFut};
use actix::{Actor, Addr, AsyncContext, Context, Supervised};
use futures_util::future::BoxFuture;

use super::Escalation;
use super::record::{Record, reason_of};
use crate::env::Env;
use crate::health::Health;

/// Starts an actor that is started again when it dies: of a panic wherever it arises, or by stopping itself.
///
/// The address stays the same and what waits in the mailbox is answered by the next life. Called on an arbiter.
pub fn supervise<A, F>(name: &str, env: &Env, health: &Health, escalation: &Arc<dyn Escalation>, factory: F) -> Addr<A>
where
    A: Actor<Context = Context<A>> + Supervised,
    F: FnOnce(&mut Context<A>) -> A,
{
    let mut context = Context::new();
    let actor = factory(&mut context);
    let address = context.address();
    let record = Record::new(name, env, health, escalation);
    let recovery = Some(record.recovery());
    let life = Life::Lives { recovery };
    actix_rt::spawn(Watched { actor: Some(Box::pin(context.into_future(actor))), life, record });
    address
}

/// An actor with its mailbox and timers.
type Living<A> = Pin<Box<ContextFut<A, Context<A>>>>;

enum Life {
    /// It works; until it has recovered, something waits for that.
    Lives { recovery: Option<BoxFuture<'static, ()>> },
    /// It is dead, and lives again afterwards.
    Rests(BoxFuture<'static, ()>),
    /// It is given up, and the person is being told.
    Ends(BoxFuture<'static, ()>),
}

struct Watched<A: Actor<Context = Context<A>>>
where
    Context<A>: AsyncContextParts<A>,
{
    // None once it is given up: those who wait for an answer are told at once.
    actor: Option<Living<A>>,
    life: Life,
    record: Record,
}

impl<A: Actor<Context = Context<A>> + Supervised> Watched<A> {
    fn died(&mut self, reason: &str) {
        self.life = match self.record.died(reason) {
            Some(rest) => Life::Rests(rest),
            None => {
                let actor = self.actor.take();
                // Actix polls the actor once more as it goes; a panic there must not take the news with it.
                drop(catch_unwind(AssertUnwindSafe(|| drop(actor))));
                Life::Ends(self.record.escalate(reason))
            }
        };
    }

    /// Calls `restarting()`. Says false when nobody holds the address any more.
    fn restart(&mut self) -> bool {
        let Some(actor) = &mut self.actor else { return false };
        match catch_unwind(AssertUnwindSafe(|| actor.as_mut().get_mut().restart())) {
            Ok(true) => {
                self.life = Life::Lives { recovery: Some(self.record.recovery()) };
                true
            }
            Ok(false) => false,
            Err(panic) => {
                self.died(&reason_of(&*panic));
                true
            }
        }
    }
}

impl<A: Actor<Context = Context<A>> + Supervised> Future for Watched<A> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            match &mut this.life {
                Life::Ends(news) => return news.as_mut().poll(context),
                Life::Rests(rest) => {
                    ready!(rest.as_mut().poll(context));
                    if !this.restart() {
                        return Poll::Ready(());
                    }
                }
                Life::Lives { recovery } => {
                    if recovery.as_mut().is_some_and(|waits| waits.as_mut().poll(context).is_ready()) {
                        *recovery = None;
                    }
                    let Some(actor) = &mut this.actor else { return Poll::Ready(()) };
                    match catch_unwind(AssertUnwindSafe(|| actor.as_mut().poll(context))) {
                        Ok(Poll::Pending) => return Poll::Pending,
                        Ok(Poll::Ready(())) if this.record.is_ending() || !actor.address().connected() => {
                            return Poll::Ready(());
                        }
                        Ok(Poll::Ready(())) => this.died("it stopped"),
                        Err(panic) => this.died(&reason_of(&*panic)),
                    }
                }
            }
        }
    }
}
