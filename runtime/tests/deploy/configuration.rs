//! The configuration: its example, its page.

use std::path::Path;
use std::process::Command;

use runtime::config::{example, table};

use crate::{same, text};

const PAGE: &str = "docs/16-operations.md";
const BEGIN: &str = "<!-- keys: made from the code -->\n";
const END: &str = "<!-- end of keys -->\n";

#[test]
fn the_example_is_made_from_the_keys() {
    same("deploy/steward.example.toml", &example());
}

#[test]
fn the_page_lists_every_key() {
    let page = text(PAGE);
    let (before, rest) = page.split_once(BEGIN).expect("the page marks where the keys begin");
    let (_, after) = rest.split_once(END).expect("the page marks where the keys end");
    same(PAGE, &format!("{before}{BEGIN}{}{END}{after}", table()));
}

/// Runs a command of the program on a data folder of its own.
fn steward(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steward"));
    command.args(arguments).env_clear().env("STEWARD_HOME", home).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

#[test]
fn every_problem_is_told_and_nothing_is_started() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("steward.toml");
    std::fs::write(&file, "[server]\nlisen = \"x\"\n\n[log]\nformat = \"loud\"\n").unwrap();
    let variables = [("STEWARD_LIMITS__HEAP_MIB", "much")];
    let (code, said) = steward(home.path(), &["config", "validate"], &variables);
    assert_eq!(code, Some(2), "{said}");
    for part in [
        "steward.toml:2: ",
        "did you mean `server.listen`?",
        "steward.toml:5: ",
        "STEWARD_LIMITS__HEAP_MIB: ",
        "3 problems",
    ] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    // A server does not start with it, and says the same.
    let (code, said) = steward(home.path(), &["serve"], &variables);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the configuration has 3 problems") && said.contains("steward.toml:2: "), "{said}");
    assert!(!home.path().join("steward.db").exists());

    let other = home.path().join("other.toml");
    std::fs::write(&other, "[server]\nlisteners = 3\n").unwrap();
    let other = other.to_str().unwrap();
    let (code, said) = steward(home.path(), &["config", "validate", "--file", other, "--json"], &[]);
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &told["ok"]), (Some(0), &serde_json::Value::Bool(true)), "{said}");
    let (code, said) = steward(home.path(), &["config", "validate", "--file", "/nowhere.toml"], &[]);
    assert!(code == Some(2) && said.contains("CONFIG_UNREADABLE"), "{said}");
}

#[test]
fn what_is_in_force_is_shown_without_its_secrets() {
    let home = tempfile::tempdir().unwrap();
    let secret = home.path().join("token");
    std::fs::write(&secret, "hunter2hunter2hunter2\n").unwrap();
    let variables =
        [("STEWARD_METRICS__TOKEN_FILE", secret.to_str().unwrap()), ("STEWARD_STORE__URL", "postgres://u:hunter3@h/d")];
    let (code, said) = steward(home.path(), &["config", "show", "--set", "limits.runs_at_once=7"], &variables);
    assert_eq!(code, Some(0), "{said}");
    let row = |key: &str| {
        said.lines().find(|line| line.starts_with(key)).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("limits.runs_at_once"), "limits.runs_at_once 7 --set limits.runs_at_once");
    assert!(row("metrics.token").starts_with("metrics.token [set] STEWARD_METRICS__TOKEN_FILE ("), "{said}");
    assert_eq!(row("store.url"), "store.url [set] STEWARD_STORE__URL");
    assert!(said.contains("everybody can read the secret"), "{said}");
    assert!(!said.contains("hunter"), "{said}");
}
