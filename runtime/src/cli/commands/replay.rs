//! `steward replay`: a bundle, without a server.

use std::path::Path;

use sandbox::Jail;
use serde_json::json;

use super::render;
use crate::bundle::{Bundle, Outcome, reproduce};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::config::Config;
use crate::error::{Code, Error};
use crate::server;

/// Executes a bundle on what it recorded.
pub(in crate::cli) async fn replay(config: &Config, path: &Path, out: &mut Out) -> Result<Exit, Error> {
    let bundle = Bundle::open(path)?;
    let failed = |error: String| Error::new(Code::ServerFailed, error);
    let program = server::own_program().map_err(|error| failed(error.to_string()))?;
    let jail = Jail::start(&program).map_err(|error| failed(error.to_string()))?;
    let outcome = reproduce(&jail, config.limits.of_attempts(), &bundle).await?;
    match &outcome {
        Outcome::Reproduced { words } if out.is_json() => {
            let failure = &bundle.file().failure;
            out.value(&json!({ "reproduced": true, "run": bundle.run(), "words": words, "failure": failure }));
        }
        Outcome::Differs { words, recorded, actual } if out.is_json() => {
            out.value(&json!({
                "reproduced": false, "run": bundle.run(), "words": words, "recorded": recorded, "actual": actual,
            }));
        }
        Outcome::Reproduced { words } => out.line(format!("Reproduced: {words}")),
        Outcome::Differs { words, recorded, actual } => {
            out.line(format!("Not reproduced: {words}"));
            render::value(out, "  recorded: ", recorded);
            render::value(out, "  now: ", actual);
        }
    }
    Ok(match outcome {
        Outcome::Reproduced { .. } => Exit::Success,
        Outcome::Differs { .. } => Exit::Failure,
    })
}
