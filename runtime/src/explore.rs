//! Looking around: a model's JavaScript in the jail, under a contract of its own.
//!
//! The same jail and the same gate as in a run. Reads are real, and recorded; effects are simulated, whatever they are;
//! nothing is stored but what was read. Who looks says under which contract, and what they were given before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use connectors::{Call, Connection, Grants, Performed, Tool as Connector};
use intents::Timestamp;
use intents::canonical::Digest;
use intents::chat::{Named, Seen, may_leave, plain_line};
use intents::contract::Contract;
use intents::drift::{Names, Shape, site};
use intents::failure::Class;
use intents::gate::{self, Circumstances, Passed, Verdict};
use intents::id::{AutomationId, RunId};
use intents::label::Labels;
use intents::outcome::{Failure, Outcome, Refusal};
use intents::repair::Adapter;
use intents::tool::Kind;
use intents::trial::made;
use sandbox::{FromScript, Limits, Start};
use serde_json::{Value, json};

use crate::app::App;
use crate::chat::RecordedCall;
use crate::error::Error;
use crate::executor::adapter::adapt;
use crate::executor::call::{self, Leaving, Wish};
use crate::executor::grants;
use crate::executor::host::{self, HostCall};
use crate::executor::tools::Tools;
use crate::executor::{Trouble, within};

/// Whoever waits for an answer waits for this, too.
const WITHIN: Duration = Duration::from_secs(90);
/// Calls of one look; whoever needs more looks again.
const CALLS_MAX: u32 = 60;
/// Lines of the log that are told.
const LOG_LINES_MAX: usize = 40;
/// Bytes of one read that are recorded for a trial; what is longer is not tried with.
const RECORDED_BYTES_MAX: usize = 512 * 1024;
/// The name that the code has in what is said about it.
const NAME: &str = "explore.js";

/// What stands between the code of a look and the true values: it works on tokens, and what it sends is true.
pub(crate) struct Veil<'a> {
    /// A value as the code gets it.
    pub(crate) hide: Box<dyn Fn(&Value) -> Value + Send + Sync + 'a>,
    /// A text that leaves, as it is meant.
    pub(crate) show: Box<dyn Fn(&str) -> String + Send + Sync + 'a>,
}

/// What a look may do.
pub(crate) struct Rules<'a> {
    /// The contract; only its reads are made.
    pub(crate) contract: Arc<Contract>,
    /// The places that may be looked at, in words.
    pub(crate) places: String,
    /// What was read before, oldest first.
    pub(crate) seen: Vec<Seen>,
    /// Where the data came from that whoever looks has seen before.
    pub(crate) labels: Labels,
    /// What a person named, where a conversation is bound by it.
    pub(crate) named: Option<&'a Named>,
    /// What the code is given as its input.
    pub(crate) input: Value,
    /// What the code does not see.
    pub(crate) veil: Option<&'a Veil<'a>>,
    /// Reads that are given back rather than made.
    pub(crate) given: Vec<RecordedCall>,
    /// Adapters that stand between services and the code.
    pub(crate) adapters: &'a [Adapter],
}

/// What a look came to.
pub(crate) struct Looked {
    /// How it ended.
    pub(crate) end: End,
    /// What was read, beside what was given.
    pub(crate) recorded: Vec<RecordedCall>,
    /// What was called, in a line each.
    pub(crate) made: Vec<String>,
    /// What the code wrote to its log.
    pub(crate) logs: Vec<String>,
}

/// Looks around.
pub(crate) async fn look(app: &App, rules: Rules<'_>, js: &str) -> Result<Looked, Error> {
    let body = rules.contract.to_value().to_string();
    let mut look = Look {
        app,
        tools: Tools::new(Arc::clone(&app.catalogue)),
        used: Names::of([js, &body]),
        labels: rules.labels.clone(),
        rules,
        recorded: Vec::new(),
        made: Vec::new(),
        logs: Vec::new(),
    };
    let end = tokio::select! {
        end = look.go(js) => end?,
        () = app.env.sleep(WITHIN) => {
            End::Failed(Failure::new(Class::Limit, "LIMIT_ATTEMPT", format!("it took longer than {} seconds", WITHIN.as_secs())))
        }
    };
    Ok(Looked { end, recorded: look.recorded, made: look.made, logs: look.logs })
}

/// How a look ends.
pub(crate) enum End {
    Finished(Value),
    Failed(Failure),
}

/// A look around.
struct Look<'a> {
    app: &'a App,
    tools: Tools,
    rules: Rules<'a>,
    used: Names,
    labels: Labels,
    recorded: Vec<RecordedCall>,
    made: Vec<String>,
    logs: Vec<String>,
}

