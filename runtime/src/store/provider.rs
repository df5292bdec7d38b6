//! Who provides models: everything but the keys, which are in the vault.

use intents::Timestamp;
use intents::id::ProviderId;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};

use super::batch::Batch;
use super::db::Queries;
use super::event::{NewEvent, WORKSPACE_ROOM};
use super::rows::provider as row;
use super::writer::Command;
use super::{Error, Store};

/// A provider as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredProvider {
    /// Its id.
    pub id: ProviderId,
    /// Its name.
    pub name: String,
    /// Where it is and what it offers.
    pub body: Value,
    /// When it was added.
    pub created_at: Timestamp,
}

fn domain(row: row::Model) -> Result<StoredProvider, Error> {
    Ok(StoredProvider {
        id: row.id.parse().map_err(|error| Error::unreadable("provider", error))?,
        body: serde_json::from_str(&row.body).map_err(|error| Error::unreadable("provider", error))?,
        created_at: Timestamp::from_millis(row.created_at),
        name: row.name,
    })
}

/// A provider to be added; none of its name is there.
struct Add {
    name: String,
    body: Value,
    by: String,
}

impl Command for Add {
    type Reply = StoredProvider;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<StoredProvider, Error> {
        if batch.tx.one(row::Entity::find_by_id(self.name.clone())).await?.is_some() {
            let reason = format!("there is a provider `{}` already; remove it first, or take another name", self.name);
            return Err(Error::Conflict { code: "PROVIDER_EXISTS", reason });
        }
        let id = batch.shared.env.provider_id();
        let now = batch.now.as_millis();
        let body = self.body.to_string();
        let model = row::Model { name: self.name.clone(), id: id.to_string(), body, created_at: now, updated_at: now };
        batch.tx.insert(&model).await?;
        tell(batch, "provider.added", &model, &self.by).await?;
        domain(model)
    }
}

/// A provider to be taken away. What it was asked for stays known.
struct Remove {
    name: String,
    by: String,
}

impl Command for Remove {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let found = batch.tx.one(row::Entity::find_by_id(self.name.clone())).await?;
        let row = found.ok_or_else(|| Error::NotFound { what: "provider", which: self.name.clone() })?;
        batch.tx.change(row::Entity::delete_by_id(self.name.clone())).await?;
        tell(batch, "provider.removed", &row, &self.by).await
    }
}

async fn tell(batch: &mut Batch<'_>, kind: &'static str, row: &row::Model, by: &str) -> Result<(), Error> {
    let data = json!({ "provider": row.id, "name": row.name });
    let room = WORKSPACE_ROOM;
    batch.event(NewEvent { room, kind, actor: by.to_owned(), run: None, cause: None, data }).await
}

impl Store {
    /// Adds a provider.
    pub async fn add_provider(&self, name: &str, body: Value, by: &str) -> Result<StoredProvider, Error> {
        self.commit(Add { name: name.to_owned(), body, by: by.to_owned() }).await
    }

    /// Takes a provider away.
    pub async fn remove_provider(&self, name: &str, by: &str) -> Result<(), Error> {
        self.commit(Remove { name: name.to_owned(), by: by.to_owned() }).await
    }

    /// All providers, in the order in which they were added.
    pub async fn providers(&self) -> Result<Vec<StoredProvider>, Error> {
        let all = row::Entity::find().order_by_asc(row::Column::Id);
        self.reader().all(all).await?.into_iter().map(domain).collect()
    }
}
