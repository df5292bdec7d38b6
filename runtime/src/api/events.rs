//! Rooms and their event streams.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::web::{Bytes, Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use futures_util::{Stream, StreamExt};
use intents::id::{AutomationId, RoomId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::{IntoParams, ToSchema};

use super::faces::Faces;
use super::page;
use super::problem::Problem;
use super::sse;
use crate::env::Env;
use crate::error::{Code, Error};
use crate::hub::Told;
use crate::store::{StoredEvent, WORKSPACE_ROOM, room_of};

/// The name of the room that is everything.
const ALL: &str = "all";
/// What a browser says when it comes back.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Events of a page that nobody sized, and of the longest one.
const EVENTS: u16 = 100;
const EVENTS_MAX: u16 = 1000;

/// A room: the scope of an automation, or the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoomView {
    /// Its id.
    pub room: String,
    /// The automation whose room it is.
    pub automation: Option<String>,
    /// The place of the last event in its stream.
    pub last_seq: i64,
}

/// All rooms that have events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoomList {
    /// The rooms.
    pub items: Vec<RoomView>,
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its place among all events.
    pub position: i64,
    /// Its id.
    pub id: String,
    /// The room of its stream.
    pub room: String,
    /// Its place in its stream, from 1.
    pub seq: i64,
    /// What happened: `run.succeeded`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// The run that it is about.
    pub run: Option<String>,
    /// What it belongs to.
    pub correlation_id: Option<String>,
    /// What caused it.
    pub causation_id: Option<String>,
    /// Ids, states and digests; never content.
    pub data: Value,
    /// When.
    pub at: String,
}

/// Events in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events, oldest first.
    pub items: Vec<EventView>,
    /// The `after` of the next page; the same as before when there is nothing new.
    pub next: i64,
}

impl From<StoredEvent> for EventView {
    fn from(event: StoredEvent) -> Self {
        Self {
            position: event.position,
            id: event.id,
            room: event.room,
            seq: event.seq,
            kind: event.kind,
            actor: event.actor,
            run: event.run,
            correlation_id: event.correlation_id,
            causation_id: event.causation_id,
            data: event.data,
            at: event.at.to_string(),
        }
    }
}

/// Lists the rooms that have events.
#[utoipa::path(tag = "events", responses((status = 200, description = "The rooms", body = RoomList)))]
#[get("/v1/rooms")]
pub(super) async fn list_rooms(faces: Data<Faces>) -> Result<Json<RoomList>, Error> {
    let rooms = faces.app.store.rooms().await?;
    let items = rooms.into_iter().map(|(room, last_seq)| {
        let id: Option<RoomId> = room.parse().ok();
        let automation = id.filter(|id| *id != WORKSPACE_ROOM).map(|id| AutomationId::from_ulid(id.ulid()).to_string());
        RoomView { room, automation, last_seq }
    });
    Ok(Json(RoomList { items: items.collect() }))
}

/// A room by its id, by its automation's id or name, or `all`.
async fn room(faces: &Faces, which: &str) -> Result<RoomId, Error> {
    match which.parse() {
        Ok(room) => Ok(room),
        Err(_) if which == ALL => Ok(WORKSPACE_ROOM),
        Err(_) => Ok(room_of(faces.app.store.automation(which).await?.id)),
    }
}

/// The place of an event in the stream that is read.
fn place(room: RoomId, event: &StoredEvent) -> i64 {
    if room == WORKSPACE_ROOM { event.position } else { event.seq }
}

/// Where a page begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Only what comes after this place; everything unless said.
    after: Option<i64>,
    /// How many at most: 100 unless said, 1000 at most.
    limit: Option<u16>,
}

/// Lists the events of a room, oldest first.
#[utoipa::path(tag = "events", params(("room" = String, Path, description = "Its id, an automation, or `all`"), After), responses(
    (status = 200, description = "A page of events", body = EventPage),
    (status = 404, description = "There is no such room", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/rooms/{room}/events")]
pub(super) async fn list(
    faces: Data<Faces>,
    which: Path<String>,
    query: Query<After>,
) -> Result<Json<EventPage>, Error> {
    let room = room(&faces, &which).await?;
    let after = query.after.unwrap_or(0);
    let most = query.limit.unwrap_or(EVENTS).clamp(1, EVENTS_MAX);
    let events = faces.app.store.events_after(room, after, u64::from(most)).await?;
    let next = events.last().map_or(after, |event| place(room, event));
    Ok(Json(EventPage { items: events.into_iter().map(EventView::from).collect(), next }))
}

/// Where a stream begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// The place of the first event; `Last-Event-ID` goes before it. Everything unless said.
    from_seq: Option<i64>,
}

/// Streams the events of a room: what was first, then what comes, as it comes.
#[utoipa::path(tag = "events", params(
    ("room" = String, Path, description = "Its id, an automation, or `all`"), Since,
    ("Last-Event-ID" = Option<i64>, Header, description = "The id of the last event that was seen"),
), responses(
    (status = 200, description = "Server-sent events; the id of each is its place in the stream", body = EventView, content_type = "text/event-stream"),
    (status = 503, description = "Too many streams are open", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/streams/rooms/{room}")]
pub(super) async fn listen(
    faces: Data<Faces>,
    request: HttpRequest,
    which: Path<String>,
    query: Query<Since>,
) -> Result<HttpResponse, Error> {
    let room = room(&faces, &which).await?;
    let after = match request.headers().get(LAST_EVENT_ID) {
        Some(seen) => {
            let seen = seen.to_str().unwrap_or_default();
            let last: i64 = seen.parse().map_err(|_| page::malformed("Last-Event-ID", seen))?;
            last
        }
        None => query.from_seq.unwrap_or(1).saturating_sub(1),
    };
    let permit = faces.listen()?;
    let events = faces.hub.stream(room, after.max(0));
    let events = events.map_err(|error| Error::new(Code::ListenersFull, error.to_string()))?;
    let listener = Listener {
        room,
        events: Box::pin(events),
        env: faces.app.env.clone(),
        closing: faces.closing.clone(),
        over: false,
        _permit: permit,
    };
    let hello = futures_util::stream::once(async { Ok::<_, Infallible>(sse::hello()) });
    Ok(sse::response(hello.chain(futures_util::stream::unfold(listener, Listener::next))))
}

/// One open stream. Its place is free again when it is dropped.
struct Listener {
    room: RoomId,
    events: Pin<Box<dyn Stream<Item = Arc<Told>>>>,
    env: Env,
    closing: watch::Receiver<bool>,
    /// Whether the client was told that the server ends.
    over: bool,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.over {
            return None;
        }
        let frame = tokio::select! {
            event = self.events.next() => {
                event?.frame(self.room, |place, event| sse::frame(Some(place), None, &EventView::from(event.clone())))
            }
            () = self.env.sleep(sse::HEARTBEAT) => sse::beat(),
            // The server ends, and with it the stream; the client comes back to the next one.
            _ = self.closing.wait_for(|closing| *closing) => {
                self.over = true;
                sse::ending()
            }
        };
        Some((Ok(frame), self))
    }
}
