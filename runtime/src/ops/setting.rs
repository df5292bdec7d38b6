//! Settings that the user changes while the server runs.

use connectors::egress::HostPort;
use serde_json::{Value, json};

use super::folder::{self, FolderGrant};
use crate::app::App;
use crate::config;
use crate::error::{Code, Error};
use crate::models::{CHAIN_MAX, ProfileName, read_budget};
use crate::notify;
use crate::store::{
    ALLOW_PRIVATE, FOLDER_PREFIX, MODEL_BUDGET_DAY, MODEL_BUDGET_MONTH, MODEL_BUDGET_TURN, MODEL_CHAIN,
    REPAIR_BUDGET_DAY, REPAIR_BUDGET_FAILURE, REPAIR_ON, REPAIRS_PER_WEEK,
};

/// An automation that is repaired more often should be looked at.
const REPAIRS_PER_WEEK_MAX: u64 = 100;
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
    if name == MODEL_CHAIN {
        let names: Result<Vec<ProfileName>, _> = serde_json::from_value(value.clone());
        let message = format!(
            "`{name}` is a list of 1 to {CHAIN_MAX} models in the order in which they are asked, such as \
             [\"openai/large\", \"ollama\"]"
        );
        let names = names.ok().filter(|names| (1..=CHAIN_MAX).contains(&names.len()));
        return names.map(|names| json!(names)).ok_or_else(|| Error::new(Code::SettingValue, message));
    }
    if name == REPAIR_ON {
        let message = format!("`{name}` is true or false");
        return value.as_bool().map(Value::from).ok_or_else(|| Error::new(Code::SettingValue, message));
    }
    if name == REPAIRS_PER_WEEK {
        let number = value.as_u64().filter(|number| *number <= REPAIRS_PER_WEEK_MAX);
        let message = format!("`{name}` is a number from 0 to {REPAIRS_PER_WEEK_MAX}");
        return number.map(Value::from).ok_or_else(|| Error::new(Code::SettingValue, message));
    }
    let budgets = [MODEL_BUDGET_DAY, MODEL_BUDGET_MONTH, MODEL_BUDGET_TURN, REPAIR_BUDGET_DAY, REPAIR_BUDGET_FAILURE];
    if budgets.contains(&name) {
        let amount = value.as_str().and_then(read_budget);
        let message =
            format!("`{name}` is an amount in US dollars such as \"0.50 USD\"; \"0 USD\" lets no model be asked");
        return amount
            .map(|amount| json!(format!("{amount} USD")))
            .ok_or_else(|| Error::new(Code::SettingValue, message));
    }
    if let Some(checked) = notify::check(&app.config.server.hosts, name, value) {
        return checked;
    }
    let named = [ALLOW_PRIVATE, MODEL_CHAIN, REPAIR_ON, REPAIRS_PER_WEEK].into_iter().chain(budgets);
    let known: Vec<_> =
        std::iter::once(format!("{FOLDER_PREFIX}NAME")).chain(named.chain(notify::NAMES).map(str::to_owned)).collect();
    let all = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let advice = config::nearest(name, known).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let message = format!("there is no setting `{name}`; {advice}the settings are {all}");
    Err(Error::new(Code::SettingUnknown, message))
}

/// Sets a setting.
pub async fn set_setting(app: &App, name: &str, value: &Value, by: &str) -> Result<Value, Error> {
    let value = check_setting(app, name, value)?;
    app.store.set_setting(name, value.clone(), by).await?;
    Ok(value)
}
