//! The recovery key: what opens a backup on a machine where nothing else is left.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::master::KEY_FILE;
use super::passphrase::Recipe;
use super::seal::{KEY_LEN, Key, Purpose};
use super::secret::Secret;
use super::secrets::{FILE as VAULT_FILE, Vault};
use crate::{Code, Error};

/// Crockford's base 32: no letter that is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Bytes that tell a mistyped code from another one. With the key they make whole groups of letters.
const CHECK_LEN: usize = 3;
/// Letters in a group.
const GROUP: usize = 4;
/// Letters of the whole code.
const LETTERS: usize = (KEY_LEN + CHECK_LEN) * 8 / 5;

/// A key that comes from the master key and opens backups, written as a code that a person can keep on paper.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKey(Key);

impl RecoveryKey {
    /// The key that a passphrase and the recipe beside it make.
    pub fn from_passphrase(recipe: &str, passphrase: &Secret) -> Result<Self, Error> {
        let recipe: Recipe = serde_json::from_str(recipe)
            .map_err(|_| Error::new(Code::VaultTampered, "what says how the key is made is not ours"))?;
        Ok(Self(recipe.key(passphrase)?.derive(Purpose::Backups)))
    }

    /// The key itself.
    pub fn key(&self) -> &Key {
        &self.0
    }

    /// The code, for the eyes of its owner alone.
    pub fn code(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(self.0.as_bytes().to_vec());
        bytes.extend(check(self.0.as_bytes()));
        let mut code = Zeroizing::new(String::with_capacity(LETTERS + LETTERS / GROUP));
        for letter in 0..LETTERS {
            if letter > 0 && letter % GROUP == 0 {
                code.push('-');
            }
            let bits = (0..5).fold(0, |bits, bit| bits << 1 | bit_of(&bytes, letter * 5 + bit));
            code.push(char::from(ALPHABET[usize::from(bits)]));
        }
        code
    }
}

impl FromStr for RecoveryKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |message: &str| Error::new(Code::RecoveryCode, message);
        let mut bytes = Zeroizing::new(vec![0; KEY_LEN + CHECK_LEN]);
        let mut letters = 0;
        for letter in text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-') {
            let value = value_of(letter).ok_or_else(|| wrong("a recovery code has letters and digits only, no U"))?;
            if letters == LETTERS {
                return Err(wrong("the recovery code is too long"));
            }
            for bit in 0..5 {
                let place = letters * 5 + bit;
                bytes[place / 8] |= (value >> (4 - bit) & 1) << (7 - place % 8);
            }
            letters += 1;
        }
        let (key, given) = bytes.split_first_chunk::<KEY_LEN>().expect("it was made longer than a key");
        if letters < LETTERS || check(key) != given {
            return Err(wrong("the recovery code is not complete, or a letter of it is wrong"));
        }
        Ok(Self(Key::new(*key)))
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(…)")
    }
}

fn check(key: &[u8; KEY_LEN]) -> [u8; CHECK_LEN] {
    let digest = blake3::derive_key("steward 2026-11 recovery code check v1", key);
    *digest.first_chunk().expect("a digest is longer")
}

fn bit_of(bytes: &[u8], place: usize) -> u8 {
    bytes[place / 8] >> (7 - place % 8) & 1
}

/// The value of a letter, however a person writes it.
fn value_of(letter: char) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        letter => letter,
    };
    let place = ALPHABET.iter().position(|known| char::from(*known) == letter)?;
    u8::try_from(place).ok()
}

/// What a backup holds of a vault, so that it opens on another machine.
#[derive(Debug, Clone)]
pub struct Packed {
    /// The vault's file, whose values are sealed.
    pub document: Vec<u8>,
    /// The master key; none where a passphrase makes it.
    pub master: Option<Key>,
}

impl Vault {
    /// The key that opens the backups of this installation.
    pub fn recovery_key(&self) -> RecoveryKey {
        RecoveryKey(self.subkey(Purpose::Backups))
    }

    /// How a passphrase makes the master key, where one does. It is no secret.
    pub fn recipe(&self) -> Option<String> {
        self.document().recipe.as_ref().map(|recipe| serde_json::to_string(recipe).expect("a recipe is plain data"))
    }

    /// Packs the vault for a backup, which has to be sealed: it holds the master key.
    pub fn pack(&self) -> Packed {
        let document = self.document();
        let master = document.recipe.is_none().then(|| self.master().clone());
        Packed { document: document.to_bytes(), master }
    }
}

impl Packed {
    /// The files that lay the vault down in an empty folder, by their names there.
    pub fn files(self) -> Vec<(&'static str, Zeroizing<Vec<u8>>)> {
        let master = self.master.map(|master| (KEY_FILE, Zeroizing::new(master.as_bytes().to_vec())));
        master.into_iter().chain([(VAULT_FILE, Zeroizing::new(self.document))]).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_is_read_back_however_it_is_written(key in any::<[u8; KEY_LEN]>(), lower in any::<bool>()) {
            let key = RecoveryKey(Key::new(key));
            let code = key.code();
            prop_assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), vec![GROUP; LETTERS / GROUP]);
            let written = if lower { code.to_lowercase().replace('-', " ").replace('0', "o") } else { code.replace('1', "I") };
            prop_assert!(written.parse::<RecoveryKey>().unwrap() == key);
        }

        #[test]
        fn a_mistyped_code_is_told_from_a_code(key in any::<[u8; KEY_LEN]>(), place in 0..LETTERS, by in 1usize..32) {
            let code: Vec<char> = RecoveryKey(Key::new(key)).code().chars().filter(|letter| *letter != '-').collect();
            let mut wrong = code.clone();
            let value = usize::from(value_of(code[place]).unwrap());
            wrong[place] = char::from(ALPHABET[(value + by) % 32]);
            // One letter in sixteen million such mistakes goes unseen; the backup then does not open.
            prop_assert!(wrong.iter().collect::<String>().parse::<RecoveryKey>().is_err());
            prop_assert!(code[..place].iter().collect::<String>().parse::<RecoveryKey>().is_err());
        }
    }
}
