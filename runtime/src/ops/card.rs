//! Cards: what the planner proposes, checked and put into words by the host, and what the person decides about it.

use std::collections::BTreeMap;

use intents::canonical;
use intents::chat::{Named, plain_line, unnamed};
use intents::contract::{Change as Clause, Contract, Words, diff};
use intents::id::CardId;
use intents::run::Phase;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::explain;
use super::import::{Change, ImportRequest, Imported, import};
use crate::app::App;
use crate::chat::{Card, CardBody, CardState, ChangeLine};
use crate::error::{Code, Error};
use crate::store::{self, Automation, Mode, NewCard, Program};
use crate::trial::SheetV1;

/// Characters of a line of the planner's.
const LINE_CHARS: usize = 300;
/// Lines of the planner's in each part of a card; more is not read.
const LINES_MAX: usize = 20;
/// Characters of a line of the host's: it holds what the contract says, which may be long.
const CLAUSE_CHARS: usize = 1_000;

/// What the planner proposes.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The name of the automation.
    pub name: String,
    /// The contract.
    pub contract: Value,
    /// The script.
    pub script: String,
    /// What the script does, in the planner's words.
    pub script_does: Vec<String>,
    /// What the planner took for granted.
    pub assumptions: Vec<String>,
    /// The live automation that is to be another.
    pub changes: Option<String>,
    /// The world that the script is tried in.
    pub recordings: Option<Value>,
    /// What the person named in the conversation.
    pub named: Named,
}

