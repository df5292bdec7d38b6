//! Signs deliveries as the sender of a webhook does.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::hmac;

/// The value of `X-Steward-Signature` for a body that is sent now.
pub(crate) fn signature(secret: &str, body: &str) -> String {
    signature_at(secret, body, seconds())
}

fn signature_at(secret: &str, body: &str, at: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

#[expect(clippy::disallowed_methods, reason = "a sender signs with the time of its own clock")]
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs()
}
