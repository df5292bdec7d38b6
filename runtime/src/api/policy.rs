//! Questions to the gate: what it would say to a call.

use actix_web::post;
use actix_web::web::{Data, Json};
use intents::Timestamp;
use intents::gate::{Conclusion, Ground, Passed, Reason, Verdict};
use intents::label::Label;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Body;
use super::faces::Faces;
use super::problem::Problem;
use crate::error::{Code, Error};
use crate::ops;
use crate::ops::{Answer, PastCall, PastRead, Question};

/// Results that a question may bring along; a run reads more, and is not asked about here.
const READS_MAX: usize = 100;
/// Calls made before that a question may bring along.
const EARLIER_MAX: usize = 1000;

/// A call, and what is to be taken for true about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateBody {
    /// The contract. Without it that of `automation` is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Value>,
    /// The id or name of an automation whose contract is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automation: Option<String>,
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: Value,
    /// The effect key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// What the run has read before, in that order; numbered from 0.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub reads: Vec<ReadBody>,
    /// The labels of what it has read, such as `http:books.example`.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Calls of the same tool that were made before.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub earlier: Vec<EarlierBody>,
    /// The time, RFC 3339; now when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// The major version of the script; 1 when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<u32>,
}

/// Something that the run has read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadBody {
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: Value,
    /// The result.
    pub value: Value,
    /// When, RFC 3339; now when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// A call that was made before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlierBody {
    /// The arguments.
    pub arguments: Value,
    /// When, RFC 3339.
    pub at: String,
}

/// What the gate says to a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvaluationView {
    /// `allow`, `ask`, `skip`, `wait`, `read_again`, `stale` or `deny`.
    pub verdict: String,
    /// The clauses that say so, in plain words. For `allow` the clause that grants the call.
    pub clauses: Vec<String>,
    /// Why a call is denied.
    pub reasons: Vec<ReasonView>,
    /// Until when it waits.
    pub until: Option<String>,
    /// The number of the read that is to be made again.
    pub read: Option<u32>,
    /// What a person is asked about.
    pub grounds: Vec<GroundView>,
    /// The rows that the call is bound to.
    pub rows: Vec<RowView>,
}

/// Why a call is denied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    /// Stable.
    pub code: String,
    /// The clause in plain words, or what the call lacks.
    pub words: String,
}

/// What a person is asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroundView {
    /// The clause in plain words.
    pub words: String,
    /// How many such calls one yes may cover, where it may.
    pub envelope_at_most: Option<u32>,
}

/// A row that a call is bound to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RowView {
    /// The name of the row in the contract.
    pub name: String,
    /// The number of the read that it comes from.
    pub read: u32,
}

/// Asks what the gate would say to a call. Nothing is stored, and nothing happens.
///
/// What was read and done before is what the question says, not what the store holds.
#[utoipa::path(tag = "contracts", request_body = EvaluateBody, responses(
    (status = 200, description = "What the gate says", body = EvaluationView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Every problem of the contract", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/policy/evaluate")]
pub(super) async fn evaluate(faces: Data<Faces>, body: Body<EvaluateBody>) -> Result<Json<EvaluationView>, Error> {
    let body = body.0;
    let contract = match (body.contract, &body.automation) {
        (Some(contract), None) => contract,
        (None, Some(which)) => ops::export(&faces.app, which).await?.contract,
        (Some(_), Some(_)) | (None, None) => return Err(malformed("name either a `contract` or an `automation`")),
    };
    if body.reads.len() > READS_MAX || body.earlier.len() > EARLIER_MAX {
        let message = format!("a question brings at most {READS_MAX} reads and {EARLIER_MAX} earlier calls");
        return Err(malformed(&message));
    }
    let read = |read: ReadBody| {
        let at = read.at.as_deref().map(time).transpose()?;
        Ok(PastRead { tool: read.tool, arguments: read.arguments, value: read.value, at })
    };
    let earlier = |call: EarlierBody| Ok(PastCall { at: time(&call.at)?, arguments: call.arguments });
    let question = Question {
        contract,
        tool: body.tool,
        arguments: body.arguments,
        key: body.key,
        reads: body.reads.into_iter().map(read).collect::<Result<_, Error>>()?,
        labels: body.labels.into_iter().map(Label).collect(),
        earlier: body.earlier.into_iter().map(earlier).collect::<Result<_, Error>>()?,
        now: body.now.as_deref().map(time).transpose()?,
        major: body.major.unwrap_or(1),
    };
    Ok(Json(view(ops::evaluate(&faces.app, &question)?)))
}

fn malformed(message: &str) -> Error {
    Error::new(Code::BodyMalformed, message)
}

fn time(text: &str) -> Result<Timestamp, Error> {
    let parsed = text.parse::<jiff::Timestamp>().map(Timestamp::from_jiff);
    parsed.map_err(|_| malformed("a time is written as RFC 3339, such as `2026-11-20T09:00:00Z`"))
}

fn view(answer: Answer) -> EvaluationView {
    let say = |verdict: &str| EvaluationView { verdict: verdict.to_owned(), ..EvaluationView::default() };
    match answer {
        Answer::Before(Verdict::Deny { reasons }) => {
            let reason = |reason: Reason| ReasonView { code: reason.code.to_owned(), words: reason.words };
            EvaluationView { reasons: reasons.into_iter().map(reason).collect(), ..say("deny") }
        }
        Answer::Before(Verdict::Stale { call, clause }) => {
            EvaluationView { read: Some(call), clauses: vec![clause], ..say("stale") }
        }
        Answer::Before(Verdict::NeedsFreshRead { call, clause }) => {
            EvaluationView { read: Some(call), clauses: vec![clause], ..say("read_again") }
        }
        Answer::Before(Verdict::Pass(passed)) => EvaluationView { clauses: vec![passed.clause.words], ..say("allow") },
        Answer::Passed(passed, conclusion) => {
            let rows = rows(&passed);
            let concluded = match conclusion {
                Conclusion::Wait { until, clauses } => {
                    EvaluationView { until: Some(until.to_string()), clauses, ..say("wait") }
                }
                Conclusion::Skip { clause } => EvaluationView { clauses: vec![clause], ..say("skip") },
                Conclusion::NeedsApproval { grounds } => {
                    EvaluationView { grounds: grounds.into_iter().map(ground).collect(), ..say("ask") }
                }
                Conclusion::Allow { .. } => EvaluationView { clauses: vec![passed.clause.words], ..say("allow") },
            };
            EvaluationView { rows, ..concluded }
        }
    }
}

fn ground(ground: Ground) -> GroundView {
    GroundView { words: ground.words, envelope_at_most: ground.envelope.map(|offer| offer.at_most) }
}

fn rows(passed: &Passed) -> Vec<RowView> {
    passed.rows.iter().map(|row| RowView { name: row.name.to_string(), read: row.call }).collect()
}
