//! Bringing an automation in: everything is checked, shown in plain words, and only then stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use intents::canonical;
use intents::contract::{Contract, Slug, Source, Words};
use intents::failure::Class;
use intents::tool::{Definition, Name};
use serde_json::Value;

use super::folder::{self, FolderGrant, Trust};
use super::trial::try_script;
use super::{explain, folders, triggers};
use crate::app::App;
use crate::engine::EngineName;
use crate::error::{Code, Error};
use crate::store::{self, Automation, FOLDER_PREFIX, KeptTrial, Mode, Program};

/// An automation from outside.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The short name.
    pub name: String,
    /// The contract.
    pub contract: Value,
    /// What is executed.
    pub program: Program,
    /// Recorded cases for the trial of the script.
    pub recordings: Option<Value>,
    /// Folders to be granted with it.
    pub folders: BTreeMap<String, FolderGrant>,
    /// Who imports it.
    pub by: String,
    /// Whether it is to be in shadow: what its runs would do is noted, and not done.
    pub shadow: bool,
    /// Whether the user has seen the card and wants it so.
    pub confirm: bool,
}

/// What the user confirms.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The name.
    pub name: String,
    /// The contract in plain words.
    pub words: Words,
    /// The engine outside that executes it, if no script does.
    pub engine: Option<EngineName>,
    /// What the import changes.
    pub change: Change,
    /// The digest of the contract.
    pub contract_digest: String,
    /// The digest of the script.
    pub script_digest: String,
    /// The proof sheet of the script; none when an engine outside executes it.
    pub trial: Option<KeptTrial>,
}

/// What an import changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There is no automation of this name yet.
    New,
    /// The contract changes, and maybe the script.
    Contract,
    /// The script alone changes.
    Script,
    /// Nothing changes.
    Nothing,
}

/// What became of an import.
#[derive(Debug, Clone)]
pub enum Imported {
    /// Nothing was changed: the user has not confirmed.
    Preview(Card),
    /// It is there.
    Done {
        /// The automation.
        automation: Box<Automation>,
        /// What was confirmed.
        card: Card,
    },
}

/// Brings an automation in, or shows what it would be.
pub async fn import(app: &App, request: ImportRequest) -> Result<Imported, Error> {
    if request.name.parse::<Slug>().is_err() {
        let message = format!(
            "`{}` is no name for an automation; use at most 64 lower-case letters, digits, `-` and `_`",
            request.name.chars().take(64).collect::<String>()
        );
        return Err(Error::new(Code::AutomationName, message));
    }
    let contract = explain::read(app, &request.contract)?;
    let granted = granted(app, &request).await?;
    check_folders(app, &contract, &granted)?;
    check_secrets(app, &contract)?;
    let trial = match &request.program {
        Program::Script(source) => {
            app.jail.check(source, super::replay::SCRIPT_NAME).await?;
            Some(tried(app, &request, &contract, source).await?)
        }
        // Nobody can look into it: the card says so, and the contract binds it as it binds a script.
        Program::Outside(_) => None,
    };

    let body = canonical::to_string(&contract.to_value());
    let card = Card { trial, ..card(app, &request, &contract, &body).await? };
    if !request.confirm {
        return Ok(Imported::Preview(card));
    }
    for (name, grant) in &request.folders {
        super::set_setting(app, &format!("{FOLDER_PREFIX}{name}"), &serde_json::json!(grant), &request.by).await?;
    }
    let import = store::Import {
        name: request.name,
        title: contract.title().to_owned(),
        contract: body,
        program: request.program,
        triggers: triggers::of(&contract, app.env.now()),
        by: request.by,
        shadow: request.shadow,
    };
    let automation = Box::new(app.store.import(import).await?);
    Ok(Imported::Done { automation, card })
}

/// The proof sheet of the script. What is refuted does not come in.
async fn tried(app: &App, request: &ImportRequest, contract: &Contract, source: &str) -> Result<KeptTrial, Error> {
    let known = match app.store.automation(&request.name).await {
        Ok(known) if known.mode != Mode::Removed => Some(known),
        Ok(_) => None,
        Err(error) if error.class() == Class::Logic => None,
        Err(error) => return Err(error.into()),
    };
    let contract = Arc::new(contract.clone());
    let trial = try_script(app, contract, source, request.recordings.as_ref(), known.as_ref()).await?;
    let refuting: Vec<_> = trial.sheet.findings.iter().filter(|finding| finding.refutes).collect();
    if refuting.is_empty() {
        return Ok(trial);
    }
    let words: Vec<_> = refuting.iter().map(|finding| format!("{}: {}", finding.code, finding.words)).collect();
    let message = format!("the trial refutes the script, so it does not go live ({}). {}", trial.id, words.join(". "));
    Err(Error::new(Code::TrialRefuted, message))
}

