//! The harness: calls as the runtime makes them, and servers that behave as told.

pub(crate) mod mail_server;
pub(crate) mod web_server;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connectors::call::Arguments;
use connectors::egress::{Egress, EgressSettings, HostPort};
use connectors::email::Mail;
use connectors::vault::{MasterKeySource, Vault};
use connectors::{
    Call, Catalogue, DeclaredIdentity, Dependencies, EffectKey, Entry, Fault, Folder, Grants, Performed, Settlement,
    Tool, Trust,
};
use intents::Timestamp;
use intents::canonical::Digest;
use intents::effect::Key;
use intents::failure::Class;
use intents::id::{AutomationId, RunId};
use intents::outcome::{Failure, Outcome};
use intents::tool::Definition;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The time of every call, unless a test says otherwise.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Everything that tools need, on a folder of its own.
pub(crate) struct Bench {
    pub(crate) home: TempDir,
    pub(crate) catalogue: Catalogue,
    pub(crate) vault: Arc<Vault>,
}

impl Bench {
    /// With an outbox and the usual settings.
    pub(crate) fn new() -> Self {
        Self::with(EgressSettings::default(), |home| Mail::Outbox(home.join("outbox")))
    }

    pub(crate) fn with(settings: EgressSettings, mail: impl FnOnce(&Path) -> Mail) -> Self {
        Self::with_egress(Egress::new(settings).unwrap(), mail)
    }

    pub(crate) fn with_egress(egress: Egress, mail: impl FnOnce(&Path) -> Mail) -> Self {
        let home = TempDir::new().unwrap();
        let key = MasterKeySource::KeyFile(home.path().join("master.key"));
        let vault = Arc::new(Vault::open(home.path(), &key).unwrap());
        let dependencies =
            Dependencies { egress: Arc::new(egress), vault: Arc::clone(&vault), mail: mail(home.path()) };
        Self { catalogue: Catalogue::new(dependencies).unwrap(), vault, home }
    }

    pub(crate) fn tool(&self, name: &str) -> Arc<dyn Tool> {
        match self.catalogue.get(&name.parse().unwrap()).unwrap() {
            Entry::Tool(tool) => Arc::clone(tool),
            Entry::Host(_) => panic!("`{name}` is the host's"),
        }
    }

    /// Performs a call, and checks what comes back against the tool's own definition.
    pub(crate) async fn perform(&self, name: &str, call: &Call) -> Result<Performed, Fault> {
        let tool = self.tool(name);
        let performed = tool.perform(call).await;
        check(tool.definition(), call, &performed);
        performed
    }

    pub(crate) async fn settle(&self, name: &str, call: &Call) -> Result<Settlement, Failure> {
        self.tool(name).settle(call).await
    }
}

/// What no tool may ever do: give a result or an error that it has not declared, or doubt that it calls proof.
fn check(definition: &Definition, call: &Call, performed: &Result<Performed, Fault>) {
    let declared = |code: &str| definition.errors.iter().find(|error| error.code == code);
    match performed {
        Ok(Performed { outcome: Outcome::Value(value), .. }) => {
            assert!(
                jsonschema::is_valid(&definition.arguments, call.arguments.value()),
                "{}",
                call.arguments.canonical()
            );
            assert!(jsonschema::is_valid(&definition.result, value), "{value:#} does not fit {:#}", definition.result);
        }
        Ok(Performed { outcome: Outcome::Refused(refusal), .. }) => {
            let error = declared(&refusal.code).unwrap_or_else(|| panic!("{} is not declared", refusal.code));
            assert_eq!((error.class, error.proves_nothing_done), (None, true));
        }
        Ok(Performed { outcome: Outcome::Skipped { .. }, .. }) => panic!("only the gate skips"),
        Err(fault) => {
            let code = &fault.failure.code;
            let error = declared(code).unwrap_or_else(|| panic!("{code} is not declared by {}", definition.name));
            assert_eq!(error.class, Some(fault.failure.class), "{code}");
            assert_eq!(fault.proves_nothing_done, fault.failure.class != Class::Uncertain, "{code}");
        }
    }
}

/// A call with these arguments, which grants nothing.
pub(crate) fn call(arguments: Value) -> Call {
    let key = Key::parse(&json!({ "invoice": "A-17" })).unwrap();
    Call {
        trace_parent: None,
        run: RunId::from_parts(NOW, 1),
        automation: AutomationId::from_parts(NOW, 1),
        call: 0,
        arguments: Arguments::of(arguments),
        effect_key: Some(EffectKey { identity: Digest::of(b"the effect"), key }),
        declared: None,
        approved: None,
        started_at: NOW,
        now: NOW,
        grants: Arc::new(Grants::none()),
        deadline: Duration::from_secs(20),
    }
}

/// What tests change about a call.
pub(crate) trait Adjust: Sized {
    fn granting(self, change: impl FnOnce(&mut Grants)) -> Self;
    fn folder(self, name: &str, path: &Path, trust: Trust) -> Self;
    fn host(self, host: HostPort) -> Self;
    fn declared(self, declared: DeclaredIdentity) -> Self;
    fn aged(self, age: Duration) -> Self;
    fn within(self, deadline: Duration) -> Self;
}

impl Adjust for Call {
    fn granting(mut self, change: impl FnOnce(&mut Grants)) -> Self {
        change(Arc::get_mut(&mut self.grants).unwrap());
        self
    }

    fn folder(self, name: &str, path: &Path, trust: Trust) -> Self {
        let folder = Folder { name: name.to_owned(), path: path.to_owned(), trust };
        self.granting(|grants| grants.folders.push(folder))
    }

    fn host(self, host: HostPort) -> Self {
        self.granting(|grants| grants.private_hosts.push(host))
    }

    fn declared(mut self, declared: DeclaredIdentity) -> Self {
        self.declared = Some(declared);
        self
    }

    fn aged(mut self, age: Duration) -> Self {
        self.started_at = self.now - age;
        self
    }

    fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// How a call ended, in one line: `value`, `refused not_found`, `transient HTTP_BUSY`.
pub(crate) fn ending(performed: &Result<Performed, Fault>) -> String {
    match performed {
        Ok(Performed { outcome: Outcome::Value(_), .. }) => "value".to_owned(),
        Ok(Performed { outcome: Outcome::Refused(refusal), .. }) => format!("refused {}", refusal.code),
        Ok(Performed { outcome: Outcome::Skipped { .. }, .. }) => "skipped".to_owned(),
        Err(fault) => format!("{} {}", fault.failure.class, fault.failure.code),
    }
}

/// How settling ended, in one line.
pub(crate) fn settled(settlement: &Result<Settlement, Failure>) -> String {
    match settlement {
        Ok(Settlement::Applied(_)) => "applied".to_owned(),
        Ok(Settlement::NotApplied) => "not applied".to_owned(),
        Ok(Settlement::Unknown) => "unknown".to_owned(),
        Err(failure) => format!("{} {}", failure.class, failure.code),
    }
}

/// The result of a call that succeeded.
pub(crate) fn value(performed: Result<Performed, Fault>) -> Value {
    match performed {
        Ok(Performed { outcome: Outcome::Value(value), .. }) => value,
        other => panic!("{other:?}"),
    }
}
