//! Notifications: by which ways the user is told, what left, and what did not arrive.

use actix_web::web::{Data, Json, Query};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::faces::Faces;
use super::page::Paging;
use crate::error::Error;
use crate::notify::ChannelState;
use crate::store::Notification;

/// A way to the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelView {
    /// `mail` or `webhook`.
    pub channel: String,
    /// Where it leads.
    pub to: String,
    /// What went wrong with the last notification, when it did not arrive.
    pub failing: Option<String>,
    /// When the last one was over.
    pub last_at: Option<String>,
}

/// A message to the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationView {
    /// Its id.
    pub id: String,
    /// `news`, `digest` or `test`.
    pub kind: String,
    /// `mail` or `webhook`.
    pub channel: String,
    /// `queued`, `sending`, `sent`, `uncertain`, `failed` or `dropped`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Option<String>,
    /// The needs that it tells of.
    pub needs: Vec<String>,
    /// The notices that it tells of.
    pub notices: Vec<String>,
    /// The code of what went wrong last.
    pub code: Option<String>,
    /// What went wrong last.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was over.
    pub ended_at: Option<String>,
}

/// The ways to the user, and what left on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationPage {
    /// The ways that the settings name.
    pub channels: Vec<ChannelView>,
    /// Until when it is quiet, if it is.
    pub quiet_until: Option<String>,
    /// When the next digest comes.
    pub next_digest: Option<String>,
    /// What left or is to leave, newest first.
    pub items: Vec<NotificationView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestedView {
    /// One for each way that the settings name.
    pub items: Vec<NotificationView>,
}

impl From<ChannelState> for ChannelView {
    fn from(state: ChannelState) -> Self {
        Self {
            channel: state.channel.to_string(),
            to: state.to,
            failing: state.failing,
            last_at: state.last_at.map(|at| at.to_string()),
        }
    }
}

impl From<Notification> for NotificationView {
    fn from(notification: Notification) -> Self {
        Self {
            id: notification.id.to_string(),
            kind: notification.kind.to_string(),
            channel: notification.channel.to_string(),
            state: notification.state.to_string(),
            attempts: notification.attempts,
            next_at: notification.next_at.map(|at| at.to_string()),
            needs: notification.about.needs.iter().map(ToString::to_string).collect(),
            notices: notification.about.notices,
            code: notification.code,
            reason: notification.reason,
            created_at: notification.created_at.to_string(),
            ended_at: notification.ended_at.map(|at| at.to_string()),
        }
    }
}

/// Shows the ways to the user, and what left on them, newest first.
#[utoipa::path(tag = "inbox", params(Paging), responses(
    (status = 200, description = "The ways and a page of notifications", body = NotificationPage),
))]
#[get("/v1/notifications")]
pub(super) async fn list(faces: Data<Faces>, paging: Query<Paging>) -> Result<Json<NotificationPage>, Error> {
    let app = &faces.app;
    let (wanted, now) = (app.notify.wanted().await?, app.env.now());
    let found = app.store.notifications(paging.before()?, paging.look_for()).await?;
    let (items, next) = paging.cut(found, |notification| notification.id.to_string());
    let channels = app.notify.channels().await?;
    let digest = wanted.rules.digest.as_ref().filter(|_| !channels.is_empty());
    Ok(Json(NotificationPage {
        quiet_until: wanted.rules.quiet.as_ref().and_then(|quiet| quiet.until(now)).map(|at| at.to_string()),
        next_digest: digest.and_then(|daily| daily.next(now)).map(|at| at.to_string()),
        channels: channels.into_iter().map(ChannelView::from).collect(),
        items: items.into_iter().map(NotificationView::from).collect(),
        next,
    }))
}

/// Sends a test by each way that the settings name, and says what came of it.
#[utoipa::path(tag = "inbox", responses((status = 200, description = "What came of it", body = TestedView)))]
#[post("/v1/notifications/test")]
pub(super) async fn test(faces: Data<Faces>) -> Result<Json<TestedView>, Error> {
    let tested = faces.app.notify.test().await?;
    Ok(Json(TestedView { items: tested.into_iter().map(|tested| tested.notification.into()).collect() }))
}
