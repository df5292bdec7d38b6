//! Conversations: threads, their messages, and the live stream of each.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, delete, get, post};
use intents::id::ThreadId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::Body;
use super::cards::{ThreadCardView, views};
use super::faces::Faces;
use super::guard::Caller;
use super::page::{self, Paging};
use super::problem::Problem;
use crate::chat::{ChatMessage, Thread};
use crate::error::Error;
use crate::ops;
use crate::store::{Usage, UsageBy, UsageFilter};

/// Messages of a page that nobody sized.
const MESSAGES: u16 = 200;
/// A longer page is several.
const MESSAGES_MAX: u16 = 1000;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadView {
    /// Its id.
    pub id: String,
    /// How it began; none while nothing was said.
    pub title: Option<String>,
    /// Whose turn it is: `idle` and `asking` are yours, `working` is the planner's; after `cut_off`, `continue` goes on.
    pub state: String,
    /// The automation that came of it.
    pub automation: Option<String>,
    /// The room of its events, and of what its model calls cost.
    pub room: String,
    /// The number of its last message.
    pub last_seq: i64,
    /// What its model calls cost, in micro-dollars.
    pub cost_micros: i64,
    /// What is held for calls of which nothing was reported, in micro-dollars.
    pub held_micros: i64,
    /// Tokens that were sent, as the endpoints reported.
    pub tokens_in: u64,
    /// Tokens that were answered, as the endpoints reported.
    pub tokens_out: u64,
    /// When it began.
    pub created_at: String,
    /// When it changed last.
    pub updated_at: String,
}

/// A page of conversations, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadPage {
    /// The conversations.
    pub items: Vec<ThreadView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageView {
    /// Its id.
    pub id: String,
    /// Its conversation.
    pub thread: String,
    /// Its place in it, from 1.
    pub seq: i64,
    /// `user`, `assistant`, `question`, `card`, `tool` (what the planner did), or `notice` (what Steward has to say).
    pub kind: String,
    /// The text.
    pub text: String,
    /// Answers that are offered with a question.
    pub choices: Vec<String>,
    /// The card that it shows.
    pub card: Option<ThreadCardView>,
    /// The tool call that it tells of.
    pub tool: Option<ToolLineView>,
    /// Whether there would have been more.
    pub cut_off: bool,
    /// Whether no model was asked for it: the answer was stored long before.
    pub recorded: bool,
    /// What the answer that it belongs to cost, in micro-dollars; said once for each answer.
    pub cost_micros: i64,
    /// Tokens that were sent for it.
    pub tokens_in: u64,
    /// Tokens that were answered.
    pub tokens_out: u64,
    /// When it came.
    pub created_at: String,
}

/// A tool call of the planner, in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolLineView {
    /// The tool.
    pub name: String,
    /// Whether it did what was asked.
    pub ok: bool,
}

/// A page of messages, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessagePage {
    /// The messages.
    pub items: Vec<MessageView>,
    /// The `after` of the next page.
    pub next: i64,
}

/// What you say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SayBody {
    /// The text.
    pub text: String,
}

impl ThreadView {
    fn new(thread: Thread, usage: Usage) -> Self {
        Self {
            room: thread.room().to_string(),
            id: thread.id.to_string(),
            title: thread.title,
            state: thread.state.to_string(),
            automation: thread.automation.map(|automation| automation.to_string()),
            last_seq: thread.seq,
            cost_micros: usage.cost.micros(),
            held_micros: usage.held.micros(),
            tokens_in: usage.tokens.input,
            tokens_out: usage.tokens.output,
            created_at: thread.created_at.to_string(),
            updated_at: thread.updated_at.to_string(),
        }
    }
}

/// A conversation with what it cost.
pub(super) async fn view(faces: &Faces, thread: Thread) -> Result<ThreadView, Error> {
    let filter = UsageFilter { room: Some(thread.room()), ..UsageFilter::default() };
    let lines = faces.app.store.model_usage(UsageBy::Room, filter).await?;
    let usage = lines.into_iter().fold(Usage::default(), |sum, line| sum.plus(line.usage));
    Ok(ThreadView::new(thread, usage))
}

/// Messages with the cards that they show.
pub(super) async fn message_views(faces: &Faces, messages: Vec<ChatMessage>) -> Result<Vec<MessageView>, Error> {
    let shown = messages.iter().filter_map(|message| message.what.card).collect();
    let cards = views(faces, shown).await?;
    Ok(messages.into_iter().map(|message| message_view(message, &cards)).collect())
}

fn message_view(message: ChatMessage, cards: &BTreeMap<intents::id::CardId, ThreadCardView>) -> MessageView {
    let what = message.what;
    MessageView {
        id: message.id.to_string(),
        thread: message.thread.to_string(),
        seq: message.seq,
        kind: what.kind.to_string(),
        text: what.body.text,
        choices: what.body.choices,
        card: what.card.and_then(|card| cards.get(&card).cloned()),
        tool: what.body.tool.map(|tool| ToolLineView { name: tool.name, ok: tool.ok }),
        cut_off: what.cut_off,
        recorded: what.recorded,
        cost_micros: what.cost.micros(),
        tokens_in: what.tokens.input,
        tokens_out: what.tokens.output,
        created_at: message.created_at.to_string(),
    }
}

