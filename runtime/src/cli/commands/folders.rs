//! `steward folders`.

use serde_json::json;

use super::import::absolute;
use crate::api::{SettingList, SettingView};
use crate::cli::args::Folders;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::error::Error;
use crate::ops::{FolderGrant, Trust};
use crate::store::FOLDER_PREFIX;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Folders, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Folders::Add { name, path, read_only } => {
            let trust = if read_only { Trust::ReadOnly } else { Trust::Trusted };
            let value = FolderGrant { path: absolute(&path)?, trust };
            let setting = format!("{FOLDER_PREFIX}{name}");
            let answer = client.put(&["v1", "settings", &setting], json!({ "value": value })).await?;
            if out.is_json() {
                out.value(&answer);
            } else {
                out.line(format!(
                    "`{name}` is `{}`{}.",
                    value.path.display(),
                    if read_only { ", for reading only" } else { "" }
                ));
            }
        }
        Folders::List => {
            let answer = client.get(&["v1", "settings"]).await?;
            let mut list: SettingList = shaped(&answer)?;
            list.items.retain(|setting| setting.name.starts_with(FOLDER_PREFIX));
            if out.is_json() {
                out.value(&list);
                return Ok(Exit::Success);
            }
            let rows: Vec<_> = list.items.iter().map(row).collect();
            out.table(["NAME", "TRUST", "PATH"], &rows);
        }
        Folders::Remove { name } => {
            client.delete(&["v1", "settings", &format!("{FOLDER_PREFIX}{name}")]).await?;
            if out.is_json() {
                out.value(&json!({ "removed": name }));
            } else {
                out.line(format!("`{name}` is no longer granted."));
            }
        }
    }
    Ok(Exit::Success)
}

fn row(setting: &SettingView) -> [String; 3] {
    let name = setting.name.strip_prefix(FOLDER_PREFIX).unwrap_or(&setting.name).to_owned();
    let member = |name: &str| setting.value[name].as_str().unwrap_or("-").to_owned();
    [name, member("trust"), member("path")]
}
