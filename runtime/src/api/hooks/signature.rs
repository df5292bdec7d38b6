//! Whether a request is signed with the secret of its webhook.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use connectors::vault::Secret;
use intents::Timestamp;
use intents::contract::Signature;
use ring::hmac;

use crate::error::{Code, Error};

/// A signature that is older, or further in the future, was recorded by somebody or made by a clock that is wrong.
pub(super) const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The header of our own scheme: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`.
const STEWARD: &str = "x-steward-signature";
/// The header of GitHub's scheme: `sha256=<hex HMAC-SHA256 of the body>`.
const GITHUB: &str = "x-hub-signature-256";

/// Refuses a delivery that does not even claim to be signed, before anything more of it is read.
pub(super) fn announced(scheme: Signature, headers: &HeaderMap) -> Result<(), Error> {
    let name = match scheme {
        Signature::Steward => STEWARD,
        Signature::Github => GITHUB,
    };
    header(headers, name).map(|_| ())
}

/// Checks a signature. The comparison takes the same time wherever it fails.
pub(super) fn check(
    scheme: Signature,
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    match scheme {
        Signature::Steward => steward(secret, header(headers, STEWARD)?, body, now),
        Signature::Github => {
            let value = header(headers, GITHUB)?;
            let hex = value.strip_prefix("sha256=").ok_or_else(|| wrong(GITHUB))?;
            verified(secret, body, hex, GITHUB)
        }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Error> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| wrong(name)),
        (None | Some(_), _) => Err(wrong(name)),
    }
}

fn steward(secret: &Secret, value: &str, body: &[u8], now: Timestamp) -> Result<Vec<u8>, Error> {
    let (mut at, mut hex) = (None, None);
    for part in value.split(',') {
        match part.trim().split_once('=') {
            Some(("t", text)) if at.is_none() => at = Some(text),
            Some(("v1", text)) if hex.is_none() => hex = Some(text),
            // Later versions of the scheme may say more.
            Some(_) | None => {}
        }
    }
    let (Some(at), Some(hex)) = (at, hex) else { return Err(wrong(STEWARD)) };
    let mut signed = format!("{at}.").into_bytes();
    signed.extend_from_slice(body);
    let tag = verified(secret, &signed, hex, STEWARD)?;
    // Only who knows the secret learns that the time is wrong.
    let seconds: i64 = at.parse().map_err(|_| wrong(STEWARD))?;
    let at = Timestamp::from_millis(seconds.saturating_mul(1000));
    if now.since(at) > TOLERANCE || at.since(now) > TOLERANCE {
        let message = format!(
            "the signature was made more than {} minutes from now; check both clocks",
            TOLERANCE.as_secs() / 60
        );
        return Err(Error::new(Code::WebhookStale, message));
    }
    Ok(tag)
}

fn verified(secret: &Secret, signed: &[u8], hex: &str, name: &'static str) -> Result<Vec<u8>, Error> {
    let tag = bytes(hex).ok_or_else(|| wrong(name))?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    hmac::verify(&key, signed, &tag).map_err(|_| wrong(name))?;
    Ok(tag)
}

fn wrong(name: &'static str) -> Error {
    Error::new(
        Code::WebhookSignature,
        format!("the header `{name}` is missing or does not fit the webhook's secret and the body"),
    )
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    /// A header of our own scheme.
    fn signed(secret: &str, at: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, &[format!("{at}.").as_bytes(), body].concat());
        format!("t={at},v1={}", hex(tag.as_ref()))
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn checked(scheme: Signature, name: &'static str, value: &str, body: &[u8]) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        let secret = Secret::new("It's a Secret to Everybody");
        check(scheme, &secret, &headers, body, NOW).map(drop).map_err(|error| error.code().to_owned())
    }

    #[test]
    fn github_s_own_example_is_good() {
        let value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(checked(Signature::Github, GITHUB, value, b"Hello, World!"), Ok(()));
        let refused = Err("WEBHOOK_SIGNATURE".to_owned());
        assert_eq!(checked(Signature::Github, GITHUB, value, b"Hello, World?"), refused);
        for value in ["", "sha256=", "sha1=00", "sha256=zz", "757107"] {
            assert_eq!(checked(Signature::Github, GITHUB, value, b"Hello, World!"), refused, "{value}");
        }
    }

    #[test]
    fn our_own_scheme_binds_the_time() {
        let secret = "It's a Secret to Everybody";
        let now = NOW.as_millis() / 1000;
        let check = |value: &str| checked(Signature::Steward, STEWARD, value, b"{}");
        assert_eq!(check(&signed(secret, now, b"{}")), Ok(()));
        assert_eq!(check(&signed(secret, now - 299, b"{}")), Ok(()));
        for at in [now - 301, now + 301, 0, i64::MAX, i64::MIN] {
            assert_eq!(check(&signed(secret, at, b"{}")), Err("WEBHOOK_STALE".to_owned()), "{at}");
        }
        let moved = signed(secret, now - 400, b"{}").replace(&format!("t={}", now - 400), &format!("t={now}"));
        for value in
            [signed("another", now, b"{}"), signed(secret, now, b"[]"), moved, format!("t={now}"), "v1=00".to_owned()]
        {
            assert_eq!(check(&value), Err("WEBHOOK_SIGNATURE".to_owned()), "{value}");
        }
    }
}
