//! Traces: what happened in a run, as spans that go to a receiver over OTLP/HTTP.
//!
//! A run is a span, its attempts are spans in it, and the calls of an attempt are spans in that. The trace of a run is
//! named by the run's own id, so that every attempt on every day finds it without remembering anything; where a
//! webhook brought a trace along, the run goes on in that one. Without a receiver nothing of this exists, and nothing
//! waits for one: spans go through a bounded queue, and what does not fit is dropped and counted.
//!
//! A span says which tool was called and what it came to. It holds no argument, no outcome and no secret.

mod attempt;
mod context;
mod export;
mod span;
mod tracer;
mod wire;

pub use attempt::AttemptTrace;
pub(crate) use attempt::TraceIds;
pub use context::{SpanId, TraceContext, TraceId};
pub use tracer::{Tracer, WebhookTrace};
