//! The definitions of all tools.

use connectors::catalogue::markdown;
use connectors::host::ALWAYS_GRANTED;
use connectors::{CODES, Code, Entry};
use intents::failure::Class;
use serde_json::Value;

use crate::support::Bench;

#[test]
fn every_definition_is_whole() {
    let bench = Bench::new();
    for definition in bench.catalogue.definitions() {
        let name = &definition.name;
        assert!(definition.summary.ends_with('.'), "{name}");
        assert_eq!(definition.arguments["additionalProperties"], Value::Bool(false), "{name}");
        assert!(
            jsonschema::meta::is_valid(&definition.arguments) && jsonschema::meta::is_valid(&definition.result),
            "{name}"
        );
        assert!(jsonschema::is_valid(&definition.arguments, &definition.example), "the example of {name}");
        for error in &definition.errors {
            let known = CODES.iter().any(|(code, _)| *code == error.code);
            assert_eq!(known, error.class.is_some(), "{name} {}", error.code);
            assert_eq!(error.proves_nothing_done, error.class != Some(Class::Uncertain), "{name} {}", error.code);
        }
        for pointer in &definition.redacted {
            assert!(pointer.to_string().starts_with("/arguments/"), "{name} {pointer}");
        }
    }
}

#[test]
fn the_tools_are_these() {
    let bench = Bench::new();
    let names: Vec<_> = bench.catalogue.definitions().map(|definition| definition.name.to_string()).collect();
    assert_eq!(
        names,
        [
            "email.send",
            "events.emit",
            "files.delete",
            "files.list",
            "files.move",
            "files.read",
            "files.write",
            "http.get",
            "http.request",
            "notify.user",
            "state.delete",
            "state.get",
            "state.set",
            "steward.ask",
            "steward.sleep",
            "steward.wait_for",
            "tls.certificate",
        ]
    );
    for name in ALWAYS_GRANTED {
        assert!(matches!(bench.catalogue.get(&name.parse().unwrap()), Some(Entry::Host(_))), "{name}");
    }
}

#[test]
fn contracts_can_point_at_what_they_bind() {
    let bench = Bench::new();
    for (tool, pointer) in [
        ("http.request", "/json/client/email"),
        ("http.request", "/json/lines/0/amount"),
        ("http.get", "/query/status"),
        ("http.get", "/headers/Accept"),
        ("email.send", "/to"),
        ("email.send", "/to/*"),
        ("files.write", "/folder"),
        ("events.emit", "/data/file"),
    ] {
        let tool = bench.catalogue.get(&tool.parse().unwrap()).unwrap().definition().clone();
        assert!(tool.has_argument(&pointer.parse().unwrap()), "{} {pointer}", tool.name);
    }
}

#[test]
fn a_name_stays_with_its_first_tool() {
    let mut bench = Bench::new();
    let again = Entry::Tool(bench.tool("http.get"));
    assert_eq!(bench.catalogue.register(again).unwrap_err().code(), Code::ConnectorInternal);
}

#[test]
fn the_reference_page_tells_all() {
    let bench = Bench::new();
    let page = markdown(bench.catalogue.definitions());
    for definition in bench.catalogue.definitions() {
        assert!(page.contains(&format!("\n## `{}`\n\n{}\n", definition.name, definition.summary)));
    }
    assert!(page.contains("| `HTTP_UNCERTAIN` |") && page.contains("| `not_found` |"));
}
