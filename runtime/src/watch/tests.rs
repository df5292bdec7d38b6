//! Stories of files over real folders, a virtual clock and a real store.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use intents::need::Kind;
use serde_json::{Value, json};

use super::settle::REST;
use super::watcher::Watcher;
use crate::health::Health;
use crate::store::{Automation, Mode};
use crate::supervisor::simulated::{World, until};
use crate::supervisor::{Escalation, NeedsOfParts};

const CSV: (&str, &str) = ("file", r#"{"file":{"folder":"statements","match":"*.csv"}}"#);
const BY_CONTENT: (&str, &str) = ("file", r#"{"file":{"folder":"statements","match":"*.csv","dedupe":"content"}}"#);

struct Scene {
    world: World,
    drop: PathBuf,
    automation: Automation,
}

impl Scene {
    async fn with(trigger: (&'static str, &str)) -> Self {
        let world = World::at("2026-01-01T00:00:00Z").await;
        let drop = world.folder.path().join("drop");
        fs::create_dir(&drop).unwrap();
        let grant = json!({ "path": drop.to_str().unwrap(), "trust": "read_only" });
        world.store.set_setting("folders.statements", grant, "test").await.unwrap();
        let automation = world.automation("summary", &[trigger], "[]").await;
        Self { world, drop, automation }
    }

    fn watcher(&self) -> Watcher {
        Watcher::new(&self.world.store, &self.world.env)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.drop.join(name), content).unwrap();
    }

    /// Enough looks for everything that rests to be taken.
    async fn settle(&self, watcher: &mut Watcher) {
        for _ in 0..3 {
            watcher.look().await.unwrap();
            self.world.clock.advance(Duration::from_secs(31));
        }
    }

    async fn taken(&self) -> Vec<Value> {
        let inputs = self.world.inputs(&self.automation).await;
        inputs.into_iter().map(|input| input["path"].clone()).collect()
    }
}

#[actix_rt::test]
async fn a_file_that_has_come_to_rest_becomes_a_run() {
    let scene = Scene::with(CSV).await;
    let mut watcher = scene.watcher();
    watcher.look().await.unwrap();
    scene.write("may.csv", "a,b\n1,2\n");
    scene.write("notes.txt", "no");
    scene.world.clock.advance(Duration::from_secs(30));
    let again = watcher.look().await.unwrap();
    assert_eq!(again, scene.world.env.now() + REST);
    assert!(scene.taken().await.is_empty(), "it may still be written");
    scene.world.clock.advance(REST);
    watcher.look().await.unwrap();
    let inputs = scene.world.inputs(&scene.automation).await;
    let digest = blake3::hash(b"a,b\n1,2\n").to_hex().to_string();
    assert_eq!(inputs.len(), 1);
    let modified = inputs[0]["modified"].clone();
    let expected = json!({
        "trigger": "file", "folder": "statements", "path": "may.csv", "size": 8, "modified": modified, "digest": digest,
    });
    assert_eq!(inputs[0], expected);
}

#[actix_rt::test]
async fn the_same_file_is_taken_once_over_restarts_and_second_drops() {
    let scene = Scene::with(CSV).await;
    scene.write("old.csv", "there before the automation");
    scene.write("may.csv", "x");
    scene.settle(&mut scene.watcher()).await;
    scene.settle(&mut scene.watcher()).await;
    fs::remove_file(scene.drop.join("may.csv")).unwrap();
    let mut watcher = scene.watcher();
    scene.settle(&mut watcher).await;
    scene.write("may.csv", "x");
    scene.settle(&mut watcher).await;
    assert_eq!(scene.taken().await.len(), 2);
    scene.write("may.csv", "changed");
    scene.write("copy.csv", "x");
    scene.settle(&mut watcher).await;
    assert_eq!(scene.taken().await.len(), 4, "another content, and another path");
}

#[actix_rt::test]
async fn by_content_a_copy_is_the_same_file() {
    let scene = Scene::with(BY_CONTENT).await;
    scene.write("may.csv", "x");
    scene.write("copy.csv", "x");
    let mut watcher = scene.watcher();
    scene.settle(&mut watcher).await;
    assert_eq!(scene.taken().await.len(), 1);
}

#[actix_rt::test]
async fn a_folder_that_is_gone_is_asked_about_until_it_is_back() {
    let scene = Scene::with(CSV).await;
    let mut watcher = scene.watcher();
    fs::remove_dir(&scene.drop).unwrap();
    scene.settle(&mut watcher).await;
    let needs = scene.world.open_needs().await;
    assert_eq!((needs.len(), needs[0].0), (1, Kind::Trigger));
    assert!(
        needs[0].1.starts_with("The folder `statements` (") && needs[0].1.ends_with("that `summary` watches is gone")
    );
    fs::create_dir(&scene.drop).unwrap();
    scene.write("may.csv", "x");
    scene.settle(&mut watcher).await;
    assert_eq!(scene.world.open_needs().await, []);
    assert_eq!(scene.taken().await, ["may.csv"]);
    scene.world.store.remove_setting("folders.statements", "test").await.unwrap();
    scene.settle(&mut watcher).await;
    assert!(scene.world.open_needs().await[0].1.contains("is not set up"));
}

#[actix_rt::test]
async fn files_of_a_paused_automation_wait_in_their_folder() {
    let scene = Scene::with(CSV).await;
    scene.world.store.set_mode(scene.automation.id, Mode::Paused, "test").await.unwrap();
    let mut watcher = scene.watcher();
    scene.write("may.csv", "x");
    scene.settle(&mut watcher).await;
    assert!(scene.taken().await.is_empty());
    scene.world.store.set_mode(scene.automation.id, Mode::Active, "test").await.unwrap();
    scene.settle(&mut watcher).await;
    assert_eq!(scene.taken().await, ["may.csv"]);
}

#[cfg(target_os = "linux")]
#[actix_rt::test]
async fn a_file_whose_name_is_no_text_is_told_and_the_others_are_taken() {
    use std::os::unix::ffi::OsStrExt;
    let scene = Scene::with(CSV).await;
    let odd = scene.drop.join(std::ffi::OsStr::from_bytes(b"caf\xe9.csv"));
    fs::write(&odd, "x").unwrap();
    scene.write("may.csv", "x");
    let mut watcher = scene.watcher();
    scene.settle(&mut watcher).await;
    assert_eq!(scene.taken().await, ["may.csv"]);
    let needs = scene.world.open_needs().await;
    assert!(needs.len() == 1 && needs[0].1.contains("caf\u{fffd}.csv"), "{needs:?}");
    fs::remove_file(&odd).unwrap();
    scene.settle(&mut watcher).await;
    assert_eq!(scene.world.open_needs().await, []);
}

#[cfg(target_os = "linux")]
#[actix_rt::test]
async fn a_file_that_is_too_large_is_told_once_and_not_read() {
    let scene = Scene::with(CSV).await;
    // A file of holes takes no space.
    fs::File::create(scene.drop.join("huge.csv")).unwrap().set_len(3 << 30).unwrap();
    scene.write("may.csv", "x");
    let mut watcher = scene.watcher();
    scene.settle(&mut watcher).await;
    scene.settle(&mut watcher).await;
    assert_eq!(scene.taken().await, ["may.csv"]);
    let needs = scene.world.store.needs(None, None, 10).await.unwrap();
    assert_eq!((needs.len(), needs[0].occurrences), (1, 1));
    assert!(needs[0].title.contains("more than 2 GiB"), "{}", needs[0].title);
    fs::remove_file(scene.drop.join("huge.csv")).unwrap();
    scene.settle(&mut watcher).await;
    assert_eq!(scene.world.open_needs().await, []);
}

#[actix_rt::test]
async fn a_full_folder_is_taken_in_bounded_parts() {
    let scene = Scene::with(CSV).await;
    for number in 0..250 {
        scene.write(&format!("{number}.csv"), &number.to_string());
    }
    let mut watcher = scene.watcher();
    watcher.look().await.unwrap();
    scene.world.clock.advance(REST);
    for taken in [100, 200, 250] {
        let again = watcher.look().await.unwrap();
        assert_eq!(scene.taken().await.len(), taken);
        assert_eq!(again == scene.world.env.now(), taken < 250, "what is left comes at once");
    }
}

#[actix_rt::test]
async fn the_loop_takes_what_lands_while_it_sleeps() {
    let scene = Scene::with(CSV).await;
    let escalation: Arc<dyn Escalation> = Arc::new(NeedsOfParts(scene.world.store.clone()));
    let task = super::start_watcher(&scene.world.store, &scene.world.env, &Health::default(), &escalation);
    scene.write("may.csv", "x");
    until("the file is taken", async || {
        scene.world.clock.advance(Duration::from_millis(10));
        !scene.taken().await.is_empty()
    })
    .await;
    task.abort();
}
