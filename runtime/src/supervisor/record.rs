//! What is kept about one watched part, whatever its kind.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Escalation;
use super::deaths::{Deaths, RECOVERED, Verdict};
use crate::env::Env;
use crate::health::{Condition, Health};

/// One watched part.
pub(super) struct Record {
    name: String,
    env: Env,
    health: Health,
    escalation: Arc<dyn Escalation>,
    deaths: Deaths,
}

impl Record {
    /// A part that starts now.
    pub(super) fn new(name: &str, env: &Env, health: &Health, escalation: &Arc<dyn Escalation>) -> Self {
        health.set(name, Condition::Working);
        Self {
            name: name.to_owned(),
            env: env.clone(),
            health: health.clone(),
            escalation: Arc::clone(escalation),
            deaths: Deaths::default(),
        }
    }

    /// Ends when the part has lived for a while, having said so. Dropped when it dies before.
    pub(super) fn recovery(&self) -> BoxFuture<'static, ()> {
        let (name, env, health) = (self.name.clone(), self.env.clone(), self.health.clone());
        let escalation = Arc::clone(&self.escalation);
        Box::pin(async move {
            env.sleep(RECOVERED).await;
            health.set(&name, Condition::Working);
            escalation.recovered(&name).await;
        })
    }

    /// Whether the server ends: what stops now is not started again.
    pub(super) fn is_ending(&self) -> bool {
        self.health.is_ending()
    }

    /// Notes a death. The rest before the next life, or none when the part is given up.
    pub(super) fn died(&mut self, reason: &str) -> Option<BoxFuture<'static, ()>> {
        match self.deaths.count(self.env.now()) {
            Verdict::Restart { deaths, rest } => {
                tracing::error!(part = self.name, deaths, reason, "a part died; it starts again");
                self.health.set(&self.name, Condition::Restarting { deaths, reason: reason.to_owned() });
                Some(self.rest(rest))
            }
            Verdict::GiveUp => {
                tracing::error!(part = self.name, reason, "a part died too often; it is given up");
                self.health.set(&self.name, Condition::GaveUp { reason: reason.to_owned() });
                None
            }
        }
    }

    /// Tells the person that the part is given up.
    pub(super) fn escalate(&self, reason: &str) -> BoxFuture<'static, ()> {
        self.escalation.gave_up(&self.name, reason)
    }

    fn rest(&self, length: Duration) -> BoxFuture<'static, ()> {
        let env = self.env.clone();
        Box::pin(async move { env.sleep(length).await })
    }
}

/// The text of a panic.
pub(super) fn reason_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", text.unwrap_or("no text"))
}
