//! The loop: looks into folders, and takes what has come to rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use intents::Timestamp;
use intents::contract::FileDedupe;
use intents::id::TriggerId;
use intents::label::{Label, Labels};
use serde_json::json;
use tokio::task::JoinHandle;

use super::digest::{Reading, digest};
use super::ear::{Ear, Heard};
use super::folder::{self, Root};
use super::memory::Memory;
use super::needs;
use super::plan::{self, Plan, Watched};
use super::settle::REST;
use super::walk::{Found, Refused, Seen, is_deep, walk};
use crate::env::Env;
use crate::health::Health;
use crate::store::{Delivery, Error, SeenFile, Store};
use crate::supervisor::{Concerns, Escalation, Rhythm, passes_by_itself, supervise_task};

/// Every folder is looked into this often: a lost notification costs no more.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Files of one trigger that are taken in one look, so that a full folder lets the others have their turn.
const TAKEN_MAX: usize = 100;
/// The store is tried again after this when it says that it cannot now.
const RETRY: Duration = Duration::from_secs(5);

/// Starts the watcher. It needs nothing but the store; aborting the handle ends it.
pub fn start_watcher(store: &Store, env: &Env, health: &Health, escalation: &Arc<dyn Escalation>) -> JoinHandle<()> {
    let (store, own_env) = (store.clone(), env.clone());
    supervise_task("watcher", env, health, escalation, move || Watcher::new(&store, &own_env).run())
}

/// One life of the watcher.
pub(super) struct Watcher {
    store: Store,
    env: Env,
    concerns: Concerns,
    ear: Arc<Mutex<Ear>>,
    heard: Arc<Heard>,
    folders: BTreeMap<String, Watched>,
    /// The folders that are there.
    roots: BTreeMap<String, Root>,
    memories: BTreeMap<TriggerId, Memory>,
    everywhere: Rhythm,
    replan: bool,
}

impl Watcher {
    pub(super) fn new(store: &Store, env: &Env) -> Self {
        let ear = Ear::new();
        Self {
            store: store.clone(),
            env: env.clone(),
            concerns: Concerns::new(store),
            heard: ear.heard(),
            ear: Arc::new(Mutex::new(ear)),
            folders: BTreeMap::new(),
            roots: BTreeMap::new(),
            memories: BTreeMap::new(),
            everywhere: Rhythm::from(env.now(), LOOK_EVERY),
            replan: true,
        }
    }

