//! Conversations: threads, their messages, the steps of the planner in them, and the cards that come of it.

use sea_orm_migration::prelude::*;

use crate::columns::{blob, create, create_keyed, index, integer, key, required, text};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0009_chat"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let threads = vec![
            key(text("id")),
            required(text("state")),
            text("automation_id"),
            required(integer("step")),
            required(integer("seq")),
            required(integer("attempt")),
            required(integer("allowance_step")),
            required(integer("allowance_at")),
            required(blob("wrapped_key")),
            blob("title"),
            blob("partial"),
            required(text("created_by")),
            required(integer("created_at")),
            required(integer("updated_at")),
        ];
        create(manager, "threads", threads).await?;
        let messages = vec![
            required(text("thread_id")),
            required(integer("seq")),
            required(text("id")),
            required(text("kind")),
            text("card_id"),
            required(integer("cut_off")),
            required(integer("recorded")),
            required(integer("cost")),
            required(integer("tokens_in")),
            required(integer("tokens_out")),
            required(blob("body")),
            required(integer("created_at")),
        ];
        create_keyed(manager, "messages", messages, &["thread_id", "seq"]).await?;
        let steps = vec![
            required(text("thread_id")),
            required(integer("step")),
            required(integer("cost")),
            required(integer("tokens_in")),
            required(integer("tokens_out")),
            required(blob("body")),
            required(integer("created_at")),
        ];
        create_keyed(manager, "steps", steps, &["thread_id", "step"]).await?;
        let cards = vec![
            key(text("id")),
            required(text("thread_id")),
            text("automation_id"),
            required(text("state")),
            required(text("digest")),
            required(blob("body")),
            required(integer("created_at")),
            integer("decided_at"),
            text("decided_by"),
        ];
        create(manager, "cards", cards).await?;
        index(manager, "cards_by_thread", "cards", "thread_id").await?;
        index(manager, "model_calls_by_room", "model_calls", "room").await
    }
}
