//! One call: from the canonical bytes that left the script to what is to be done with it.

use std::sync::Arc;

use connectors::call::Arguments;
use connectors::{Call, Entry, Tool};
use intents::Timestamp;
use intents::amount::Amount;
use intents::canonical::Digest;
use intents::contract::DeclaredIdentity;
use intents::effect::Key;
use intents::failure::Class;
use intents::gate::{self, Beyond, Circumstances, Counter, Passed, Verdict};
use intents::label::Labels;
use intents::outcome::Failure;
use intents::tool::{Definition, Identity, Name};
use serde_json::{Value, json};

use super::context::{Context, Trouble};
use super::{Services, grants};

/// A call as it left the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaving {
    pub(super) call: u32,
    pub(super) tool: String,
    pub(super) arguments: String,
    pub(super) key: Option<String>,
    pub(super) optional: bool,
}

/// A call that the boundary and the gate have let through.
pub(super) struct Admitted {
    pub(super) call: u32,
    pub(super) definition: Arc<Definition>,
    pub(super) arguments: Arguments,
    pub(super) optional: bool,
    /// The key that the script gave.
    pub(super) given_key: Option<Key>,
    /// What the gate said, in plain words.
    pub(super) verdict: String,
    pub(super) kind: Kind,
}

/// What the call is.
pub(super) enum Kind {
    /// The host does it, in its own store.
    Host,
    /// A tool reads.
    Read(Arc<dyn Tool>),
    /// A tool changes something.
    Effect(Box<EffectCall>),
}

/// What is to be known of an effect before it starts.
pub(super) struct EffectCall {
    pub(super) tool: Arc<dyn Tool>,
    pub(super) key: Key,
    pub(super) identity: Identity,
    pub(super) declared: Option<connectors::DeclaredIdentity>,
    pub(super) counters: Vec<Counter>,
    pub(super) arguments_digest: Digest,
}

/// A call that goes nowhere.
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// What a person should see.
    pub(super) evidence: Value,
    /// The call as far as it was understood, for the journal.
    pub(super) tool: Option<Name>,
}

fn broken(tool: Option<Name>, class: Class, code: &'static str, message: String, evidence: Value) -> Box<Refused> {
    Box::new(Refused { failure: Failure::new(class, code, message), evidence, tool })
}

/// Checks one call: known tool, arguments in shape, allowed by every contract in force, key as it must be.
pub(super) fn admit(
    services: &Services,
    context: &Context,
    leaving: &Leaving,
    labels: &Labels,
) -> Result<Result<Admitted, Box<Refused>>, Trouble> {
    let unknown = |name: Option<Name>| {
        let message = format!("there is no tool `{}`", leaving.tool);
        broken(name, Class::Logic, "TOOL_UNKNOWN", message, json!({ "tool": leaving.tool }))
    };
    let Ok(name) = leaving.tool.parse::<Name>() else { return Ok(Err(unknown(None))) };
    let known = services.catalogue.get(&name).zip(services.definition(&name));
    let Some((entry, definition)) = known else { return Ok(Err(unknown(Some(name)))) };
    let Ok(arguments) = Arguments::parse(leaving.arguments.clone()) else {
        let message = "the arguments are no JSON".to_owned();
        return Ok(Err(broken(Some(name), Class::Internal, "ARGUMENTS_INVALID", message, json!({}))));
    };
    if let Some(fault) = services.schemas(&definition)?.arguments.iter_errors(arguments.value()).next() {
        let place = fault.instance_path().to_string();
        let message = format!("the arguments of {name} do not fit at `{place}`: {}", fault.masked());
        let evidence = json!({ "tool": name.as_str(), "at": place, "why": fault.masked().to_string() });
        return Ok(Err(broken(Some(name), Class::Logic, "ARGUMENTS_INVALID", message, evidence)));
    }
    let given_key = match leaving.key.as_deref().map(parse_key).transpose() {
        Ok(key) => key,
        Err(reason) => {
            let evidence = json!({ "tool": name.as_str() });
            return Ok(Err(broken(Some(name), Class::Logic, "KEY_MALFORMED", reason, evidence)));
        }
    };
    let circumstances = Circumstances {
        now: services.env.now(),
        major: u32::try_from(context.script.major).unwrap_or(u32::MAX),
        reads: &[],
        reread: &[],
        labels,
    };
    let call = gate::Call { definition: &definition, arguments: arguments.value(), key: given_key.as_ref() };
    let own = gate::decide(&context.own, &call, &circumstances);
    let verdict = match &context.current {
        None => own,
        Some(current) => gate::join(own, gate::decide(current, &call, &circumstances)),
    };
    let passed = match allowed(&definition, verdict) {
        Ok(passed) => passed,
        Err(refused) => return Ok(Err(refused)),
    };
    let kind = match entry {
        Entry::Host(_) => Kind::Host,
        Entry::Tool(tool) if !definition.is_effect() => Kind::Read(Arc::clone(tool)),
        Entry::Tool(tool) => {
            let declared = passed.identity.clone().map(declared_for_tool);
            let identity = tool.identity(arguments.value(), declared.as_ref()).unwrap_or(Identity::Blind);
            let key =
                given_key.clone().unwrap_or_else(|| Key::of_call(context.run.id, context.run.generation, leaving.call));
            Kind::Effect(Box::new(EffectCall {
                tool: Arc::clone(tool),
                key,
                identity,
                declared,
                counters: passed.counters.clone(),
                arguments_digest: Digest::of(arguments.canonical().as_bytes()),
            }))
        }
    };
    Ok(Ok(Admitted {
        call: leaving.call,
        definition,
        arguments,
        optional: leaving.optional,
        given_key,
        verdict: passed.clause.words,
        kind,
    }))
}

