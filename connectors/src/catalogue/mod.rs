//! Every tool there is, by name.

mod markdown;
mod registry;

pub use markdown::markdown;
pub use registry::{Catalogue, Dependencies, Entry};
