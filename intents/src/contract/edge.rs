//! The format: the contract as it is written, stored and exported. Its JSON Schema is published.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Excess, FileDedupe, Place};
use crate::pointer::Pointer;
use crate::schedule::{CatchUp, Overlap};
use crate::time::Span;
use crate::tool::Name;

/// What an automation is for, what starts it, and all that it may do. Version 1 of the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Steward contract")]
pub struct ContractV1 {
    /// A short name for people.
    pub title: String,
    /// What the user wants, in a sentence or two.
    pub goal: String,
    /// What starts runs. At least one.
    pub triggers: Vec<TriggerV1>,
    /// The tools that the script may use, and for what. All else is refused.
    pub capabilities: Vec<CapabilityV1>,
    /// Under which keys effects happen once, ever. Every effect that cannot simply be repeated needs one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub once: Vec<OnceV1>,
    /// Bounds on how often, how much, when and where to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitV1>,
    /// What a person says yes to before it happens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<ApprovalV1>,
    /// What should happen; silence raises a need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<ExpectV1>,
    /// What may be spent. What is not stated is bounded by the settings alone.
    #[serde(default, skip_serializing_if = "BudgetsV1::is_empty")]
    pub budgets: BudgetsV1,
}

/// What starts runs. The kinds are told apart by their key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TriggerV1 {
    /// A cron line on the clock of a time zone.
    Schedule(ScheduleV1),
    /// A file that lands in a granted folder.
    File(FileTriggerV1),
    /// A signed request from outside.
    Webhook(WebhookTriggerV1),
    /// An event of another automation.
    Event(EventTriggerV1),
    /// The user.
    Manual(ManualTriggerV1),
}

/// A cron line on the clock of a time zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleV1 {
    /// Five fields (minute, hour, day of month, month, day of week), or six with seconds first.
    pub schedule: String,
    /// A time zone of the IANA database, such as Europe/Rome.
    pub tz: String,
    /// What happens to times that were missed. `latest` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUpV1>,
    /// For how long a time that passed is worth a run. Needed with `"catch_up": "all"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub useful_for: Option<Span>,
    /// What happens while another run goes on. `queue` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapV1>,
}

/// A file that lands in a granted folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileTriggerV1 {
    /// Which file.
    pub file: FileV1,
    /// For how long a file is worth a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub useful_for: Option<Span>,
    /// What happens while another run goes on. `queue` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapV1>,
}

/// Which files count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileV1 {
    /// The folder's name in the settings.
    pub folder: String,
    /// A pattern of file names, such as *.csv.
    #[serde(rename = "match")]
    pub matching: String,
    /// What makes two files the same. `path_and_content` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<FileDedupeV1>,
}

/// A signed request from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookTriggerV1 {
    /// Which request.
    pub webhook: WebhookV1,
    /// For how long a request is worth a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub useful_for: Option<Span>,
    /// What happens while another run goes on. `queue` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapV1>,
}

/// Which requests count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookV1 {
    /// The last part of its address: lower-case letters, digits, - and _.
    pub name: String,
    /// The name of the vault's secret that signs requests.
    pub secret: String,
    /// How requests are signed.
    pub signature: SignatureV1,
    /// The header that tells requests apart, where it is not the one of the signature scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_header: Option<String>,
}

/// An event of another automation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTriggerV1 {
    /// Its name, such as invoice.paid.
    pub event: String,
    /// For how long an event is worth a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub useful_for: Option<Span>,
    /// What happens while another run goes on. `queue` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapV1>,
}

/// The user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManualTriggerV1 {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub manual: bool,
    /// For how long a request to run is worth a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub useful_for: Option<Span>,
    /// What happens while another run goes on. `queue` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapV1>,
}

/// A tool that the script may use, and for what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityV1 {
    /// The tool.
    pub tool: Name,
    /// The account through which it is used, such as conn_books. Its credential is the vault's secret of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^conn_[a-z0-9_-]+$"))]
    pub connection: Option<String>,
    /// Rows of earlier results of the same run, by the name that conditions call them. One row of each name must fit
    /// the call in every condition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bind: BTreeMap<String, BindV1>,
    /// What must hold, by place in the arguments or in a bound row. A place that is not there fails its condition.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<Place, ConditionV1>,
    /// How old the bound rows may be when the call is made; older ones are read again first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_for: Option<Span>,
    /// How a request can be known to have happened. For http.request only; without one it is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityV1>,
}

