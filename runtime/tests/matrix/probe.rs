//! A tool with the definition of a real one that goes wrong as it is told to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use connectors::{Call, DeclaredIdentity, Entry, Fault, Performed, Settlement, Tool};
use intents::failure::Class;
use intents::outcome::{Failure, Outcome};
use intents::tool::{Definition, Identity, Kind, Shape};
use serde_json::{Value, json};

/// How a call goes wrong, once.
#[derive(Debug, Clone)]
pub(crate) enum Mishap {
    /// It does not.
    None,
    /// The service says no.
    Refused { code: String },
    /// It fails.
    Fails { class: Class, code: String, proves_nothing_done: bool },
    /// It breaks down.
    Panics,
    /// It never ends.
    Hangs,
    /// It gives what its definition does not allow.
    Misshapen,
}

/// What the probes do next, and what they did.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) next: Mishap,
    pub(crate) performed: u32,
    pub(crate) settled: u32,
}

pub(crate) type Shared = Arc<Mutex<Script>>;

pub(crate) struct Probe {
    definition: Definition,
    /// The tool that says which identity a call has.
    of: Option<Arc<dyn Tool>>,
    script: Shared,
}

impl Probe {
    pub(crate) fn of(tool: &Arc<dyn Tool>, script: &Shared) -> Entry {
        let definition = Definition { shape: Shape::Open, ..tool.definition().clone() };
        Entry::Tool(Arc::new(Self { definition, of: Some(Arc::clone(tool)), script: Arc::clone(script) }))
    }

    /// A tool of our own.
    pub(crate) fn entry(name: &str, kind: Kind, shape: Shape, script: &Shared) -> Entry {
        let definition = Definition {
            name: name.parse().unwrap(),
            version: 1,
            summary: "Probes.".to_owned(),
            kind,
            shape,
            arguments: json!({ "type": "object" }),
            result: json!({ "type": "object", "properties": { "done": { "type": "boolean" } }, "required": ["done"] }),
            errors: Vec::new(),
            scopes: Vec::new(),
            rate_limit: None,
            cost_micro_usd: 0,
            redacted: Vec::new(),
            label: None,
            leaves_machine: false,
            sink: None,
            data: None,
            connects_at: None,
            timeout_ms: 1000,
            example: json!({}),
        };
        Entry::Tool(Arc::new(Self { definition, of: None, script: Arc::clone(script) }))
    }
}

#[async_trait]
impl Tool for Probe {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn identity(&self, arguments: &Value, declared: Option<&DeclaredIdentity>) -> Option<Identity> {
        match (&self.of, self.definition.kind) {
            (Some(tool), _) => tool.identity(arguments, declared),
            (None, Kind::Read) => None,
            (None, Kind::Effect(identity)) => Some(identity),
        }
    }

    async fn perform(&self, _: &Call) -> Result<Performed, Fault> {
        let mishap = {
            let mut script = self.script.lock().unwrap();
            script.performed += 1;
            std::mem::replace(&mut script.next, Mishap::None)
        };
        match mishap {
            Mishap::None => Ok(Performed::value(json!({ "done": true }))),
            Mishap::Misshapen => Ok(Performed::value(json!({ "done": "maybe" }))),
            Mishap::Refused { code } => Ok(Performed::refused(&code, "no", Value::Null)),
            Mishap::Fails { class, code, proves_nothing_done } => {
                Err(Fault { failure: Failure::new(class, &code, "as it was told"), proves_nothing_done })
            }
            Mishap::Panics => panic!("as it was told"),
            Mishap::Hangs => std::future::pending().await,
        }
    }

    async fn settle(&self, _: &Call) -> Result<Settlement, Failure> {
        self.script.lock().unwrap().settled += 1;
        Ok(Settlement::Applied(Outcome::Value(json!({ "done": true }))))
    }
}
