//! Models: the endpoints that provide them, and the one way to ask them.
//!
//! Promises: a call is paid for before it leaves, against every budget, in one transaction; its answer is on the disk
//! before whoever asked sees it, and the same request gets the same answer without another call; a call of which nobody
//! knows what became of it is not made again by itself. Requests leave by the one way out, to the host of their provider
//! and no other. Keys are in the vault; neither they nor what endpoints say in their errors reach a log as it is.
//!
//! What an answer means, which tools are offered and how often to ask is known by whoever asks, not here.

mod ask;
mod assemble;
mod chain;
mod endpoint;
mod error;
mod fence;
mod message;
mod ollama;
mod provider;
mod recorded;
mod request;
mod service;
mod tools;
mod transport;

pub use ask::{AnswerSchema, Ask, Asked, Delta};
pub(crate) use chain::CHAIN_MAX;
pub use chain::ProfileName;
pub use error::{CODES, Code, Error};
pub(crate) use fence::fenced;
pub use message::{Answer, Arguments, Finish, Message, ToolCall, ToolOffer};
pub use ollama::{OLLAMA, Offer};
pub use provider::{Body, Kind, NewProvider, Profile, Provider, TokensOutAs, key_name};
pub use recorded::Recording;
pub use request::digest_of;
pub use service::Models;
pub(crate) use service::read_budget;
pub use tools::register;
