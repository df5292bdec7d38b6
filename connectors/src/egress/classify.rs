//! What a broken connection means, and whether a byte may have left by then.

use super::reach::HostPort;
use super::request::SendFault;
use crate::{Code, Error};

pub(super) fn broken(error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        Error::new(Code::HttpTimeout, "the answer was not complete in time")
    } else {
        Error::new(Code::HttpConnectionLost, "the connection broke in the middle of the answer")
    }
}

/// Says what went wrong, and whether a byte may have left by then.
pub(super) fn send_fault(to: &HostPort, error: reqwest::Error) -> SendFault {
    if let Some(own) = own_error(&error) {
        return SendFault::before(own);
    }
    if error.is_connect() {
        return SendFault::before(connect_error(to, error.without_url()));
    }
    if error.is_builder() {
        return SendFault::before(Error::new(Code::EgressUrl, "no request can be made of this"));
    }
    let what = if error.is_timeout() {
        Error::new(Code::HttpTimeout, format!("`{to}` did not answer in time"))
    } else {
        Error::new(Code::HttpConnectionLost, format!("the connection to `{to}` broke before an answer came"))
    };
    SendFault { error: what.caused_by(error.without_url()), left: true }
}

/// What our own resolver said, which the HTTP client has wrapped into errors of its own.
fn own_error(error: &reqwest::Error) -> Option<Error> {
    chain(error).find_map(|cause| cause.downcast_ref::<Error>()).map(|own| Error::new(own.code(), own.to_string()))
}

pub(super) fn connect_error(to: &HostPort, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let untrusted =
        chain(&error).any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))));
    if untrusted {
        Error::new(Code::EgressCertificate, format!("the certificate of `{to}` is not trusted")).caused_by(error)
    } else {
        unreachable(to).caused_by(error)
    }
}

/// An error and all that caused it. An `io::Error` shows the source of what it wraps, so what it wraps is taken first.
fn chain<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |cause| match cause.downcast_ref().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped as &(dyn std::error::Error + 'static)),
        None => cause.source(),
    })
}

pub(super) fn unreachable(to: &HostPort) -> Error {
    Error::new(Code::EgressUnreachable, format!("no connection to `{to}` could be made"))
}
