//! Drift: what a service answers now, compared with the shape that a script version was proven with.
//!
//! A place where a script calls an open tool has a fingerprint: the shapes of the results of its successful runs, merged.
//! A later result that leaves it at a place which the script uses is a failure of logic, before the script sees it; what
//! is merely new, or missing now and then, is noted, so that a slow change is told before it breaks anything.

mod compare;
mod fingerprint;
mod names;
mod shape;
mod site;

pub use compare::{Change, Drift, What, compare};
pub use fingerprint::{Fingerprint, Note, SAMPLES_MIN};
pub use names::Names;
pub use shape::{Form, Kind, Shape};
pub use site::site;
