//! A key from a passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::seal::{KEY_LEN, Key, fill};
use super::secret::Secret;
use crate::{Code, Error};

/// Memory for one guess: 64 MiB, the second choice of RFC 9106, which a small server can spare.
const MEMORY_KIB: u32 = 64 * 1024;
/// Passes over that memory (RFC 9106).
const PASSES: u32 = 3;
/// Lanes; more would help an attacker with many cores more than us.
const LANES: u32 = 1;
/// No vault of ours asks for more; a changed file must not exhaust the machine.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// As above, for time.
const PASSES_MAX: u32 = 64;
const SALT_LEN: usize = 16;

/// How a key was made from a passphrase: kept beside what the key locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    algorithm: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
}

impl Recipe {
    /// A recipe with a salt of its own.
    pub(super) fn fresh() -> Result<Self, Error> {
        let mut salt = [0; SALT_LEN];
        fill(&mut salt)?;
        let salt = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { algorithm: "argon2id".to_owned(), memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt })
    }

    /// Makes the key.
    pub(super) fn key(&self, passphrase: &Secret) -> Result<Key, Error> {
        let sensible = self.algorithm == "argon2id" && self.memory_kib <= MEMORY_KIB_MAX && self.passes <= PASSES_MAX;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_LEN)).ok().filter(|_| sensible);
        let params =
            params.ok_or_else(|| Error::new(Code::VaultTampered, "the vault's recipe for its key is not ours"))?;
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose().as_bytes(), self.salt.as_bytes(), bytes.as_mut())
            .map_err(|_| Error::new(Code::VaultWrongKey, "no key can be made of the passphrase"))?;
        Ok(Key::new(*bytes))
    }
}