    pub(super) async fn run(mut self) -> Result<Infallible, Error> {
        let mut timers = self.store.signals().timers;
        let heard = Arc::clone(&self.heard);
        loop {
            timers.borrow_and_update();
            let looked_at = self.env.now();
            let next = match self.look().await {
                Ok(next) => next,
                Err(error) if passes_by_itself(&error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "files wait for the store");
                    // What was heard is forgotten, so everything is looked at again.
                    self.everywhere = Rhythm::from(looked_at, LOOK_EVERY);
                    looked_at + RETRY
                }
                Err(error) => return Err(error),
            };
            tokio::select! {
                () = self.env.clock.sleep_until(next) => continue,
                () = heard.something() => {}
                changed = timers.changed() => {
                    changed.map_err(|_| Error::Closed)?;
                    self.replan = true;
                }
            }
            // What comes in a burst is looked at together.
            self.env.clock.sleep_until((looked_at + REST).min(next)).await;
        }
    }

    /// Looks where there may be something; says when to look again.
    pub(super) async fn look(&mut self) -> Result<Timestamp, Error> {
        let now = self.env.now();
        let heard = self.heard.take(self.roots.values().map(|root| root.path.as_path()));
        let mut dirty: BTreeSet<String> = self
            .roots
            .iter()
            .filter(|(_, root)| heard.contains(&root.path))
            .map(|(name, _)| name.clone())
            .chain(self.waiting())
            .collect();
        let everywhere = self.everywhere.is_due(now);
        if everywhere {
            self.memories.values_mut().for_each(|memory| memory.retry = true);
        }
        if everywhere || std::mem::take(&mut self.replan) {
            let changed = self.plan().await?;
            dirty.extend(if everywhere { self.folders.keys().cloned().collect() } else { changed });
        }
        for name in dirty {
            if let Some(watched) = self.folders.get(&name).cloned() {
                self.look_into(&name, &watched).await?;
            }
        }
        let again = self.memories.values().filter_map(|memory| memory.next(now)).min();
        Ok(again.map_or(self.everywhere.next(), |at| at.min(self.everywhere.next())))
    }

    /// The folders with files that have not come to rest or were too many.
    fn waiting(&self) -> impl Iterator<Item = String> {
        let waits = |plan: &Plan| {
            self.memories.get(&plan.trigger).is_some_and(|memory| memory.next(Timestamp::EPOCH).is_some())
        };
        self.folders.iter().filter(move |(_, watched)| watched.plans.iter().any(waits)).map(|(name, _)| name.clone())
    }

    /// Reads again what is to be watched; says what has changed.
    async fn plan(&mut self) -> Result<Vec<String>, Error> {
        let folders = plan::read(&self.store).await?;
        let changed = folders.iter().filter(|(name, new)| self.folders.get(*name) != Some(new));
        let changed = changed.map(|(name, _)| name.clone()).collect();
        self.folders = folders;
        let triggers: BTreeSet<_> =
            self.folders.values().flat_map(|watched| &watched.plans).map(|plan| plan.trigger).collect();
        self.memories.retain(|trigger, _| triggers.contains(trigger));
        self.roots.retain(|name, _| self.folders.contains_key(name));
        let plans = self.folders.values().flat_map(|watched| &watched.plans);
        let folders = self.folders.keys().map(|name| needs::folder_key(name));
        let keys: BTreeSet<_> = plans.map(needs::files_key).chain(folders).collect();
        self.concerns.keep(|key| keys.contains(key)).await?;
        self.listen().await;
        Ok(changed)
    }

    /// Listens at the folders that are there, and nowhere else.
    async fn listen(&self) {
        let roots: Vec<_> = self
            .roots
            .iter()
            .map(|(name, root)| (root.clone(), self.folders.get(name).is_some_and(Watched::is_deep)))
            .collect();
        let ear = Arc::clone(&self.ear);
        blocking(move || {
            let mut ear = ear.lock().unwrap_or_else(PoisonError::into_inner);
            ear.keep(&roots.iter().map(|(root, _)| root.path.clone()).collect());
            // Two names may stand for one folder.
            for (root, deep) in &roots {
                let deep = *deep || roots.iter().any(|(other, deep)| *deep && other.path == root.path);
                ear.listen(root, deep);
            }
        })
        .await
        .unwrap_or_default();
    }

    async fn look_into(&mut self, name: &str, watched: &Watched) -> Result<(), Error> {
        let root = match self.root(name, watched).await {
            Ok(root) => root,
            Err(reason) => {
                self.roots.remove(name);
                return self.concerns.raise(needs::folder(name, watched, &reason)).await;
            }
        };
        for plan in &watched.plans {
            let (path, glob) = (root.path.clone(), plan.glob.clone());
            match blocking(move || walk(&path, &glob)).await {
                Ok(Ok(seen)) => self.take_in(&root.path, plan, seen).await?,
                Ok(Err(error)) => {
                    return self.concerns.raise(needs::folder(name, watched, &error.to_string())).await;
                }
                Err(closed) => return Err(closed),
            }
        }
        self.concerns.settle(&needs::folder_key(name)).await
    }

    /// Finds a folder, and listens there before it is looked into, so that nothing falls between the two.
    async fn root(&mut self, name: &str, watched: &Watched) -> Result<Root, String> {
        let Some(path) = watched.path.clone() else { return Err("no such folder is granted".to_owned()) };
        let root = blocking(move || folder::open(&path)).await.map_err(|error| error.to_string())?;
        let root = root.map_err(|error| error.to_string())?;
        if self.roots.get(name) != Some(&root) {
            self.roots.insert(name.to_owned(), root.clone());
            self.listen().await;
        }
        Ok(root)
    }

    /// Takes the files that have come to rest.
    async fn take_in(&mut self, root: &Path, plan: &Plan, seen: Seen) -> Result<(), Error> {
        let mut memory = match self.memories.remove(&plan.trigger) {
            Some(memory) => memory,
            None => self.remember(plan.trigger).await?,
        };
        let taken = self.take_rested(root, plan, &mut memory, &seen).await;
        let told = match taken {
            Ok(()) => self.tell_refused(plan, &mut memory, seen.refused).await,
            Err(error) => Err(error),
        };
        self.memories.insert(plan.trigger, memory);
        told
    }

    async fn remember(&self, trigger: TriggerId) -> Result<Memory, Error> {
        let seen = self.store.seen_files(trigger).await?;
        let seen = seen.into_iter().map(|file| (file.path, (file.size, file.modified))).collect();
        Ok(Memory { seen, ..Memory::default() })
    }

    async fn take_rested(&self, root: &Path, plan: &Plan, memory: &mut Memory, seen: &Seen) -> Result<(), Error> {
        let there: HashMap<&str, &Found> = seen.found.iter().map(|file| (file.path.as_str(), file)).collect();
        memory.refused.retain(|path, (file, _)| there.get(path.as_str()).is_some_and(|now| *now == file));
        let news = seen.found.iter().filter(|file| !memory.knows(file)).cloned().collect();
        let rested = memory.settling.look(news, self.env.now());
        memory.more = rested.len() > TAKEN_MAX;
        let again = if std::mem::take(&mut memory.retry) { memory.refused.values() } else { Default::default() };
        let again: Vec<_> = again.take(TAKEN_MAX).map(|(file, _)| file.clone()).collect();
        for file in rested.into_iter().take(TAKEN_MAX).chain(again) {
            let (path, found) = (root.to_owned(), file.clone());
            match blocking(move || digest(&path, &found)).await? {
                Reading::Digest(digest) => {
                    self.take(plan, &file, digest).await?;
                    memory.settling.forget(&file.path);
                    memory.refused.remove(&file.path);
                    memory.seen.insert(file.path, (file.size, file.modified));
                }
                Reading::Changed => memory.settling.disturb(&file.path, self.env.now()),
                Reading::Refused(reason) => {
                    memory.settling.forget(&file.path);
                    memory.refused.insert(file.path.clone(), (file, reason));
                }
            }
        }
        Ok(())
    }

    /// Remembers a file and delivers it, in one commit.
    async fn take(&self, plan: &Plan, file: &Found, digest: String) -> Result<(), Error> {
        let mut delivery = delivery(plan, file, &digest, self.env.now());
        // A file that a run has written brings along what that run had read.
        delivery.labels.extend(self.store.labels_of_file(&plan.folder, &file.path, Some(&digest)).await?);
        let seen = SeenFile { path: file.path.clone(), size: file.size, modified: file.modified, digest };
        self.store.take_file(plan.trigger, seen, Some(delivery)).await?;
        Ok(())
    }

    async fn tell_refused(&mut self, plan: &Plan, memory: &mut Memory, walked: Vec<Refused>) -> Result<(), Error> {
        let mut refused = walked;
        let unread = memory.refused.iter();
        refused.extend(unread.map(|(path, (_, reason))| Refused { path: path.clone(), reason: reason.clone() }));
        let key = needs::files_key(plan);
        if refused.is_empty() {
            memory.told = None;
            return self.concerns.settle(&key).await;
        }
        let digest = needs::digest_of(&refused);
        if memory.told == Some(digest) {
            return Ok(());
        }
        if memory.told.is_some() {
            // Other files than before: the person is told anew.
            self.concerns.settle(&key).await?;
        }
        self.concerns.raise(needs::files(plan, &refused)).await?;
        memory.told = Some(digest);
        Ok(())
    }
}

impl Watched {
    fn is_deep(&self) -> bool {
        self.plans.iter().any(|plan| is_deep(&plan.glob))
    }
}

fn delivery(plan: &Plan, file: &Found, digest: &str, now: Timestamp) -> Delivery {
    let dedupe_key = match plan.dedupe {
        FileDedupe::Content => format!("file:{digest}"),
        FileDedupe::PathAndContent => format!("file:{}:{digest}", file.path),
    };
    Delivery {
        automation: plan.automation,
        trigger: Some(plan.trigger),
        dedupe_key,
        input: json!({
            "trigger": "file", "folder": plan.folder, "path": file.path, "size": file.size,
            "modified": file.modified.to_string(), "digest": digest,
        }),
        labels: Labels::from([Label(format!("folder:{}", plan.folder))]),
        useful_until: plan.useful_for.map(|span| now + span.duration()),
        skip_if_busy: plan.skip_if_busy,
    }
}

/// Does what blocks where it may. A panic there is one here.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => Err(Error::Closed),
    }
}
