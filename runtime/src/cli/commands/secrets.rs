//! `steward secrets`.

use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::json;

use crate::api::SecretList;
use crate::cli::args::Secrets;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::error::{Code, Error};

/// Longer secrets are documents.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Secrets, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Secrets::Set { name } => {
            let value = read(&name)?;
            client.put(&["v1", "secrets", &name], json!({ "value": value })).await?;
            if out.is_json() {
                out.value(&json!({ "set": name }));
            } else {
                out.line(format!("`{name}` is in the vault."));
            }
        }
        Secrets::List => {
            let answer = client.get(&["v1", "secrets"]).await?;
            if out.is_json() {
                out.value(&answer);
                return Ok(Exit::Success);
            }
            for name in shaped::<SecretList>(&answer)?.names {
                out.line(name);
            }
        }
        Secrets::Remove { name } => {
            client.delete(&["v1", "secrets", &name]).await?;
            if out.is_json() {
                out.value(&json!({ "removed": name }));
            } else {
                out.line(format!("`{name}` is gone."));
            }
        }
    }
    Ok(Exit::Success)
}

/// Asks for the secret without showing it, or reads it from what is piped in.
pub(super) fn read(name: &str) -> Result<String, Error> {
    let malformed = |reason: &str| Error::new(Code::InputMalformed, format!("the secret `{name}` {reason}"));
    let mut text = String::new();
    if io::stdin().is_terminal() {
        let _hidden = Hidden::begin();
        drop(write!(io::stderr().lock(), "{name}: "));
        io::stdin().read_line(&mut text).map_err(|_| malformed("could not be read"))?;
        drop(writeln!(io::stderr().lock()));
    } else {
        let piped = io::stdin().take(SECRET_BYTES_MAX + 1).read_to_string(&mut text);
        piped.map_err(|_| malformed("is not UTF-8 text"))?;
    }
    // `echo` and the enter key add a line break that is no part of it.
    let secret = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    match secret.len() as u64 {
        0 => Err(malformed("is empty; pipe it in, or type it when asked")),
        1..=SECRET_BYTES_MAX => Ok(secret.to_owned()),
        _ => Err(malformed("is too long")),
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden(Option<Termios>);

impl Hidden {
    fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut hidden = before.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            // A terminal that cannot hide still works.
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &hidden);
        }
        Self(before)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // There is nobody to tell.
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, before);
        }
    }
}
