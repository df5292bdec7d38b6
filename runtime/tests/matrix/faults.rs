//! Everything that can go wrong: what the tools declare, and what the host meets by itself.

use std::collections::BTreeSet;

use connectors::{Catalogue, Entry};
use intents::failure::Class;
use intents::tool::{DeclaredError, Definition, Identity, Kind};
use serde_json::{Value, json};

use crate::meaning::{Known, Way, class_of, way_of};
use crate::probe::Mishap;

/// A fault, and what is meant to come of it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Where it arises: a tool, or the host.
    pub(crate) at: String,
    /// What goes wrong.
    pub(crate) what: String,
    pub(crate) known: Known,
    pub(crate) tool: String,
    pub(crate) arguments: Value,
    /// What the contract says of the service.
    pub(crate) declares: Option<Value>,
    pub(crate) takes_key: bool,
    pub(crate) fault: Fault,
    /// The class; none when the script is told.
    pub(crate) class: Option<Class>,
    pub(crate) way: Way,
}

/// How it comes about.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The tool goes wrong.
    Tool(Mishap),
    /// The script is another one.
    Script(&'static str),
    /// The server dies between the start of the effect and its outcome.
    Crash,
    /// The journal holds another call than the script makes.
    OtherJournal,
    /// Another item used the key before.
    OtherItem,
}

/// The identities with which a tool can be called.
fn ways_to_call(definition: &Definition) -> Vec<(Known, Value, Option<Value>)> {
    let example = || definition.example.clone();
    let with = |method: &str| json!({ "method": method, "url": "https://books.example/api/reminders" });
    if definition.name.as_str() == "http.request" {
        let keyed = json!({ "keyed": { "header": "Idempotency-Key", "window": "24h" } });
        let url = "https://books.example/api/by-key/{key}";
        let queryable = json!({ "queryable": { "url": url, "absent_after": "1m", "window": "24h" } });
        return vec![
            (Known::Natural, with("DELETE"), None),
            (Known::Natural, with("PUT"), None),
            (Known::Blind, with("POST"), None),
            (Known::Blind, with("PATCH"), None),
            (Known::Keyed, with("POST"), Some(keyed)),
            (Known::Queryable, with("POST"), Some(queryable)),
        ];
    }
    let known = match definition.kind {
        Kind::Read => Known::Read,
        Kind::Effect(Identity::Keyed { .. }) => Known::Keyed,
        Kind::Effect(Identity::Natural) => Known::Natural,
        Kind::Effect(Identity::Blind) => Known::Blind,
        Kind::Effect(Identity::Queryable { .. }) => Known::Queryable,
    };
    vec![(known, example(), None)]
}

/// The codes that tools declare and that have a class.
pub(crate) fn codes(catalogue: &Catalogue) -> BTreeSet<String> {
    let errors = catalogue.definitions().flat_map(|definition| definition.errors.iter());
    errors.filter(|error| error.class.is_some()).map(|error| error.code.clone()).collect()
}

/// Every error that a tool declares, for every way to call it.
pub(crate) fn declared(catalogue: &Catalogue) -> Vec<Case> {
    let mut cases = Vec::new();
    for definition in catalogue.definitions().filter(|definition| definition.name.service() != "probe") {
        let is_host = matches!(catalogue.get(&definition.name), Some(Entry::Host(_)));
        for (known, arguments, declares) in ways_to_call(definition) {
            for error in &definition.errors {
                let case = case(definition, error, known, arguments.clone(), declares.clone(), is_host);
                cases.push(case);
            }
        }
    }
    cases
}

fn case(
    definition: &Definition,
    error: &DeclaredError,
    known: Known,
    arguments: Value,
    declares: Option<Value>,
    is_host: bool,
) -> Case {
    let class = error.class.map(|_| class_of(&error.code).unwrap_or(Class::Unknown));
    let mishap = match error.class {
        None => Mishap::Refused { code: error.code.clone() },
        // As the tool declares it, whatever it is meant to be.
        Some(class) => {
            Mishap::Fails { class, code: error.code.clone(), proves_nothing_done: error.proves_nothing_done }
        }
    };
    // The host's own tools do their work in the store: what they declare are the script's own mistakes.
    let arguments = if is_host { json!({ "nonsense": true }) } else { arguments };
    Case {
        at: definition.name.to_string(),
        what: error.code.clone(),
        known,
        tool: definition.name.to_string(),
        arguments,
        declares,
        takes_key: definition.takes_key() && !is_host,
        fault: of_host_tool(&definition.name.to_string(), &error.code).unwrap_or(Fault::Tool(mishap)),
        class,
        way: class.map_or(Way::Answer, |class| way_of(class, known)),
    }
}

