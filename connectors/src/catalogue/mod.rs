//! Every tool there is, by name.

mod declaration;
mod markdown;
mod registry;

pub use declaration::declaration;
pub use markdown::markdown;
pub use registry::{Catalogue, Dependencies, Entry};
