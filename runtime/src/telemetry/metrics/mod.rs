//! Figures for Prometheus: counters and histograms that cost the work one atomic addition, and gauges that are read
//! when somebody asks.
//!
//! Each part keeps its own figures and knows nothing of who reads them. Labels come from lists that are known at the
//! start, so a run, a person or a service can never make a new series; only `metrics.by_automation` adds a label for
//! each automation, up to a bound.

mod automations;
mod exposition;
mod instrument;
mod meter;
mod process;

pub use automations::Automations;
pub use exposition::{CONTENT_TYPE, Exposition, Labels};
pub use instrument::{Counter, Histogram, Reading, SECONDS};
pub use meter::{CallEnd, EffectSight, GateVerdict, Meter, ToolPlace};
pub use process::Process;
