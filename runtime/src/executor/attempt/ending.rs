//! How an attempt leaves its run: asleep, given back, or over.

use intents::failure::Class;
use intents::journal::Record;
use intents::need::Kind as NeedKind;
use intents::outcome::Failure;
use intents::run::Phase;
use serde_json::{Value, json};

use super::Attempt;
use super::evidence::without_records;
use crate::env::FaultPoint;
use crate::executor::context::Trouble;
use crate::executor::wording;
use crate::maintainer::NewRepair;
use crate::store;
use crate::store::{Finish, Finished, NewWait, Sleep};

/// How an attempt left its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The run is over.
    Over(Phase),
    /// The run sleeps.
    Asleep,
    /// The run begins afresh.
    Overtaken,
    /// The run is not to run now.
    NotReady,
    /// The attempt was stopped; the run waits for its turn.
    Parked,
}

/// Why the script does not go on.
pub(super) enum End {
    Finished {
        result: Value,
    },
    Failed {
        failure: Failure,
        need: NeedKind,
        evidence: Value,
        /// What is to be repaired, rather than asked about.
        repair: Option<Box<NewRepair>>,
        pause: bool,
    },
    /// It goes on later, from where the journal stands.
    Asleep {
        on: NewWait,
    },
    Parked,
}

impl Attempt {
    /// Ends the attempt when nothing is under way any more.
    pub(super) async fn settled_down(&mut self) -> Result<Option<Ending>, Trouble> {
        if !self.flights.is_empty() || !self.deliveries.is_empty() {
            return Ok(None);
        }
        if let Some(end) = self.end.take() {
            return self.close(end).await.map(Some);
        }
        let waits = self.idle == Some(self.sent) && self.droppable.is_empty() && !self.sleeping.is_empty();
        if !waits {
            return Ok(None);
        }
        let waits = std::mem::take(&mut self.sleeping);
        self.side.sleeps_on(&waits);
        self.side.kill();
        self.sleep(waits.into_values().collect()).await.map(Some)
    }

    async fn sleep(&mut self, waits: Vec<NewWait>) -> Result<Ending, Trouble> {
        self.services.env.reached(FaultPoint::BeforeSleep).await;
        match self.services.store.sleep(Sleep { progress: self.unsaved.take(), waits }).await {
            Ok(()) => {}
            Err(store::Error::Conflict { code: code @ ("LIMIT_JOURNAL" | "LIMIT_APPROVALS"), reason }) => {
                self.fail(Failure::new(Class::Limit, code, reason), json!({}));
                let end = self.end.take().expect("a run that failed ends");
                return Box::pin(self.close(end)).await;
            }
            Err(error) => return Err(error.into()),
        }
        self.services.env.reached(FaultPoint::AfterSleep).await;
        Ok(Ending::Asleep)
    }

    async fn close(&mut self, end: End) -> Result<Ending, Trouble> {
        let now = self.services.env.now();
        let (result, failure, needs, repair, pause) = match end {
            End::Parked => {
                self.services.store.append(self.unsaved.take()).await?.await.or_else(late_news)?;
                self.services.store.lose_attempt(self.context.run.id, self.number).await?;
                return Ok(Ending::Parked);
            }
            End::Asleep { on } => return self.sleep(vec![on]).await,
            End::Finished { result } => (Some(result), None, Vec::new(), None, false),
            End::Failed { failure, need, evidence, repair, pause } => {
                let need = wording::for_run(&self.context, need, &failure, evidence);
                (None, Some(failure), vec![need], repair, pause)
            }
        };
        self.unsaved.push(Record::Ended { result, failure: failure.clone(), at: now });
        self.services.env.reached(FaultPoint::BeforeFinish).await;
        let state = std::mem::take(&mut self.overlay).writes();
        let finish =
            Finish { progress: self.unsaved.take(), failure, state, labels: self.labels.clone(), needs, repair, pause };
        let finished = match self.services.store.finish(finish.clone()).await {
            Err(store::Error::Conflict { code: "LIMIT_JOURNAL", reason }) => {
                self.services.store.finish(without_records(finish, &self.context, reason)).await
            }
            finished => finished,
        };
        self.services.env.reached(FaultPoint::AfterFinish).await;
        match finished {
            Ok(Finished::Over(phase)) => {
                if phase == Phase::Succeeded {
                    self.learn().await;
                }
                Ok(Ending::Over(phase))
            }
            Ok(Finished::Overtaken) => Ok(Ending::Overtaken),
            // The run was stopped by a person while it ended.
            Err(store::Error::Conflict { code: "RUN_TRANSITION", .. }) => Ok(Ending::Over(Phase::Stopped)),
            Err(error) => Err(error.into()),
        }
    }

    /// The script does not go on; what may have left is still awaited.
    pub(super) fn finish_with(&mut self, end: End) {
        if let (End::Failed { failure, .. }, Some(holder)) = (&end, self.side.holder()) {
            holder.fails(failure);
        }
        if self.end.is_none() {
            self.end = Some(end);
        }
        self.side.kill();
        self.droppable.clear();
        self.sleeping.clear();
    }
}

/// A run that was stopped meanwhile, or whose journal is too long, takes no more reports; what they say of effects is
/// stored apart.
fn late_news(error: store::Error) -> Result<(), store::Error> {
    if matches!(error, store::Error::Conflict { code: "RUN_TRANSITION" | "LIMIT_JOURNAL", .. }) {
        Ok(())
    } else {
        Err(error)
    }
}
