//! Authenticated encryption, and the keys that come from the master key.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::{Code, Error};

/// Bytes of a key.
pub const KEY_LEN: usize = 32;
/// Bytes that sealing adds: the nonce in front, the tag at the end.
pub const OVERHEAD: usize = NONCE_LEN + 16;

/// A key. It is never printed, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Zeroizing<[u8; KEY_LEN]>);

impl Key {
    /// Takes key bytes in.
    pub fn new(bytes: [u8; KEY_LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Draws a key from the operating system's randomness.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        fill(bytes.as_mut())?;
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The key for one purpose. It tells nothing about this key or about that of another purpose.
    pub fn derive(&self, purpose: Purpose) -> Self {
        Self::new(blake3::derive_key(purpose.context(), self.as_bytes()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What a derived key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Encrypts the entries of the vault.
    VaultEntries,
    /// Authenticates the vault's file as a whole.
    VaultFile,
    /// Encrypts the keys of runs, which encrypt their payloads.
    PayloadWrapping,
    /// Hashes the effect keys of the ledger, so that they outlive payloads without telling them.
    LedgerHashing,
    /// Signs the anchors of the event streams.
    AnchorSigning,
    /// Authenticates what the API gives out: sessions and cursors.
    ApiTokens,
    /// Opens backups; people keep it as a code.
    Backups,
}

impl Purpose {
    /// The text that sets this key apart from all others. It never changes, or old data would not open.
    const fn context(self) -> &'static str {
        match self {
            Self::VaultEntries => "steward 2026-11 vault entries v1",
            Self::VaultFile => "steward 2026-11 vault file v1",
            Self::PayloadWrapping => "steward 2026-11 payload wrapping v1",
            Self::LedgerHashing => "steward 2026-11 ledger hashing v1",
            Self::AnchorSigning => "steward 2026-11 anchor signing v1",
            Self::ApiTokens => "steward 2026-11 api tokens v1",
            Self::Backups => "steward 2026-11 backups v1",
        }
    }
}

/// Fills bytes from the operating system's randomness.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| Error::new(Code::ConnectorInternal, "the operating system gave no randomness"))
}

/// Encrypts `plaintext` under `key`, bound to `context`, which must be the same when it is opened.
///
/// The nonce is random, so one key is good for some four billion messages; runs have keys of their own.
pub fn seal(key: &Key, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; NONCE_LEN];
    fill(&mut nonce)?;
    let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let tag = cipher(key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed[NONCE_LEN..])
        .map_err(|_| Error::new(Code::ConnectorInternal, "the data is too long to be sealed"))?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens what [`seal`] made under the same key and context.
pub fn open(key: &Key, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let broken = || Error::new(Code::SealBroken, "sealed data does not open: it was changed, or the key is another");
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(broken)?;
    let mut plaintext = Zeroizing::new(rest.to_vec());
    let length = cipher(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut plaintext)
        .map_err(|_| broken())?
        .len();
    plaintext.truncate(length);
    Ok(plaintext)
}

fn cipher(key: &Key) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_bytes()).expect("a key has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_only_as_it_was(
            text in prop::collection::vec(any::<u8>(), 0..200), context in ".{0,20}", place in any::<prop::sample::Index>(),
        ) {
            let key = Key::new([7; KEY_LEN]);
            let sealed = seal(&key, context.as_bytes(), &text).unwrap();
            prop_assert_eq!(sealed.len(), text.len() + OVERHEAD);
            let opened = open(&key, context.as_bytes(), &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), text.as_slice());
            prop_assert!(open(&Key::new([8; KEY_LEN]), context.as_bytes(), &sealed).is_err());
            let other_context = format!("{context}x");
            prop_assert!(open(&key, other_context.as_bytes(), &sealed).is_err());
            let mut changed = sealed.clone();
            changed[place.index(sealed.len())] ^= 1;
            prop_assert!(open(&key, context.as_bytes(), &changed).is_err());
            prop_assert!(open(&key, context.as_bytes(), &sealed[..place.index(sealed.len())]).is_err());
        }
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let master = Key::new([1; KEY_LEN]);
        let all = [
            Purpose::VaultEntries,
            Purpose::VaultFile,
            Purpose::PayloadWrapping,
            Purpose::LedgerHashing,
            Purpose::AnchorSigning,
            Purpose::ApiTokens,
            Purpose::Backups,
        ];
        for (index, one) in all.into_iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(master.derive(one).as_bytes(), master.derive(*other).as_bytes());
            }
        }
    }
}
