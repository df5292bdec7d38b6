//! Makes needs of automations that are more silent than their contracts expect.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use intents::Timestamp;
use intents::contract::Expect;
use intents::expect::{Silent, silence};
use intents::id::{AutomationId, ContractId};
use intents::need::Kind;
use serde_json::json;

use super::clause;
use crate::store::{Automation, Error, Mode, NewNeed, Store};
use crate::supervisor::Concerns;

/// One expectation: its automation, and its place in the contract.
type Which = (AutomationId, usize);

/// Looks at the `expect` clauses of all active automations.
pub(super) struct Silences {
    store: Store,
    concerns: Concerns,
    /// A contract never changes, so it is read once.
    expected: HashMap<ContractId, Vec<Expect>>,
    /// Enough runs came lately that there is no need to look before.
    calm_until: BTreeMap<Which, Timestamp>,
}

impl Silences {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            concerns: Concerns::new(store),
            expected: HashMap::new(),
            calm_until: BTreeMap::new(),
        }
    }

    /// Asks about each silence once as long as it lasts, and withdraws what was asked when runs come again.
    pub(super) async fn look(&mut self, now: Timestamp) -> Result<(), Error> {
        let mut automations = self.store.automations().await?;
        automations.retain(|automation| automation.mode == Mode::Active);
        let contracts: BTreeSet<_> = automations.iter().map(|automation| automation.contract).collect();
        self.expected.retain(|contract, _| contracts.contains(contract));

        let mut watched = BTreeSet::new();
        for automation in &automations {
            for (index, expect) in self.expected(automation.contract).await?.into_iter().enumerate() {
                watched.insert((automation.id, index));
                self.look_at(automation, index, &expect, now).await?;
            }
        }
        self.calm_until.retain(|which, _| watched.contains(which));
        let keys: BTreeSet<_> = watched.into_iter().map(dedupe_key).collect();
        self.concerns.keep(|key| keys.contains(key)).await
    }

    async fn expected(&mut self, contract: ContractId) -> Result<Vec<Expect>, Error> {
        if let Some(known) = self.expected.get(&contract) {
            return Ok(known.clone());
        }
        let body = self.store.contract(contract).await?.body;
        let expected = clause::expectations(&body).unwrap_or_else(|error| {
            tracing::warn!(%contract, %error, "the expectations of a contract are not understood");
            Vec::new()
        });
        self.expected.insert(contract, expected.clone());
        Ok(expected)
    }

    async fn look_at(
        &mut self,
        automation: &Automation,
        index: usize,
        expect: &Expect,
        now: Timestamp,
    ) -> Result<(), Error> {
        let which = (automation.id, index);
        let window = expect.per.duration();
        // Further away than a window: the clock went back.
        if self.calm_until.get(&which).is_some_and(|until| now < *until && until.since(now) <= window) {
            return Ok(());
        }
        let mut runs = self.store.runs_since(automation.id, now - window).await?;
        if let Some(silent) = silence(expect, &runs, automation.activated_at, now) {
            self.calm_until.remove(&which);
            return self.concerns.raise(need(automation, index, &silent)).await;
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

fn need(automation: &Automation, index: usize, silent: &Silent) -> NewNeed {
    let Silent { expected, seen, window } = silent;
    NewNeed {
        kind: Kind::Silence,
        dedupe_key: dedupe_key((automation.id, index)),
        automation: Some(automation.id),
        run: None,
        call: None,
        effect: None,
        title: format!("`{}` is silent: {seen} runs in {window}, at least {expected} were expected", automation.title),
        evidence: json!({ "expected": expected, "seen": seen, "window": window }),
    }
}
