//! `steward health`.

use serde_json::json;

use crate::cli::client::Client;
use crate::cli::connect::listening;
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::config::Config;
use crate::error::{Code, Error};

/// Asks the running server whether it works. For those who watch it from outside: a container, a service manager.
pub(in crate::cli) async fn health(config: &Config, ready: bool, out: &mut Out) -> Result<Exit, Error> {
    let client: Client = listening(config).await?.ok_or_else(|| {
        Error::new(Code::NoServer, format!("no server of the data folder `{}` answers", config.home.display()))
    })?;
    let is_ready = client.is_ready().await;
    if out.is_json() {
        out.value(&json!({ "alive": true, "ready": is_ready }));
    } else {
        out.line(if is_ready { "alive and ready" } else { "alive, and not ready" });
    }
    Ok(if ready && !is_ready { Exit::Failure } else { Exit::Success })
}
