//! What the user granted, as tools must know it: folders and private hosts from the settings.

use std::path::PathBuf;
use std::sync::Arc;

use connectors::call::Arguments;
use connectors::egress::HostPort;
use connectors::{Connection, Folder, Grants, Trust};
use intents::Timestamp;
use intents::gate::{self, Circumstances};
use intents::label::Labels;
use intents::tool::Definition;
use serde_json::Value;
use url::Url;

use super::call::Admitted;
use super::context::Context;
use crate::store::{ALLOW_PRIVATE, FOLDER_PREFIX, Setting};

/// The folders that the settings grant. A setting that says nothing sensible grants nothing.
pub(crate) fn folders(settings: &[Setting]) -> Vec<Folder> {
    let folder = |setting: &Setting| {
        let name = setting.name.strip_prefix(FOLDER_PREFIX)?.to_owned();
        let path = PathBuf::from(setting.value.get("path")?.as_str()?);
        let trust = match setting.value.get("trust")?.as_str()? {
            "trusted" => Trust::Trusted,
            "read_only" => Trust::ReadOnly,
            _ => return None,
        };
        Some(Folder { name, path, trust })
    };
    settings.iter().filter_map(folder).collect()
}

/// The private hosts that the settings name, beside those of the configuration.
pub(crate) fn private_hosts(settings: &[Setting], configured: &[HostPort]) -> Vec<HostPort> {
    let named = settings.iter().filter(|setting| setting.name == ALLOW_PRIVATE);
    let texts = named.flat_map(|setting| setting.value.as_array().into_iter().flatten()).filter_map(Value::as_str);
    configured.iter().cloned().chain(texts.filter_map(host_port)).collect()
}

fn host_port(text: &str) -> Option<HostPort> {
    let (host, port) = text.rsplit_once(':')?;
    Some(HostPort::new(host, port.parse().ok()?))
}

/// The grants of one call: a redirect is followed only where every contract in force would let the same call go at once.
pub(super) fn of_call(context: &Context, admitted: &Admitted, labels: &Labels, now: Timestamp) -> Grants {
    let contracts: Vec<_> = std::iter::once(&context.own).chain(&context.current).cloned().collect();
    let connection = admitted
        .passed
        .connection
        .as_ref()
        .map(|name| Connection { name: name.clone(), origin: origin(&admitted.definition, &admitted.arguments) });
    let budgets = contracts.iter().filter_map(|contract| contract.budgets().model_cost_per_month);
    let model_budget = budgets.min();
    let (definition, arguments) = (Arc::clone(&admitted.definition), admitted.arguments.clone());
    let labels = labels.clone();
    let allows_url = move |url: &Url| {
        let call = gate::Call { definition: &definition, arguments: arguments.value(), key: None };
        let circumstances = Circumstances { now, major: 0, reads: &[], reread: &[], labels: &labels };
        contracts.iter().all(|contract| gate::allows_redirect(contract, &call, &circumstances, url.as_str()))
    };
    Grants {
        folders: context.folders.clone(),
        private_hosts: context.private_hosts.clone(),
        allows_url: Arc::new(allows_url),
        connection,
        model_budget,
    }
}

/// The one origin that the credential of a call goes to: that of the address that the contract allowed. Where there is no
/// address, it goes nowhere.
pub(crate) fn origin(definition: &Definition, arguments: &Arguments) -> String {
    let address = definition.connects_at.as_ref().and_then(|at| at.get(arguments.value()));
    let url = address.and_then(Value::as_str).and_then(|address| address.parse::<Url>().ok());
    url.map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}
