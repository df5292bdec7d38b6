//! The vault against people who change, swap, steal and lose its files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use connectors::Code;
use connectors::vault::{MasterKeySource, Purpose, Secret, Vault};
use serde_json::Value;
use tempfile::TempDir;

fn key_file(home: &Path) -> MasterKeySource {
    MasterKeySource::KeyFile(home.join("master.key"))
}

fn filled(home: &Path) -> Vault {
    let vault = Vault::open(home, &key_file(home)).unwrap();
    vault.set("mail", &Secret::new("open sesame")).unwrap();
    vault.set("books", &Secret::new("abracadabra")).unwrap();
    vault
}

fn refused(home: &Path, source: &MasterKeySource) -> Code {
    Vault::open(home, source).expect_err("the vault must not open").code()
}

#[test]
fn secrets_are_there_after_a_restart_and_nowhere_in_the_clear() {
    let home = TempDir::new().unwrap();
    let vault = filled(home.path());
    let anchor = vault.subkey(Purpose::AnchorSigning);
    assert!(vault.remove("books").unwrap() && !vault.remove("books").unwrap());
    drop(vault);
    let vault = Vault::open(home.path(), &key_file(home.path())).unwrap();
    assert_eq!(vault.names(), ["mail"]);
    assert_eq!(vault.require("mail").unwrap().expose(), "open sesame");
    assert_eq!(vault.get("books").unwrap(), None);
    assert_eq!(vault.require("books").unwrap_err().code(), Code::SecretMissing);
    assert_eq!(vault.subkey(Purpose::AnchorSigning).as_bytes(), anchor.as_bytes());
    for file in ["vault.json", "master.key"] {
        let path = home.path().join(file);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        assert!(!String::from_utf8_lossy(&fs::read(&path).unwrap()).contains("sesame"), "{file}");
    }
}

#[test]
fn nothing_that_prints_shows_a_secret() {
    let home = TempDir::new().unwrap();
    let vault = filled(home.path());
    let secret = vault.require("mail").unwrap();
    let source = MasterKeySource::Passphrase(Secret::new("open sesame"));
    let shown = format!("{secret:?} {secret} {vault:?} {source:?} {:?}", vault.subkey(Purpose::LedgerHashing));
    assert!(!shown.contains("sesame") && shown.contains('…'), "{shown}");
}

#[test]
fn every_changed_byte_is_found() {
    let home = TempDir::new().unwrap();
    filled(home.path());
    let path = home.path().join("vault.json");
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&path, &changed).unwrap();
        let opened = Vault::open(home.path(), &key_file(home.path()));
        // White space between members means nothing.
        if let Ok(vault) = opened {
            assert!(whole[place].is_ascii_whitespace(), "byte {place}");
            assert_eq!(vault.require("mail").unwrap().expose(), "open sesame");
        }
    }
}

#[test]
fn entries_that_were_swapped_taken_out_or_put_back_are_found() {
    let home = TempDir::new().unwrap();
    filled(home.path());
    let path = home.path().join("vault.json");
    let whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut swapped = whole.clone();
    swapped["entries"]["mail"] = whole["entries"]["books"].clone();
    swapped["entries"]["books"] = whole["entries"]["mail"].clone();
    let mut taken_out = whole.clone();
    taken_out["entries"].as_object_mut().unwrap().remove("mail");
    let mut put_in = whole.clone();
    put_in["entries"]["more"] = whole["entries"]["mail"].clone();
    for (what, changed) in [("swapped", swapped), ("taken out", taken_out), ("put in", put_in)] {
        fs::write(&path, changed.to_string()).unwrap();
        assert_eq!(refused(home.path(), &key_file(home.path())), Code::VaultTampered, "{what}");
    }
    fs::write(&path, "{}").unwrap();
    assert_eq!(refused(home.path(), &key_file(home.path())), Code::VaultTampered);
    fs::write(&path, r#"{"version":99,"news":true}"#).unwrap();
    assert_eq!(refused(home.path(), &key_file(home.path())), Code::VaultNewer);
}

#[test]
fn files_that_others_can_read_are_refused() {
    for file in ["master.key", "vault.json"] {
        let home = TempDir::new().unwrap();
        filled(home.path());
        fs::set_permissions(home.path().join(file), Permissions::from_mode(0o640)).unwrap();
        let error = Vault::open(home.path(), &key_file(home.path())).unwrap_err();
        assert_eq!(error.code(), Code::VaultPermissions, "{file}");
        assert!(error.to_string().contains("mode 640"), "{error}");
    }
}

#[test]
fn a_lost_or_foreign_key_opens_nothing_and_is_not_replaced() {
    let home = TempDir::new().unwrap();
    filled(home.path());
    let key = home.path().join("master.key");
    fs::remove_file(&key).unwrap();
    assert_eq!(refused(home.path(), &key_file(home.path())), Code::VaultWrongKey);
    assert!(!key.exists(), "a new key would only hide the loss");
    fs::write(&key, [7; 32]).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(refused(home.path(), &key_file(home.path())), Code::VaultWrongKey);
    fs::write(&key, "short").unwrap();
    assert_eq!(refused(home.path(), &key_file(home.path())), Code::VaultUnreadable);
}

#[test]
fn a_passphrase_opens_its_vault_and_no_other_does() {
    let home = TempDir::new().unwrap();
    let passphrase = |text: &str| MasterKeySource::Passphrase(Secret::new(text));
    let vault = Vault::open(home.path(), &passphrase("correct horse")).unwrap();
    vault.set("mail", &Secret::new("open sesame")).unwrap();
    drop(vault);
    let file = home.path().join("passphrase");
    fs::write(&file, "correct horse\n").unwrap();
    for (mode, opens) in [(0o604, false), (0o660, false), (0o440, true), (0o600, true)] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let opened = Vault::open(home.path(), &MasterKeySource::PassphraseFile(file.clone()));
        assert_eq!(opened.is_ok(), opens, "{mode:o}");
    }
    let vault = Vault::open(home.path(), &MasterKeySource::PassphraseFile(file)).unwrap();
    assert_eq!(vault.require("mail").unwrap().expose(), "open sesame");
    assert_eq!(refused(home.path(), &passphrase("wrong horse")), Code::VaultWrongKey);
    assert_eq!(refused(home.path(), &passphrase("")), Code::VaultWrongKey);
    assert_eq!(refused(home.path(), &key_file(home.path())), Code::VaultWrongKey);
}

#[test]
fn names_and_sizes_are_bounded() {
    let home = TempDir::new().unwrap();
    let vault = Vault::open(home.path(), &key_file(home.path())).unwrap();
    for name in ["", "a b", "é", "a\n", &"x".repeat(129)] {
        assert_eq!(vault.set(name, &Secret::new("s")).unwrap_err().code(), Code::SecretName, "{name:?}");
    }
    assert_eq!(vault.set("big", &Secret::new("s".repeat(70_000))).unwrap_err().code(), Code::SecretName);
    assert!(vault.set("conn/books:token@1", &Secret::new("s")).is_ok());
}
