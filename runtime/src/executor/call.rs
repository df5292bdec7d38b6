//! One call: from the canonical bytes that left the script to what is to be done with it.

use std::sync::Arc;

use connectors::call::Arguments;
use connectors::{Call, Entry, Tool};
use intents::Timestamp;
use intents::approval::Content;
use intents::canonical::Digest;
use intents::contract::DeclaredIdentity;
use intents::effect::Key;
use intents::failure::Class;
use intents::gate::{self, Circumstances, Passed, Verdict};
use intents::label::Labels;
use intents::outcome::Failure;
use intents::tool::{Definition, Identity, Name};
use serde_json::{Value, json};

use super::context::{Context, Trouble};
use super::grants;
use super::tools::Tools;

/// A call as it left the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) call: u32,
    /// What an engine outside calls it.
    pub(crate) id: Option<String>,
    pub(crate) tool: String,
    pub(crate) arguments: String,
    pub(crate) key: Option<String>,
    pub(crate) optional: bool,
}

/// A call that the boundary has let through: it makes sense, whatever the gate says.
pub(crate) struct Wish {
    pub(crate) call: u32,
    pub(crate) definition: Arc<Definition>,
    pub(crate) arguments: Arguments,
    pub(crate) optional: bool,
    /// The key that the script gave.
    pub(crate) given_key: Option<Key>,
    /// Who performs it; nobody but the host where there is none.
    pub(crate) tool: Option<Arc<dyn Tool>>,
}

impl Wish {
    /// The call as it left the script.
    pub(super) fn leaving(&self) -> Leaving {
        Leaving {
            call: self.call,
            id: None,
            tool: self.definition.name.to_string(),
            arguments: self.arguments.canonical().to_owned(),
            key: self.given_key.as_ref().map(Key::canonical),
            optional: self.optional,
        }
    }
}

/// A call that the gate has let pass. Made again, it passes the gate again.
pub(super) struct Admitted {
    pub(super) call: u32,
    pub(super) definition: Arc<Definition>,
    pub(super) arguments: Arguments,
    pub(super) optional: bool,
    /// The key that the script gave.
    pub(super) given_key: Option<Key>,
    /// What the gate said.
    pub(super) passed: Passed,
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
    /// It would change something, and nobody is there who could: the run is a shadow run.
    Shadowed {
        /// The key; none where the host would tell something itself.
        key: Option<Key>,
    },
}

/// What is to be known of an effect before it starts.
pub(super) struct EffectCall {
    pub(super) tool: Arc<dyn Tool>,
    pub(super) key: Key,
    pub(super) identity: Identity,
    pub(super) declared: Option<connectors::DeclaredIdentity>,
}

/// A call that goes nowhere.
pub(crate) struct Refused {
    pub(crate) failure: Failure,
    /// What a person should see.
    pub(crate) evidence: Value,
    /// The call as far as it was understood, for the journal.
    pub(crate) tool: Option<Name>,
}

fn broken(tool: Option<Name>, class: Class, code: &'static str, message: String, evidence: Value) -> Box<Refused> {
    Box::new(Refused { failure: Failure::new(class, code, message), evidence, tool })
}

/// Checks one call: known tool, arguments in shape, a key that is one.
pub(crate) fn understand(tools: &Tools, leaving: &Leaving) -> Result<Result<Wish, Box<Refused>>, Trouble> {
    let unknown = |name: Option<Name>| {
        let message = format!("there is no tool `{}`", leaving.tool);
        broken(name, Class::Logic, "TOOL_UNKNOWN", message, json!({ "tool": leaving.tool }))
    };
    let Ok(name) = leaving.tool.parse::<Name>() else { return Ok(Err(unknown(None))) };
    let known = tools.catalogue.get(&name).zip(tools.definition(&name));
    let Some((entry, definition)) = known else { return Ok(Err(unknown(Some(name)))) };
    let Ok(arguments) = Arguments::parse(leaving.arguments.clone()) else {
        let message = "the arguments are no JSON".to_owned();
        return Ok(Err(broken(Some(name), Class::Internal, "ARGUMENTS_INVALID", message, json!({}))));
    };
    if let Some(fault) = tools.schemas(&definition)?.arguments.iter_errors(arguments.value()).next() {
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
    let tool = match entry {
        Entry::Host(_) => None,
        Entry::Tool(tool) => Some(Arc::clone(tool)),
    };
    let (call, optional) = (leaving.call, leaving.optional);
    Ok(Ok(Wish { call, definition, arguments, optional, given_key, tool }))
}

/// What the gate says, under every contract in force.
pub(super) fn decide(context: &Context, wish: &Wish, circumstances: &Circumstances<'_>) -> Verdict {
    let call =
        gate::Call { definition: &wish.definition, arguments: wish.arguments.value(), key: wish.given_key.as_ref() };
    let own = gate::decide(&context.own, &call, circumstances);
    match &context.current {
        None => own,
        Some(current) => gate::join(own, gate::decide(current, &call, circumstances)),
    }
}

/// What the gate said, as the journal keeps it.
pub(crate) fn in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass(passed) => passed.clause.words.clone(),
        Verdict::Stale { clause, .. } | Verdict::NeedsFreshRead { clause, .. } => clause.clone(),
        Verdict::Deny { reasons } => {
            let words: Vec<_> = reasons.iter().map(|reason| reason.words.as_str()).collect();
            words.join(" ")
        }
    }
}

