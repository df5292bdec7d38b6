//! Effects of a shadow run: noted where a real run would perform them. Nothing here can reach a tool.

use std::sync::Arc;

use intents::canonical::Digest;
use intents::effect::{Claim, Key};
use intents::failure::Class;
use intents::label::Labels;
use intents::outcome::Failure;
use intents::trial::made;
use serde_json::json;

use super::{Attempt, End, Landing};
use crate::env::FaultPoint;
use crate::executor::call::Admitted;
use crate::executor::context::Trouble;
use crate::executor::host::HostCall;
use crate::store;
use crate::store::{Foresee, Foretold, NoteSubject};

impl Attempt {
    /// Notes what the call would do, in the one commit that also decides what the script is given.
    pub(super) async fn foresee(&mut self, admitted: &Arc<Admitted>, key: Option<Key>) -> Result<(), Trouble> {
        let (name, arguments) = (&admitted.definition.name, &admitted.arguments);
        let subject = match key {
            Some(key) => NoteSubject::Key(key),
            None => {
                if let Err(failure) = HostCall::read(name.as_str(), arguments.value()) {
                    self.fail(failure, json!({ "call": admitted.call }));
                    return Ok(());
                }
                NoteSubject::Message(self.message(admitted).digest)
            }
        };
        self.services.env.reached(FaultPoint::BeforeBegin).await;
        let run = &self.context.run;
        let seed =
            Digest::of_parts("steward shadow 1", &[run.shadow.map(|id| id.to_string()).unwrap_or_default().as_bytes()]);
        let foresee = Foresee {
            passing: self.passing(admitted)?,
            progress: self.unsaved.take(),
            automation: self.context.automation.id,
            tool: name.clone(),
            subject,
            claim: Claim { run: run.id, call: admitted.call, item: run.item, arguments: admitted.arguments_digest() },
            arguments: arguments.value().clone(),
            made: made(&admitted.definition, arguments.canonical(), &seed),
        };
        let ticket = self.services.store.foresee(foresee).await?;
        let id = admitted.call;
        self.flights.push(Box::pin(async move { (id, Landing::Foretold(ticket.await)) }));
        Ok(())
    }

    pub(super) async fn foretold(
        &mut self,
        admitted: &Arc<Admitted>,
        foretold: Result<Foretold, store::Error>,
    ) -> Result<(), Trouble> {
        match foretold {
            Ok(Foretold::Goes(outcome)) => {
                self.services.env.reached(FaultPoint::AfterBegin).await;
                // Should the attempt die before this is in its journal, the note gives it back.
                self.complete(admitted.call, outcome, Labels::new());
            }
            Ok(Foretold::KeyConflict { run }) => self.key_conflict(admitted, run),
            Ok(Foretold::Stopped) => self.finish_with(End::Parked),
            Err(store::Error::Conflict { code: "LIMIT_JOURNAL", reason }) => {
                self.fail(Failure::new(Class::Limit, "LIMIT_JOURNAL", reason), json!({}));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
