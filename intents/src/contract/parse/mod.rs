//! Parsing: from JSON to clauses that cannot be wrong, with every problem gathered.

mod approval;
mod capability;
mod clauses;
mod common;
mod condition;
mod identity;
mod limit;
mod trigger;
mod whole;

pub(super) use whole::Draft;
