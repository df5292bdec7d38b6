//! Makes needs of automations that are more silent than their contracts expect.

use std::collections::{BTreeMap, BTreeSet};

use intents::Timestamp;
use intents::contract::Expect;
use intents::expect::{Silent, silence};
use intents::id::{AutomationId, ContractId};
use intents::need::Kind;
use serde_json::json;

use super::clause;
use crate::store::{Automation, Error, NewNeed, Store};
use crate::supervisor::Concerns;

/// One expectation: its automation, and its place in the contract.
type Which = (AutomationId, usize);

/// Automations that are read at once.
const PAGE: u64 = 1000;

/// Looks at the `expect` clauses of all active automations.
pub(super) struct Silences {
    store: Store,
    concerns: Concerns,
    /// The automations whose contracts expect something, as of this event: only an event changes them.
    watched: BTreeMap<Which, Expect>,
    as_of: Option<i64>,
    /// Contracts that were read and expect nothing. A contract never changes.
    undemanding: BTreeSet<ContractId>,
    /// Enough runs came lately that there is no need to look before.
    calm_until: BTreeMap<Which, Timestamp>,
}

impl Silences {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            concerns: Concerns::new(store),
            watched: BTreeMap::new(),
            as_of: None,
            undemanding: BTreeSet::new(),
            calm_until: BTreeMap::new(),
        }
    }

    /// Asks about each silence once as long as it lasts, and withdraws what was asked when runs come again.
    pub(super) async fn look(&mut self, now: Timestamp) -> Result<(), Error> {
        let last_event = *self.store.signals().events.borrow();
        if self.as_of != Some(last_event) {
            self.watched = self.demanding().await?;
            self.as_of = Some(last_event);
        }
        for (which, expect) in self.watched.clone() {
            self.look_at(which, &expect, now).await?;
        }
        self.calm_until.retain(|which, _| self.watched.contains_key(which));
        let keys: BTreeSet<_> = self.watched.keys().copied().map(dedupe_key).collect();
        self.concerns.keep(|key| keys.contains(key)).await
    }

    /// What the contracts of all active automations expect. There may be very many automations, and few of them
    /// expect anything: no more is read and kept than that.
    async fn demanding(&mut self) -> Result<BTreeMap<Which, Expect>, Error> {
        let (mut watched, mut seen, mut after) = (BTreeMap::new(), BTreeSet::new(), None);
        loop {
            let page = self.store.active_contracts_after(after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (automation, contract) in page {
                seen.insert(contract);
                let expected =
                    if self.undemanding.contains(&contract) { Vec::new() } else { self.expected(contract).await? };
                if expected.is_empty() {
                    self.undemanding.insert(contract);
                }
                watched.extend(expected.into_iter().enumerate().map(|(index, expect)| ((automation, index), expect)));
            }
        }
        self.undemanding.retain(|contract| seen.contains(contract));
        Ok(watched)
    }

    async fn expected(&self, contract: ContractId) -> Result<Vec<Expect>, Error> {
        let body = self.store.contract(contract).await?.body;
        Ok(clause::expectations(&body).unwrap_or_else(|error| {
            tracing::warn!(%contract, %error, "the expectations of a contract are not understood");
            Vec::new()
        }))
    }

    async fn look_at(&mut self, which: Which, expect: &Expect, now: Timestamp) -> Result<(), Error> {
        let window = expect.per.duration();
        // Further away than a window: the clock went back.
        if self.calm_until.get(&which).is_some_and(|until| now < *until && until.since(now) <= window) {
            return Ok(());
        }
        let automation = self.store.automation(&which.0.to_string()).await?;
        let mut runs = self.store.runs_since(automation.id, now - window).await?;
        if let Some(silent) = silence(expect, &runs, automation.activated_at, now) {
            self.calm_until.remove(&which);
            return self.concerns.raise(need(&automation, which, &silent)).await;
        }
        self.calm_until.insert(which, calm_until(expect, &mut runs, automation.activated_at));
        self.concerns.settle(&dedupe_key(which)).await
    }
}

/// Until when there cannot be too few runs: as long as the newest that are expected stay within the window.
fn calm_until(expect: &Expect, runs: &mut [Timestamp], activated_at: Timestamp) -> Timestamp {
    runs.sort_unstable_by(|a, b| b.cmp(a));
    let enough = usize::try_from(expect.at_least).unwrap_or(usize::MAX).checked_sub(1).and_then(|last| runs.get(last));
    enough.copied().unwrap_or(activated_at).max(activated_at) + expect.per.duration()
}

fn dedupe_key((automation, index): Which) -> String {
    format!("silence:{automation}:{index}")
}

fn need(automation: &Automation, which: Which, silent: &Silent) -> NewNeed {
    let Silent { expected, seen, window } = silent;
    NewNeed {
        kind: Kind::Silence,
        dedupe_key: dedupe_key(which),
        automation: Some(automation.id),
        run: None,
        call: None,
        effect: None,
        title: format!("`{}` is silent: {seen} runs in {window}, at least {expected} were expected", automation.title),
        evidence: json!({ "expected": expected, "seen": seen, "window": window }),
    }
}
