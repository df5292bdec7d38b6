//! Listens to the operating system's notifications, which are hints and nothing more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::folder::{Identity, Root};

/// Places that are remembered between two looks; when there are more, everything is looked at.
const PLACES_MAX: usize = 1024;

/// What was heard since somebody asked last.
#[derive(Debug, Default)]
pub(super) struct Heard {
    places: Mutex<Places>,
    told: Notify,
}

#[derive(Debug, Default)]
struct Places {
    paths: BTreeSet<PathBuf>,
    everywhere: bool,
}

impl Heard {
    /// Waits until there is something.
    pub(super) async fn something(&self) {
        self.told.notified().await;
    }

    /// Takes what was heard: the roots of these that something happened in.
    pub(super) fn take<'a>(&self, roots: impl Iterator<Item = &'a Path>) -> BTreeSet<PathBuf> {
        let places = std::mem::take(&mut *self.places.lock().unwrap_or_else(PoisonError::into_inner));
        let concerns = |root: &Path| places.everywhere || places.paths.iter().any(|path| path.starts_with(root));
        roots.filter(|root| concerns(root)).map(Path::to_owned).collect()
    }

    fn hear(&self, event: notify::Result<notify::Event>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Ok(event) if !changes_something(event.kind) => return,
            Ok(event) if !event.need_rescan() && places.paths.len() + event.paths.len() <= PLACES_MAX => {
                places.paths.extend(event.paths);
            }
            // Notifications were lost, or there are too many to keep.
            Ok(_) | Err(_) => {
                places.paths.clear();
                places.everywhere = true;
            }
        }
        drop(places);
        self.told.notify_one();
    }
}

/// Our own reading is no news.
fn changes_something(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

/// Listens at the roots that it is told.
pub(super) struct Ear {
    heard: Arc<Heard>,
    watcher: Option<RecommendedWatcher>,
    roots: BTreeMap<PathBuf, (Identity, bool)>,
}

impl Ear {
    /// Where the system gives no notifications, looking every so often must do.
    pub(super) fn new() -> Self {
        let heard = Arc::new(Heard::default());
        let hears = Arc::clone(&heard);
        let watcher = notify::recommended_watcher(move |event| hears.hear(event));
        let watcher = watcher.inspect_err(|error| tracing::warn!(%error, "the system tells nothing about files")).ok();
        Self { heard, watcher, roots: BTreeMap::new() }
    }

    pub(super) fn heard(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }

    /// Listens at a root, unless it does so. Blocking: a deep folder is walked.
    pub(super) fn listen(&mut self, root: &Root, deep: bool) {
        if self.roots.get(&root.path) == Some(&(root.identity, deep)) {
            return;
        }
        self.leave(&root.path);
        let Some(watcher) = &mut self.watcher else { return };
        let mode = if deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        match watcher.watch(&root.path, mode) {
            Ok(()) => drop(self.roots.insert(root.path.clone(), (root.identity, deep))),
            Err(error) => {
                tracing::warn!(%error, "the system tells nothing about a folder; it is looked at every so often")
            }
        }
    }

    /// Listens nowhere else any more.
    pub(super) fn keep(&mut self, roots: &BTreeSet<PathBuf>) {
        let gone: Vec<_> = self.roots.keys().filter(|root| !roots.contains(*root)).cloned().collect();
        gone.iter().for_each(|root| self.leave(root));
    }

    fn leave(&mut self, root: &Path) {
        if self.roots.remove(root).is_some()
            && let Some(watcher) = &mut self.watcher
        {
            // It fails when the folder is gone, and with it the watch.
            drop(watcher.unwatch(root));
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, ModifyKind};

    use super::*;

    fn event(kind: EventKind, path: &str) -> notify::Result<notify::Event> {
        Ok(notify::Event::new(kind).add_path(path.into()))
    }

    #[test]
    fn what_was_heard_is_told_once_to_whom_it_concerns() {
        let heard = Heard::default();
        heard.hear(event(EventKind::Create(CreateKind::File), "/a/x.csv"));
        heard.hear(event(EventKind::Access(AccessKind::Open(AccessMode::Any)), "/b/x.csv"));
        let roots = [Path::new("/a"), Path::new("/b"), Path::new("/ab")];
        assert_eq!(heard.take(roots.into_iter()), BTreeSet::from(["/a".into()]));
        assert!(heard.take(roots.into_iter()).is_empty());
    }

    #[test]
    fn too_much_to_remember_concerns_everybody() {
        let heard = Heard::default();
        for number in 0..=PLACES_MAX {
            heard.hear(event(EventKind::Modify(ModifyKind::Any), &format!("/a/{number}")));
        }
        assert_eq!(heard.take([Path::new("/b")].into_iter()).len(), 1);
    }

    #[cfg(target_os = "linux")]
    #[actix_rt::test]
    async fn the_system_tells_what_lands_in_a_folder_also_in_one_that_took_its_place() {
        use crate::supervisor::simulated::until;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("drop");
        let mut ear = Ear::new();
        for life in 0..2 {
            std::fs::create_dir(&folder).unwrap();
            let root = super::super::folder::open(&folder).unwrap();
            ear.listen(&root, false);
            std::fs::write(folder.join("may.csv"), life.to_string()).unwrap();
            let heard = ear.heard();
            until("it is heard", async || !heard.take([root.path.as_path()].into_iter()).is_empty()).await;
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
}
