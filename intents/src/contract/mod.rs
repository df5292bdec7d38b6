//! The contract: the system-owned, machine-checked statement of what the user delegated.
//!
//! A contract is parsed once, at the edge, against the definitions of the tools ([`Vocabulary`]); what comes out
//! cannot be wrong, and every clause in it is enforced by the gate, the scheduler or the reconciler. What the format
//! does not have yet is refused as an unknown key: no clause is ever accepted and then ignored.
//!
//! This module knows what the clauses mean and how they read in plain words. It does not decide on calls (that is
//! [`crate::gate`]) nor on times ([`crate::schedule`]).

mod address;
mod approval;
mod bounds;
mod budgets;
mod capability;
mod check;
mod clauses;
mod condition;
mod cover;
mod diff;
mod edge;
mod exact;
mod export;
#[cfg(test)]
pub(crate) mod fixture;
mod identity;
mod limit;
mod mailbox;
mod parse;
mod pattern;
mod phrase;
mod place;
mod problem;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod trigger;
mod vocabulary;
mod words;

pub use address::{Address, AddressPrefix, UnsafeAddress};
pub use approval::{Approval, Envelope};
pub use budgets::{Budgets, MONTH, WEEK};
pub use capability::{Bind, Capability, ConnectionName, MalformedConnection};
pub use clauses::{Contract, Once, PartName};
pub use condition::{Against, Comparison, Condition, Prefix, Shape};
pub use diff::{Change, Diff, Direction, diff};
pub use edge::{ContractV1, json_schema};
pub use exact::{MalformedJson, parse_exact};
pub use identity::DeclaredIdentity;
pub use limit::{Excess, Flow, Limit, Rate, Sink, Sum};
pub use pattern::Pattern;
pub use place::{MalformedPlace, MalformedRowName, Place, RowName, RowPlace};
pub use problem::{CODES, Problem};
pub use trigger::{EventName, FileDedupe, Glob, HeaderName, SecretName, Signature, Slug, Source, Trigger};
pub use vocabulary::Vocabulary;
pub use words::Words;

pub(crate) use cover::{alike, failing, may_hold, misfits, row_of};
pub(crate) use mailbox::bare_address;

pub use crate::expect::Expect;
