//! The unit of systemd, the image and the compose files: what they name, the server knows.

use std::collections::BTreeSet;
use std::process::Command;

use runtime::config::KEYS;

use crate::{path, text};

const FILES: [&str; 4] =
    ["deploy/steward.service", "deploy/Dockerfile", "deploy/compose.sqlite.yml", "deploy/compose.postgres.yml"];
/// Variables that are no keys.
const OTHER: [&str; 4] = ["STEWARD_HOME", "STEWARD_CONFIG", "STEWARD_PASSPHRASE", "STEWARD_PASSPHRASE_FILE"];

/// Every variable of ours that a text names.
fn variables(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.split(|c: char| !is_part(c)).filter(|word| word.starts_with("STEWARD_")).map(str::to_owned).collect()
}

/// The values of a setting of a unit, those that are commented out included.
fn unit(name: &str) -> Vec<String> {
    let unit = text("deploy/steward.service");
    let values = unit.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

#[test]
fn every_variable_is_a_key() {
    let mut known: BTreeSet<String> = OTHER.map(str::to_owned).into();
    for key in KEYS {
        known.insert(key.variable());
        if key.secret {
            known.insert(format!("{}_FILE", key.variable()));
        }
    }
    for file in FILES {
        let unknown: Vec<_> = variables(&text(file)).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{file} sets what is no key: {unknown:?}");
    }
}

#[test]
fn the_unit_keeps_data_where_systemd_lets_it() {
    assert_eq!(unit("StateDirectory"), ["steward"]);
    assert_eq!(unit("ConfigurationDirectory"), ["steward"]);
    let environment = unit("Environment");
    assert!(environment.contains(&"STEWARD_HOME=%S/steward".to_owned()), "{environment:?}");
    assert!(environment.contains(&"STEWARD_CONFIG=%E/steward/steward.toml".to_owned()), "{environment:?}");
    // A credential is named twice: where it comes from, and for what.
    let handed_over: BTreeSet<_> =
        unit("LoadCredential").iter().map(|value| value.split(':').next().unwrap().to_owned()).collect();
    let taken: BTreeSet<_> =
        environment.iter().filter_map(|value| Some(value.split_once("=%d/")?.1.to_owned())).collect();
    assert_eq!(handed_over, taken);
}

#[test]
fn the_unit_lets_scripts_be_locked_in() {
    let filter = unit("SystemCallFilter").join(" ");
    for call in ["@system-service", "seccomp", "setrlimit"] {
        assert!(filter.contains(call), "{filter}");
    }
    // The server is told to end, and not the processes of scripts behind its back.
    assert_eq!(unit("KillMode"), ["mixed"]);
    assert_eq!(unit("Type"), ["notify"]);
}

#[test]
fn commands_that_are_called_exist() {
    let image = text("deploy/Dockerfile");
    assert!(image.contains(r#"CMD ["steward", "health"]"#) && image.contains(r#"ENTRYPOINT ["steward"]"#));
    assert_eq!(unit("ExecStart"), ["/usr/local/bin/steward serve"]);
    for command in ["health", "serve", "config"] {
        let help = Command::new(env!("CARGO_BIN_EXE_steward")).args([command, "--help"]).output().unwrap();
        assert!(help.status.success(), "steward {command}");
    }
}

#[test]
fn containers_keep_data_in_their_volume_and_read_secrets_that_are_declared() {
    let image = text("deploy/Dockerfile");
    assert!(image.contains("STEWARD_HOME=/data") && image.contains(r#"VOLUME ["/data"]"#));
    assert!(image.contains("USER 10001:10001"), "the server is not root");
    for file in FILES.into_iter().filter(|file| file.ends_with(".yml")) {
        let compose = text(file);
        let read: BTreeSet<_> = compose
            .split("/run/secrets/")
            .skip(1)
            .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>())
            .collect();
        let (_, declared) = compose.split_once("\nsecrets:\n").unwrap();
        for secret in &read {
            assert!(declared.contains(&format!("\n  {secret}:\n")), "{file} does not declare the secret {secret}");
            assert!(compose.contains(&format!("- {secret}\n")), "{file} hands the secret {secret} to nobody");
        }
        assert!(compose.contains("dockerfile: deploy/Dockerfile") && path("deploy/Dockerfile").exists());
        assert!(compose.contains(":/data\n"), "{file} keeps the data in no volume");
    }
}
