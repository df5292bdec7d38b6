//! What engines outside have made in a run: blobs on the disk, sealed under the key of the run's item.
//!
//! A file is named by the digest of its sealed bytes, so that a name tells nothing of what is in it, and a file that was
//! changed is known by its name. A row is written after its file: a file without a row is swept away.

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::{ArtifactId, RunId};
use intents::run::Phase;
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::blob::Blobs;
use super::db::Queries;
use super::payload::PayloadKey;
use super::rows::{artifact as row, item};
use super::writer::Command;
use super::{Error, Store, inbox};

/// Things that one run may leave behind.
const ARTIFACTS_MAX: usize = 100;
/// Bytes of all of them together.
const BYTES_MAX: i64 = 64 << 20;
/// Rows that go in one commit.
const ROWS_MAX: usize = 200;

/// Something that an engine made, on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    /// The run.
    pub run: RunId,
    /// The attempt whose holder made it.
    pub attempt: u32,
    /// Its name; once for each attempt.
    pub name: String,
    /// What it is, as the engine says.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Something that an engine made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its id.
    pub id: ArtifactId,
    /// The run.
    pub run: RunId,
    /// The attempt whose holder made it.
    pub attempt: u32,
    /// Its name.
    pub name: String,
    /// What it is, as the engine says.
    pub media_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// The digest of its bytes.
    pub digest: Digest,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// What is known of an artifact, sealed like the artifact itself.
#[derive(Serialize, Deserialize)]
struct Body {
    name: String,
    media_type: String,
    digest: Digest,
}

fn place_of_body(id: &str) -> String {
    format!("artifact/{id}")
}

fn place_of_bytes(id: &str) -> String {
    format!("artifact/{id}/bytes")
}

fn domain(row: &row::Model, key: &PayloadKey) -> Result<Artifact, Error> {
    let body: Body = key.open_value("artifact", &place_of_body(&row.id), &row.body)?;
    let unreadable = |error: std::num::TryFromIntError| Error::unreadable("artifact", error);
    Ok(Artifact {
        id: row.id.parse().map_err(|error| Error::unreadable("artifact", error))?,
        run: super::run::parse(&row.run_id)?,
        attempt: u32::try_from(row.attempt).map_err(unreadable)?,
        name: body.name,
        media_type: body.media_type,
        size: u64::try_from(row.size).map_err(unreadable)?,
        digest: body.digest,
        created_at: Timestamp::from_millis(row.created_at),
    })
}

/// Notes an artifact whose file is on the disk.
struct Put {
    id: ArtifactId,
    address: Digest,
    size: i64,
    digest: Digest,
    of: NewArtifact,
}

/// What became of it.
enum Kept {
    New(Artifact),
    /// The same was there before.
    Known(Artifact),
}

impl Command for Put {
    type Reply = Kept;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Kept, Error> {
        let run = batch.run(self.of.run).await?;
        if run.phase != Phase::Running.as_str() || run.attempts != i64::from(self.of.attempt) {
            let reason = format!("attempt {} of {} is no longer the one that runs", self.of.attempt, self.of.run);
            return Err(Error::Conflict { code: "RUN_TRANSITION", reason });
        }
        let key = batch.key_of_run(&run).await?;
        let rows = batch.tx.all(row::Entity::find().filter(row::Column::RunId.eq(&run.id))).await?;
        let name = &self.of.name;
        for row in rows.iter().filter(|row| row.attempt == i64::from(self.of.attempt)) {
            let known = domain(row, &key)?;
            if known.name != *name {
                continue;
            }
            if known.digest == self.digest && known.media_type == self.of.media_type {
                return Ok(Kept::Known(known));
            }
            let reason = format!("this attempt has stored something else as `{name}`; take another name");
            return Err(Error::Conflict { code: "NAME_REUSED", reason });
        }
        let together = rows.iter().map(|row| row.size).sum::<i64>() + self.size;
        if rows.len() >= ARTIFACTS_MAX || together > BYTES_MAX {
            let reason = format!("a run leaves at most {ARTIFACTS_MAX} artifacts and {BYTES_MAX} bytes behind");
            return Err(Error::Conflict { code: "ENGINE_LIMIT", reason });
        }
        let id = self.id.to_string();
        let body = Body { name: name.clone(), media_type: self.of.media_type.clone(), digest: self.digest };
        let model = row::Model {
            run_id: run.id,
            attempt: run.attempts,
            address: self.address.to_string(),
            size: self.size,
            body: key.seal_value(&batch.shared.env, &place_of_body(&id), &body),
            created_at: batch.now.as_millis(),
            id,
        };
        let artifact = domain(&model, &key)?;
        batch.tx.insert(&model).await?;
        Ok(Kept::New(artifact))
    }
}

/// Takes rows away whose files are gone.
struct Forget(Vec<String>);

impl Command for Forget {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        batch.tx.change(row::Entity::delete_many().filter(row::Column::Id.is_in(&self.0))).await?;
        Ok(())
    }
}

