//! Running a journal again: no effect is performed, every recorded outcome is given back, and the first step that
//! differs is named.

use std::collections::BTreeSet;

use intents::canonical;
use intents::id::RunId;
use intents::journal::{self, LogLine, Record};
use intents::outcome::Failure;
use sandbox::{FromScript, Jail, Limits, Start};
use serde_json::Value;

use super::explain;
use crate::app::App;
use crate::error::{Code, Error};
use crate::store::{self, Program, Run};

/// The name that scripts have in what is said about them.
pub(super) const SCRIPT_NAME: &str = "script.js";
/// Why runs of engines outside cannot be replayed.
pub const NOT_REPLAYABLE_OUTSIDE: &str =
    "what an engine outside does between its calls is not recorded, so there is nothing to run again";

/// What a replay found.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Calls that were compared.
    pub calls: u32,
    /// How far it came.
    pub reached: Reached,
    /// The first step that differs; none when all are equal.
    pub difference: Option<Difference>,
}

/// How far a replay came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The script ended as it had ended.
    End,
    /// The script waits for a call that has no recorded outcome: the run stopped there, too.
    Frontier,
    /// It went another way.
    Difference,
}

/// A step that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What differs, in plain words.
    pub message: String,
    /// What the journal holds.
    pub recorded: Value,
    /// What the script did now.
    pub actual: Value,
}

/// What a journal says about a run, as a replay compares it.
struct Recording {
    calls: u32,
    logged: Vec<LogLine>,
    end: Option<End>,
}

enum End {
    Returned(Option<Value>),
    Failed(Failure),
}

/// Runs the journal of a run again.
pub async fn replay(app: &App, id: RunId) -> Result<Replay, Error> {
    let run = app.store.run(id).await?;
    let records = app.store.journal(id).await?.records;
    let source = match app.store.script(run.script).await?.program {
        Program::Script(source) => source,
        Program::Outside(engine) => {
            let message = format!("{id} was executed by the engine `{engine}` outside: {NOT_REPLAYABLE_OUTSIDE}");
            return Err(Error::new(Code::RunNotReplayable, message));
        }
    };
    let tools = granted(app, &run).await?;
    replay_records(&app.jail, app.config.limits.of_attempts(), records, source, tools).await?.ok_or_else(|| {
        let message = format!("{id} has no journal to replay: it has not begun, or its payload was erased");
        Error::new(Code::RunNotReplayable, message)
    })
}

/// Runs a journal again with a script that sees these tools; none when the journal has no beginning.
pub(crate) async fn replay_records(
    jail: &Jail,
    limits: Limits,
    records: Vec<Record>,
    script: String,
    tools: Vec<String>,
) -> Result<Option<Replay>, Error> {
    let Some((start, recording)) = recording(records, script, tools) else { return Ok(None) };
    let mut attempt = jail.attempt(start, limits).await?;
    let found = loop {
        let step = attempt.next().await;
        if let Some(found) = recording.compare(&step) {
            break found;
        }
    };
    attempt.kill();
    let (reached, difference) = match found {
        Ok(reached) => (reached, None),
        Err(difference) => (Reached::Difference, Some(*difference)),
    };
    Ok(Some(Replay { calls: recording.calls, reached, difference }))
}

/// The tools that the run's contract grants, as its script sees them.
async fn granted(app: &App, run: &Run) -> Result<Vec<String>, Error> {
    let body = app.store.contract(run.contract).await?.body;
    let value = serde_json::from_str(&body)
        .map_err(|error| store::Error::Unreadable { what: "contract", reason: error.to_string() })?;
    let contract = explain::read(app, &value)?;
    let names: BTreeSet<_> = contract.capabilities().iter().map(|capability| capability.tool.to_string()).collect();
    Ok(names.into_iter().collect())
}

