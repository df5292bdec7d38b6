//! Needs: what only the person can give.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use intents::id::{NeedId, RunId};
use intents::need::{Choice, Kind, SNOOZE_DEFAULT, SNOOZE_MAX, TOGETHER_MAX, choices_of, default_of, option_with};
use intents::redact::{Policy, redact, redact_text};
use intents::time::Span;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::approvals::ApprovalView;
use super::body::Body;
use super::faces::Faces;
use super::guard::Caller;
use super::page::{self, Paging};
use super::problem::Problem;
use crate::error::{Code, Error};
use crate::store::{Need, NeedStatus, Store, Together};

/// Open needs that are looked through for those of one run; who has more open has other worries.
const LOOK_MAX: u64 = 500;

/// What is asked of the person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NeedView {
    /// Its id.
    pub id: String,
    /// What it asks for: `settle`, `repair`, `grant` and so on.
    pub kind: String,
    /// `open`, `answered` or `withdrawn`.
    pub status: String,
    /// Whose it is.
    pub automation: Option<String>,
    /// The run that it is about.
    pub run: Option<String>,
    /// What is asked, in plain words.
    pub title: String,
    /// What is known, in a redacted copy.
    pub evidence: Value,
    /// What may be answered. `option_1` stands for the first of the `options` in the evidence, and so on; the words of an
    /// option are taken too.
    pub choices: Vec<String>,
    /// How much it matters: `urgent`, `high`, `normal` or `low`.
    pub priority: String,
    /// When it gets its default, if nobody answers; none where only an answer or its cause ends it.
    pub expires_at: Option<String>,
    /// The answer that it then gets.
    pub default: Option<String>,
    /// Until when it is put off.
    pub snoozed_until: Option<String>,
    /// How often the cause came up.
    pub occurrences: i64,
    /// The answer.
    pub answer: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// When it was opened.
    pub created_at: String,
    /// When it was answered.
    pub answered_at: Option<String>,
}

/// A page of needs: of open ones what matters most first, and of that the oldest; of all others the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NeedPage {
    /// The needs.
    pub items: Vec<NeedView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
    /// How many are open in all.
    pub open: u64,
    /// How many of them are put off.
    pub snoozed: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    /// One of the need's choices, or the words of an option of its question.
    pub choice: String,
}

/// One answer for several needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswersBody {
    /// The needs; or leave them out and name a kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub needs: Vec<String>,
    /// All open needs of this kind that are not put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_of: Option<String>,
    /// A choice that all of them have.
    pub choice: String,
}

/// What came of one answer for several needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswersView {
    /// Those that took it.
    pub answered: Vec<String>,
    /// Those that did not.
    pub refused: Vec<RefusedView>,
    /// Whether there are more of the kind: ask again.
    pub more: bool,
}

/// A need that did not take an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedView {
    /// Its id.
    pub need: String,
    /// The stable code.
    pub code: String,
    /// Why.
    pub detail: String,
}

/// A need put off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeBody {
    /// For how long: `4h`, `2d`; a day unless said, 30 days at most.
    #[serde(default, rename = "for")]
    pub length: Option<String>,
}

impl From<Need> for NeedView {
    fn from(need: Need) -> Self {
        Self {
            id: need.id.to_string(),
            kind: need.kind.to_string(),
            status: need.status.to_string(),
            automation: need.automation.map(|id| id.to_string()),
            run: need.run.map(|id| id.to_string()),
            title: redact_text(&need.title, Policy::Secrets),
            evidence: redact(&need.evidence, &[], Policy::Secrets),
            choices: choices_of(need.kind, &need.evidence).iter().map(ToString::to_string).collect(),
            priority: need.priority.to_string(),
            expires_at: need.expires_at.map(|at| at.to_string()),
            default: default_of(need.kind, &need.evidence).map(|choice| choice.to_string()),
            snoozed_until: need.snoozed_until.map(|at| at.to_string()),
            occurrences: need.occurrences,
            answer: need.answer.map(|answer| answer.to_string()),
            answered_by: need.answered_by,
            created_at: need.created_at.to_string(),
            answered_at: need.answered_at.map(|at| at.to_string()),
        }
    }
}

