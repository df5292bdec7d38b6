//! `steward bench`: what Steward takes, measured on this machine.
//!
//! Each scenario works with the real store in a folder that is thrown away, the real jail, and a service on this
//! machine. It gives figures with their spread and judges none of them: what is fast enough is for whoever reads it.
//! Nothing here touches the user's data.

mod args;
mod figures;
mod flat;
mod house;
mod ladder;
mod listeners;
mod load;
mod meter;
mod place;
mod prefill;
mod report;
mod runs;
mod schedules;
mod scripts;
mod start;
mod stub;
mod world;

pub use args::{Args, Scenario};
pub use report::run;