/// The folders that are granted, with those that come with the import.
async fn granted(app: &App, request: &ImportRequest) -> Result<BTreeMap<String, FolderGrant>, Error> {
    let mut granted = folders(app).await?;
    for (name, grant) in &request.folders {
        folder::check(&app.config.home, name, grant)?;
        granted.insert(name.clone(), grant.clone());
    }
    Ok(granted)
}

/// Every folder that the contract names is granted, is there, and allows what the contract wants to do in it.
fn check_folders(app: &App, contract: &Contract, granted: &BTreeMap<String, FolderGrant>) -> Result<(), Error> {
    for capability in contract.capabilities() {
        if let Some(connection) = &capability.connection
            && app.vault.get(connection.as_str())?.is_none()
        {
            let message = format!(
                "the account `{connection}` is not connected: the vault holds no secret of this name; run `steward secrets set {connection}`"
            );
            return Err(connectors::Error::new(connectors::Code::SecretMissing, message).into());
        }
    }
    for trigger in contract.triggers() {
        if let Source::File { folder, .. } = &trigger.source {
            find(granted, folder.as_str(), "a trigger")?;
        }
    }
    for capability in contract.capabilities().iter().filter(|capability| capability.tool.service() == "files") {
        let named = capability.conditions.iter().filter(|(place, _)| {
            let last = place.argument().and_then(|pointer| pointer.segments().last());
            last.is_some_and(|segment| segment == "folder" || segment.ends_with("_folder"))
        });
        for name in named.flat_map(|(_, condition)| condition.comparison.texts()) {
            let folder = find(granted, name, &format!("the capability `{}`", capability.tool))?;
            if folder.trust == Trust::ReadOnly && changes(app, &capability.tool) {
                let message =
                    format!("`{}` changes files, and the folder `{name}` is granted for reading only", capability.tool);
                return Err(connectors::Error::new(connectors::Code::FolderReadOnly, message).into());
            }
        }
    }
    Ok(())
}

fn find<'g>(granted: &'g BTreeMap<String, FolderGrant>, name: &str, whose: &str) -> Result<&'g FolderGrant, Error> {
    let unknown = || {
        let message =
            format!("{whose} names the folder `{name}`, which is not granted; run `steward folders add {name} PATH`");
        connectors::Error::new(connectors::Code::FolderUnknown, message)
    };
    let grant = granted.get(name).ok_or_else(unknown)?;
    folder::exists(name, grant)?;
    Ok(grant)
}

fn changes(app: &App, tool: &Name) -> bool {
    app.catalogue.get(tool).is_some_and(|entry| Definition::is_effect(entry.definition()))
}

fn check_secrets(app: &App, contract: &Contract) -> Result<(), Error> {
    for trigger in contract.triggers() {
        if let Source::Webhook { name, secret, .. } = &trigger.source
            && app.vault.get(secret.as_str())?.is_none()
        {
            let message = format!(
                "the webhook `{name}` is signed with the secret `{secret}`, which the vault does not hold; run `steward secrets set {secret}`"
            );
            return Err(connectors::Error::new(connectors::Code::SecretMissing, message).into());
        }
    }
    Ok(())
}

async fn card(app: &App, request: &ImportRequest, contract: &Contract, body: &str) -> Result<Card, Error> {
    let contract_digest = canonical::Digest::of(body.as_bytes()).to_string();
    let script_digest = request.program.digest().to_string();
    let change = match app.store.automation(&request.name).await {
        Ok(known) if known.mode != Mode::Removed => {
            let old_contract = app.store.contract(known.contract).await?;
            let old_script = app.store.script(known.script).await?;
            if old_contract.digest != contract_digest {
                Change::Contract
            } else if old_script.digest != script_digest {
                Change::Script
            } else {
                Change::Nothing
            }
        }
        Ok(_) => Change::New,
        Err(error) if error.class() == Class::Logic => Change::New,
        Err(error) => return Err(error.into()),
    };
    let engine = request.program.engine().cloned();
    Ok(Card {
        name: request.name.clone(),
        words: contract.words(),
        engine,
        change,
        contract_digest,
        script_digest,
        trial: None,
    })
}

impl Change {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Contract => "contract",
            Self::Script => "script",
            Self::Nothing => "nothing",
        }
    }
}