/// Begins a conversation.
#[utoipa::path(tag = "chat", responses((status = 201, description = "It begins", body = ThreadView)))]
#[post("/v1/threads")]
pub(super) async fn begin(faces: Data<Faces>, caller: Caller) -> Result<HttpResponse, Error> {
    let thread = ops::begin_thread(&faces.app, caller.as_str()).await?;
    Ok(HttpResponse::build(StatusCode::CREATED).json(view(&faces, thread).await?))
}

/// Lists conversations, newest first.
#[utoipa::path(tag = "chat", params(Paging), responses(
    (status = 200, description = "A page of conversations", body = ThreadPage),
))]
#[get("/v1/threads")]
pub(super) async fn list(faces: Data<Faces>, paging: Query<Paging>) -> Result<Json<ThreadPage>, Error> {
    let found = faces.app.store.threads(paging.before()?, paging.look_for()).await?;
    let (items, next) = paging.cut(found, |thread| thread.id.to_string());
    let lines = faces.app.store.model_usage(UsageBy::Room, UsageFilter::default()).await?;
    let costs: BTreeMap<_, _> = lines.into_iter().map(|line| (line.of, line.usage)).collect();
    let items = items.into_iter().map(|thread| {
        let usage = costs.get(&thread.room().to_string()).copied().unwrap_or_default();
        ThreadView::new(thread, usage)
    });
    Ok(Json(ThreadPage { items: items.collect(), next }))
}

/// Shows a conversation.
#[utoipa::path(tag = "chat", params(("thread" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The conversation", body = ThreadView),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/threads/{thread}")]
pub(super) async fn show(faces: Data<Faces>, thread: Path<String>) -> Result<Json<ThreadView>, Error> {
    let thread = faces.app.store.thread(id(&thread)?).await?;
    Ok(Json(view(&faces, thread).await?))
}

/// Erases a conversation for good. What came of it stays.
#[utoipa::path(tag = "chat", params(("thread" = String, Path, description = "Its id")), responses(
    (status = 204, description = "It is erased"),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[delete("/v1/threads/{thread}")]
pub(super) async fn erase(faces: Data<Faces>, caller: Caller, thread: Path<String>) -> Result<HttpResponse, Error> {
    ops::erase_thread(&faces.app, id(&thread)?, caller.as_str()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Only those after this one; all unless said.
    after: Option<i64>,
    /// How many at most: 200 unless said, 1000 at most.
    limit: Option<u16>,
}

/// Lists the messages of a conversation, oldest first.
#[utoipa::path(tag = "chat", params(("thread" = String, Path, description = "Its id"), After), responses(
    (status = 200, description = "A page of messages", body = MessagePage),
    (status = 404, description = "There is no such conversation", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/threads/{thread}/messages")]
pub(super) async fn list_messages(
    faces: Data<Faces>,
    thread: Path<String>,
    query: Query<After>,
) -> Result<Json<MessagePage>, Error> {
    let after = query.after.unwrap_or(0);
    let most = query.limit.unwrap_or(MESSAGES).clamp(1, MESSAGES_MAX);
    let messages = faces.app.store.messages(id(&thread)?, after, u64::from(most)).await?;
    let next = messages.last().map_or(after, |message| message.seq);
    Ok(Json(MessagePage { items: message_views(&faces, messages).await?, next }))
}

/// Says something in a conversation. The planner answers; its stream tells what it says while it says it.
#[utoipa::path(tag = "chat", params(("thread" = String, Path, description = "Its id")), request_body = SayBody, responses(
    (status = 202, description = "It is said", body = MessageView),
    (status = 409, description = "An answer is on its way", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "It is empty or too long", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/threads/{thread}/messages")]
pub(super) async fn say(
    faces: Data<Faces>,
    caller: Caller,
    thread: Path<String>,
    body: Body<SayBody>,
) -> Result<HttpResponse, Error> {
    let said = ops::say(&faces.app, id(&thread)?, &body.0.text, caller.as_str()).await?;
    Ok(HttpResponse::build(StatusCode::ACCEPTED).json(message_view(said, &BTreeMap::new())))
}

/// Interrupts the answer that is on its way. What came of it stays.
#[utoipa::path(tag = "chat", params(("thread" = String, Path, description = "Its id")), responses(
    (status = 200, description = "Nothing is on its way any more", body = ThreadView),
    (status = 404, description = "There is no such conversation", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/threads/{thread}/interrupt")]
pub(super) async fn interrupt(
    faces: Data<Faces>,
    caller: Caller,
    thread: Path<String>,
) -> Result<Json<ThreadView>, Error> {
    let thread = ops::interrupt(&faces.app, id(&thread)?, caller.as_str()).await?;
    Ok(Json(view(&faces, thread).await?))
}

/// Goes on after an answer was cut off. The model is asked anew, and paid for anew.
#[utoipa::path(tag = "chat", params(("thread" = String, Path, description = "Its id")), responses(
    (status = 202, description = "It goes on", body = ThreadView),
    (status = 409, description = "Nothing was cut off", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/threads/{thread}/continue")]
pub(super) async fn go_on(faces: Data<Faces>, caller: Caller, thread: Path<String>) -> Result<HttpResponse, Error> {
    let thread = ops::go_on(&faces.app, id(&thread)?, caller.as_str()).await?;
    Ok(HttpResponse::build(StatusCode::ACCEPTED).json(view(&faces, thread).await?))
}

pub(super) fn id(text: &str) -> Result<ThreadId, Error> {
    page::id("thread", text)
}
