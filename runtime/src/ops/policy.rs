//! What a contract would say to a call, and what one contract changes about another. Nothing is stored, and nothing is
//! looked up but the contract in force: the same question always gets the same answer.

use std::collections::BTreeMap;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::contract::{Contract, Diff, diff};
use intents::effect::Key;
use intents::gate::{self, Circumstances, Conclusion, Consent, Mark, Passed, Verdict};
use intents::label::Labels;
use intents::tool::{Definition, Name};
use serde_json::Value;

use super::explain;
use crate::app::App;
use crate::error::{Code, Error};

/// A call, and what is to be taken for true about it.
#[derive(Debug, Clone)]
pub struct Question {
    /// The contract.
    pub contract: Value,
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: Value,
    /// The effect key.
    pub key: Option<Value>,
    /// What the run has read.
    pub reads: Vec<PastRead>,
    /// Where its data came from.
    pub labels: Labels,
    /// Calls of the tool that were made before, under the same contract.
    pub earlier: Vec<PastCall>,
    /// The time; now when it is not said.
    pub now: Option<Timestamp>,
    /// The major version of the script.
    pub major: u32,
}

/// Something that the run has read.
#[derive(Debug, Clone)]
pub struct PastRead {
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: Value,
    /// The result.
    pub value: Value,
    /// When; now when it is not said.
    pub at: Option<Timestamp>,
}

/// A call that was made before.
#[derive(Debug, Clone)]
pub struct PastCall {
    /// The arguments.
    pub arguments: Value,
    /// When.
    pub at: Timestamp,
}

/// What the gate says.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Before anything is counted.
    Before(Verdict),
    /// What becomes of a call that passed.
    Passed(Box<Passed>, Conclusion),
}

/// Asks the gate.
pub fn evaluate(app: &App, question: &Question) -> Result<Answer, Error> {
    let contract = explain::read(app, &question.contract)?;
    let definition = definition(app, &question.tool)?;
    let key = question.key.as_ref().map(Key::parse).transpose();
    let key = key.map_err(|error| Error::new(Code::BodyMalformed, error.to_string()))?;
    let names = question.reads.iter().map(|read| Ok(definition_name(app, &read.tool)?.clone()));
    let names = names.collect::<Result<Vec<Name>, Error>>()?;
    let now = question.now.unwrap_or_else(|| app.env.now());
    let reads: Vec<_> = (0..)
        .zip(question.reads.iter().zip(&names))
        .map(|(call, (read, tool))| gate::Read {
            call,
            tool,
            arguments: &read.arguments,
            value: &read.value,
            at: read.at.unwrap_or(now),
        })
        .collect();
    let world = Circumstances { now, major: question.major, reads: &reads, reread: &[], labels: &question.labels };
    let call = gate::Call { definition, arguments: &question.arguments, key: key.as_ref() };
    let verdict = gate::decide(&contract, &call, &world);
    let Verdict::Pass(passed) = verdict else { return Ok(Answer::Before(verdict)) };
    let marks = marks(&contract, &call, &world, &question.earlier);
    let of = |subject: &Digest| marks.get(subject).cloned().unwrap_or_default();
    let taken: Vec<Vec<Vec<Mark>>> =
        passed.counters.iter().map(|counter| counter.subjects.iter().map(of).collect()).collect();
    let conclusion = passed.conclude(&taken, &Consent::default(), now);
    Ok(Answer::Passed(passed, conclusion))
}

/// What the earlier calls took in the counters.
fn marks(
    contract: &Contract,
    call: &gate::Call<'_>,
    world: &Circumstances<'_>,
    earlier: &[PastCall],
) -> BTreeMap<Digest, Vec<Mark>> {
    let mut marks: BTreeMap<Digest, Vec<Mark>> = BTreeMap::new();
    for past in earlier {
        let then = gate::Call { arguments: &past.arguments, ..*call };
        let takes: BTreeMap<_, _> = gate::counted(contract, &then, world)
            .iter()
            .flat_map(|counter| counter.subjects.iter().map(|subject| (*subject, counter.amount)))
            .collect();
        for (subject, amount) in takes {
            marks.entry(subject).or_default().push(Mark { at: past.at, amount });
        }
    }
    marks
}

fn definition<'a>(app: &'a App, tool: &str) -> Result<&'a Definition, Error> {
    let entry = tool.parse::<Name>().ok().and_then(|name| app.catalogue.get(&name));
    entry.map(|entry| entry.definition()).ok_or_else(|| {
        let tool: String = tool.chars().take(64).collect();
        Error::new(Code::BodyMalformed, format!("there is no tool `{tool}`; `steward tools list` shows all"))
    })
}

fn definition_name<'a>(app: &'a App, tool: &str) -> Result<&'a Name, Error> {
    definition(app, tool).map(|definition| &definition.name)
}

/// What a new contract changes about an old one.
pub fn compare(app: &App, old: &Value, new: &Value) -> Result<Diff, Error> {
    Ok(diff(&explain::read(app, old)?, &explain::read(app, new)?))
}
