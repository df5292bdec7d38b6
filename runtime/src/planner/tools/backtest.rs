//! `backtest`.

use intents::time::Span;
use serde::Deserialize;

use super::{Carried, Desk, Tool};
use crate::error::Error;
use crate::ops;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backtest {
    automation: String,
    last: String,
    #[serde(default)]
    script: Option<String>,
}

pub(super) async fn backtest(desk: &Desk<'_>, asked: Backtest) -> Result<Carried, Error> {
    let refused = |why: String| Carried::new(Tool::Backtest, false, why, "could not go through past runs");
    let Ok(last) = asked.last.parse::<Span>() else {
        return Ok(refused("`last` is a span such as `30d` or `12h`.".to_owned()));
    };
    match ops::backtest(desk.app, &asked.automation, last, asked.script.as_deref()).await {
        Ok(found) => {
            let cut = if found.cut { ", the newest of more" } else { "" };
            let what = format!("{} past runs of `{}`{cut}", found.runs, found.automation.name);
            let text = format!("{what}:\n{}", found.sheet.text);
            Ok(Carried::new(Tool::Backtest, true, text, format!("went through {what}: {}", found.sheet.line)))
        }
        Err(error @ Error::Store(crate::store::Error::Database { .. } | crate::store::Error::Closed)) => Err(error),
        Err(error) => Ok(refused(format!("{error} ({})", error.code()))),
    }
}
