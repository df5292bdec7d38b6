//! What performs the tools.

use std::sync::Arc;

use async_trait::async_trait;
use connectors::{Call, Catalogue, Entry, Fault, Performed, Tool};
use intents::canonical::Digest;
use intents::failure::Class;
use intents::model::Purpose;
use intents::outcome::Failure;
use intents::tool::Definition;
use serde_json::Value;

use super::definitions::Verb;
use super::task::Task;
use crate::error::Error;
use crate::models::{Ask, Asked, Code, Message, Models};

/// Further answers that are asked for when one is of no use.
const REPAIRS: u32 = 1;
/// Calls that are made for one question of a script, when the answers of earlier ones never came. Each is paid for.
const CALLS_MAX: u32 = 3;

/// One of the tools.
struct ModelTool {
    verb: Verb,
    definition: Definition,
    models: Models,
}

/// Adds the tools to a catalogue.
pub fn register(catalogue: &mut Catalogue, models: &Models) -> Result<(), connectors::Error> {
    for verb in Verb::ALL {
        let tool = ModelTool { verb, definition: verb.definition(), models: models.clone() };
        catalogue.register(Entry::Tool(Arc::new(tool)))?;
    }
    Ok(())
}

fn fault(class: Class, code: &'static str, message: impl Into<String>) -> Fault {
    // A read has done nothing, whatever it has cost.
    Fault { failure: Failure::new(class, code, message), proves_nothing_done: true }
}

/// What a run makes of it that no model answered.
fn unanswered(error: &Error) -> Fault {
    match error {
        Error::Model(error) => fault(error.class(), error.code().as_str(), error.to_string()),
        Error::Store(error) => fault(error.class(), error.code(), error.to_string()),
        Error::Face { .. }
        | Error::Config(_)
        | Error::Contract(_)
        | Error::Script(_)
        | Error::Connector(_)
        | Error::Sandbox(_)
        | Error::Answered { .. } => {
            tracing::error!(%error, code = error.code(), "a model could not be asked");
            fault(Class::Internal, "CONNECTOR_INTERNAL", "a model could not be asked")
        }
    }
}

impl ModelTool {
    /// Asks once for a step. The id of a step is made from the run, the call and what is asked, so that a run that starts
    /// again, or that made the same call before its process died, gets the answer that is there.
    async fn ask(&self, call: &Call, task: &Task, turn: u32, messages: Vec<Message>) -> Result<Asked, Fault> {
        let what = Digest::of_parts(
            "steward model call 1",
            &[self.definition.name.as_str().as_bytes(), call.arguments.canonical().as_bytes()],
        );
        for number in 0..CALLS_MAX {
            let request = format!("{}/{}/{what}/{turn}/{number}", call.run, call.call);
            let mut ask = Ask::new(request, Purpose::Script, messages.clone());
            (ask.run, ask.automation) = (Some(call.run), Some(call.automation));
            (ask.schema, ask.tokens_out_max) = (Some(task.shape()), task.tokens_out_max());
            (ask.within, ask.automation_budget) = (Some(call.deadline), call.grants.model_budget);
            match self.models.ask(ask).await {
                Ok(asked) => return Ok(asked),
                // An earlier attempt paid for it, and its answer never came.
                Err(Error::Model(error)) if error.code() == Code::ModelUnanswered => {}
                Err(error) => return Err(unanswered(&error)),
            }
        }
        let message =
            format!("{CALLS_MAX} calls were made for this one, and no answer came; each of them was paid for");
        Err(fault(Class::Limit, Code::ModelUnanswered.as_str(), message))
    }
}

#[async_trait]
impl Tool for ModelTool {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        let task = Task::read(self.verb, call.arguments.value()).map_err(|reason| {
            fault(
                Class::Logic,
                "ARGUMENTS_INVALID",
                format!("the arguments of {} make no sense: {reason}", self.definition.name),
            )
        })?;
        let mut messages = task.messages();
        let mut reason = String::new();
        for turn in 0..=REPAIRS {
            let asked = self.ask(call, &task, turn, messages.clone()).await?;
            match task.check(&asked.answer) {
                Ok(value) => return Ok(Performed::value(value)),
                Err(why) => reason = why,
            }
            messages.push(Message::Assistant { text: asked.answer.text, calls: Vec::new() });
            messages.push(Task::repair(&reason));
        }
        let message = format!("the model's answer could not be used, twice: {reason}");
        Ok(Performed::refused("unusable", message, Value::Null))
    }
}
