//! The maintainer: repairs scripts that do not fit the world any more, and proves each repair before it goes live.
//!
//! An actor takes up repairs; each is a task of its own whose steps are rows, so that a server which dies anywhere goes on
//! where it stood. A model sees the evidence with tokens in the place of secrets and people, looks around under the
//! automation's own contract, reads alone, and proposes an adapter or a script. What it proposes is tried on the failing
//! run and on past ones; only what holds goes live, as a minor version, and the first runs under it are watched. Nothing
//! here can change a contract, a trigger or a clause, perform an effect, or activate what was not proven.

mod actor;
mod diff;
mod door;
mod evidence;
mod prompt;
mod repair;
mod session;
mod tools;
mod trial;

pub use actor::Maintainer;
pub use door::Door;
pub use repair::{Candidate, NewRepair, Repair, RepairBody, Tried};
