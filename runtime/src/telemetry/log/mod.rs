//! The log: for people on a terminal, one JSON object in a line elsewhere, to the error stream or to files that are
//! put aside by size and age.
//!
//! Every line carries what it belongs to: the request, the run, the automation, the trace. What looks like a secret is
//! masked before a line is written.

mod file;
mod layer;
mod line;
mod start;

pub use file::{LogFile, Rotation};
pub use start::Log;
pub(crate) use start::QUIET;
