//! One hop of a request: whether it may go there, where it is redirected to, and what goes along.

use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use url::{Host, Url};

use super::reach::HostPort;
use super::request::SendFault;
use crate::{Code, Credential, Error};

/// What goes along to another origin when a read is redirected there. Anything else may be a credential.
const HEADERS_FOR_STRANGERS: [&str; 3] = ["accept", "accept-language", "range"];

/// The host and port of a URL that a request may go to.
pub(super) fn target(url: &Url) -> Result<HostPort, Error> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::new(Code::EgressScheme, format!("`{}:` addresses cannot be called", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::new(Code::EgressUrl, "the address holds a user name or a password"));
    }
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err(Error::new(Code::EgressUrl, "the address has no host")),
    };
    let port = url.port_or_known_default().unwrap_or_default();
    Ok(HostPort::new(&host, port))
}

/// Where an answer redirects to, if it does.
pub(super) fn redirect(response: &Response, from: &Url) -> Result<Option<Url>, SendFault> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let next = location
        .to_str()
        .ok()
        .and_then(|location| from.join(location).ok())
        .ok_or_else(|| bad_redirect("the answer redirects to something that is no address".to_owned()))?;
    if from.scheme() == "https" && next.scheme() != "https" {
        return Err(bad_redirect("the answer redirects from https to an unencrypted address".to_owned()));
    }
    Ok(Some(next))
}

pub(super) fn for_strangers(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| HEADERS_FOR_STRANGERS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

pub(super) fn add_credential(headers: &mut HeaderMap, credential: &Credential, url: &Url) -> Result<(), Error> {
    let origin = url.origin().ascii_serialization();
    if !credential.origins.iter().any(|own| own.trim_end_matches('/').eq_ignore_ascii_case(&origin)) {
        return Ok(());
    }
    let unfit = || Error::new(Code::HttpAuth, "the credential of the connection does not fit into a header");
    let name: HeaderName = credential.header.parse().map_err(|_| unfit())?;
    let mut value = HeaderValue::from_str(credential.value.expose()).map_err(|_| unfit())?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

pub(super) fn bad_redirect(message: String) -> SendFault {
    // Only reads follow redirects, so whatever left has changed nothing.
    SendFault { error: Error::new(Code::EgressRedirect, message), left: false }
}
