//! The access token: made at the first start, in a file that only its owner can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use intents::canonical::Digest;

use crate::env::Env;
use crate::error::{Code, Error};

/// The name of the file in the data folder.
const FILE: &str = "token";
/// A token is 64 characters; a much longer file is none.
const BYTES_MAX: u64 = 1024;
/// Shorter tokens could be guessed.
const LENGTH_MIN: usize = 32;

/// The access token. It is never printed, but for the login link.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Reads the token of a data folder, making it at the first start.
    pub fn of(home: &Path, env: &Env) -> Result<Self, Error> {
        if let Some(token) = Self::read(home)? {
            return Ok(token);
        }
        let token = Digest::from_bytes(env.random_bytes()).to_string();
        let path = home.join(FILE);
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|mut file| {
            file.write_all(token.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| failed(&path, &error))?;
        Ok(Self(token))
    }

    /// Reads the token of a data folder; none when there is none yet.
    pub fn read(home: &Path) -> Result<Option<Self>, Error> {
        let path = home.join(FILE);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, &error)),
        };
        let refused = |what: &str| Err(Error::new(Code::TokenFile, format!("`{}` {what}", path.display())));
        if metadata.mode() & 0o077 != 0 {
            return refused(
                "can be read by others; run `chmod 600` on it, or remove it and start again for a new token",
            );
        }
        if metadata.len() > BYTES_MAX {
            return refused("is too long for a token; remove it and start again for a new one");
        }
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let token = text.trim();
        if token.len() < LENGTH_MIN || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return refused("holds no token; remove it and start again for a new one");
        }
        Ok(Some(Self(token.to_owned())))
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a text is this token. How long this takes tells nothing.
    pub fn is(&self, text: &str) -> bool {
        // Hashes compare in constant time, and hashing hides the length.
        blake3::hash(self.0.as_bytes()) == blake3::hash(text.as_bytes())
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::new(Code::TokenFile, format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_private() {
        let home = tempfile::tempdir().unwrap();
        let env = Env::real();
        let token = Token::of(home.path(), &env).unwrap();
        assert!(Token::of(home.path(), &env).unwrap().is(token.expose()));
        assert!(!token.is("") && !token.is(&token.expose()[1..]));
        let path = home.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Token::of(home.path(), &env).err().unwrap().code(), "TOKEN_FILE");
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
