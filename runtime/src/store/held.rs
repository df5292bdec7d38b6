//! Automations that are held back: their runs wait, in their order, until they are let run. It is forgotten with the server,
//! and whoever holds them back does so again at its start.

use intents::id::AutomationId;

use super::batch::Batch;
use super::writer::Command;
use super::{Error, Store};

struct LetRun(AutomationId);

impl Command for LetRun {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        batch.shared.let_run(self.0);
        batch.touch_runs();
        Ok(())
    }
}

impl Store {
    /// Keeps the runs of some automations from being carried out.
    pub fn hold_back(&self, automations: &[AutomationId]) {
        self.shared().hold_back(automations);
    }

    /// Lets the runs of an automation be carried out again.
    pub async fn let_run(&self, automation: AutomationId) -> Result<(), Error> {
        self.commit(LetRun(automation)).await
    }
}
