//! `http.get` and `http.request`: any web service, by address.
//!
//! Open tools: the shape of an answer is the service's. What we own is what a status means for a run: a domain
//! answer that the script may catch, a failure that the host deals with, or, for an effect, that nobody knows.

mod arguments;
mod body;
mod get;
mod numbers;
mod request;
mod settle;
mod status;
mod way;

pub use get::HttpGet;
pub use request::HttpRequest;

/// The largest answer that a script gets; more is a file, not a message.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A place in our own arguments or results.
fn pointer(text: &str) -> intents::pointer::Pointer {
    text.parse().expect("a pointer of ours is well formed")
}
