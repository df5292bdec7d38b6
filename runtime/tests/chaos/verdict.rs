//! The verdict: what was promised, against what the service's own record says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::automation;
use crate::items::Items;
use crate::sink::{Kind, Line};
use crate::steward::{self, Steward};
use crate::storm::Storm;
use crate::table::Table;

/// What the service knows about one effect.
#[derive(Default)]
struct Known {
    arrived: usize,
    /// Arrivals whose answer said that nothing was done.
    proofs: usize,
    /// Arrivals whose answer said nothing, or nothing of use.
    ambiguous: usize,
    performed: usize,
    /// What the last performance left.
    last_body: String,
}

/// Looks at the server while it lives: each item that was acknowledged has its one run, which succeeded.
pub(crate) fn see(storm: &mut Storm, steward: &Steward) {
    let runs = steward.runs().expect("the server answers");
    let mut wrong = Vec::new();
    for item in storm.items.all() {
        let run = item.run.as_ref().and_then(|id| runs.get(id));
        match run {
            Some(run) if run["phase"] == "succeeded" => {}
            Some(run) => wrong.push(format!("{} ended otherwise: {run}", item.name)),
            None => wrong.push(format!("{} was acknowledged and is lost", item.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(runs.len(), storm.items.all().len(), "an item has more than one run");

    let known = known(storm);
    for effect in steward.effects().expect("the server answers") {
        let key = effect["key"].as_str().unwrap_or_default();
        let (kind, name) = steward::effect(key);
        let Some(kind) = Kind::ALL.into_iter().find(|known| known.as_str() == kind) else { continue };
        assert_eq!(effect["state"], "applied", "all runs are over: {effect}");
        assert!(known.contains_key(&(kind, name)), "the ledger says that it happened, the service does not: {effect}");
    }
}

/// Looks at what is left when everything has ended, and prints the figures.
pub(crate) fn check(storm: &mut Storm, title: &str, lasted: Duration) {
    storm.audit();
    let known = known(storm);
    let items: Vec<_> = storm.items.all().to_vec();
    let mut missing = Vec::new();
    let mut twice = Vec::new();
    let mut expected = BTreeSet::new();
    for item in &items {
        for (kind, effect) in automation::effects_of(&item.name) {
            let performed = known.get(&(kind, effect.clone())).map_or(0, |known| known.performed);
            let name = format!("{}/{effect}", kind.as_str());
            if performed == 0 {
                missing.push(name);
            } else if performed > 1 && kind != Kind::Natural {
                twice.push(format!("{name} ({performed} times)"));
            }
            expected.insert((kind, effect));
        }
        let file = storm.home.folder(automation::FOLDER).join(format!("{}.txt", item.name));
        if std::fs::read_to_string(&file).ok() != Some(automation::file_of(&item.name)) {
            missing.push(format!("the file of {}", item.name));
        }
    }
    let natural = known.iter().filter(|((kind, _), _)| *kind == Kind::Natural);
    let wrong_state: Vec<_> = natural.filter(|((_, effect), known)| !is_of(&known.last_body, effect)).collect();
    assert!(wrong_state.is_empty(), "natural effects left a wrong state: {}", wrong_state.len());
    let strange: Vec<_> = known.keys().filter(|key| !expected.contains(*key)).collect();
    assert!(strange.is_empty(), "effects that nobody asked for: {strange:?}");
    let blind = Blind::look(&known, &storm.items);
    table(storm, title, lasted, &known, &blind, (missing.len(), twice.len()));
    assert!(missing.is_empty(), "missing: {missing:?}");
    assert!(twice.is_empty(), "done twice: {twice:?}");
    assert!(blind.retried.is_empty(), "blind effects that were sent again without an answer: {:?}", blind.retried);
    assert!(blind.not_asked.is_empty(), "ambiguous and nobody was asked: {:?}", blind.not_asked);
}

/// What became of blind effects.
struct Blind {
    ambiguous: usize,
    asked: usize,
    /// Sent again although nothing proved that it had not happened, and nobody said so.
    retried: Vec<String>,
    /// The service gave no usable answer, and yet no person was asked.
    not_asked: Vec<String>,
}

impl Blind {
    fn look(known: &BTreeMap<(Kind, String), Known>, items: &Items) -> Self {
        let mut blind = Self { ambiguous: 0, asked: 0, retried: Vec::new(), not_asked: Vec::new() };
        for ((_, effect), known) in known.iter().filter(|((kind, _), _)| *kind == Kind::Blind) {
            let name = format!("{}/{effect}", Kind::Blind.as_str());
            let denied = items.denied.get(&name).copied().unwrap_or(0);
            let asked = denied + items.affirmed.get(&name).copied().unwrap_or(0);
            blind.ambiguous += usize::from(known.ambiguous > 0);
            blind.asked += usize::from(asked > 0);
            if known.arrived > 1 + known.proofs + denied {
                blind.retried.push(format!("{name}: {} times", known.arrived));
            }
            if known.ambiguous > 0 && asked == 0 {
                blind.not_asked.push(name);
            }
        }
        blind
    }
}

/// Everything that the service knows, by effect.
fn known(storm: &mut Storm) -> BTreeMap<(Kind, String), Known> {
    let mut all = BTreeMap::<_, Known>::new();
    for line in storm.service.settled_record().lines() {
        match line {
            Line::Arrived { kind, effect, fate, .. } => {
                let known = all.entry((*kind, effect.clone())).or_default();
                known.arrived += 1;
                known.proofs += usize::from(fate.proves_nothing_done());
                known.ambiguous += usize::from(fate.is_ambiguous());
            }
            Line::Performed { kind, effect, body, .. } => {
                let known = all.entry((*kind, effect.clone())).or_default();
                known.performed += 1;
                known.last_body.clone_from(body);
            }
        }
    }
    all
}

/// Whether a body is the one that the script sends for a natural effect.
fn is_of(body: &str, effect: &str) -> bool {
    let Ok(body) = serde_json::from_str::<serde_json::Value>(body) else { return false };
    let item = body["item"].as_str().unwrap_or_default();
    body["kind"] == Kind::Natural.as_str() && format!("{item}/{}", body["step"]) == effect
}

fn table(
    storm: &Storm,
    title: &str,
    lasted: Duration,
    known: &BTreeMap<(Kind, String), Known>,
    blind: &Blind,
    (missing, twice): (usize, usize),
) {
    let figures = &storm.figures;
    let items = storm.items.all();
    let mut table = Table::default();
    table.row("kills", figures.kills);
    table.row("  while starting", figures.kills_in_start);
    if figures.stops > 0 {
        table.row("stops, gone on later", figures.stops);
    }
    table.row("starts", figures.starts);
    table.row("runs acknowledged, all succeeded", items.len());
    table.row("deliveries", items.iter().map(|item| u64::from(item.tries)).sum::<u64>() + figures.repeated);
    for kind in Kind::ALL {
        let of_kind = || known.iter().filter(move |((of, _), _)| *of == kind).map(|(_, known)| known);
        table.row(format!("{} effects", kind.as_str()), of_kind().count());
        table.row("  requests that arrived", of_kind().map(|known| known.arrived).sum::<usize>());
        table.row("  performed", of_kind().map(|known| known.performed).sum::<usize>());
    }
    table.row("files written", items.len());
    table.row("missing", missing);
    table.row("done twice", twice);
    table.row("blind effects that the service left ambiguous", blind.ambiguous);
    table.row("blind effects that became a need", blind.asked);
    table.row("blind retries", blind.retried.len());
    let mut restarts = figures.restarts.clone();
    restarts.sort_unstable();
    let at = |share: usize| restarts.get(restarts.len() * share / 100).copied().unwrap_or_default().as_millis();
    let what = if figures.stops > 0 { "the next one ready" } else { "restart until ready" };
    table.row(format!("{what}, median"), format!("{} ms", at(50)));
    table.row(format!("{what}, 95 of 100"), format!("{} ms", at(95)));
    table.row("the storm lasted", format!("{} s", lasted.as_secs()));
    table.print(title);
}
