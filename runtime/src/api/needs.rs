//! Needs: what only the person can give.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use intents::id::RunId;
use intents::need::{Choice, Kind};
use intents::redact::{Policy, redact, redact_text};
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
use crate::store::{Need, NeedStatus, Store};

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
    /// What may be answered.
    pub choices: Vec<String>,
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

/// A page of needs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NeedPage {
    /// The needs.
    pub items: Vec<NeedView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
    /// How many are open in all.
    pub open: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    /// One of the need's choices.
    pub choice: String,
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
            choices: need.kind.choices().iter().map(ToString::to_string).collect(),
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
}

/// Lists needs, newest first.
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
    let found = faces.app.store.needs(status, paging.before()?, paging.look_for()).await?;
    let (items, next) = paging.cut(found, |need| need.id.to_string());
    let open = faces.app.store.open_needs().await?;
    let mut views = Vec::with_capacity(items.len());
    for need in items {
        views.push(view(&faces.app.store, need).await?);
    }
    Ok(Json(NeedPage { items: views, next, open }))
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
    let choice: Choice = body.0.choice.parse().map_err(|_| {
        let choices = Choice::ALL.map(Choice::as_str).join(", ");
        Error::new(Code::BodyMalformed, format!("`choice` is one of {choices}"))
    })?;
    let store = &faces.app.store;
    Ok(Json(view(store, store.answer_need(id, choice, caller.as_str()).await?).await?))
}
