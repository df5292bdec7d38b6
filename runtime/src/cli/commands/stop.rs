//! `steward stop` and `steward resume`.

use serde_json::{Map, Value};

use super::render;
use crate::api::StopAllView;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;
use crate::error::Error;

/// Stops everything.
pub(in crate::cli) async fn stop(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.post(&["v1", "stop"], Value::Object(Map::new())).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let stopped: StopAllView = shaped(&answer)?;
    out.line(format!("Everything is stopped since {}; `steward resume` lifts that.", local(&stopped.at)));
    render::in_flight(out, &stopped.in_flight);
    Ok(Exit::Success)
}

/// Lifts the stop.
pub(in crate::cli) async fn resume(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.post(&["v1", "resume"], Value::Object(Map::new())).await?;
    if out.is_json() {
        out.value(&answer);
    } else {
        out.line("The stop is lifted. What was stopped by itself stays stopped.");
    }
    Ok(Exit::Success)
}
