//! Places of calls that are no effects: reads and notices count against limits, too.

use intents::id::AutomationId;

use super::room::{Blocked, Passing};
use crate::store::batch::Batch;
use crate::store::run::{self, Progress};
use crate::store::writer::{Command, Ticket};
use crate::store::{Error, Store};

/// A call that is no effect and wants places. Everything that the run has read so far is stored with it.
#[derive(Debug, Clone)]
pub struct TakePlace {
    /// What happened since the last commit, the call included.
    pub progress: Progress,
    /// Whose call it is.
    pub automation: AutomationId,
    /// What names the call: a yes that it has used is still its own when it is made again.
    pub name: String,
    /// What names the place: under the same name, no second one is taken. A read that is made again leaves the machine
    /// again, and takes another.
    pub place: String,
    /// What the gate said, and what a yes is bound to.
    pub passing: Passing,
}

impl Command for TakePlace {
    type Reply = Option<Blocked>;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Option<Blocked>, Error> {
        let run = run::progress(batch, &self.progress).await?;
        run::refuse_overlong(&run)?;
        let concluded = self.passing.conclude(batch, self.automation, &self.name, &self.place).await?;
        let blocked = match concluded {
            Ok(entry) => {
                entry.take(batch, self.automation, &self.name, &self.place).await?;
                None
            }
            Err(blocked) => Some(blocked),
        };
        batch.put_run(self.progress.run, run);
        Ok(blocked)
    }
}

impl Store {
    /// Takes the places of a call; says what keeps it from being made.
    pub async fn take_place(&self, take: TakePlace) -> Result<Ticket<Option<Blocked>>, Error> {
        self.enqueue(take).await
    }
}
