//! Writes a bundle.

use std::collections::BTreeSet;

use intents::id::RunId;
use intents::journal::{Record, recorded};
use serde_json::Value;

use super::file::{Bundle, BundleV1, FailureV1};
use super::replay::{Outcome, reproduce};
use super::tokenised::Tokeniser;
use crate::app::App;
use crate::error::{Code, Error};
use crate::ops::NOT_REPLAYABLE_OUTSIDE;
use crate::store::{self, Program};

/// The bundle of a run. It is replayed once before it is given away, and says whether that led to the same end.
pub async fn bundle_of(app: &App, id: RunId) -> Result<BundleV1, Error> {
    let run = app.store.run(id).await?;
    let records = app.store.journal(id).await?.records;
    if !matches!(records.first(), Some(Record::Began { .. })) {
        let message = format!("{id} has no journal to bundle: it has not begun, or its payload was erased");
        return Err(Error::new(Code::RunNotReplayable, message));
    }
    let script = match app.store.script(run.script).await?.program {
        Program::Script(script) => script,
        Program::Outside(engine) => {
            let message = format!("{id} was executed by the engine `{engine}` outside: {NOT_REPLAYABLE_OUTSIDE}");
            return Err(Error::new(Code::RunNotReplayable, message));
        }
    };
    let body = app.store.contract(run.contract).await?.body;
    let contract: Value = serde_json::from_str(&body)
        .map_err(|error| store::Error::Unreadable { what: "contract", reason: error.to_string() })?;
    let mut tokeniser = Tokeniser::new(app.env.random_bytes(), &app.catalogue);
    tokeniser.tokens.learn(&contract, &[]);
    let journal = tokeniser.journal(&records);
    let tools = tools_of(&contract);
    let (contract, script) = (tokeniser.tokens.value(&contract), tokeniser.tokens.code(&script));
    let mut file = BundleV1::new(id.to_string(), contract, script, tools);
    file.failure = failure_of(&journal);
    file.replaced = tokeniser.tokens.count() as u64;
    file.journal = journal.iter().map(serde_json::to_value).collect::<Result<_, _>>().map_err(super::unreadable)?;
    let bundle = Bundle { file, records: journal };
    let outcome = reproduce(&app.jail, app.config.limits.of_attempts(), &bundle).await?;
    let reproduces = matches!(outcome, Outcome::Reproduced { .. });
    Ok(BundleV1 { reproduces, ..bundle.file })
}

/// The tools that a contract grants, as scripts see them.
fn tools_of(contract: &Value) -> Vec<String> {
    let capabilities = contract["capabilities"].as_array().into_iter().flatten();
    let names: BTreeSet<_> = capabilities.filter_map(|one| one["tool"].as_str().map(str::to_owned)).collect();
    names.into_iter().collect()
}

/// How a run failed, and at which call.
fn failure_of(records: &[Record]) -> Option<FailureV1> {
    let failure = records.iter().rev().find_map(|record| match record {
        Record::Ended { failure, .. } => failure.clone(),
        Record::Began { .. }
        | Record::Called(_)
        | Record::Settled { .. }
        | Record::Faulted { .. }
        | Record::Reread { .. }
        | Record::StateRead { .. }
        | Record::Logged(_)
        | Record::Outside(_) => None,
    })?;
    let open: BTreeSet<u32> =
        recorded(records).into_iter().filter(|call| call.settled.is_none()).map(|call| call.called.call).collect();
    let call = records.iter().rev().find_map(|record| match record {
        Record::Faulted { call, failure: of_call, .. } if of_call.code == failure.code => Some(*call),
        Record::Faulted { .. }
        | Record::Began { .. }
        | Record::Called(_)
        | Record::Settled { .. }
        | Record::Reread { .. }
        | Record::StateRead { .. }
        | Record::Logged(_)
        | Record::Outside(_)
        | Record::Ended { .. } => None,
    });
    let class = failure.class.to_string();
    Some(FailureV1 {
        class,
        code: failure.code,
        message: failure.message,
        call: call.filter(|call| open.contains(call)),
    })
}
