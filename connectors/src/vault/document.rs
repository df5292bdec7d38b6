//! The vault's file.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use intents::canonical::Digest;
use serde::{Deserialize, Serialize};

use super::passphrase::Recipe;
use super::seal::{self, Key, Purpose};
use super::secret::Secret;
use crate::{Code, Error};

/// The version of the format.
const VERSION: u32 = 1;
/// What a right key opens.
const WITNESS: &[u8] = b"steward vault";

/// The vault as it is written. Names are readable, so that a person can see what is there; values are sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recipe: Option<Recipe>,
    /// Tells a wrong key from a changed file.
    witness: String,
    entries: BTreeMap<String, String>,
    /// Covers all of the above, so that no entry can be taken out or put back in.
    seal: String,
}

/// Only the version, to tell a newer file from a broken one.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Document {
    /// An empty vault under a key.
    pub(super) fn empty(master: &Key, recipe: Option<Recipe>) -> Result<Self, Error> {
        let witness = seal::seal(&master.derive(Purpose::VaultEntries), WITNESS, WITNESS)?;
        let mut document = Self {
            version: VERSION,
            recipe,
            witness: STANDARD.encode(witness),
            entries: BTreeMap::new(),
            seal: String::new(),
        };
        document.seal = document.authenticate(master);
        Ok(document)
    }

    /// Reads a file without trusting it yet.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if let Ok(Versioned { version }) = serde_json::from_slice(bytes)
            && version > VERSION
        {
            let message = format!("the vault has version {version}, and this Steward knows up to {VERSION}");
            return Err(Error::new(Code::VaultNewer, message));
        }
        serde_json::from_slice(bytes).map_err(|_| Error::new(Code::VaultTampered, "the vault's file is not a vault"))
    }

    /// Checks that the key is the right one and that nothing was changed.
    pub(super) fn verify(&self, master: &Key) -> Result<(), Error> {
        let witness = decode(&self.witness)?;
        seal::open(&master.derive(Purpose::VaultEntries), WITNESS, &witness)
            .map_err(|_| Error::new(Code::VaultWrongKey, "the vault does not open with this key or passphrase"))?;
        let expected: Digest = self.authenticate(master).parse().expect("we just printed it");
        let found = self.seal.parse::<Digest>();
        // Compared as hashes under a fresh key would be overkill: whoever can time this can read the file.
        if found == Ok(expected) {
            Ok(())
        } else {
            Err(Error::new(Code::VaultTampered, "an entry of the vault was changed, added or taken out"))
        }
    }

    /// The names of all secrets.
    pub(super) fn names(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// Opens one secret.
    pub(super) fn get(&self, master: &Key, name: &str) -> Result<Option<Secret>, Error> {
        let Some(sealed) = self.entries.get(name) else { return Ok(None) };
        let opened = seal::open(&master.derive(Purpose::VaultEntries), &context(name), &decode(sealed)?)
            .map_err(|_| tampered(name))?;
        let text = std::str::from_utf8(&opened).map_err(|_| tampered(name))?;
        Ok(Some(Secret::new(text)))
    }

    /// The same vault with a secret put in.
    pub(super) fn with(&self, master: &Key, name: &str, secret: &Secret) -> Result<Self, Error> {
        let sealed = seal::seal(&master.derive(Purpose::VaultEntries), &context(name), secret.expose().as_bytes())?;
        let mut next = self.clone();
        next.entries.insert(name.to_owned(), STANDARD.encode(sealed));
        next.seal = next.authenticate(master);
        Ok(next)
    }

    /// The same vault with a secret taken out; `None` if it holds none of this name.
    pub(super) fn without(&self, master: &Key, name: &str) -> Option<Self> {
        let mut next = self.clone();
        next.entries.remove(name)?;
        next.seal = next.authenticate(master);
        Some(next)
    }

    /// The bytes of the file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a vault's file is made of texts and numbers");
        bytes.push(b'\n');
        bytes
    }

    fn authenticate(&self, master: &Key) -> String {
        let unsealed = Self { seal: String::new(), ..self.clone() };
        let key = master.derive(Purpose::VaultFile);
        Digest::from_bytes(*blake3::keyed_hash(key.as_bytes(), &unsealed.to_bytes()).as_bytes()).to_string()
    }
}

fn context(name: &str) -> Vec<u8> {
    format!("steward vault entry\0{name}").into_bytes()
}

fn decode(text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|_| Error::new(Code::VaultTampered, "the vault's file is not a vault"))
}

fn tampered(name: &str) -> Error {
    Error::new(Code::VaultTampered, format!("the secret `{name}` was changed by something other than Steward"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_does_not_open_under_the_name_of_another() {
        let master = Key::new([3; seal::KEY_LEN]);
        let document = Document::empty(&master, None).unwrap();
        let document = document.with(&master, "one", &Secret::new("1")).unwrap();
        let mut document = document.with(&master, "two", &Secret::new("2")).unwrap();
        let one = document.entries["one"].clone();
        let two = document.entries.insert("two".to_owned(), one).unwrap();
        document.entries.insert("one".to_owned(), two);
        // Even with the file as a whole sealed again, each entry is bound to its own name.
        document.seal = document.authenticate(&master);
        assert!(document.verify(&master).is_ok());
        assert_eq!(document.get(&master, "one").unwrap_err().code(), Code::VaultTampered);
    }
}