/// How a script makes such a mistake with what it has without a grant.
fn of_host_tool(tool: &str, code: &str) -> Option<Fault> {
    let script = match (tool, code) {
        ("state.get", "ARGUMENTS_INVALID") => "await state.get('');",
        ("state.set", "ARGUMENTS_INVALID") => "await state.set('', 1);",
        ("state.delete", "ARGUMENTS_INVALID") => "await state.delete('');",
        ("steward.sleep", "ARGUMENTS_INVALID") => "await steward.sleep(-5);",
        ("steward.wait_for", "ARGUMENTS_INVALID") => "await steward.waitFor('NO SUCH NAME');",
        ("steward.wait_for", "timed_out") => {
            "try { await steward.waitFor('never.comes', { until: 1 }); } catch (error) { return { told: error.code }; }"
        }
        ("steward.ask", "ARGUMENTS_INVALID") => "await steward.ask('Which?', ['only one']);",
        ("steward.ask", "undecided") => {
            "try { await steward.ask('Which?', ['a', 'b'], { until: 1 }); } catch (error) { return { told: error.code }; }"
        }
        _ => return None,
    };
    Some(Fault::Script(script))
}

/// What the host meets by itself.
pub(crate) fn of_the_host() -> Vec<Case> {
    let probes = [
        ("probe.read", Known::Read),
        ("probe.keyed", Known::Keyed),
        ("probe.queryable", Known::Queryable),
        ("probe.natural", Known::Natural),
        ("probe.blind", Known::Blind),
    ];
    let mut cases = Vec::new();
    for (tool, known) in probes {
        let is_effect = known != Known::Read;
        let unless_read = |read: Class| if is_effect { Class::Uncertain } else { read };
        let mut add = |what: &str, fault: Fault, class: Class| {
            cases.push(host_case(what, tool, known, fault, class));
        };
        let fails = |class: Class, code: &str, proves_nothing_done: bool| {
            Fault::Tool(Mishap::Fails { class, code: code.to_owned(), proves_nothing_done })
        };
        add("no answer, nothing had left", fails(Class::Transient, "HTTP_TIMEOUT", true), Class::Transient);
        add("no answer after it left", fails(Class::Transient, "HTTP_TIMEOUT", false), unless_read(Class::Transient));
        add(
            "the service failed after it left",
            fails(Class::Transient, "HTTP_SERVER_ERROR", false),
            unless_read(Class::Transient),
        );
        add("the tool breaks down", Fault::Tool(Mishap::Panics), unless_read(Class::Internal));
        add("the tool never ends", Fault::Tool(Mishap::Hangs), unless_read(Class::Transient));
        add("nobody knows the class", fails(Class::Unknown, "NEVER_HEARD_OF", true), Class::Unknown);
        if is_effect {
            add("the server dies before the outcome", Fault::Crash, Class::Uncertain);
        } else {
            add("a read says it may have happened", fails(Class::Uncertain, "HTTP_UNCERTAIN", false), Class::Uncertain);
            add("the result misses its schema", Fault::Tool(Mishap::Misshapen), Class::Internal);
        }
    }
    let of_script = [
        ("the script throws", "throw new Error('as it was told');", Class::Logic),
        ("the script gives up", "steward.fail('as it was told');", Class::Logic),
        ("the script waits for nothing", "await new Promise(() => {});", Class::Logic),
        ("the script makes no sense", "this is no script", Class::Logic),
        ("arguments miss their schema", "await tools.http.get({ nonsense: true });", Class::Logic),
        ("the tool does not exist", "await tools.probe.nothing({});", Class::Logic),
        ("the script computes without end", "for (;;) {}", Class::Limit),
        ("the script takes all memory", "const all = []; for (;;) all.push(new Array(100000).fill(1));", Class::Limit),
        (
            "the gate refuses the call",
            "await tools.http.get({ url: 'https://elsewhere.example/' });",
            Class::Permission,
        ),
    ];
    for (what, script, class) in of_script {
        cases.push(host_case(what, "probe.keyed", Known::Read, Fault::Script(script), class));
    }
    cases.push(host_case(
        "another item had other arguments under the key",
        "probe.keyed",
        Known::Read,
        Fault::OtherItem,
        Class::Logic,
    ));
    cases.push(host_case(
        "the replay takes another way",
        "probe.read",
        Known::Read,
        Fault::OtherJournal,
        Class::Nondeterminism,
    ));
    cases
}

fn host_case(what: &str, tool: &str, known: Known, fault: Fault, class: Class) -> Case {
    Case {
        at: "host".to_owned(),
        what: what.to_owned(),
        known,
        tool: tool.to_owned(),
        arguments: json!({}),
        declares: None,
        takes_key: !matches!(tool, "probe.read" | "probe.natural"),
        fault,
        class: Some(class),
        way: way_of(class, known),
    }
}
