//! `steward tools`.

use intents::tool::{Definition, Identity, Kind};
use serde_json::{Value, json};

use crate::api::ToolList;
use crate::cli::args::Tools;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::error::{Code, Error};
use crate::store;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Tools, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get(&["v1", "tools"]).await?;
    let list: ToolList = shaped(&answer)?;
    match command {
        Tools::List if out.is_json() => out.value(&answer),
        Tools::List => {
            let mut rows = Vec::new();
            for item in &list.items {
                let definition = read(item)?;
                let always = list.always_granted.iter().any(|name| name == definition.name.as_str());
                let granted = if always { "always" } else { "by a contract" };
                let kind = kind_in_words(definition.kind);
                rows.push([definition.name.to_string(), kind.to_owned(), granted.to_owned(), definition.summary]);
            }
            out.table(["TOOL", "KIND", "GRANTED", "WHAT"], &rows);
        }
        Tools::Show { name } => {
            let not_found = || store::Error::NotFound { what: "tool", which: name.clone() };
            let item = list.items.iter().find(|item| item["name"] == json!(name)).ok_or_else(not_found)?;
            if out.is_json() {
                out.value(item);
            } else {
                show(&read(item)?, out);
            }
        }
    }
    Ok(Exit::Success)
}

fn read(item: &Value) -> Result<Definition, Error> {
    serde_json::from_value(item.clone()).map_err(|_| {
        Error::new(Code::AnswerUnreadable, "the server describes a tool in a way this program does not know")
    })
}

fn show(definition: &Definition, out: &mut Out) {
    out.line(format!("{}: {}", definition.name, definition.summary));
    out.line(format!("Kind: {}", kind_in_words(definition.kind)));
    out.line(format!("Arguments: {:#}", definition.arguments));
    out.line(format!("Result: {:#}", definition.result));
    out.line(format!("Example: {}", definition.example));
    let rows: Vec<_> = definition
        .errors
        .iter()
        .map(|error| {
            let class = error.class.map_or("the script may catch it", |class| class.as_str());
            let proof = if error.proves_nothing_done { "nothing was done" } else { "" };
            [error.code.clone(), class.to_owned(), proof.to_owned(), error.meaning.clone()]
        })
        .collect();
    out.table(["ERROR", "CLASS", "PROVES", "MEANING"], &rows);
}

const fn kind_in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Read => "read",
        Kind::Effect(Identity::Keyed { .. }) => "effect, keyed",
        Kind::Effect(Identity::Queryable { .. }) => "effect, queryable",
        Kind::Effect(Identity::Natural) => "effect, natural",
        Kind::Effect(Identity::Blind) => "effect, blind",
    }
}
