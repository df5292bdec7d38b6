//! Folders that the user grants to automations, by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use intents::contract::Slug;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;
use crate::error::{Code, Error};
use crate::store::FOLDER_PREFIX;

/// What automations may do in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Everything.
    #[default]
    Trusted,
    /// Reading only.
    ReadOnly,
}

/// A granted folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderGrant {
    /// Where it is: an absolute path.
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// What may be done in it.
    #[serde(default)]
    pub trust: Trust,
}

/// The folders that are granted now.
pub async fn folders(app: &App) -> Result<BTreeMap<String, FolderGrant>, Error> {
    let settings = app.store.settings().await?;
    // A setting that an older version wrote in another shape grants nothing.
    let folder = |name: &str, value: Value| Some((name.to_owned(), serde_json::from_value(value).ok()?));
    Ok(settings
        .iter()
        .cloned()
        .filter_map(|setting| folder(setting.name.strip_prefix(FOLDER_PREFIX)?, setting.value))
        .collect())
}

/// Checks a grant before it is stored.
pub(super) fn check(home: &Path, name: &str, folder: &FolderGrant) -> Result<(), Error> {
    let shown = folder.path.display();
    if name.parse::<Slug>().is_err() {
        let message = format!("`{name}` is no name for a folder; use lower-case letters, digits, `-` and `_`");
        return Err(Error::new(Code::FolderPath, message));
    }
    if !folder.path.is_absolute() {
        return Err(Error::new(Code::FolderPath, format!("`{shown}` is not an absolute path; start it with `/`")));
    }
    exists(name, folder)?;
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if real(home).starts_with(real(&folder.path)) {
        let message =
            format!("`{shown}` holds Steward's own data folder with its keys; choose a folder inside or beside it");
        return Err(Error::new(Code::FolderPath, message));
    }
    Ok(())
}

/// Says when a granted folder is not there.
pub(super) fn exists(name: &str, folder: &FolderGrant) -> Result<(), Error> {
    if folder.path.is_dir() {
        return Ok(());
    }
    let message =
        format!("the folder `{name}` is to be `{}`, and there is no such folder; make it", folder.path.display());
    Err(connectors::Error::new(connectors::Code::FolderMissing, message).into())
}