/// A call that the gate has let pass.
pub(super) fn admit(context: &Context, wish: &Wish, passed: Passed) -> Admitted {
    let of_call = || Key::of_call(context.run.id, context.run.generation, wish.call);
    let key = || wish.given_key.clone().unwrap_or_else(of_call);
    let kind = match &wish.tool {
        tool if context.run.shadow.is_some() && wish.definition.is_effect() => {
            Kind::Shadowed { key: tool.is_some().then(key) }
        }
        None => Kind::Host,
        Some(tool) if !wish.definition.is_effect() => Kind::Read(Arc::clone(tool)),
        Some(tool) => {
            let declared = passed.identity.clone().map(declared_for_tool);
            let identity = tool.identity(wish.arguments.value(), declared.as_ref()).unwrap_or(Identity::Blind);
            Kind::Effect(Box::new(EffectCall { tool: Arc::clone(tool), key: key(), identity, declared }))
        }
    };
    Admitted {
        call: wish.call,
        definition: Arc::clone(&wish.definition),
        arguments: wish.arguments.clone(),
        optional: wish.optional,
        given_key: wish.given_key.clone(),
        passed,
        kind,
    }
}

/// A call that the gate refuses.
pub(crate) fn denied(definition: &Definition, reasons: Vec<gate::Reason>) -> Box<Refused> {
    let first = reasons.first();
    let class = first.map_or(Class::Internal, gate::Reason::class);
    let code = first.map_or("GATE_CONDITION_FAILED", |reason| reason.code);
    let words: Vec<_> = reasons.into_iter().map(|reason| reason.words).collect();
    let evidence = json!({ "tool": definition.name.as_str(), "code": code, "clauses": words });
    broken(Some(definition.name.clone()), class, code, words.join(" "), evidence)
}

pub(crate) fn parse_key(text: &str) -> Result<Key, String> {
    let value: Value = serde_json::from_str(text).map_err(|_| "the effect key is no JSON".to_owned())?;
    Key::parse(&value).map_err(|error| error.to_string())
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
    /// The digest of the canonical arguments.
    pub(super) fn arguments_digest(&self) -> Digest {
        Digest::of(self.arguments.canonical().as_bytes())
    }

    /// The key under which it is known: that of the effect, or of the call where it is none.
    pub(super) fn key(&self, context: &Context) -> Key {
        match &self.kind {
            Kind::Effect(effect) => effect.key.clone(),
            Kind::Shadowed { key: Some(key) } => key.clone(),
            Kind::Host | Kind::Read(_) | Kind::Shadowed { key: None } => {
                Key::of_call(context.run.id, context.run.generation, self.call)
            }
        }
    }

    /// The call as a tool gets it.
    pub(super) fn for_tool(
        &self,
        context: &Context,
        labels: &Labels,
        approved: Option<Arc<[Content]>>,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Call {
        let grants = grants::of_call(context, self, labels, now);
        let (effect_key, declared) = match &self.kind {
            Kind::Effect(effect) => {
                let identity = effect.key.identity(context.automation.id, &self.definition.name);
                (Some(connectors::EffectKey { identity, key: effect.key.clone() }), effect.declared.clone())
            }
            Kind::Host | Kind::Read(_) | Kind::Shadowed { .. } => (None, None),
        };
        Call {
            run: context.run.id,
            automation: context.automation.id,
            call: self.call,
            arguments: self.arguments.clone(),
            effect_key,
            declared,
            approved,
            started_at,
            now,
            grants: Arc::new(grants),
            deadline: self.definition.timeout(),
            trace_parent: context.trace.map(|trace| trace.context_of(self.call).to_string()),
        }
    }
}
