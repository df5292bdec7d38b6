//! Stories of parts that die.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Supervised};
use futures_util::future::BoxFuture;

use super::simulated::{VirtualClock, env, time, until};
use super::{Escalation, supervise, supervise_task};
use crate::env::Env;
use crate::health::{Condition, Health};

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Escalation for Heard {
    fn gave_up(&self, part: &str, reason: &str) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().push(format!("{part} gave up: {reason}"));
        Box::pin(async {})
    }

    fn recovered(&self, part: &str) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().push(format!("{part} recovered"));
        Box::pin(async {})
    }
}

struct Stage {
    clock: Arc<VirtualClock>,
    env: Env,
    health: Health,
    heard: Arc<Heard>,
}

impl Stage {
    fn new() -> Self {
        let clock = VirtualClock::at(time("2026-01-01T00:00:00Z"));
        let env = env(&clock);
        Self { clock, env, health: Health::default(), heard: Arc::default() }
    }

    fn escalation(&self) -> Arc<dyn Escalation> {
        Arc::<Heard>::clone(&self.heard)
    }

    fn actor(&self, panics_at_start: u32) -> Addr<Fragile> {
        let factory = |_: &mut Context<Fragile>| Fragile { lives: 1, panics_at_start };
        supervise("fragile", &self.env, &self.health, &self.escalation(), factory)
    }

    fn condition(&self) -> Condition {
        self.health.parts().values().next().cloned().unwrap()
    }

    /// Waits for a death; the clock stands still.
    async fn until_death(&self, number: u32) {
        until("it rests", async || match self.condition() {
            Condition::Restarting { deaths, .. } => deaths == number,
            Condition::Working | Condition::GaveUp { .. } => false,
        })
        .await;
    }

    /// Moves the clock on until it is given up.
    async fn until_given_up(&self) {
        until("it is given up", async || {
            self.clock.advance(Duration::from_millis(100));
            matches!(self.condition(), Condition::GaveUp { .. })
        })
        .await;
    }

    fn heard(&self) -> Vec<String> {
        self.heard.0.lock().unwrap().clone()
    }
}

/// Counts its lives, and dies when told.
struct Fragile {
    lives: u32,
    panics_at_start: u32,
}

impl Actor for Fragile {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        if self.panics_at_start > 0 {
            self.panics_at_start -= 1;
            panic!("at the start");
        }
    }
}

impl Supervised for Fragile {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.lives += 1;
    }
}

#[derive(Message)]
#[rtype(result = "u32")]
enum Ask {
    Lives,
    Panic,
    PanicLater,
}

impl Handler<Ask> for Fragile {
    type Result = u32;

    fn handle(&mut self, ask: Ask, context: &mut Context<Self>) -> u32 {
        match ask {
            Ask::Lives => {}
            Ask::Panic => panic!("as told"),
            Ask::PanicLater => {
                let later = async {
                    tokio::task::yield_now().await;
                    panic!("later, as told");
                };
                context.spawn(actix::fut::wrap_future::<_, Self>(later));
            }
        }
        self.lives
    }
}

#[actix_rt::test]
async fn messages_that_wait_during_a_restart_are_answered_afterwards() {
    let stage = Stage::new();
    let fragile = stage.actor(0);
    assert_eq!(fragile.send(Ask::Lives).await, Ok(1));
    fragile.send(Ask::Panic).await.unwrap_err();
    let waiting: Vec<_> = (0..5).map(|_| fragile.send(Ask::Lives)).collect();
    stage.until_death(1).await;
    assert!(stage.health.is_degraded());
    stage.clock.advance(Duration::from_millis(100));
    for answer in waiting {
        assert_eq!(answer.await, Ok(2));
    }
    stage.clock.advance(Duration::from_secs(20));
    until("it has recovered", async || stage.condition() == Condition::Working).await;
    assert_eq!(stage.heard(), ["fragile recovered"]);
}

#[actix_rt::test]
async fn panics_at_the_start_and_in_spawned_futures_are_survived() {
    let stage = Stage::new();
    let fragile = stage.actor(2);
    for death in [1, 2] {
        stage.until_death(death).await;
        stage.clock.advance(Duration::from_millis(200));
    }
    assert_eq!(fragile.send(Ask::Lives).await, Ok(3));
    assert_eq!(fragile.send(Ask::PanicLater).await, Ok(3));
    let answer = fragile.send(Ask::Lives);
    stage.until_death(3).await;
    stage.clock.advance(Duration::from_millis(400));
    assert!(answer.await.is_ok());
    assert_eq!(fragile.send(Ask::Lives).await, Ok(4));
}

#[actix_rt::test]
async fn who_dies_too_often_is_given_up_and_somebody_is_told() {
    let stage = Stage::new();
    let fragile = stage.actor(u32::MAX);
    let waiting = fragile.send(Ask::Lives);
    stage.until_given_up().await;
    assert!(waiting.await.is_err(), "nobody waits for what never comes");
    until("somebody is told", async || !stage.heard().is_empty()).await;
    assert_eq!(stage.heard(), ["fragile gave up: it panicked: at the start"]);
    assert!(!fragile.connected());
}

#[actix_rt::test]
async fn a_loop_that_dies_is_made_anew_and_given_up_in_the_end() {
    let stage = Stage::new();
    let lives = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&lives);
    let task = supervise_task("loop", &stage.env, &stage.health, &stage.escalation(), move || {
        let life = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            match life % 3 {
                0 => panic!("in the loop"),
                1 => Err("an error"),
                _ => Ok(()),
            }
        }
    });
    stage.until_given_up().await;
    task.await.unwrap();
    assert_eq!(lives.load(Ordering::Relaxed), 8);
    assert_eq!(stage.heard(), ["loop gave up: an error"]);
}

#[actix_rt::test]
async fn a_loop_that_lives_withdraws_what_an_earlier_server_asked() {
    let stage = Stage::new();
    let make = std::future::pending::<()>;
    let task = supervise_task("loop", &stage.env, &stage.health, &stage.escalation(), make);
    assert_eq!(stage.condition(), Condition::Working);
    until("it has lived for a while", async || {
        stage.clock.advance(Duration::from_secs(1));
        !stage.heard().is_empty()
    })
    .await;
    assert_eq!(stage.heard(), ["loop recovered"]);
    task.abort();
}
