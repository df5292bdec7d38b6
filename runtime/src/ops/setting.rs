//! Settings that the user changes while the server runs.

use connectors::egress::HostPort;
use serde_json::{Value, json};

use super::folder::{self, FolderGrant};
use crate::app::App;
use crate::config;
use crate::error::{Code, Error};
use crate::store::{ALLOW_PRIVATE, FOLDER_PREFIX};

/// More private hosts are a network, and belong into the configuration.
const PRIVATE_HOSTS_MAX: usize = 256;

/// Checks a setting, and says how it is stored.
pub fn check_setting(app: &App, name: &str, value: &Value) -> Result<Value, Error> {
    if let Some(folder_name) = name.strip_prefix(FOLDER_PREFIX) {
        let shape = || {
            let message = format!(
                "`{name}` is an object such as {{\"path\": \"/home/ann/statements\", \"trust\": \"read_only\"}}"
            );
            Error::new(Code::SettingValue, message)
        };
        let grant: FolderGrant = serde_json::from_value(value.clone()).map_err(|_| shape())?;
        folder::check(&app.config.home, folder_name, &grant)?;
        return Ok(json!({ "path": grant.path, "trust": grant.trust }));
    }
    if name == ALLOW_PRIVATE {
        let shape = || {
            let message = format!(
                "`{name}` is a list of at most {PRIVATE_HOSTS_MAX} hosts with their ports, such as [\"nas.home:8080\"]"
            );
            Error::new(Code::SettingValue, message)
        };
        let hosts: Vec<String> = serde_json::from_value(value.clone()).map_err(|_| shape())?;
        if hosts.len() > PRIVATE_HOSTS_MAX || hosts.iter().any(|host| host.parse::<HostPort>().is_err()) {
            return Err(shape());
        }
        return Ok(json!(hosts));
    }
    let known = [format!("{FOLDER_PREFIX}NAME"), ALLOW_PRIVATE.to_owned()];
    let advice = config::nearest(name, known).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let message =
        format!("there is no setting `{name}`; {advice}the settings are `{FOLDER_PREFIX}NAME` and `{ALLOW_PRIVATE}`");
    Err(Error::new(Code::SettingUnknown, message))
}

/// Sets a setting.
pub async fn set_setting(app: &App, name: &str, value: &Value, by: &str) -> Result<Value, Error> {
    let value = check_setting(app, name, value)?;
    app.store.set_setting(name, value.clone(), by).await?;
    Ok(value)
}
