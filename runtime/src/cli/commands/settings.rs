//! `steward settings`.

use serde_json::{Value, json};

use crate::api::{SettingList, SettingView};
use crate::cli::args::Settings;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;
use crate::error::Error;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Settings, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Settings::List => {
            let answer = client.get(&["v1", "settings"]).await?;
            if out.is_json() {
                out.value(&answer);
                return Ok(Exit::Success);
            }
            let list: SettingList = shaped(&answer)?;
            let row = |setting: SettingView| [setting.name, local(&setting.updated_at), setting.value.to_string()];
            let rows: Vec<_> = list.items.into_iter().map(row).collect();
            out.table(["NAME", "SET", "VALUE"], &rows);
        }
        Settings::Set { name, value } => {
            // What is no JSON is a text.
            let value: Value = serde_json::from_str(&value).unwrap_or(Value::String(value));
            let answer = client.put(&["v1", "settings", &name], json!({ "value": value })).await?;
            let setting: SettingView = shaped(&answer)?;
            if out.is_json() {
                out.value(&answer);
            } else {
                out.line(format!("`{}` is {}.", setting.name, setting.value));
            }
        }
        Settings::Remove { name } => {
            client.delete(&["v1", "settings", &name]).await?;
            if out.is_json() {
                out.value(&json!({ "removed": name }));
            } else {
                out.line(format!("`{name}` is not set any more."));
            }
        }
    }
    Ok(Exit::Success)
}
