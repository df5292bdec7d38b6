//! Payloads at rest: compressed, then sealed under a key that can be destroyed.

use std::cell::RefCell;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

use zstd::bulk::{Compressor, Decompressor};

use super::Error;
use crate::env::Env;

/// A key that payloads are sealed under. Destroying it erases them.
#[derive(Clone)]
pub(crate) struct PayloadKey([u8; 32]);

/// Journals are written often and read seldom: the fastest level wins.
const COMPRESSION_LEVEL: i32 = 1;
/// No stored payload unpacks to more; a longer one was not written by us.
const UNPACKED_MAX: usize = 256 * 1024 * 1024;

impl PayloadKey {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn fresh(env: &Env) -> Self {
        Self(env.random_bytes())
    }

    /// The key itself, sealed under a master key, as a row holds it.
    pub(crate) fn wrapped(&self, master: &Self, env: &Env, owner: &str) -> Vec<u8> {
        master.seal(env, owner, &self.0)
    }

    pub(crate) fn unwrap(wrapped: &[u8], master: &Self, owner: &str) -> Result<Self, Error> {
        let bytes = master.open("payload key", owner, wrapped)?;
        bytes.try_into().map(Self).map_err(|_| Error::Sealed { what: "payload key" })
    }

    /// Seals some bytes for one place; opened for another place they are refused.
    pub(crate) fn seal(&self, env: &Env, place: &str, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + CHACHA20_POLY1305.tag_len());
        sealed.extend_from_slice(&[0; NONCE_LEN]);
        sealed.extend_from_slice(plain);
        self.seal_in_place(env, place, sealed)
    }

    /// Seals what comes after the room for a nonce.
    fn seal_in_place(&self, env: &Env, place: &str, mut bytes: Vec<u8>) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&env.entropy.next_u128().to_be_bytes()[..NONCE_LEN]);
        bytes[..NONCE_LEN].copy_from_slice(&nonce);
        let tag = self
            .cipher()
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut bytes[NONCE_LEN..],
            )
            .expect("a payload is shorter than the cipher's limit of 256 GiB");
        bytes.extend_from_slice(tag.as_ref());
        bytes
    }

    /// Opens what was sealed for this place.
    pub(crate) fn open(&self, what: &'static str, place: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Error::Sealed { what })?;
        let mut body = body.to_vec();
        let plain = self
            .cipher()
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| Error::Sealed { what })?;
        Ok(plain.to_vec())
    }

    /// Compresses and seals a value.
    pub(crate) fn seal_value(&self, env: &Env, place: &str, value: &impl Serialize) -> Vec<u8> {
        let plain = serde_json::to_vec(value).expect("our own types serialise to JSON");
        self.seal_in_place(env, place, pack(&plain))
    }

    /// Opens and unpacks a value.
    pub(crate) fn open_value<T: DeserializeOwned>(
        &self,
        what: &'static str,
        place: &str,
        sealed: &[u8],
    ) -> Result<T, Error> {
        let packed = self.open(what, place, sealed)?;
        let plain = unpack(&packed).map_err(|reason| Error::unreadable(what, reason))?;
        serde_json::from_slice(&plain).map_err(|error| Error::unreadable(what, error))
    }

    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &self.0).expect("the key has the cipher's length"))
    }
}

thread_local! {
    /// What compression works with is larger than most payloads, so it is made once for each thread.
    static PACKER: RefCell<Compressor<'static>> =
        RefCell::new(Compressor::new(COMPRESSION_LEVEL).expect("the level is one that there is"));
    static UNPACKER: RefCell<Decompressor<'static>> =
        RefCell::new(Decompressor::new().expect("unpacking needs nothing but memory"));
}

/// Compresses, with room for a nonce before the result.
fn pack(plain: &[u8]) -> Vec<u8> {
    let mut packed = vec![0; NONCE_LEN + zstd::zstd_safe::compress_bound(plain.len())];
    let length = PACKER
        .with_borrow_mut(|packer| packer.compress_to_buffer(plain, &mut packed[NONCE_LEN..]))
        .expect("the buffer has room for whatever comes of it");
    packed.truncate(NONCE_LEN + length);
    packed
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    let length = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let length = length.and_then(|length| usize::try_from(length).ok()).ok_or("it does not say how long it is")?;
    if length > UNPACKED_MAX {
        return Err("it unpacks to more than any payload".to_owned());
    }
    UNPACKER.with_borrow_mut(|unpacker| unpacker.decompress(packed, length)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_opens_only_in_its_place_and_unchanged() {
        let env = Env::real();
        let key = PayloadKey::fresh(&env);
        let sealed = key.seal_value(&env, "run_1/0", &"a secret");
        assert_eq!(key.open_value::<String>("test", "run_1/0", &sealed).unwrap(), "a secret");
        assert!(key.open_value::<String>("test", "run_2/0", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(key.open_value::<String>("test", "run_1/0", &changed).is_err(), "byte {index}");
        }
        assert!(PayloadKey::fresh(&env).open_value::<String>("test", "run_1/0", &sealed).is_err());
    }
}
