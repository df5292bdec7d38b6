//! Where the master key comes from.

use std::path::{Path, PathBuf};

use super::passphrase::Recipe;
use super::private_file::Readers;
use super::seal::{KEY_LEN, Key};
use super::secret::Secret;
use super::{keychain, private_file};
use crate::{Code, Error};

/// The name of the key file in the vault's folder.
pub(super) const KEY_FILE: &str = "master.key";

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// A file of 32 random bytes that only its owner can read, made at first use.
    KeyFile(PathBuf),
    /// A passphrase that a person remembers.
    Passphrase(Secret),
    /// A passphrase in the first line of a file that only its owner can read.
    PassphraseFile(PathBuf),
    /// The operating system's keychain, under this account name, made at first use.
    Keychain(String),
}

impl MasterKeySource {
    /// What is used when nobody chose: the keychain where there is one, else `master.key` in the vault's folder.
    ///
    /// A key file that is already there stays in use, so that a moved data folder opens.
    pub fn automatic(folder: &Path) -> Self {
        let file = folder.join(KEY_FILE);
        if cfg!(target_os = "macos") && !file.exists() {
            Self::Keychain(folder.to_string_lossy().into_owned())
        } else {
            Self::KeyFile(file)
        }
    }

    /// The key file of a vault's folder.
    pub fn key_file(folder: &Path) -> Self {
        Self::KeyFile(folder.join(KEY_FILE))
    }

    /// A key for a new vault, and for a passphrase how it is made.
    pub(super) fn make(&self) -> Result<(Key, Option<Recipe>), Error> {
        self.key(None, true)
    }

    /// The key of a vault that exists. None is made: it would open nothing.
    pub(super) fn find(&self, recipe: Option<&Recipe>) -> Result<Key, Error> {
        self.key(recipe, false).map(|(key, _)| key)
    }

    fn key(&self, known: Option<&Recipe>, may_make: bool) -> Result<(Key, Option<Recipe>), Error> {
        match self {
            Self::KeyFile(path) => Ok((key_file(path, may_make)?, None)),
            Self::Keychain(account) => Ok((keychain::key(account, may_make)?, None)),
            Self::Passphrase(passphrase) => from_passphrase(passphrase, known),
            Self::PassphraseFile(path) => {
                let bytes = private_file::read(path, "passphrase file", Readers::Group)?
                    .ok_or_else(|| Error::new(Code::VaultUnreadable, "the passphrase file does not exist"))?;
                let text = std::str::from_utf8(&bytes)
                    .map_err(|_| Error::new(Code::VaultUnreadable, "the passphrase file is not UTF-8 text"))?;
                from_passphrase(&Secret::new(text.lines().next().unwrap_or_default()), known)
            }
        }
    }

    /// Whether the key is made from a passphrase.
    pub(super) fn is_passphrase(&self) -> bool {
        match self {
            Self::Passphrase(_) | Self::PassphraseFile(_) => true,
            Self::KeyFile(_) | Self::Keychain(_) => false,
        }
    }
}

fn from_passphrase(passphrase: &Secret, known: Option<&Recipe>) -> Result<(Key, Option<Recipe>), Error> {
    if passphrase.expose().is_empty() {
        return Err(Error::new(Code::VaultWrongKey, "the passphrase is empty"));
    }
    let recipe = match known {
        Some(recipe) => recipe.clone(),
        None => Recipe::fresh()?,
    };
    Ok((recipe.key(passphrase)?, Some(recipe)))
}

fn key_file(path: &Path, may_make: bool) -> Result<Key, Error> {
    if let Some(bytes) = private_file::read(path, "key file", Readers::Owner)? {
        let bytes = <[u8; KEY_LEN]>::try_from(bytes.as_slice());
        return bytes.map(Key::new).map_err(|_| {
            Error::new(Code::VaultUnreadable, format!("the key file does not have the {KEY_LEN} bytes of a key"))
        });
    }
    if !may_make {
        return Err(Error::new(Code::VaultWrongKey, "the key file of this vault does not exist"));
    }
    let key = Key::random()?;
    private_file::replace(path, key.as_bytes(), "key file")?;
    Ok(key)
}
