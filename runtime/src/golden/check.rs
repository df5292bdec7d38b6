//! Replays golden runs, and judges.

use std::sync::Arc;

use connectors::Catalogue;
use intents::contract::Contract;
use intents::tool::Definition;
use intents::trial::{Applied, Code};
use sandbox::{Jail, Limits};
use serde_json::{Value, json};

use super::body::past_of;
use crate::app::App;
use crate::env::Env;
use crate::executor::Trouble;
use crate::store::{self, Automation, Checked, Golden, GoldenVerdict, Program, Store, Upset};
use crate::trial::{Bench, Past, compare_past, effects_of};

/// Effects that are shown of each side of a difference; more say nothing new.
const EFFECTS_SHOWN_MAX: usize = 20;
/// Golden runs of which a need shows what differs.
const SHOWN_MAX: usize = 5;

/// What a check needs.
#[derive(Clone)]
pub(crate) struct Grounds {
    pub(crate) env: Env,
    pub(crate) store: Store,
    pub(crate) jail: Jail,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) limits: Limits,
}

impl Grounds {
    pub(crate) fn of(app: &App) -> Self {
        Self {
            env: app.env.clone(),
            store: app.store.clone(),
            jail: app.jail.clone(),
            catalogue: Arc::clone(&app.catalogue),
            limits: app.config.limits.of_attempts(),
        }
    }
}

/// What this version executes scripts with: another text, and every golden run is checked anew.
pub(crate) fn pins() -> String {
    let pins = sandbox::pins();
    let version = env!("CARGO_PKG_VERSION");
    format!("steward {version} / {} / prelude {} / tzdata {}", pins.engine, pins.prelude, pins.tzdata)
}

/// How many golden runs came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    pub(crate) verified: u32,
    pub(crate) needs_you: u32,
    /// There was no time for these.
    pub(crate) unchecked: u32,
}

impl Summary {
    pub(crate) fn count(&mut self, found: &[Found]) {
        for found in found {
            match found.verdict {
                GoldenVerdict::Verified => self.verified += 1,
                GoldenVerdict::Differs | GoldenVerdict::Incomparable => self.needs_you += 1,
            }
        }
    }

    /// All of it in one line.
    pub(crate) fn line(self) -> String {
        let needs = if self.needs_you == 1 { "needs" } else { "need" };
        let unchecked = match self.unchecked {
            0 => String::new(),
            count => format!(", {count} not checked yet"),
        };
        format!("{} verified, {} {needs} you{unchecked}", self.verified, self.needs_you)
    }
}

/// What a check of one golden run found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) golden: Golden,
    pub(crate) verdict: GoldenVerdict,
    /// The difference in words; empty where there is none.
    pub(crate) words: String,
    /// What was done then, where something differs.
    pub(crate) then: Vec<Value>,
    /// What would be done now.
    pub(crate) now: Vec<Value>,
}

impl Found {
    pub(crate) fn checked(&self) -> Checked {
        Checked { golden: self.golden.id, verdict: self.verdict, words: self.words.clone(), pins: pins() }
    }

    /// Whether it differs, and nobody has seen that yet: what a person has seen before is not asked about again.
    pub(crate) fn is_news(&self) -> bool {
        self.verdict != GoldenVerdict::Verified && matches!(self.golden.verdict, None | Some(GoldenVerdict::Verified))
    }

    fn evidence(&self) -> Value {
        json!({
            "golden": self.golden.id.to_string(),
            "run": self.golden.run.map(|run| run.to_string()),
            "kind": self.golden.kind.as_str(),
            "words": self.words,
            "then": self.then,
            "now": self.now,
            "checked_with_before": self.golden.pins,
        })
    }
}

