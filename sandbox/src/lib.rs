//! The deterministic script engine, its replay driver, and the jail around it.
//!
//! A script is a pure function of its input, its seed, its starting time and the outcomes of its calls. [`Jail`] runs
//! each attempt in a process of its own; [`Attempt`] is the conversation with it: the script makes calls, the host
//! answers them, one outcome at a time. Recorded calls travel with the start and never reach the host again.
//!
//! Nothing here knows stores, connectors, secrets or actors.

mod engine;
mod error;
mod helpers;
mod jail;
pub mod limits;
mod pins;
mod replay;
mod report;
mod wire;

pub use error::Error;
pub use jail::{Attempt, Jail, Start, ZYGOTE_ARGUMENT, zygote_main};
pub use limits::Limits;
pub use pins::{Pins, pins};
pub use report::{Fault, FromScript, LimitBroken, Mismatch, ScriptFailure, Step, Which};
