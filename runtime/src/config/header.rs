//! Headers as the configuration writes them.

use connectors::vault::Secret;
use reqwest::header::{HeaderName, HeaderValue};

/// Reads `name=value`; none when it is no header. The value is marked, so that nothing prints it.
pub fn header(text: &Secret) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = text.expose().split_once('=')?;
    let mut value: HeaderValue = value.trim().parse().ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}