/// Checks a proposal, tries its script, and makes the card of it. Nothing is changed.
pub async fn propose(app: &App, proposal: Proposal) -> Result<NewCard, Error> {
    let known = known(app, &proposal.name).await?;
    match (&known, &proposal.changes) {
        (Some(known), None) => {
            let message = format!(
                "there is an automation `{0}` already; take another name, or say `changes: \"{0}\"` to change that one",
                known.name
            );
            return Err(Error::new(Code::AutomationName, message));
        }
        (None, Some(changes)) => {
            let message = format!("there is no automation `{changes}` that could be changed");
            return Err(Error::new(Code::AutomationName, message));
        }
        (Some(known), Some(changes)) if known.name != *changes => {
            let message = format!("a change of `{changes}` has the same name, and not `{}`", known.name);
            return Err(Error::new(Code::AutomationName, message));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let contract = explain::read(app, &proposal.contract)?;
    let preview =
        import(app, request(&proposal.name, &proposal.contract, &proposal.script, &proposal.recordings)).await?;
    let (Imported::Preview(card) | Imported::Done { card, .. }) = preview;
    let in_force = match &known {
        Some(known) => Some(in_force(app, known).await?),
        None => None,
    };
    let changes = in_force.as_ref().map(|(_, old)| diff(old, &contract).changes).unwrap_or_default();
    let (verdict, proof, trial) = match &card.trial {
        Some(trial) => (trial.sheet.verdict.clone(), proof(&trial.sheet), Some(trial.id.to_string())),
        None => ("incomplete".to_owned(), "nothing was tried".to_owned(), None),
    };
    let body = CardBody {
        automation_name: card.name.clone(),
        change: card.change.as_str().to_owned(),
        title: plain_line(contract.title(), LINE_CHARS),
        goal: plain_line(contract.goal(), LINE_CHARS),
        enforced: enforced(&card.words),
        script_does: lines(&proposal.script_does),
        assumptions: lines(&proposal.assumptions),
        changes: changes.into_iter().map(change_line).collect(),
        unnamed: unnamed(&contract, &proposal.named, in_force.as_ref().map(|(_, old)| old)).into_iter().collect(),
        carried_over: match &known {
            Some(known) => carried_over(app, known, card.change).await?,
            None => None,
        },
        verdict,
        proof,
        trial,
        contract: contract.to_value(),
        script: proposal.script,
        contract_digest: card.contract_digest,
        script_digest: card.script_digest,
        base: in_force.map(|(digest, _)| digest),
        recordings: proposal.recordings,
    };
    Ok(NewCard { id: app.env.card_id(), digest: digest(&body), body })
}

/// The proof sheet in a line; a world in which there was nothing to do proves little, and says so.
fn proof(sheet: &SheetV1) -> String {
    match sheet.counts.first_run_effects {
        0 => format!("{}; as things were, there was nothing to do, so no effect was tried", sheet.line),
        _ => sheet.line.clone(),
    }
}

/// The digest of all that the person sees and confirms.
fn digest(body: &CardBody) -> String {
    let seen = json!({
        "name": body.automation_name, "change": body.change, "contract": body.contract_digest,
        "script": body.script_digest, "base": body.base, "title": body.title, "goal": body.goal,
        "enforced": body.enforced, "script_does": body.script_does, "assumptions": body.assumptions,
        "unnamed": body.unnamed, "proof": body.proof,
        "changes": body.changes.iter().map(|line| json!([line.how, line.words])).collect::<Vec<_>>(),
    });
    canonical::digest(&seen).to_string()
}

fn request(name: &str, contract: &Value, script: &str, recordings: &Option<Value>) -> ImportRequest {
    ImportRequest {
        name: name.to_owned(),
        contract: contract.clone(),
        program: Program::Script(script.to_owned()),
        recordings: recordings.clone(),
        folders: BTreeMap::new(),
        by: "planner".to_owned(),
        confirm: false,
        shadow: false,
    }
}

async fn known(app: &App, name: &str) -> Result<Option<Automation>, Error> {
    match app.store.automation(name).await {
        Ok(known) if known.mode != Mode::Removed => Ok(Some(known)),
        Ok(_) | Err(store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The contract in force, with its digest.
async fn in_force(app: &App, automation: &Automation) -> Result<(String, Contract), Error> {
    let version = app.store.contract(automation.contract).await?;
    let value = serde_json::from_str(&version.body)
        .map_err(|error| store::Error::Unreadable { what: "contract", reason: error.to_string() })?;
    Ok((version.digest, explain::read(app, &value)?))
}

/// Every clause in a sentence, made from the contract alone.
fn enforced(words: &Words) -> Vec<String> {
    let Words { title: _, goal: _, when, may, once, limits, asks, expects, budgets } = words;
    let clauses = [when, may, once, limits, asks, expects, budgets].into_iter().flatten();
    clauses.map(|clause| plain_line(clause, CLAUSE_CHARS)).collect()
}

fn lines(words: &[String]) -> Vec<String> {
    let lines = words.iter().map(|line| plain_line(line, LINE_CHARS));
    lines.filter(|line| !line.is_empty()).take(LINES_MAX).collect()
}

fn change_line(change: Clause) -> ChangeLine {
    let words = match (&change.old, &change.new) {
        (None, Some(new)) => format!("New: {new}"),
        (Some(old), None) => format!("No more: {old}"),
        (Some(old), Some(new)) => format!("{new} (before: {old})"),
        (None, None) => change.part.to_owned(),
    };
    let why = change.why.map(|why| format!(" ({why})")).unwrap_or_default();
    ChangeLine { how: change.direction.to_string(), words: plain_line(&format!("{words}{why}"), CLAUSE_CHARS) }
}

/// What becomes of runs that are under way.
async fn carried_over(app: &App, automation: &Automation, change: Change) -> Result<Option<String>, Error> {
    let under_way = [Phase::Queued, Phase::Running, Phase::Waiting].map(Phase::as_str);
    let id = automation.id.to_string();
    let counts = app.store.run_counts().await?;
    let runs: i64 = counts
        .iter()
        .filter(|(of, phase, _)| *of == id && under_way.contains(&phase.as_str()))
        .map(|(_, _, count)| count)
        .sum();
    let rule = match change {
        Change::New | Change::Nothing => return Ok(None),
        Change::Contract => "with the script that they began with, and do only what both contracts allow",
        Change::Script => "with the script that they began with",
    };
    Ok(match runs {
        0 => None,
        1 => Some(format!(
            "One run is under way. It goes on {}.",
            rule.replace("they", "it").replace("do only", "does only")
        )),
        runs => Some(format!("{runs} runs are under way. They go on {rule}.")),
    })
}

/// Makes a card what the automation is, or has a new one begin in shadow. The digest says which card the person saw.
pub async fn confirm_card(app: &App, id: CardId, seen: &str, shadow: bool, by: &str) -> Result<Card, Error> {
    let card = undecided(app, id).await?;
    if card.digest != seen {
        let message = "the card is another than the one that was confirmed; look at it again";
        return Err(Error::new(Code::CardChanged, message));
    }
    let body = &card.body;
    if shadow && body.change != "new" {
        let message = format!(
            "only a new automation begins in shadow; confirm the change without it, or put `{0}` in shadow first with \
             `steward automations shadow {0}`",
            body.automation_name
        );
        return Err(Error::new(Code::BodyMalformed, message));
    }
    let known = known(app, &body.automation_name).await?;
    let now = match &known {
        Some(known) => Some(app.store.contract(known.contract).await?.digest),
        None => None,
    };
    // A crash may have come between the automation and the card: what is there then is what was confirmed.
    let is_there = now.as_ref() == Some(&body.contract_digest);
    if now != body.base && !is_there {
        let message =
            format!("`{}` has changed since the card was made; ask for the change again", body.automation_name);
        return Err(Error::new(Code::CardChanged, message));
    }
    let request = request(&body.automation_name, &body.contract, &body.script, &body.recordings);
    let imported = import(app, ImportRequest { by: by.to_owned(), confirm: true, shadow, ..request }).await?;
    let Imported::Done { automation, .. } = imported else {
        return Err(Error::new(Code::ServerFailed, "what was confirmed was not taken in"));
    };
    let words = match body.change.as_str() {
        "new" if shadow => format!(
            "Confirmed: `{0}` is in shadow: what it would do is noted, and not done. `steward automations shadowed {0}` \
             shows it, and `steward automations activate {0}` makes it live.",
            automation.name
        ),
        "new" => format!("Confirmed: `{}` is live.", automation.name),
        _ => format!("Confirmed: `{}` is live as changed.", automation.name),
    };
    let words = match next_time(app, &automation).await? {
        Some(at) => format!("{words} Its next time is {at}."),
        None => words,
    };
    let card = app.store.confirm_card(id, automation.id, &words, by).await?;
    app.live.stored(card.thread);
    Ok(card)
}

/// Says no to a card.
pub async fn reject_card(app: &App, id: CardId, by: &str) -> Result<Card, Error> {
    let card = undecided(app, id).await?;
    let words = format!("Rejected: nothing of the card for `{}` was done.", card.body.automation_name);
    let card = app.store.reject_card(id, &words, by).await?;
    app.live.stored(card.thread);
    Ok(card)
}

async fn undecided(app: &App, id: CardId) -> Result<Card, Error> {
    let card = app.store.card(id).await?;
    match card.state {
        CardState::Proposed => Ok(card),
        CardState::Confirmed | CardState::Rejected | CardState::Superseded => {
            let message = format!("the card is {} already; nothing was changed now", card.state);
            Err(Error::new(Code::CardDecided, message))
        }
    }
}

/// The next time of its schedules, by the clock that the schedule goes by.
async fn next_time(app: &App, automation: &Automation) -> Result<Option<String>, Error> {
    let triggers = app.store.triggers_of(automation.id).await?;
    let next = triggers.iter().filter_map(|trigger| Some((trigger.next_at?, &trigger.body))).min_by_key(|(at, _)| *at);
    Ok(next.map(|(at, body)| {
        let trigger: Value = serde_json::from_str(body).unwrap_or_default();
        let zone = trigger["tz"].as_str().and_then(|name| TimeZone::get(name).ok());
        let zoned = at.to_jiff().to_zoned(zone.unwrap_or_else(TimeZone::system));
        zoned.strftime("%A, %Y-%m-%d %H:%M %Q").to_string()
    }))
}
