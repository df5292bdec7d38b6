//! `propose`: a repair, tried; what holds goes live.

use intents::drift::site;
use intents::journal::recorded;
use intents::repair::Adapter;
use serde::Deserialize;
use serde_json::Value;

use super::{Came, Desk, reason, told};
use crate::error::Error;
use crate::maintainer::diff::diff;
use crate::maintainer::repair::{Candidate, Tried};
use crate::maintainer::trial::{self, Proof, Version};

/// Characters of a proposed source.
const SOURCE_CHARS_MAX: usize = 200_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Propose {
    #[serde(default)]
    adapter: Option<Proposed>,
    #[serde(default)]
    script: Option<String>,
    reason: String,
    #[serde(default)]
    accept_differences: Option<String>,
}

/// What takes the place of what.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    #[serde(default)]
    adapter: Option<Proposed>,
    #[serde(default)]
    script: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Proposed {
    call: u32,
    source: String,
}

impl Change {
    /// The version that would be live; otherwise why there is none.
    pub(super) fn version(&self, desk: &Desk<'_>) -> Result<Version, String> {
        let evidence = desk.evidence;
        let before = evidence.script.adapters.as_ref().clone();
        let source = match &self.script {
            Some(script) => checked(&evidence.back(script))?,
            None => evidence.source.clone(),
        };
        let is_adapter = self.script.is_none();
        let Some(adapter) = &self.adapter else {
            if is_adapter {
                return Err("Propose an adapter, a script, or both.".to_owned());
            }
            return Ok(Version { source, adapters: before, new: None, is_adapter });
        };
        let call = recorded(&evidence.failed).into_iter().find(|call| call.called.call == adapter.call);
        let call = call.ok_or_else(|| format!("The failing run has no call {}.", adapter.call))?;
        let arguments: Value = serde_json::from_str(&call.called.arguments).unwrap_or(Value::Null);
        let site = site(&call.called.tool, &arguments);
        let Some(proven) = evidence.proven_shape(&site) else {
            return Err(format!(
                "Nothing is known of what {site} answered before, so an adapter has nothing to lead to: propose a script."
            ));
        };
        let new = Adapter { tool: call.called.tool, site, source: checked(&evidence.back(&adapter.source))?, proven };
        // Of one call site the last adapter counts: it is told what the service says now.
        let mut adapters: Vec<_> = before.into_iter().filter(|known| known.site != new.site).collect();
        adapters.push(new.clone());
        Ok(Version { source, adapters, new: Some(new), is_adapter })
    }
}

fn checked(source: &str) -> Result<String, String> {
    if source.chars().count() > SOURCE_CHARS_MAX {
        return Err(format!("A source has at most {SOURCE_CHARS_MAX} characters."));
    }
    Ok(source.to_owned())
}

pub(super) async fn propose(desk: &Desk<'_>, propose: &Propose) -> Result<Came, Error> {
    let change = Change { adapter: propose.adapter.clone(), script: propose.script.clone() };
    let version = match change.version(desk) {
        Ok(version) => version,
        Err(why) => return Ok(told(why)),
    };
    let evidence = desk.evidence;
    let mut why = reason(&evidence.back(&propose.reason));
    if let Some(accept) = &propose.accept_differences {
        why = format!("{why} Why it differs: {}", reason(&evidence.back(accept)));
    }
    let Proof { trial, line, refuted, differences, recorded, golden } =
        trial::prove(desk.app, evidence, desk.recorded(), &version).await?;
    let what = if version.is_adapter { "an adapter" } else { "a script" };
    if !refuted.is_empty() {
        let text = format!(
            "It does not go live. The trial says:\n- {}\nMend it and propose again, or give up.",
            evidence.text(&refuted.join("\n- "))
        );
        return Ok(Came::Refused { text, recorded, tried: Tried { what: format!("{what}: {why}"), why: refuted } });
    }
    if !differences.is_empty() && propose.accept_differences.is_none() {
        let text = format!(
            "It does not go live: it does something else than past runs did.\n- {}\nMend it. Only where that cannot be \
             avoided, propose it again with `accept_differences` and the reason: a person is asked then.",
            evidence.text(&differences.join("\n- "))
        );
        return Ok(Came::Refused { text, recorded, tried: Tried { what: format!("{what}: {why}"), why: differences } });
    }
    let mut shown = version.new.as_ref().map(|adapter| adapter.source.clone()).unwrap_or_default();
    if !version.is_adapter {
        shown.push_str(&diff(&evidence.source, &version.source));
    }
    let text = if differences.is_empty() {
        format!("It holds, and is live. {line}")
    } else {
        format!("It holds but for the differences; a person is asked. {line}")
    };
    let adapted = |site: &String| version.adapters.iter().any(|adapter| adapter.site == *site);
    let sites = evidence.drift.iter().map(|(site, _)| site.clone()).filter(|site| !adapted(site)).collect();
    let candidate = Candidate {
        source: version.source,
        adapters: version.adapters,
        is_adapter: version.is_adapter,
        reason: why,
        diff: shown,
        trial,
        proof: line,
        differences,
        golden,
        sites,
    };
    Ok(Came::Holds { text, recorded, candidate: Box::new(candidate) })
}