/// A need with what is known; of an approval that is what is asked about.
async fn view(store: &Store, need: Need) -> Result<NeedView, Error> {
    let (id, kind) = (need.id, need.kind);
    let mut view = NeedView::from(need);
    if kind == Kind::Approve {
        let approval = ApprovalView::from(store.approval_of_need(id).await?);
        view.expires_at = Some(approval.expires_at.clone());
        view.evidence = serde_json::to_value(approval).expect("a view is plain data");
    }
    Ok(view)
}

/// The open needs that are about a run.
pub(super) async fn open_of_run(faces: &Faces, run: RunId) -> Result<Vec<NeedView>, Error> {
    let open = faces.app.store.needs(Some(NeedStatus::Open), None, LOOK_MAX).await?;
    let mut views = Vec::new();
    for need in open.into_iter().filter(|need| need.run == Some(run)) {
        views.push(view(&faces.app.store, need).await?);
    }
    Ok(views)
}

/// Which needs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `open` unless said; `answered`, `withdrawn` or `all`.
    status: Option<String>,
    /// Whether open needs that are put off are listed too: not unless said.
    snoozed: Option<bool>,
}

/// Lists needs: open ones by how much they matter and how long they wait, all others newest first.
#[utoipa::path(tag = "inbox", params(Filter, Paging), responses(
    (status = 200, description = "A page of needs", body = NeedPage),
    (status = 400, description = "The filter makes no sense", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/needs")]
pub(super) async fn list(
    faces: Data<Faces>,
    filter: Query<Filter>,
    paging: Query<Paging>,
) -> Result<Json<NeedPage>, Error> {
    let status = match filter.status.as_deref() {
        None => Some(NeedStatus::Open),
        Some("all") => None,
        Some(text) => Some(text.parse().map_err(|_| page::malformed("status", text))?),
    };
    let store = &faces.app.store;
    let found = match status {
        Some(NeedStatus::Open) => {
            store.inbox(filter.snoozed.unwrap_or(false), paging.before()?, paging.look_for()).await?
        }
        Some(NeedStatus::Answered | NeedStatus::Withdrawn) | None => {
            store.needs(status, paging.before()?, paging.look_for()).await?
        }
    };
    let (items, next) = paging.cut(found, |need| need.id.to_string());
    let (open, snoozed) = (store.open_needs().await?, store.snoozed_needs().await?);
    let mut views = Vec::with_capacity(items.len());
    for need in items {
        views.push(view(&faces.app.store, need).await?);
    }
    Ok(Json(NeedPage { items: views, next, open, snoozed }))
}

/// Shows one need.
#[utoipa::path(tag = "inbox", params(("need" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The need", body = NeedView),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/needs/{need}")]
pub(super) async fn show(faces: Data<Faces>, need: Path<String>) -> Result<Json<NeedView>, Error> {
    let store = &faces.app.store;
    Ok(Json(view(store, store.need(page::id("need", &need)?).await?).await?))
}

/// Answers a need; what waits for it goes on at the exact step.
#[utoipa::path(tag = "inbox", params(("need" = String, Path, description = "Its id")), request_body = AnswerBody, responses(
    (status = 200, description = "It is answered", body = NeedView),
    (status = 409, description = "It is answered already, or has no such choice", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/needs/{need}/answer")]
pub(super) async fn give_answer(
    faces: Data<Faces>,
    caller: Caller,
    need: Path<String>,
    body: Body<AnswerBody>,
) -> Result<Json<NeedView>, Error> {
    let id = page::id("need", &need)?;
    let store = &faces.app.store;
    let choice = match choice(&body.0.choice) {
        Ok(choice) => choice,
        Err(unknown) => {
            let asked = store.need(id).await?;
            option_with(asked.kind, &asked.evidence, &body.0.choice).ok_or(unknown)?
        }
    };
    Ok(Json(view(store, store.answer_need(id, choice, caller.as_str()).await?).await?))
}

fn choice(text: &str) -> Result<Choice, Error> {
    text.parse().map_err(|_| {
        let choices = Choice::ALL.map(Choice::as_str).join(", ");
        Error::new(Code::BodyMalformed, format!("`choice` is one of {choices}"))
    })
}

/// Gives several needs one answer, where none of them wants a look of its own. Each takes it or not by itself.
#[utoipa::path(tag = "inbox", request_body = AnswersBody, responses(
    (status = 200, description = "What came of it, need by need", body = AnswersView),
    (status = 409, description = "A need among them wants a look of its own, or they are too many", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/needs/answers")]
pub(super) async fn give_answers(
    faces: Data<Faces>,
    caller: Caller,
    body: Body<AnswersBody>,
) -> Result<Json<AnswersView>, Error> {
    let AnswersBody { needs, all_of, choice: answer } = body.0;
    let answer = choice(&answer)?;
    let which = match all_of {
        Some(kind) if needs.is_empty() => Together::AllOf(kind.parse().map_err(|_| {
            let kinds = Kind::ALL.map(Kind::as_str).join(", ");
            Error::new(Code::BodyMalformed, format!("`all_of` is one of {kinds}"))
        })?),
        None if !needs.is_empty() => {
            let ids: Result<Vec<NeedId>, Error> = needs.iter().map(|need| page::id("need", need)).collect();
            Together::These(ids?)
        }
        Some(_) | None => {
            let message = format!("say either `needs`, at most {TOGETHER_MAX} of them, or `all_of`");
            return Err(Error::new(Code::BodyMalformed, message));
        }
    };
    let outcome = faces.app.store.answer_needs(which, answer, caller.as_str()).await?;
    let refused = outcome.refused.into_iter().map(|(need, error)| RefusedView {
        need: need.to_string(),
        code: error.code().to_owned(),
        detail: error.to_string(),
    });
    Ok(Json(AnswersView {
        answered: outcome.answered.iter().map(ToString::to_string).collect(),
        refused: refused.collect(),
        more: outcome.more,
    }))
}

/// Puts a need off: it is not listed and nobody is told of it until then. It can be answered at any time.
#[utoipa::path(tag = "inbox", params(("need" = String, Path, description = "Its id")), request_body = SnoozeBody, responses(
    (status = 200, description = "It is put off", body = NeedView),
    (status = 409, description = "It is answered already", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/needs/{need}/snooze")]
pub(super) async fn snooze(
    faces: Data<Faces>,
    caller: Caller,
    need: Path<String>,
    body: Body<SnoozeBody>,
) -> Result<Json<NeedView>, Error> {
    let id = page::id("need", &need)?;
    let length = match body.0.length {
        None => SNOOZE_DEFAULT,
        Some(text) => {
            let length = text.parse::<Span>().ok().map(Span::duration).filter(|length| *length <= SNOOZE_MAX);
            let message = "`for` is a length of time of at most 30 days, such as `4h` or `2d`";
            length.ok_or_else(|| Error::new(Code::BodyMalformed, message))?
        }
    };
    let store = &faces.app.store;
    Ok(Json(view(store, store.snooze_need(id, length, caller.as_str()).await?).await?))
}

/// Takes a need up again that was put off.
#[utoipa::path(tag = "inbox", params(("need" = String, Path, description = "Its id")), responses(
    (status = 200, description = "It is listed again", body = NeedView),
    (status = 409, description = "It is answered already", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/needs/{need}/unsnooze")]
pub(super) async fn unsnooze(faces: Data<Faces>, caller: Caller, need: Path<String>) -> Result<Json<NeedView>, Error> {
    let id = page::id("need", &need)?;
    let store = &faces.app.store;
    Ok(Json(view(store, store.unsnooze_need(id, caller.as_str()).await?).await?))
}