/// Takes the rows of some runs away, and gives the files that no row knows any more.
pub(super) async fn forget_of(batch: &Batch<'_>, runs: &[String]) -> Result<Vec<Digest>, Error> {
    let of_runs = row::Column::RunId.is_in(runs);
    let rows = batch.tx.all(row::Entity::find().filter(of_runs.clone())).await?;
    batch.tx.change(row::Entity::delete_many().filter(of_runs)).await?;
    rows.iter().map(|row| row.address.parse().map_err(|error| Error::unreadable("artifact", error))).collect()
}

impl Store {
    /// Stores something that the holder of an attempt has made. The same again is the same.
    pub async fn put_artifact(&self, new: NewArtifact) -> Result<Artifact, Error> {
        let key = self.key_of_artifacts(new.run).await?;
        let id = self.shared().env.artifact_id();
        let sealed = key.seal(&self.shared().env, &place_of_bytes(&id.to_string()), &new.bytes);
        let (address, digest) = (Digest::of(&sealed), Digest::of(&new.bytes));
        let size = i64::try_from(new.bytes.len()).map_err(|error| Error::unreadable("artifact", error))?;
        let blobs = self.blobs();
        blobs.write(address, sealed).await?;
        let of = NewArtifact { bytes: Vec::new(), ..new };
        let kept = self.commit(Put { id, address, size, digest, of }).await;
        if !matches!(kept, Ok(Kept::New(_))) {
            // No row knows the file; should this fail, the sweep finds it.
            drop(blobs.remove(address).await);
        }
        match kept? {
            Kept::New(artifact) | Kept::Known(artifact) => Ok(artifact),
        }
    }

    /// What engines have made in a run, oldest first.
    pub async fn artifacts_of(&self, run: RunId) -> Result<Vec<Artifact>, Error> {
        let of_run = row::Entity::find().filter(row::Column::RunId.eq(run.to_string()));
        let rows = self.reader().all(of_run.order_by_asc(row::Column::Id)).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.key_of_artifacts(run).await?;
        rows.iter().map(|row| domain(row, &key)).collect()
    }

    /// One of them with its bytes.
    pub async fn artifact(&self, run: RunId, id: ArtifactId) -> Result<(Artifact, Vec<u8>), Error> {
        let wanted = row::Entity::find_by_id(id.to_string()).filter(row::Column::RunId.eq(run.to_string()));
        let found = self.reader().one(wanted).await?;
        let row = found.ok_or_else(|| Error::NotFound { what: "artifact", which: id.to_string() })?;
        let key = self.key_of_artifacts(run).await?;
        let artifact = domain(&row, &key)?;
        let address = row.address.parse().map_err(|error| Error::unreadable("artifact", error))?;
        let sealed = self.blobs().read(address).await?;
        let bytes = key.open("artifact", &place_of_bytes(&row.id), &sealed)?;
        Ok((artifact, bytes))
    }

    /// Removes artifacts whose key was erased, and files that no row knows. Says how many went.
    pub async fn sweep_artifacts(&self) -> Result<u64, Error> {
        // A run without a key of its own has lost it, or has that of an earlier run of the same item.
        let of_item = row::Entity::belongs_to(item::Entity).from(row::Column::RunId).to(item::Column::Id).into();
        let keyless = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .column(row::Column::RunId)
            .column(row::Column::Address)
            .join(JoinType::InnerJoin, of_item)
            .filter(item::Column::WrappedKey.is_null());
        let keyless = self.reader().at_length().tuples::<(String, String, String)>(keyless).await?;
        let blobs = self.blobs();
        let mut gone = Vec::new();
        for (id, run, address) in keyless {
            match self.key_of_artifacts(super::run::parse(&run)?).await {
                Ok(_) => continue,
                Err(Error::Sealed { .. } | Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            blobs.remove(address.parse().map_err(|error| Error::unreadable("artifact", error))?).await?;
            gone.push(id);
        }
        let mut swept = gone.len() as u64;
        for ids in gone.chunks(ROWS_MAX) {
            self.commit(Forget(ids.to_vec())).await?;
        }
        let old = blobs.old(self.shared().env.now()).await?;
        let texts: Vec<_> = old.iter().map(ToString::to_string).collect();
        let known =
            row::Entity::find().select_only().column(row::Column::Address).filter(row::Column::Address.is_in(&texts));
        let known = self.reader().tuples::<String>(known).await?;
        for address in old.into_iter().filter(|address| !known.contains(&address.to_string())) {
            blobs.remove(address).await?;
            swept += 1;
        }
        Ok(swept)
    }

    /// Removes files that no row knows.
    pub(super) async fn remove_files(&self, files: Vec<Digest>) -> Result<(), Error> {
        let blobs = self.blobs();
        for file in files {
            blobs.remove(file).await?;
        }
        Ok(())
    }

    async fn key_of_artifacts(&self, run: RunId) -> Result<PayloadKey, Error> {
        let item = self.run(run).await?.item;
        inbox::key_of(self.reader(), self.shared(), item).await
    }

    fn blobs(&self) -> Blobs {
        Blobs::of(self.folder())
    }
}