/// One row of an earlier result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BindV1 {
    /// The tool that reads it. The contract must grant it.
    pub row_of: Name,
    /// Where rows stand in what it reads; * steps into each item. For web services it counts from the JSON body.
    pub at: Pointer,
    /// What must hold for the arguments with which it was read.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<Pointer, ConditionV1>,
}

/// Exactly one comparison. For a list it must hold for every item, and there must be one. Where a capability binds a
/// row `inv`, a text such as `inv:/number` stands for what the row says there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionV1 {
    /// The same text, number, boolean or null.
    Equals(#[schemars(extend("type" = ["string", "number", "boolean", "null"]))] Value),
    /// One of these texts, numbers, booleans or nulls.
    OneOf(
        #[schemars(extend("items" = { "type": ["string", "number", "boolean", "null"] }, "minItems" = 1))] Vec<Value>,
    ),
    /// The same as a bound row says at a place, such as inv:/client/email.
    SameAs(String),
    /// Text that starts so; for a web address the same origin, and a path that goes on at a `/`.
    Prefix(String),
    /// Text that holds this text; of a row's place, as a word of its own.
    Contains(String),
    /// Text that this regular expression matches as a whole.
    Matches(String),
    /// A greater number.
    GreaterThan(#[schemars(extend("type" = ["number", "string"]))] Value),
    /// A lesser number.
    LessThan(#[schemars(extend("type" = ["number", "string"]))] Value),
    /// Text of at most so many characters.
    AtMostLength(u32),
}

/// How a request can be known to have happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum IdentityV1 {
    /// The service honours an idempotency key.
    Keyed {
        /// The header that carries it, such as Idempotency-Key.
        header: String,
        /// How long the service remembers it.
        window: Span,
    },
    /// The service can be asked whether a key arrived: 2xx says yes, 404 and 410 say no.
    Queryable {
        /// The address to ask at, https, with {key} once in its path or query.
        url: String,
        /// Only after this long does absence prove anything.
        absent_after: Span,
        /// For how long it can be asked.
        window: Span,
    },
}

/// Under which key the effects of a tool happen once, ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnceV1 {
    /// The tool.
    pub tool: Name,
    /// The names of the key's parts, 1 to 8; the script gives a value for each.
    #[schemars(length(min = 1, max = 8))]
    pub per: Vec<String>,
}

/// A bound on what happens. The kinds are told apart by their key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LimitV1 {
    /// So many calls in a window.
    Rate(RateLimitV1),
    /// So much of an argument in a window.
    Sum(SumLimitV1),
    /// Nothing at some times of the day.
    Quiet(QuietLimitV1),
    /// Data of some origin goes to these places only.
    Flow(FlowLimitV1),
}

/// A bound on how often something happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitV1 {
    /// The bound.
    pub rate: RateV1,
    /// What becomes of calls beyond it.
    #[serde(rename = "else")]
    pub beyond: ExcessV1,
}

/// A bound on how much of an argument there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SumLimitV1 {
    /// The bound.
    pub sum: SumV1,
    /// What becomes of calls beyond it.
    #[serde(rename = "else")]
    pub beyond: ExcessV1,
}

/// Hours at which a tool keeps quiet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietLimitV1 {
    /// The hours.
    pub quiet_hours: QuietHoursV1,
    /// What becomes of calls in them.
    #[serde(rename = "else")]
    pub beyond: ExcessV1,
}

/// A bound on where data goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowLimitV1 {
    /// The bound.
    pub flow: FlowV1,
}

/// So many calls in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateV1 {
    /// The tool whose calls count.
    pub tool: Name,
    /// The argument whose values are counted apart; without one all calls count together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Pointer>,
    /// The most calls in any window.
    #[schemars(range(min = 1))]
    pub max: u32,
    /// The length of the window.
    pub window: Span,
}

/// So much of an argument in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SumV1 {
    /// The tool whose calls count.
    pub tool: Name,
    /// The argument that is added up. A call without it, or with anything but a number that is not negative, is refused.
    pub of: Pointer,
    /// The argument whose values are counted apart; without one all calls count together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Pointer>,
    /// The most in any window, with at most six digits behind the point.
    #[schemars(range(min = 0))]
    pub max: serde_json::Number,
    /// The length of the window.
    pub window: Span,
}

