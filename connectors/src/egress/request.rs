//! A request on its way out, and what came back.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use super::reach::HostPort;
use crate::{Credential, Error};

/// A request to be sent once.
pub struct Outgoing<'a> {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Headers, without the ones that the gateway sets.
    pub headers: HeaderMap,
    /// What it carries.
    pub body: Option<Bytes>,
    /// What kind of request it is.
    pub manner: Manner<'a>,
    /// How long it may take, redirects and answer included.
    pub deadline: Duration,
    /// Private hosts that were granted to the caller.
    pub private_hosts: &'a [HostPort],
    /// Added where it belongs.
    pub credential: Option<&'a Credential>,
    /// A longer answer is not read.
    pub answer_bytes_max: usize,
    /// The request's place in a trace, for hosts that may know it. A header of this name that is there stays.
    pub trace_parent: Option<&'a str>,
}

/// What kind of request it is.
#[derive(Clone, Copy)]
pub enum Manner<'a> {
    /// Changes nothing, so redirects are followed to where this check allows.
    Read(&'a (dyn Fn(&Url) -> bool + Send + Sync)),
    /// Changes something: sent once, over a connection of its own, and no redirect is followed.
    Effect,
    /// Changes something, and the service knows it again by its key: sent once over a connection that was used a moment
    /// ago, since to send it again would do no harm. No redirect is followed.
    KeyedEffect,
}

/// What the service answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Where it came from, after redirects.
    pub url: Url,
    /// Its headers.
    pub headers: HeaderMap,
    /// What it carried.
    pub body: Body,
}

/// What an answer carried.
#[derive(Debug)]
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// More than was asked for, so none.
    TooLarge,
    /// The connection broke, or time ran out, in the middle of it.
    Broken(Error),
}

/// Why there is no answer.
#[derive(Debug)]
pub struct SendFault {
    /// What failed.
    pub error: Error,
    /// Whether a byte of the request may have left.
    pub left: bool,
}

impl SendFault {
    pub(super) fn before(error: Error) -> Self {
        Self { error, left: false }
    }
}