fn recording(records: Vec<Record>, script: String, tools: Vec<String>) -> Option<(Start, Recording)> {
    let replay = journal::recorded(&records);
    let calls = u32::try_from(replay.len()).ok()?;
    let mut logged = Vec::new();
    let mut end = None;
    let mut began = None;
    for record in records {
        match record {
            // After an upgrade a run begins again with other pins, at the same time and from the same seed.
            Record::Began { at, seed, input, .. } => began = began.or(Some((at, seed, input))),
            Record::Logged(line) => logged.push(line),
            Record::Ended { failure: Some(failure), .. } => end = Some(End::Failed(failure)),
            Record::Ended { result, failure: None, .. } => end = Some(End::Returned(result)),
            Record::Called(_)
            | Record::Settled { .. }
            | Record::Faulted { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Outside(_) => {}
        }
    }
    let (at, seed, input) = began?;
    let name = SCRIPT_NAME.to_owned();
    // Every line of the log is sent again, so that it can be compared.
    let start = Start { script, name, input, at, seed: *seed.as_bytes(), replay, tools, logged: 0 };
    Some((start, Recording { calls, logged, end }))
}

type Found = Result<Reached, Box<Difference>>;

fn differs(message: impl Into<String>, recorded: Value, actual: Value) -> Option<Found> {
    Some(Err(Box::new(Difference { message: message.into(), recorded, actual })))
}

impl Recording {
    /// Compares one step; says what was found once there is nothing more to compare.
    fn compare(&self, step: &FromScript) -> Option<Found> {
        match step {
            FromScript::Call { call, tool, arguments, .. } if *call >= self.calls && self.end.is_some() => {
                let actual = serde_json::json!({ "tool": tool, "arguments": arguments });
                differs(format!("call {call} is `{tool}` now, and the journal holds no such call"), Value::Null, actual)
            }
            FromScript::Call { .. } => None,
            FromScript::Log { line, text, .. } => {
                let recorded = self.logged.iter().find(|logged| logged.line == *line);
                match recorded {
                    Some(logged) if logged.text != *text => differs(
                        format!("line {line} of the log differs"),
                        logged.text.clone().into(),
                        text.clone().into(),
                    ),
                    Some(_) | None => None,
                }
            }
            FromScript::Idle { .. } => match &self.end {
                Some(End::Returned(result)) => {
                    let recorded = result.clone().unwrap_or_default();
                    differs("the script had returned, and waits now", recorded, Value::Null)
                }
                Some(End::Failed(_)) | None => Some(Ok(Reached::Frontier)),
            },
            FromScript::Finished { result } => match &self.end {
                Some(End::Returned(recorded)) => {
                    let before = canonical::to_string(&recorded.clone().unwrap_or_default());
                    if before == *result {
                        Some(Ok(Reached::End))
                    } else {
                        differs("the script returns something else", before.into(), result.clone().into())
                    }
                }
                Some(End::Failed(failure)) => differs(
                    "the script had failed, and returns now",
                    failure.code.clone().into(),
                    result.clone().into(),
                ),
                // The run was cut off just before its end was stored.
                None => Some(Ok(Reached::End)),
            },
            FromScript::Failed(_) | FromScript::Limit(_) => {
                let failure = step.failure()?;
                match &self.end {
                    Some(End::Failed(recorded)) if recorded.code == failure.code => Some(Ok(Reached::End)),
                    Some(End::Failed(recorded)) => {
                        differs("the script fails in another way", recorded.code.clone().into(), failure.code.into())
                    }
                    Some(End::Returned(_)) => {
                        differs("the script had returned, and fails now", "returned".into(), failure.code.into())
                    }
                    None => Some(Ok(Reached::End)),
                }
            }
            FromScript::Differs(mismatch) => {
                let side = |step: &Option<sandbox::Step>| {
                    step.as_ref().map_or(
                        Value::Null,
                        |step| serde_json::json!({ "tool": step.tool, "arguments": step.arguments, "key": step.key }),
                    )
                };
                differs(mismatch.to_string(), side(&mismatch.recorded), side(&mismatch.actual))
            }
            FromScript::Killed => differs("the replay was ended", Value::Null, Value::Null),
            FromScript::Crashed { message } => differs("the sandbox crashed", Value::Null, message.clone().into()),
        }
    }
}
