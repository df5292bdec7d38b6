//! Requests that were answered before: a repeated `Idempotency-Key` gets the same answer.

use sea_orm::EntityTrait;

use super::batch::Batch;
use super::db::Queries;
use super::rows::request as row;
use super::writer::Command;
use super::{Error, Store};

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// The digest of the request.
    pub digest: String,
    /// The status of the answer.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

struct Remember {
    key: String,
    answer: AnsweredRequest,
}

impl Command for Remember {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let model = row::Model {
            key: self.key.clone(),
            digest: self.answer.digest.clone(),
            status: i64::from(self.answer.status),
            body: batch.shared.payload.seal(&batch.shared.env, &self.key, &self.answer.body),
            at: batch.now.as_millis(),
        };
        batch.tx.insert_new(&model).await?;
        Ok(())
    }
}

impl Store {
    /// Remembers the answer to a request.
    pub async fn remember_request(&self, key: &str, answer: AnsweredRequest) -> Result<(), Error> {
        self.commit(Remember { key: key.to_owned(), answer }).await
    }

    /// The answer that a request got before.
    pub async fn answered_request(&self, key: &str) -> Result<Option<AnsweredRequest>, Error> {
        let Some(row) = self.reader().one(row::Entity::find_by_id(key)).await? else { return Ok(None) };
        Ok(Some(AnsweredRequest {
            digest: row.digest,
            status: u16::try_from(row.status).map_err(|error| Error::unreadable("request", error))?,
            body: self.shared().payload.open("request", key, &row.body)?,
        }))
    }
}
