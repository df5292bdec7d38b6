//! What the server tells of itself: logs, figures, traces.
//!
//! Telling never disturbs the work: no run waits for a log, a scrape or a receiver of traces, and each queue has a
//! bound beyond which things are dropped and counted. Nothing that is told holds a secret or data of a script.

pub mod log;
pub mod metrics;
pub mod traces;