/// The code as a script: a body is wrapped, a whole module is taken as it is.
fn script(js: &str) -> String {
    if js.contains("export default") {
        return js.to_owned();
    }
    format!("export default async function run({{ input, tools, state, steward }}) {{\n{js}\n}}\n")
}

impl Look<'_> {
    async fn go(&mut self, js: &str) -> Result<End, Error> {
        let env = &self.app.env;
        let granted = self.app.catalogue.definitions();
        let start = Start {
            script: script(js),
            name: NAME.to_owned(),
            input: self.hidden(&self.rules.input),
            at: env.now(),
            seed: env.random_bytes(),
            replay: Vec::new(),
            tools: granted.map(|definition| definition.name.to_string()).collect(),
            logged: 0,
        };
        let limits = Limits { calls: CALLS_MAX, ..self.app.config.limits.of_attempts() };
        let mut attempt = match self.app.jail.attempt(start, limits).await {
            Ok(attempt) => attempt,
            Err(error) => return Ok(End::Failed(Failure::new(error.class(), error.code(), error.to_string()))),
        };
        let (mut waiting, mut sent) = (VecDeque::new(), 0);
        let end = loop {
            match attempt.next().await {
                FromScript::Call { call, .. } if call >= CALLS_MAX => {
                    let message = format!("one look makes at most {CALLS_MAX} calls");
                    break End::Failed(Failure::new(Class::Limit, "LIMIT_CALLS", message));
                }
                FromScript::Call { call, tool, arguments, key, optional } => {
                    waiting.push_back(Leaving { call, id: None, tool, arguments, key, optional });
                }
                FromScript::Log { level, text, .. } => self.log(&level, &text),
                FromScript::Idle { delivered } if delivered < sent => {}
                FromScript::Idle { .. } => {
                    let Some(leaving) = waiting.pop_front() else {
                        break End::Failed(Failure::new(Class::Logic, "SCRIPT_DEADLOCK", "it waits for nothing"));
                    };
                    let leaving = self.shown(leaving);
                    match self.call(&leaving).await?.map(|outcome| self.veiled(outcome)) {
                        Ok(outcome) => match attempt.answer(leaving.call, &outcome, self.app.env.now()).await {
                            Ok(()) => sent += 1,
                            Err(error) => {
                                break End::Failed(Failure::new(error.class(), error.code(), error.to_string()));
                            }
                        },
                        Err(failure) => break End::Failed(failure),
                    }
                }
                FromScript::Finished { result } => {
                    break End::Finished(serde_json::from_str(&result).unwrap_or(Value::Null));
                }
                message @ (FromScript::Failed(_)
                | FromScript::Limit(_)
                | FromScript::Differs(_)
                | FromScript::Killed
                | FromScript::Crashed { .. }) => {
                    let crashed = || Failure::new(Class::Internal, "SANDBOX_CRASHED", "the sandbox's process ended");
                    break End::Failed(message.failure().unwrap_or_else(crashed));
                }
            }
        };
        attempt.kill();
        Ok(end)
    }

    fn log(&mut self, level: &str, text: &str) {
        if self.logs.len() < LOG_LINES_MAX {
            self.logs.push(format!("{level}: {text}"));
        }
    }

    /// Makes one call. What ends the look is told to the model.
    async fn call(&mut self, leaving: &Leaving) -> Result<Result<Outcome, Failure>, Error> {
        let wish = match call::understand(&self.tools, leaving) {
            Ok(Ok(wish)) => wish,
            Ok(Err(refused)) => return Ok(Err(refused.failure)),
            Err(trouble) => return Err(broken(trouble)),
        };
        let (definition, arguments) = (Arc::clone(&wish.definition), wish.arguments.clone());
        match (&wish.tool, definition.kind) {
            (None, _) => Ok(self.host_call(&wish)),
            (Some(_), Kind::Effect(_)) => {
                self.made.push(format!("{} was simulated: nothing was done", definition.name));
                Ok(Ok(made(&definition, arguments.canonical(), &Digest::of(NAME.as_bytes()))))
            }
            (Some(tool), Kind::Read) => {
                let given = self.given(&wish);
                if definition.name.service() == "model" && given.is_none() {
                    let message = "a look asks no model; only what a run has asked before is given back";
                    return Ok(Err(Failure::new(Class::Permission, "GATE_TOOL_NOT_GRANTED", message)));
                }
                let passed = match self.passes(&wish) {
                    Ok(passed) => passed,
                    Err(failure) => return Ok(Err(failure)),
                };
                if let Some(given) = given {
                    return Ok(self.adapted(&wish, given).await);
                }
                let settings = self.app.store.settings().await?;
                let call = self.for_tool(&wish, &passed, &settings);
                match self.read(tool, &wish, &call).await? {
                    Ok(outcome) => Ok(self.adapted(&wish, outcome).await),
                    Err(failure) => Ok(Err(failure)),
                }
            }
        }
    }

    fn hidden(&self, value: &Value) -> Value {
        self.rules.veil.map_or_else(|| value.clone(), |veil| (veil.hide)(value))
    }

    /// An outcome as the code gets it.
    fn veiled(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Value(value) => Outcome::Value(self.hidden(&value)),
            Outcome::Refused(refusal) => Outcome::Refused(Refusal { data: self.hidden(&refusal.data), ..refusal }),
            Outcome::Skipped { clause } => Outcome::Skipped { clause },
        }
    }

    /// A call as it is meant.
    fn shown(&self, leaving: Leaving) -> Leaving {
        let Some(veil) = self.rules.veil else { return leaving };
        let (arguments, key) = ((veil.show)(&leaving.arguments), leaving.key.as_deref().map(&veil.show));
        Leaving { arguments, key, ..leaving }
    }

    /// A read that was made before.
    fn given(&mut self, wish: &Wish) -> Option<Outcome> {
        let name = wish.definition.name.as_str();
        let same = |call: &RecordedCall| call.tool == name && call.arguments == *wish.arguments.value();
        let at = self.rules.given.iter().position(same)?;
        self.labels.extend(wish.definition.sources(wish.arguments.value()));
        let call = self.rules.given.remove(at);
        match (call.refused, call.value) {
            (Some(refusal), _) => Some(Outcome::Refused(refusal)),
            (None, Some(value)) => Some(Outcome::Value(value)),
            (None, None) => None,
        }
    }

    /// A result in the shape that the code was proven with, where an adapter takes it.
    async fn adapted(&self, wish: &Wish, outcome: Outcome) -> Result<Outcome, Failure> {
        let Outcome::Value(value) = &outcome else { return Ok(outcome) };
        let (tool, arguments) = (&wish.definition.name, wish.arguments.value());
        let (site, shape) = (site(tool, arguments), Shape::of_result(value));
        let of_site =
            |adapter: &&Adapter| adapter.tool == *tool && adapter.site == site && adapter.takes(&shape, &self.used);
        let Some(adapter) = self.rules.adapters.iter().find(of_site) else { return Ok(outcome) };
        let (jail, limits) = (&self.app.jail, self.app.config.limits.of_attempts());
        let now: Timestamp = self.app.env.now();
        adapt(jail, &limits, adapter, &self.used, value, arguments, now).await.map(Outcome::Value)
    }

    /// Asks the gate.
    fn passes(&self, wish: &Wish) -> Result<Passed, Failure> {
        let call = gate::Call {
            definition: &wish.definition,
            arguments: wish.arguments.value(),
            key: wish.given_key.as_ref(),
        };
        let world = Circumstances { now: self.app.env.now(), major: 1, reads: &[], reread: &[], labels: &self.labels };
        match gate::decide(&self.rules.contract, &call, &world) {
            // Places in windows are for runs: a look takes none, so it makes no call that takes one.
            Verdict::Pass(passed) if self.rules.named.is_none() && !passed.is_free() => {
                let message = "a limit of the contract counts these reads, and a look may not use them up";
                Err(Failure::new(Class::Permission, "GATE_TOOL_NOT_GRANTED", message))
            }
            Verdict::Pass(passed) => match wish.arguments.value()["url"].as_str() {
                Some(_)
                    if self
                        .rules
                        .named
                        .is_some_and(|named| !may_leave(&self.rules.seen, wish.arguments.value(), named)) =>
                {
                    let message = "this conversation has read a folder or an account, so that a web address may be read \
                                   only if the user wrote it or if it was read before: look at the web first, and at \
                                   private data then, or ask the user to write the address";
                    Err(Failure::new(Class::Permission, "GATE_FLOW", message))
                }
                Some(_) | None => Ok(*passed),
            },
            Verdict::Deny { .. } | Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. } => {
                let message = format!("{} may look only at {}", wish.definition.name, self.rules.places);
                Err(Failure::new(Class::Permission, "GATE_CONDITION_FAILED", message))
            }
        }
    }

    fn for_tool(&self, wish: &Wish, passed: &Passed, settings: &[crate::store::Setting]) -> Call {
        let now = self.app.env.now();
        let connection = passed
            .connection
            .as_ref()
            .map(|name| Connection { name: name.clone(), origin: grants::origin(&wish.definition, &wish.arguments) });
        let (contract, definition) = (Arc::clone(&self.rules.contract), Arc::clone(&wish.definition));
        let (arguments, labels) = (wish.arguments.clone(), self.labels.clone());
        let allows_url = move |url: &url::Url| {
            let call = gate::Call { definition: &definition, arguments: arguments.value(), key: None };
            let world = Circumstances { now, major: 1, reads: &[], reread: &[], labels: &labels };
            gate::allows_redirect(&contract, &call, &world, url.as_str())
        };
        let grants = Grants {
            folders: grants::folders(settings),
            private_hosts: grants::private_hosts(settings, &[]),
            allows_url: Arc::new(allows_url),
            connection,
            model_budget: None,
        };
        Call {
            run: RunId::ZERO,
            automation: AutomationId::ZERO,
            call: wish.call,
            arguments: wish.arguments.clone(),
            effect_key: None,
            declared: None,
            approved: None,
            started_at: now,
            now,
            grants: Arc::new(grants),
            deadline: wish.definition.timeout(),
            trace_parent: None,
        }
    }

    async fn read(
        &mut self,
        tool: &Arc<dyn Connector>,
        wish: &Wish,
        call: &Call,
    ) -> Result<Result<Outcome, Failure>, Error> {
        let name = &wish.definition.name;
        let performed = match within(&self.app.env, call.deadline, Class::Internal, tool.perform(call)).await {
            Ok(performed) => performed,
            // What a script can do without is away here as it would be in a run, and the trial knows such a world then.
            Err(fault) if wish.optional && fault.failure.class == Class::Transient => {
                Performed::refused("unavailable", fault.failure.message, json!({ "code": fault.failure.code }))
            }
            Err(fault) => {
                self.made.push(format!("{name} failed: {}", fault.failure.code));
                return Ok(Err(fault.failure));
            }
        };
        self.labels.extend(performed.labels.iter().cloned());
        self.rules.seen.push(Seen { arguments: wish.arguments.value().clone(), labels: performed.labels.clone() });
        let recorded = |value: Option<Value>, refused: Option<Refusal>| RecordedCall {
            tool: name.to_string(),
            arguments: wish.arguments.value().clone(),
            value,
            refused,
            labels: performed.labels.clone(),
        };
        let place = place_of(wish.arguments.value());
        match &performed.outcome {
            Outcome::Value(value) => {
                self.made.push(format!("{name} read {place}"));
                // That it was read is kept in any case: it says what may still leave.
                let short = value.to_string().len() <= RECORDED_BYTES_MAX;
                self.recorded.push(recorded(short.then(|| value.clone()), None));
            }
            Outcome::Refused(refusal) => {
                self.made.push(format!("{name} at {place}: {}", refusal.code));
                self.recorded.push(recorded(None, Some(refusal.clone())));
            }
            Outcome::Skipped { .. } => {}
        }
        Ok(Ok(performed.outcome))
    }

    /// What the host does itself, without doing it: there is no automation that it would be for.
    fn host_call(&mut self, wish: &Wish) -> Result<Outcome, Failure> {
        Ok(match HostCall::read(wish.definition.name.as_str(), wish.arguments.value())? {
            HostCall::WaitFor { event, .. } => host::timed_out(&event),
            HostCall::Ask(question) => {
                self.made.push(format!("{} was simulated: nobody was asked", wish.definition.name));
                question.lapsed()
            }
            HostCall::Notify { .. } | HostCall::Emit { .. } => {
                self.made.push(format!("{} was simulated: nothing was done", wish.definition.name));
                Outcome::Value(Value::Null)
            }
            HostCall::Sleep { .. } | HostCall::StateGet { .. } | HostCall::StateSet { .. } => {
                Outcome::Value(Value::Null)
            }
        })
    }
}

/// The place that a call looks at, in words.
fn place_of(arguments: &Value) -> String {
    const PLACE_CHARS: usize = 120;
    let said = |name: &str| arguments[name].as_str();
    let place = match (said("url"), said("host"), said("folder"), said("path")) {
        (Some(url), _, _, _) => url.to_owned(),
        (None, Some(host), _, _) => host.to_owned(),
        (None, None, Some(folder), Some(path)) => format!("{folder}/{path}"),
        (None, None, Some(folder), None) => format!("the folder {folder}"),
        (None, None, None, _) => "something".to_owned(),
    };
    plain_line(&place, PLACE_CHARS)
}

fn broken(trouble: Trouble) -> Error {
    match trouble {
        Trouble::Store(error) => error.into(),
        Trouble::Jail { reason } | Trouble::Unfit { reason, .. } | Trouble::Broken { reason, .. } => {
            Error::new(crate::error::Code::ServerFailed, reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_wrapped_and_a_module_is_taken_as_it_is() {
        assert!(script("return 1;").starts_with("export default async function run("));
        let module = "export default async function run() { return 1; }";
        assert_eq!(script(module), module);
    }
}
