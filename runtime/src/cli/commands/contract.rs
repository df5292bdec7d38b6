//! `steward contract`.

use std::path::Path;

use serde_json::{Value, json};

use super::{import, render};
use crate::api::{ContractView, DiffView, WordsView};
use crate::cli::args::Contract;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::error::Error;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Contract, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Contract::Show { name } => {
            let answer = client.get(&["v1", "automations", &name, "contract"]).await?;
            if out.is_json() {
                out.value(&answer);
                return Ok(Exit::Success);
            }
            let contract: ContractView = shaped(&answer)?;
            out.line(format!("Version {}, {}", contract.version, contract.digest));
            render::value(out, "", &contract.contract);
        }
        Contract::Explain { which } if Path::new(&which).is_file() => {
            let contract = import::json_file(Path::new(&which))?;
            let answer = client.post(&["v1", "contract", "explain"], json!({ "contract": contract })).await?;
            let words: WordsView = shaped(&answer)?;
            if out.is_json() {
                out.value(&answer);
            } else {
                out.line(words.text);
            }
        }
        Contract::Explain { which } => {
            let answer = client.get(&["v1", "automations", &which, "contract"]).await?;
            let contract: ContractView = shaped(&answer)?;
            if out.is_json() {
                out.value(&contract.words);
            } else {
                out.line(contract.words.text);
            }
        }
        Contract::Diff { old, new } => {
            let (old, new) = (given(client, &old).await?, given(client, &new).await?);
            let answer = client.post(&["v1", "contracts", "diff"], json!({ "old": old, "new": new })).await?;
            let diff: DiffView = shaped(&answer)?;
            if out.is_json() {
                out.value(&answer);
            } else {
                out.line(diff.text.trim_end());
            }
        }
        // A schema is for programs, whoever reads it.
        Contract::Schema => out.value(&client.get(&["v1", "contract", "schema"]).await?),
    }
    Ok(Exit::Success)
}

/// A contract in a file, or that of an automation.
async fn given(client: &Client, which: &str) -> Result<Value, Error> {
    if Path::new(which).is_file() {
        return import::json_file(Path::new(which));
    }
    let answer = client.get(&["v1", "automations", which, "contract"]).await?;
    shaped::<ContractView>(&answer).map(|contract| contract.contract)
}
