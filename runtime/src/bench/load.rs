//! A load: so many clients, each of which starts a run, waits for its end, and starts the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use intents::Timestamp;
use intents::id::RunId;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::meter::Watch;
use super::world::{Imported, World};
use crate::store::{Delivered, Delivery, Store, WORKSPACE_ROOM};

/// A run of the bench that takes longer is stuck.
const RUN_MAX: Duration = Duration::from_secs(60);
/// Events that are read at once.
const EVENTS_PAGE: u64 = 1000;

/// What the clients saw.
pub(super) struct Load {
    /// From the delivery of each item to the end of its run.
    pub(super) lengths: Vec<Duration>,
    /// How long the load lasted, the last runs included.
    pub(super) lasted: Duration,
}

/// Runs the load for a length of time. `round` tells its items from those of other loads.
pub(super) async fn load(
    world: &World,
    automations: &[Imported],
    clients: usize,
    length: Duration,
    round: &str,
) -> anyhow::Result<Load> {
    let ends = Ends::watch(&world.store).await?;
    let watch = Watch::start();
    let mut working = Vec::with_capacity(clients);
    for client in 0..clients {
        let (store, ends) = (world.store.clone(), ends.clone());
        let imported = automations[client % automations.len()];
        let name = format!("{round}/{client}");
        working.push(tokio::spawn(async move {
            let mut lengths = Vec::new();
            while watch.read() < length {
                lengths.push(one(&store, &ends, imported, &format!("{name}/{}", lengths.len())).await?);
            }
            anyhow::Ok(lengths)
        }));
    }
    let mut lengths = Vec::new();
    for client in working {
        lengths.extend(client.await.context("a client failed")??);
    }
    Ok(Load { lengths, lasted: watch.read() })
}

async fn one(store: &Store, ends: &Ends, imported: Imported, item: &str) -> anyhow::Result<Duration> {
    let watch = Watch::start();
    let delivery = Delivery {
        automation: imported.automation,
        trigger: Some(imported.trigger),
        dedupe_key: item.to_owned(),
        input: json!({ "item": item }),
        labels: intents::label::Labels::new(),
        useful_until: None::<Timestamp>,
        skip_if_busy: false,
    };
    let Delivered::New { run, .. } = store.deliver(delivery).await? else { bail!("an item was there before") };
    let kind = tokio::time::timeout(RUN_MAX, ends.of(run)).await.context("a run does not end")??;
    if kind != "run.succeeded" {
        bail!("a run ended with {kind}: {:?}", store.run(run).await?);
    }
    Ok(watch.read())
}

/// How runs end, told to whoever waits.
#[derive(Clone)]
struct Ends {
    waiting: Arc<Mutex<Waiting>>,
    _watching: Arc<Watching>,
}

/// The runs that have ended unheard, and those that somebody waits for.
#[derive(Default)]
struct Waiting {
    ended: HashMap<RunId, String>,
    asked: HashMap<RunId, oneshot::Sender<String>>,
}

/// Ends with the last who listens.
struct Watching(JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ends {
    /// Follows the events from here on.
    async fn watch(store: &Store) -> anyhow::Result<Self> {
        let mut events = store.signals().events;
        let mut position = *events.borrow_and_update();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (store, told) = (store.clone(), Arc::clone(&waiting));
        let watching = tokio::spawn(async move {
            while events.changed().await.is_ok() {
                let Ok(new) = store.events_after(WORKSPACE_ROOM, position, EVENTS_PAGE).await else { return };
                position = new.last().map_or(position, |event| event.position);
                if new.len() as u64 == EVENTS_PAGE {
                    events.mark_changed();
                }
                for event in new {
                    let over =
                        matches!(event.kind.as_str(), "run.succeeded" | "run.failed" | "run.stopped" | "run.waiting");
                    if let (true, Some(Ok(run))) = (over, event.run.map(|run| run.parse())) {
                        told.lock().unwrap_or_else(PoisonError::into_inner).tell(run, event.kind);
                    }
                }
            }
        });
        Ok(Self { waiting, _watching: Arc::new(Watching(watching)) })
    }

    /// How a run ends.
    async fn of(&self, run: RunId) -> anyhow::Result<String> {
        let ended = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match waiting.ended.remove(&run) {
                Some(kind) => return Ok(kind),
                None => {
                    let (tell, ended) = oneshot::channel();
                    waiting.asked.insert(run, tell);
                    ended
                }
            }
        };
        ended.await.context("nobody follows the events any more")
    }
}

impl Waiting {
    fn tell(&mut self, run: RunId, kind: String) {
        match self.asked.remove(&run) {
            // Whoever asked may have given up.
            Some(asked) => drop(asked.send(kind)),
            None => drop(self.ended.insert(run, kind)),
        }
    }
}
