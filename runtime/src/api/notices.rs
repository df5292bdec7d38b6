//! Notices: what automations tell their user.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use intents::redact::{Policy, redact_text};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::faces::Faces;
use crate::error::Error;
use crate::store::Notice;

/// Notices of an answer that nobody sized, and of the longest one.
const NOTICES: u16 = 50;
const NOTICES_MAX: u16 = 500;

/// Something that an automation told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticeView {
    /// Its id.
    pub id: String,
    /// Who told it.
    pub automation: Option<String>,
    /// The run that told it.
    pub run: Option<String>,
    /// How much it matters.
    pub level: String,
    /// The headline.
    pub title: String,
    /// The text.
    pub text: String,
    /// When.
    pub created_at: String,
}

/// The newest notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticeList {
    /// Newest first.
    pub items: Vec<NoticeView>,
}

impl From<Notice> for NoticeView {
    fn from(notice: Notice) -> Self {
        Self {
            id: notice.id,
            automation: notice.automation,
            run: notice.run.map(|run| run.to_string()),
            level: notice.level,
            title: redact_text(&notice.title, Policy::Secrets),
            text: redact_text(&notice.text, Policy::Secrets),
            created_at: notice.created_at.to_string(),
        }
    }
}

/// How many to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Most {
    /// How many at most: 50 unless said, 500 at most.
    limit: Option<u16>,
}

/// Lists the newest notices.
#[utoipa::path(tag = "inbox", params(Most), responses((status = 200, description = "The notices", body = NoticeList)))]
#[get("/v1/notices")]
pub(super) async fn list(faces: Data<Faces>, most: Query<Most>) -> Result<Json<NoticeList>, Error> {
    let most = most.limit.unwrap_or(NOTICES).clamp(1, NOTICES_MAX);
    let notices = faces.app.store.notices(u64::from(most)).await?;
    Ok(Json(NoticeList { items: notices.into_iter().map(NoticeView::from).collect() }))
}
