//! A contract in plain words.

use intents::contract::{Contract, Words};
use intents::tool::Definition;
use serde_json::Value;

use crate::app::App;
use crate::error::Error;

/// Reads a contract and says it in plain words; every problem of one that is none is reported.
pub fn explain(app: &App, contract: &Value) -> Result<Words, Error> {
    read(app, contract).map(|contract| contract.words())
}

/// Reads a contract against the tools that there are.
pub(crate) fn read(app: &App, contract: &Value) -> Result<Contract, Error> {
    let vocabulary: Vec<Definition> = app.catalogue.definitions().cloned().collect();
    Contract::from_value(contract, &vocabulary).map_err(Error::Contract)
}
