//! Taking an automation out, as the contents of a folder without secrets.

use serde_json::{Value, json};

use crate::app::App;
use crate::error::Error;
use crate::store::Program;

/// The format of the folder. Rises with each change that an older version would not read.
const FORMAT: u32 = 1;

/// The contents of a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// `contract.json`.
    pub contract: Value,
    /// `script.js`, unless an engine outside executes it.
    pub script: Option<String>,
    /// `manifest.json`.
    pub manifest: Value,
}

/// Takes an automation out. The same automation gives the same bytes.
pub async fn export(app: &App, which: &str) -> Result<Export, Error> {
    let automation = app.store.automation(which).await?;
    let contract = app.store.contract(automation.contract).await?;
    let script = app.store.script(automation.script).await?;
    let unreadable =
        |error: serde_json::Error| crate::store::Error::Unreadable { what: "contract", reason: error.to_string() };
    let mut manifest = json!({
        "format": FORMAT,
        "name": automation.name,
        "title": automation.title,
        "contract": { "version": contract.version, "digest": contract.digest },
        "script": { "version": format!("{}.{}", script.major, script.minor), "digest": script.digest },
        "steward": env!("CARGO_PKG_VERSION"),
    });
    let script = match script.program {
        Program::Script(source) => Some(source),
        Program::Outside(engine) => {
            manifest["engine"] = json!({ "outside": engine });
            None
        }
    };
    Ok(Export { contract: serde_json::from_str(&contract.body).map_err(unreadable)?, manifest, script })
}
