//! Engines outside: the routes that an engine uses, and those by which their owner lets them in.
//!
//! An engine comes with a token that opens nothing else. After its claim each request carries the secret of its lease,
//! too. Neither is ever shown again.

pub(super) mod artifacts;
pub(super) mod calls;
pub(super) mod claims;
pub(super) mod ends;
mod held;
pub(super) mod manage;
pub(super) mod reports;

pub(super) use held::EngineCaller;

pub use artifacts::ArtifactView;
pub use calls::{EngineCallBody, EngineCallView, OutcomeView};
pub use claims::{ClaimBody, ClaimView, KnownCallView, LeaseView};
pub use ends::{CompleteBody, EndView, FailBody};
pub use manage::{EngineList, EngineTokenBody, EngineTokenMade, EngineTokenView, EngineView, HeldView};
pub use reports::{AliveView, StartBody, StepBody, StepView};

/// What engines may ask starts with one of these.
const CLAIMS: &str = "/v1/engines/claims";
const RUNS: &str = "/v1/engines/runs/";

/// Whether an address is for the tokens of engines.
pub(super) fn is_for_engines(path: &str) -> bool {
    path == CLAIMS || path.starts_with(RUNS)
}