pub(super) fn parse_key(text: &str) -> Result<Key, String> {
    let value: Value = serde_json::from_str(text).map_err(|_| "the effect key is no JSON".to_owned())?;
    Key::parse(&value).map_err(|error| error.to_string())
}

fn allowed(definition: &Definition, verdict: Verdict) -> Result<Passed, Box<Refused>> {
    let refused = |class, code: &'static str, words: Vec<String>| {
        let evidence = json!({ "tool": definition.name.as_str(), "code": code, "clauses": words });
        broken(Some(definition.name.clone()), class, code, words.join(" "), evidence)
    };
    match verdict {
        Verdict::Pass(passed) if is_enforceable(&passed) => Ok(*passed),
        // What cannot be enforced here yet is not let pass.
        Verdict::Pass(passed) => Err(refused(Class::Permission, "GATE_TOOL_NOT_GRANTED", vec![passed.clause.words])),
        Verdict::Deny { reasons } => {
            let first = reasons.first();
            let class = first.map_or(Class::Internal, gate::Reason::class);
            let code = first.map_or("GATE_CONDITION_FAILED", |reason| reason.code);
            Err(refused(class, code, reasons.into_iter().map(|reason| reason.words).collect()))
        }
        Verdict::Stale { clause, .. } | Verdict::NeedsFreshRead { clause, .. } => {
            Err(refused(Class::Permission, "GATE_NO_ROW", vec![clause]))
        }
    }
}

fn is_enforceable(passed: &Passed) -> bool {
    let is_rate = |counter: &Counter| match &counter.beyond {
        Beyond::Limit { .. } => counter.amount == Amount::ONE && counter.window.is_some(),
        Beyond::Trusted(_) => false,
    };
    passed.connection.is_none()
        && passed.held.is_empty()
        && passed.grounds.is_empty()
        && passed.counters.iter().all(is_rate)
}

fn declared_for_tool(declared: DeclaredIdentity) -> connectors::DeclaredIdentity {
    let identity = declared.identity();
    match (declared, identity) {
        (DeclaredIdentity::Keyed { header, .. }, Identity::Keyed { window_ms }) => {
            connectors::DeclaredIdentity::Keyed { header: header.as_str().to_owned(), window_ms }
        }
        (DeclaredIdentity::Queryable { url, .. }, Identity::Queryable { absent_after_ms, window_ms }) => {
            connectors::DeclaredIdentity::Queryable { url, absent_after_ms, window_ms }
        }
        (
            DeclaredIdentity::Keyed { .. } | DeclaredIdentity::Queryable { .. },
            Identity::Keyed { .. } | Identity::Queryable { .. } | Identity::Natural | Identity::Blind,
        ) => unreachable!("an identity is of the kind that declares it"),
    }
}

impl Admitted {
    /// The call as a tool gets it.
    pub(super) fn for_tool(&self, context: &Context, labels: &Labels, started_at: Timestamp, now: Timestamp) -> Call {
        let contract = context.current.as_ref().unwrap_or(&context.own);
        let grants = grants::of_call(
            &context.folders,
            &context.private_hosts,
            contract,
            &self.definition,
            self.arguments.value(),
            labels,
            now,
        );
        let (effect_key, declared) = match &self.kind {
            Kind::Effect(effect) => {
                let identity = effect.key.identity(context.automation.id, &self.definition.name);
                (Some(connectors::EffectKey { identity, key: effect.key.clone() }), effect.declared.clone())
            }
            Kind::Host | Kind::Read(_) => (None, None),
        };
        Call {
            run: context.run.id,
            automation: context.automation.id,
            call: self.call,
            arguments: self.arguments.clone(),
            effect_key,
            declared,
            started_at,
            now,
            grants: Arc::new(grants),
            deadline: self.definition.timeout(),
            trace_parent: context.trace.map(|trace| trace.context_of(self.call).to_string()),
        }
    }
}
