//! Tools and the outside services behind them.
//!
//! A tool has one [definition](intents::tool::Definition), from which everything else follows, and one
//! implementation that performs a call or settles an uncertain one. All connections leave through the one
//! [`egress`] gateway; secrets rest in the one [`vault`]. Nothing here knows a store, an actor or the API.

pub mod call;
pub mod catalogue;
pub mod egress;
pub mod email;
mod error;
mod fault;
pub mod files;
pub mod host;
pub mod http;
mod schema;
pub mod tls;
mod tool;
mod touches;
pub mod vault;

pub use call::{Call, Connection, Credential, DeclaredIdentity, EffectKey, Folder, Grants, Trust};
pub use catalogue::{Catalogue, Dependencies, Entry};
pub use error::{CODES, Code, Error};
pub use fault::{Fault, Performed, Settlement};
pub use tool::Tool;
pub use touches::{Place, Touches, Written};
