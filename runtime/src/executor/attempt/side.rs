//! The side of an attempt that makes the calls, and what it says.

use intents::Timestamp;
use intents::failure::Class;
use intents::journal::LogLine;
use intents::outcome::{Failure, Outcome};
use sandbox::FromScript;
use serde_json::{Value, json};

use super::evidence::evidence_of;
use crate::executor::call::Leaving;

/// Who makes the calls of an attempt.
pub(super) enum Side {
    /// A script in a process of its own.
    Jailed(sandbox::Attempt),
}

/// What that side says.
pub(super) enum Said {
    /// It makes a call that no record answers.
    Call(Leaving),
    /// It wrote a line to the run's log.
    Logged(LogLine),
    /// Everything that was sent has been delivered, and only answers can move it.
    Idle { delivered: u32 },
    /// It has come to its result.
    Finished { result: Value },
    /// It cannot go on.
    Failed { failure: Failure, evidence: Value },
}

impl Side {
    /// Waits for the next thing that it says. May be dropped and asked again; nothing is lost.
    pub(super) async fn next(&mut self) -> Said {
        match self {
            Self::Jailed(script) => said(script.next().await),
        }
    }

    /// Gives it the outcome of a call.
    pub(super) async fn answer(&mut self, call: u32, outcome: &Outcome, at: Timestamp) -> Result<(), sandbox::Error> {
        match self {
            Self::Jailed(script) => script.answer(call, outcome, at).await,
        }
    }

    /// Ends it: nothing that it says from now on is heard.
    pub(super) fn kill(&mut self) {
        match self {
            Self::Jailed(script) => script.kill(),
        }
    }
}

fn said(message: FromScript) -> Said {
    match message {
        FromScript::Call { call, tool, arguments, key, optional } => {
            Said::Call(Leaving { call, tool, arguments, key, optional })
        }
        FromScript::Log { line, level, text, at } => Said::Logged(LogLine { line, level, text, at }),
        FromScript::Idle { delivered } => Said::Idle { delivered },
        FromScript::Finished { result } => match serde_json::from_str(&result) {
            Ok(result) => Said::Finished { result },
            Err(_) => internal("SCRIPT_RESULT_UNSOUND", "the result is no JSON"),
        },
        FromScript::Failed(_) | FromScript::Limit(_) | FromScript::Differs(_) | FromScript::Crashed { .. } => {
            let failure = message.failure().unwrap_or_else(|| {
                Failure::new(Class::Unknown, "SANDBOX_CRASHED", "the attempt ended for no reason it gave")
            });
            Said::Failed { failure, evidence: evidence_of(&message) }
        }
        FromScript::Killed => internal("SANDBOX_CRASHED", "the attempt was killed from outside"),
    }
}

fn internal(code: &str, message: &str) -> Said {
    Said::Failed { failure: Failure::new(Class::Internal, code, message), evidence: json!({}) }
}
