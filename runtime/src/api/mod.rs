//! The HTTP API: `/v1` with its event streams, webhooks, health, and the reference page.
//!
//! Promises: every route, static pages, streams and unknown addresses included, passes one guard that checks host,
//! origin, token and content type; every error is problem+json with a stable code; what is shown of a journal is a
//! redacted copy. It decides nothing by itself: what can be done is in [`crate::ops`].

mod answer;
mod approvals;
mod artifacts;
mod audit;
mod automations;
mod body;
mod calls;
mod cards;
mod contract;
mod correlate;
mod doctor;
mod effects;
mod engines;
mod erasures;
mod errors;
mod events;
mod faces;
mod fallback;
mod goldens;
mod guard;
mod health;
mod hooks;
mod idempotency;
mod incidents;
mod login;
mod metrics;
mod needs;
mod notices;
mod notifications;
mod openapi;
mod page;
mod policy;
mod problem;
mod providers;
mod reference;
mod repairs;
mod routes;
mod runs;
mod secrets;
mod serve;
mod settings;
mod shadow;
mod sse;
mod standby;
mod stop;
mod thread_stream;
mod threads;
mod token;
mod tools;
mod trials;
mod usage;

pub use approvals::{ApprovalPage, ApprovalView, DecideBody, EnvelopeView, HoldBody};
pub use artifacts::{ArtifactList, StepList};
pub use audit::{AuditProgress, AuditView};
pub use automations::{
    AutomationDetail, AutomationList, AutomationView, CardView, EngineBody, ExportView, ImportBody, ImportView,
    RunBody, StopView, TriggerView,
};
pub use calls::{CallList, CallView, FaultView, LogList, LogView, SettledView};
pub use cards::{ChangeLineView, ConfirmBody, ProofView, ThreadCardDetail, ThreadCardView};
pub use contract::{ChangeView, ContractView, DiffBody, DiffView, ExplainBody, WordsView};
pub use doctor::{CheckView, DoctorView};
pub use effects::{EffectPage, EffectView};
pub use engines::{
    AliveView, ArtifactView, ClaimBody, ClaimView, CompleteBody, EndView, EngineCallBody, EngineCallView, EngineList,
    EngineTokenBody, EngineTokenMade, EngineTokenView, EngineView, FailBody, HeldView, KnownCallView, LeaseView,
    OutcomeView, StartBody, StepBody, StepView,
};
pub use erasures::{ErasedView, ErasureBody};
pub use events::{EventPage, EventView, RoomList, RoomView};
pub use goldens::{
    CheckGoldensBody, GoldenCheckView, GoldenDifferenceView, GoldenList, GoldenView, ImportGoldenBody, KeepBody,
};
pub use health::{HealthView, PartView};
pub use incidents::{IncidentMarkView, IncidentPage, IncidentView};
pub use needs::{AnswerBody, AnswersBody, AnswersView, NeedPage, NeedView, RefusedView, SnoozeBody};
pub use notices::{NoticeList, NoticeView};
pub use notifications::{ChannelView, NotificationPage, NotificationView, TestedView};
pub use openapi::document;
pub use policy::{EarlierBody, EvaluateBody, EvaluationView, GroundView, ReadBody, ReasonView, RowView};
pub use problem::{Place, Problem};
pub use providers::{ProviderBody, ProviderList, ProviderView, TestBody, TestView};
pub use repairs::{RepairPage, RepairRunView, RepairView, TriedView};
pub use runs::{DifferenceView, FailureView, ReplayView, RunDetail, RunPage, RunView, WaitView};
pub use secrets::{SecretBody, SecretList};
pub use serve::{Serving, bind, reachable, serve};
pub use settings::{SettingBody, SettingList, SettingView};
pub use shadow::{ShadowNoteView, ShadowView};
pub use standby::{Standby, stand_by};
pub use stop::{InFlightView, StopAllView};
pub use thread_stream::{ActivityView, PartialView};
pub use threads::{MessagePage, MessageView, SayBody, ThreadPage, ThreadView, ToolLineView};
pub use token::Token;
pub use tools::ToolList;
pub use trials::{BacktestBody, BacktestView, TrialBody, TrialView};
pub use usage::{BudgetView, BudgetsView, UsageItem, UsageSum, UsageView};
