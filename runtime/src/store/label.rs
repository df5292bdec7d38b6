//! Labels as rows hold them, and those of files that runs have written.
//!
//! What a run writes carries its labels: whoever reads the file carries them, too. They go with the place, and with the
//! content, so that a file that somebody moves or copies is known again. Labels are only ever added to a place: too many
//! keep data back that could go, too few would let it out.

use std::collections::BTreeMap;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::label::Labels;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::batch::Batch;
use super::db::Queries;
use super::rows::file_label as row;
use super::{Error, Store};

/// A file that an effect writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// The granted folder.
    pub folder: String,
    /// The path in it.
    pub path: String,
    /// The digest of its content, where it is known beforehand.
    pub digest: Option<Digest>,
    /// The file that it is moved from: its labels go along.
    pub from: Option<(String, String)>,
    /// Where the content came from: everything that the run has read.
    pub labels: Labels,
}

/// The path of the row that stands for a whole folder.
const WHOLE_FOLDER: &str = "";
/// Files of the same content that are looked at; more tell nothing new.
const ALIKE_MAX: u64 = 100;
/// Rows that are merged in one commit.
const MERGED_MAX: u64 = 500;

pub(super) fn written(labels: &Labels) -> String {
    serde_json::to_string(labels).expect("labels are texts")
}

/// Reads labels back; what was written before labels were kept has none.
pub(super) fn read(text: Option<&str>) -> Result<Labels, Error> {
    match text {
        Some(text) => serde_json::from_str(text).map_err(|error| Error::unreadable("labels", error)),
        None => Ok(Labels::new()),
    }
}

async fn at(db: &impl Queries, folder: &str, path: &str) -> Result<Option<row::Model>, Error> {
    db.one(row::Entity::find_by_id((folder.to_owned(), path.to_owned()))).await
}

/// Notes what is about to be written, in the commit that starts the effect.
pub(super) async fn note_written(batch: &Batch<'_>, files: &[WrittenFile]) -> Result<(), Error> {
    for file in files {
        let known = at(batch.tx, &file.folder, &file.path).await?;
        let mut labels = file.labels.clone();
        if let Some((folder, path)) = &file.from {
            labels.extend(of_file(batch.tx, folder, path, None).await?);
        }
        if labels.is_empty() && known.is_none() {
            continue;
        }
        labels.extend(read(known.as_ref().map(|row| row.labels.as_str()))?);
        let digest = file.digest.map(|digest| digest.to_string()).unwrap_or_default();
        let row = row::Model {
            folder: file.folder.clone(),
            path: file.path.clone(),
            digest,
            labels: written(&labels),
            at: batch.now.as_millis(),
        };
        batch.tx.put(&row).await?;
    }
    Ok(())
}

/// The labels of a file: of its place, of its folder as a whole, and of files with the same content.
async fn of_file(db: &impl Queries, folder: &str, path: &str, digest: Option<&str>) -> Result<Labels, Error> {
    let mut labels = Labels::new();
    for path in [path, WHOLE_FOLDER] {
        labels.extend(read(at(db, folder, path).await?.as_ref().map(|row| row.labels.as_str()))?);
    }
    if let Some(digest) = digest.filter(|digest| !digest.is_empty()) {
        let alike = db.all(row::Entity::find().filter(row::Column::Digest.eq(digest)).limit(ALIKE_MAX)).await?;
        for row in alike {
            labels.extend(read(Some(&row.labels))?);
        }
    }
    Ok(labels)
}

/// Old places become one with their folder: nothing is forgotten, and the table stays small.
pub(super) async fn merge_old(batch: &Batch<'_>, before: Timestamp) -> Result<u64, Error> {
    let old = row::Entity::find()
        .filter(row::Column::At.lt(before.as_millis()))
        .filter(row::Column::Path.ne(WHOLE_FOLDER))
        .order_by_asc(row::Column::At)
        .limit(MERGED_MAX);
    let old = batch.tx.all(old).await?;
    let mut folders: BTreeMap<&str, Labels> = BTreeMap::new();
    for row in &old {
        folders.entry(&row.folder).or_default().extend(read(Some(&row.labels))?);
    }
    for (folder, mut labels) in folders {
        labels.extend(read(at(batch.tx, folder, WHOLE_FOLDER).await?.as_ref().map(|row| row.labels.as_str()))?);
        let whole = row::Model {
            folder: folder.to_owned(),
            path: WHOLE_FOLDER.to_owned(),
            digest: String::new(),
            labels: written(&labels),
            at: batch.now.as_millis(),
        };
        batch.tx.put(&whole).await?;
    }
    for row in &old {
        let gone = row::Entity::delete_many()
            .filter(row::Column::Folder.eq(&row.folder))
            .filter(row::Column::Path.eq(&row.path));
        batch.tx.change(gone).await?;
    }
    Ok(old.len() as u64)
}

impl Store {
    /// Where the content of a file came from, as far as runs wrote it.
    pub async fn labels_of_file(&self, folder: &str, path: &str, digest: Option<&str>) -> Result<Labels, Error> {
        of_file(self.reader(), folder, path, digest).await
    }

    /// Where the names in a folder came from, as far as runs wrote them.
    pub async fn labels_in_folder(&self, folder: &str) -> Result<Labels, Error> {
        let rows = row::Entity::find()
            .select_only()
            .column(row::Column::Labels)
            .distinct()
            .filter(row::Column::Folder.eq(folder));
        let rows: Vec<String> = self.reader().tuples(rows).await?;
        let mut labels = Labels::new();
        for row in rows {
            labels.extend(read(Some(&row))?);
        }
        Ok(labels)
    }
}
