//! The way to a web service: the gateway, and the credential of the connection through which a call goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::HeaderValue;

use super::arguments;
use crate::egress::{Answer, Body, Egress, Outgoing, SendFault};
use crate::vault::{Secret, Vault};
use crate::{Call, Code, Connection, Credential, Error, Performed};

/// Sends requests of calls.
pub(super) struct Way {
    egress: Arc<Egress>,
    vault: Arc<Vault>,
}

/// The header of a credential that names none.
const HEADER: &str = "Authorization";
/// What goes before a token that names no scheme.
const SCHEME: &str = "Bearer";
/// A shorter secret is a word that stands in answers by itself; to take it out would tell what it is.
const CONCEALED_BYTES_MIN: usize = 8;
/// Stands where a service said the credential back.
const CONCEALED: &[u8] = b"[credential]";

impl Way {
    pub(super) fn new(egress: Arc<Egress>, vault: Arc<Vault>) -> Self {
        Self { egress, vault }
    }

    /// Sends a request with the credential of the call's connection. Scripts do not see it, even if the service says it
    /// back.
    pub(super) async fn send(&self, call: &Call, outgoing: Outgoing<'_>) -> Result<Answer, SendFault> {
        let Some(connection) = &call.grants.connection else { return self.egress.send(outgoing).await };
        let credential = self.credential(connection).map_err(|error| SendFault { error, left: false })?;
        let mut answer = self.egress.send(Outgoing { credential: Some(&credential), ..outgoing }).await?;
        conceal(&mut answer, &credential.value);
        Ok(answer)
    }

    fn credential(&self, connection: &Connection) -> Result<Credential, Error> {
        let name = connection.name.as_str();
        let secret = self.vault.get(name)?.ok_or_else(|| {
            let message = format!("the account `{name}` is not connected; run `steward secrets set {name}`");
            Error::new(Code::SecretMissing, message)
        })?;
        let (header, value) = line(&secret);
        arguments::headers(&BTreeMap::from([(header.clone(), value.expose().to_owned())])).map_err(|_| {
            Error::new(Code::HttpAuth, format!("the secret `{name}` of the vault does not fit into a header"))
        })?;
        Ok(Credential { origins: vec![connection.origin.clone()], header, value })
    }
}

/// What a secret of a connection says: a header and its value, the value of `Authorization`, or a token alone.
fn line(secret: &Secret) -> (String, Secret) {
    let text = secret.expose().trim();
    match text.split_once(": ") {
        Some((header, value)) if !header.contains(' ') => (header.to_owned(), Secret::new(value.trim())),
        Some(_) | None if text.contains(' ') => (HEADER.to_owned(), Secret::new(text)),
        Some(_) | None => (HEADER.to_owned(), Secret::new(format!("{SCHEME} {text}"))),
    }
}

/// Takes out of an answer what was sent as credential.
fn conceal(answer: &mut Answer, sent: &Secret) {
    let secret = sent.expose().rsplit(' ').next().unwrap_or_default().as_bytes();
    if secret.len() < CONCEALED_BYTES_MIN {
        return;
    }
    if let Body::Whole(bytes) = &mut answer.body
        && let Some(clean) = without(bytes, secret)
    {
        *bytes = Bytes::from(clean);
    }
    for value in answer.headers.values_mut() {
        if let Some(clean) = without(value.as_bytes(), secret) {
            *value = HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static(""));
        }
    }
}

fn without(bytes: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let mut found = memchr::memmem::find_iter(bytes, secret).peekable();
    found.peek()?;
    let (mut clean, mut done) = (Vec::with_capacity(bytes.len()), 0);
    for at in found {
        clean.extend_from_slice(&bytes[done..at]);
        clean.extend_from_slice(CONCEALED);
        done = at + secret.len();
    }
    clean.extend_from_slice(&bytes[done..]);
    Some(clean)
}

/// Adds where an answer came from: the host, and the account that it was read through.
pub(super) fn labelled(performed: Performed, host: String, call: &Call) -> Performed {
    let mut performed = performed.labelled(host);
    performed.labels.extend(call.grants.connection.iter().map(|connection| connection.name.label()));
    performed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_token_a_scheme_with_a_token_or_a_header() {
        for (secret, header, value) in [
            ("tok_123", "Authorization", "Bearer tok_123"),
            ("Basic dXNlcjpwYXNz", "Authorization", "Basic dXNlcjpwYXNz"),
            ("X-Api-Key: abc def", "X-Api-Key", "abc def"),
            (" tok_123\n", "Authorization", "Bearer tok_123"),
        ] {
            let (read_header, read_value) = line(&Secret::new(secret));
            assert_eq!((read_header.as_str(), read_value.expose()), (header, value), "{secret:?}");
        }
    }

    #[test]
    fn every_echo_is_taken_out() {
        assert_eq!(without(b"a tok_12345 b tok_12345", b"tok_12345").unwrap(), b"a [credential] b [credential]");
        assert_eq!(without(b"nothing here", b"tok_12345"), None);
    }
}
