//! The vault itself.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::document::Document;
use super::master::MasterKeySource;
use super::private_file::{self, Readers};
use super::seal::{Key, Purpose};
use super::secret::Secret;
use crate::{Code, Error};

/// The name of the vault's file in its folder.
pub(super) const FILE: &str = "vault.json";
/// Longer names are no names.
const NAME_BYTES_MAX: usize = 128;
/// Longer secrets are documents.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Named secrets. One process changes it at a time; the store sees to that, which only one server has.
pub struct Vault {
    path: PathBuf,
    master: Key,
    document: Mutex<Document>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("secrets", &self.lock().names().len()).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens the vault in a folder, and makes an empty one where there is none.
    pub fn open(folder: &Path, source: &MasterKeySource) -> Result<Self, Error> {
        private_file::ensure_folder(folder)?;
        let path = folder.join(FILE);
        let found =
            private_file::read(&path, "vault", Readers::Owner)?.map(|bytes| Document::parse(&bytes)).transpose()?;
        if let Some(document) = &found
            && document.recipe.is_some() != source.is_passphrase()
        {
            let locked_with = if source.is_passphrase() { "a key, not a passphrase" } else { "a passphrase" };
            return Err(Error::new(Code::VaultWrongKey, format!("the vault is locked with {locked_with}")));
        }
        let (master, document) = match found {
            Some(document) => {
                let master = source.find(document.recipe.as_ref())?;
                document.verify(&master)?;
                (master, document)
            }
            None => {
                let (master, recipe) = source.make()?;
                let document = Document::empty(&master, recipe)?;
                private_file::replace(&path, &document.to_bytes(), "vault")?;
                (master, document)
            }
        };
        Ok(Self { path, master, document: Mutex::new(document) })
    }

    /// Reads the file once more: another server may have changed it before this one became the active one.
    pub fn refresh(&self) -> Result<(), Error> {
        let Some(bytes) = private_file::read(&self.path, "vault", Readers::Owner)? else { return Ok(()) };
        let document = Document::parse(&bytes)?;
        document.verify(&self.master)?;
        *self.lock() = document;
        Ok(())
    }

    /// The secret of this name, if there is one.
    pub fn get(&self, name: &str) -> Result<Option<Secret>, Error> {
        self.lock().get(&self.master, name)
    }

    /// The secret of this name, which has to be there.
    pub fn require(&self, name: &str) -> Result<Secret, Error> {
        let missing = || Error::new(Code::SecretMissing, format!("the vault holds no secret `{name}`"));
        self.get(name)?.ok_or_else(missing)
    }

    /// Puts a secret in, in place of an older one of this name. It is on disk when this returns.
    pub fn set(&self, name: &str, secret: &Secret) -> Result<(), Error> {
        check_name(name)?;
        if secret.expose().is_empty() {
            // Whoever signs with nothing signs for everybody.
            return Err(Error::new(Code::SecretName, "a secret is not empty"));
        }
        if secret.expose().len() > SECRET_BYTES_MAX {
            return Err(Error::new(Code::SecretName, format!("a secret has at most {SECRET_BYTES_MAX} bytes")));
        }
        let mut document = self.lock();
        let next = document.with(&self.master, name, secret)?;
        self.write(&mut document, next)
    }

    /// Takes a secret out; says whether there was one.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        let mut document = self.lock();
        match document.without(&self.master, name) {
            Some(next) => self.write(&mut document, next).map(|()| true),
            None => Ok(false),
        }
    }

    /// The names of all secrets, sorted.
    pub fn names(&self) -> Vec<String> {
        self.lock().names()
    }

    /// The key for one purpose, derived from the master key.
    pub fn subkey(&self, purpose: Purpose) -> Key {
        self.master.derive(purpose)
    }

    /// The vault as it is at this moment.
    pub(super) fn document(&self) -> Document {
        self.lock().clone()
    }

    pub(super) fn master(&self) -> &Key {
        &self.master
    }

    fn write(&self, document: &mut Document, next: Document) -> Result<(), Error> {
        private_file::replace(&self.path, &next.to_bytes(), "vault")?;
        *document = next;
        Ok(())
    }

    /// A panic while the lock is held leaves the document whole: it is replaced in one step, after it was written.
    fn lock(&self) -> MutexGuard<'_, Document> {
        self.document.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a text can be the name of a secret.
pub fn is_name(name: &str) -> bool {
    check_name(name).is_ok()
}

fn check_name(name: &str) -> Result<(), Error> {
    let sound = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@'));
    if sound {
        Ok(())
    } else {
        let message = format!("the name of a secret has 1 to {NAME_BYTES_MAX} letters, digits or any of _-./:@");
        Err(Error::new(Code::SecretName, message))
    }
}
