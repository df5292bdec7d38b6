//! Tokens of engines outside. A token itself is nowhere: a row holds its digest.

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::EngineTokenId;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;

use super::batch::Batch;
use super::db::Queries;
use super::event::{NewEvent, WORKSPACE_ROOM, digest_of};
use super::rows::engine_token as row;
use super::writer::Command;
use super::{Error, Store};
use crate::engine::EngineName;

/// A token that lets a program act as an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineToken {
    /// Its id.
    pub id: EngineTokenId,
    /// The engine that it lets its holder be.
    pub engine: EngineName,
    /// The digest of the token.
    pub digest: Digest,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ceased to be good.
    pub revoked_at: Option<Timestamp>,
}

fn domain(row: row::Model) -> Result<EngineToken, Error> {
    Ok(EngineToken {
        id: row.id.parse().map_err(|error| Error::unreadable("engine token", error))?,
        engine: row.engine.parse().map_err(|error| Error::unreadable("engine token", error))?,
        digest: digest_of(&row.digest)?,
        created_by: row.created_by,
        created_at: Timestamp::from_millis(row.created_at),
        revoked_at: row.revoked_at.map(Timestamp::from_millis),
    })
}

/// A new token, by its digest.
struct Create {
    engine: EngineName,
    digest: Digest,
    by: String,
}

impl Command for Create {
    type Reply = EngineToken;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<EngineToken, Error> {
        let id = batch.shared.env.engine_token_id();
        let model = row::Model {
            id: id.to_string(),
            engine: self.engine.to_string(),
            digest: self.digest.as_bytes().to_vec(),
            created_by: self.by.clone(),
            created_at: batch.now.as_millis(),
            revoked_at: None,
        };
        batch.tx.insert(&model).await?;
        let data = json!({ "token": id.to_string(), "engine": self.engine });
        let (room, kind) = (WORKSPACE_ROOM, "engine.token_created");
        batch.event(NewEvent { room, kind, actor: self.by.clone(), run: None, cause: None, data }).await?;
        domain(model)
    }
}

/// A token is good no more.
struct Revoke {
    id: EngineTokenId,
    by: String,
}

impl Command for Revoke {
    type Reply = EngineToken;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<EngineToken, Error> {
        let found = batch.tx.one(row::Entity::find_by_id(self.id.to_string())).await?;
        let mut row = found.ok_or_else(|| Error::NotFound { what: "engine token", which: self.id.to_string() })?;
        if row.revoked_at.is_none() {
            row.revoked_at = Some(batch.now.as_millis());
            batch.tx.update(&row).await?;
            let data = json!({ "token": row.id, "engine": row.engine });
            let (room, kind) = (WORKSPACE_ROOM, "engine.token_revoked");
            batch.event(NewEvent { room, kind, actor: self.by.clone(), run: None, cause: None, data }).await?;
        }
        domain(row)
    }
}

impl Store {
    /// Keeps a new token by its digest.
    pub async fn create_engine_token(
        &self,
        engine: &EngineName,
        digest: Digest,
        by: &str,
    ) -> Result<EngineToken, Error> {
        self.commit(Create { engine: engine.clone(), digest, by: by.to_owned() }).await
    }

    /// Ends a token; one that has ended stays so.
    pub async fn revoke_engine_token(&self, id: EngineTokenId, by: &str) -> Result<EngineToken, Error> {
        self.commit(Revoke { id, by: by.to_owned() }).await
    }

    /// All tokens that ever were, oldest first.
    pub async fn engine_tokens(&self) -> Result<Vec<EngineToken>, Error> {
        let rows = self.reader().all(row::Entity::find().order_by_asc(row::Column::Id)).await?;
        rows.into_iter().map(domain).collect()
    }
}