/// A stretch of each day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHoursV1 {
    /// The tool that keeps quiet.
    pub tool: Name,
    /// When the stretch begins, such as 20:00.
    #[schemars(regex(pattern = "^[0-9]{2}:[0-9]{2}$"))]
    pub from: String,
    /// When it ends; a time before the beginning is on the next day.
    #[schemars(regex(pattern = "^[0-9]{2}:[0-9]{2}$"))]
    pub to: String,
    /// On the clock of which zone. That of the schedules unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
}

/// Where data of some origin may go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowV1 {
    /// The origin: a label such as http:books.example or folder:statements, all that start so with http:*, or a
    /// connection by its short name.
    pub from: String,
    /// Where it may go: tools such as email.send, or hosts and domains such as http:books.example and mail:example.com.
    pub to: Vec<String>,
}

/// Calls that need a person's yes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalV1 {
    /// The tool.
    pub tool: Name,
    /// Only calls of which all this may hold. A place that is not there, or cannot be compared, applies.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<Place, ConditionV1>,
    /// Only the first so many effects of each major version of the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub first: Option<u32>,
    /// What one yes may cover beside the one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<EnvelopeV1>,
}

/// Several calls that one yes may cover.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeV1 {
    /// The most calls.
    #[schemars(range(min = 1))]
    pub at_most: u32,
    /// What must hold for each. At least one condition.
    #[serde(rename = "where")]
    #[schemars(extend("minProperties" = 1))]
    pub conditions: BTreeMap<Place, ConditionV1>,
    /// For how long after the yes.
    #[serde(rename = "for")]
    pub valid_for: Span,
}

/// What may be spent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetsV1 {
    /// US dollars for model calls in any 30 days, such as 0.20 USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9]+([.][0-9]{1,6})? USD$"))]
    pub model_cost_per_month: Option<String>,
    /// Repairs in any 7 days; 0 allows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repairs_per_week: Option<u32>,
}

impl BudgetsV1 {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What should happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectV1 {
    /// How many runs.
    pub runs: RunsV1,
}

/// How many runs there should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunsV1 {
    /// The window that is looked at.
    pub per: Span,
    /// The fewest runs in it.
    #[schemars(range(min = 1))]
    pub at_least: u32,
}

/// Declares a set of words at the edge, with the domain's words behind them.
macro_rules! words {
    ($(#[$doc:meta])* $edge:ident = $domain:ty { $($(#[$word_doc:meta])* $word:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $edge {
            $($(#[$word_doc])* $word,)*
        }

        impl From<$domain> for $edge {
            fn from(word: $domain) -> Self {
                match word {
                    $(<$domain>::$word => Self::$word,)*
                }
            }
        }
    };
}

words!(
    /// What happens to times that were missed.
    CatchUpV1 = CatchUp {
        /// They are let go.
        None,
        /// The latest is made up for, once.
        Latest,
        /// Each is made up for.
        All,
    }
);
words!(
    /// What happens while another run goes on.
    OverlapV1 = Overlap {
        /// Wait for its turn.
        Queue,
        /// Left out.
        Skip,
        /// Run beside it.
        Allow,
    }
);
words!(
    /// What makes two files the same.
    FileDedupeV1 = FileDedupe {
        /// Their content, wherever they lie.
        Content,
        /// Their path and content.
        PathAndContent,
    }
);
words!(
    /// How requests are signed.
    SignatureV1 = super::Signature {
        /// X-Steward-Signature: t=seconds,v1=hex HMAC-SHA256 of "t.body"; told apart by X-Steward-Delivery.
        Steward,
        /// X-Hub-Signature-256: sha256=hex HMAC-SHA256 of the body; told apart by X-GitHub-Delivery.
        Github,
    }
);
words!(
    /// What becomes of calls beyond a limit.
    ExcessV1 = Excess {
        /// They wait until there is room.
        Wait,
        /// They are left out; the script sees that.
        Skip,
        /// The user is asked.
        Ask,
    }
);

/// The published format: a JSON Schema (2020-12).
pub fn json_schema() -> Value {
    schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<ContractV1>().to_value()
}
