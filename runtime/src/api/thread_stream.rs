//! The live stream of a conversation: its messages, each once and in order, and what is being written at this moment.

use std::collections::VecDeque;
use std::convert::Infallible;

use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use futures_util::StreamExt;
use intents::id::ThreadId;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::{IntoParams, ToSchema};

use super::events::LAST_EVENT_ID;
use super::faces::Faces;
use super::page;
use super::problem::Problem;
use super::sse;
use super::threads::{MessageView, id, message_views, view};
use crate::chat::{Partial, ThreadState};
use crate::error::Error;

/// Messages that are read at a time.
const PAGE: u64 = 200;

/// A piece of the answer that is being written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartialView {
    /// How many characters of it were sent before; 0 begins anew, and what was shown is void.
    pub from: usize,
    /// The piece.
    pub text: String,
}

/// What the planner does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivityView {
    /// In a few words; empty while it does nothing.
    pub words: String,
}

/// Where a stream begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Only messages after this one; `Last-Event-ID` goes before it. All unless said.
    after: Option<i64>,
}

/// Streams a conversation: what was said, then what comes, as it comes.
///
/// `message` events carry a message each, with its place as their id; `partial` a piece of the answer that is being
/// written; `activity` what the planner does; `thread` the conversation when its state changes.
#[utoipa::path(tag = "chat", params(
    ("thread" = String, Path, description = "Its id"), After,
    ("Last-Event-ID" = Option<i64>, Header, description = "The id of the last message that was seen"),
), responses(
    (status = 200, description = "Server-sent events", body = MessageView, content_type = "text/event-stream"),
    (status = 404, description = "There is no such conversation", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many streams are open", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/threads/{thread}/stream")]
pub(super) async fn listen(
    faces: Data<Faces>,
    request: HttpRequest,
    thread: Path<String>,
    query: Query<After>,
) -> Result<HttpResponse, Error> {
    let thread = id(&thread)?;
    let after = match request.headers().get(LAST_EVENT_ID) {
        Some(seen) => {
            let seen = seen.to_str().unwrap_or_default();
            seen.parse().map_err(|_| page::malformed("Last-Event-ID", seen))?
        }
        None => query.after.unwrap_or(0),
    };
    if faces.app.store.thread(thread).await?.state == ThreadState::Working {
        // Whoever watches wants it to go on, whatever server this is.
        faces.app.planner.wake(thread).await;
    }
    let listener = Listener {
        place: faces.listen()?,
        live: faces.app.live.watch(thread),
        closing: faces.closing.clone(),
        faces: faces.clone(),
        thread,
        seq: after.max(0),
        commits: None,
        begun: 0,
        shown: 0,
        activity: String::new(),
        state: None,
        frames: VecDeque::new(),
        over: false,
    };
    let hello = futures_util::stream::once(async { Ok::<_, Infallible>(sse::hello()) });
    Ok(sse::response(hello.chain(futures_util::stream::unfold(listener, Listener::next))))
}

/// One open stream. It holds its own place, so a slow listener costs nobody else anything.
struct Listener {
    faces: Data<Faces>,
    thread: ThreadId,
    live: watch::Receiver<Partial>,
    closing: watch::Receiver<bool>,
    /// The last message that was sent.
    seq: i64,
    /// The commit up to which everything was looked up.
    commits: Option<u64>,
    /// Which answer is being shown, and how many of its characters were sent.
    begun: u64,
    shown: usize,
    activity: String,
    state: Option<ThreadState>,
    frames: VecDeque<Bytes>,
    over: bool,
    #[expect(dead_code, reason = "the place is free again when the stream is dropped")]
    place: OwnedSemaphorePermit,
}

impl Listener {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some((Ok(frame), self));
            }
            if self.over {
                return None;
            }
            let partial = self.live.borrow_and_update().clone();
            if let Err(error) = self.look(&partial).await {
                tracing::warn!(error = &error as &dyn std::error::Error, thread = %self.thread, "a stream ends");
                return None;
            }
            if !self.frames.is_empty() || self.over {
                continue;
            }
            tokio::select! {
                changed = self.live.changed() => if changed.is_err() { return None },
                () = self.faces.app.env.sleep(sse::HEARTBEAT) => self.frames.push_back(sse::beat()),
                _ = self.closing.wait_for(|closing| *closing) => {
                    self.over = true;
                    self.frames.push_back(sse::ending());
                }
            }
        }
    }

    /// Looks what is new: messages first, so that a piece of an answer never stands before what came before it.
    async fn look(&mut self, partial: &Partial) -> Result<(), Error> {
        if self.commits != Some(partial.commits) {
            self.stored().await?;
            self.commits = Some(partial.commits);
        }
        if self.activity != partial.activity {
            self.activity.clone_from(&partial.activity);
            let words = self.activity.clone();
            self.frames.push_back(sse::frame(None, Some("activity"), &ActivityView { words }));
        }
        if self.begun != partial.begun {
            // What was shown is void, or has become a message.
            let void = self.shown > 0 && !partial.text.is_empty();
            (self.begun, self.shown) = (partial.begun, 0);
            if void {
                self.frames.push_back(sse::frame(None, Some("partial"), &PartialView { from: 0, text: String::new() }));
            }
        }
        let text: String = partial.text.chars().skip(self.shown).collect();
        if !text.is_empty() {
            let from = self.shown;
            self.shown += text.chars().count();
            self.frames.push_back(sse::frame(None, Some("partial"), &PartialView { from, text }));
        }
        Ok(())
    }

    async fn stored(&mut self) -> Result<(), Error> {
        let store = &self.faces.app.store;
        let thread = match store.thread(self.thread).await {
            Ok(thread) => thread,
            Err(crate::store::Error::NotFound { .. }) => {
                // It was erased.
                self.over = true;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        loop {
            let messages = store.messages(self.thread, self.seq, PAGE).await?;
            let Some(last) = messages.last().map(|message| message.seq) else { break };
            self.seq = last;
            for message in message_views(&self.faces, messages).await? {
                self.frames.push_back(sse::frame(Some(message.seq), Some("message"), &message));
            }
        }
        if self.state != Some(thread.state) {
            self.state = Some(thread.state);
            let view = view(&self.faces, thread).await?;
            self.frames.push_back(sse::frame(None, Some("thread"), &view));
        }
        Ok(())
    }
}
