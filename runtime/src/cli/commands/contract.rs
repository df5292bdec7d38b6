//! `steward contract`.

use std::path::Path;

use serde_json::json;

use super::{import, render};
use crate::api::{ContractView, WordsView};
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
        // A schema is for programs, whoever reads it.
        Contract::Schema => out.value(&client.get(&["v1", "contract", "schema"]).await?),
    }
    Ok(Exit::Success)
}