/// A bench with the contract and the script in force; in words why there is none.
pub(crate) async fn bench_of(
    grounds: &Grounds,
    automation: &Automation,
) -> Result<Result<Bench, String>, store::Error> {
    let body = grounds.store.contract(automation.contract).await?.body;
    let vocabulary: Vec<Definition> = grounds.catalogue.definitions().cloned().collect();
    let contract = match Contract::parse(&body, &vocabulary) {
        Ok(contract) => contract,
        Err(problems) => {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            return Ok(Err(format!("its contract no longer makes sense: {first}")));
        }
    };
    let script = match grounds.store.script(automation.script).await?.program {
        Program::Script(script) => script,
        Program::Outside(engine) => {
            return Ok(Err(format!("the engine `{engine}` executes it outside, so there is no script to replay")));
        }
    };
    let (env, jail, catalogue) = (grounds.env.clone(), grounds.jail.clone(), Arc::clone(&grounds.catalogue));
    Ok(Ok(Bench::new(env, jail, catalogue, Arc::new(contract), script).with_limits(grounds.limits.clone())))
}

/// Replays a past run with the script of a bench.
pub(crate) async fn check_one(bench: &Bench, past: &Past) -> Result<(GoldenVerdict, String), Trouble> {
    let sheet = compare_past(bench, std::slice::from_ref(past)).await?;
    if sheet.counts.not_comparable > 0 {
        return Ok((GoldenVerdict::Incomparable, "it asks for something that was not recorded".to_owned()));
    }
    let of_history = |code: Code| matches!(code, Code::HistoryDiffers | Code::HistoryFails);
    let words = sheet.findings.iter().find(|finding| of_history(finding.code)).map(|finding| {
        let prefix = format!("{}: ", past.name);
        finding.words.strip_prefix(&prefix).unwrap_or(&finding.words).to_owned()
    });
    Ok(words.map_or((GoldenVerdict::Verified, String::new()), |words| (GoldenVerdict::Differs, words)))
}

/// Replays a golden run, with both sides of a difference.
pub(crate) async fn found_of(bench: &Result<Bench, String>, golden: Golden) -> Result<Found, Trouble> {
    let differs = |golden: Golden, words: String| Found {
        golden,
        verdict: GoldenVerdict::Differs,
        words,
        then: Vec::new(),
        now: Vec::new(),
    };
    let bench = match bench {
        Ok(bench) => bench,
        Err(why) => return Ok(differs(golden, why.clone())),
    };
    let past = match past_of(&golden.body) {
        Ok(past) => past,
        Err(malformed) => return Ok(differs(golden, malformed.to_string())),
    };
    let (verdict, words) = check_one(bench, &past).await?;
    let mut found = Found { golden, verdict, words, then: Vec::new(), now: Vec::new() };
    if verdict == GoldenVerdict::Differs {
        found.then = shown(&past.applied);
        found.now = shown(&effects_of(bench, &past.case, past.seed).await?);
    }
    Ok(found)
}

fn shown(effects: &Applied) -> Vec<Value> {
    let shown = effects.iter().take(EFFECTS_SHOWN_MAX).map(|deed| {
        let arguments: Value = serde_json::from_str(&deed.arguments).unwrap_or_default();
        json!({ "tool": deed.tool.as_str(), "arguments": arguments })
    });
    shown.collect()
}

/// What a person is asked about an automation, where something is news.
pub(crate) fn upset(automation: &Automation, found: &[Found]) -> Option<Upset> {
    let news: Vec<_> = found.iter().filter(|found| found.is_news()).collect();
    let first = news.first()?;
    let (title, words) = (&automation.title, &first.words);
    let shown: Vec<_> = news.iter().take(SHOWN_MAX).map(|found| found.evidence()).collect();
    Some(Upset {
        automation: automation.id,
        title: format!(
            "{title}: after the upgrade it would do something else than in a golden run ({words}). It is paused; \
             confirm by resuming it"
        ),
        evidence: json!({
            "code": "GOLDEN_DIFFERS",
            "differ": news.len(),
            "of": found.len(),
            "checked_with": pins(),
            "golden": shown,
        }),
    })
}

/// What a person is asked about an automation whose golden runs cannot be replayed.
pub(crate) fn uncheckable(automation: &Automation, trouble: &Trouble) -> Upset {
    Upset {
        automation: automation.id,
        title: format!(
            "{}: after the upgrade its golden runs could not be checked. It is paused; resume it to try again",
            automation.title
        ),
        evidence: json!({ "code": "GOLDEN_UNVERIFIED", "why": trouble.to_string(), "checked_with": pins() }),
    }
}
