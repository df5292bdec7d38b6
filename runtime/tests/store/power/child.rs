//! The process whose power is cut: many writers at one store, each of which tells at once what was acknowledged.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use intents::canonical::Digest;
use intents::effect::{Claim, Key, State};
use intents::id::AutomationId;
use intents::journal::{Called, Record};
use intents::label::Labels;
use intents::outcome::Outcome;
use runtime::env::Env;
use runtime::store::{
    BeginEffect, Begun, Delivered, Delivery, Finish, Finished, Passing, Progress, SettleEffect, SettledBy, Store,
};
use serde_json::json;

use super::promise::{Line, Promise};
use crate::world::{binding, delivery, import, invoice, keys, passed, tool};

/// Writers at once.
const WRITERS: usize = 24;
/// Runs of each.
const RUNS: usize = 6;
/// Effects of each run.
const EFFECTS: u32 = 2;

/// Tells what was acknowledged, in the order in which it happened among all that happens to the files.
struct Voice {
    store: Store,
    file: File,
}

impl Voice {
    fn tell(&self, promise: Promise) {
        // Whatever position is known by now was told after its commit, too.
        let line = Line { position: *self.store.signals().events.borrow(), promise };
        let mut text = serde_json::to_string(&line).unwrap();
        text.push('\n');
        // With one write: the file layer takes each for a record.
        (&self.file).write_all(text.as_bytes()).unwrap();
    }
}

pub(super) async fn work(folder: &Path) {
    let store = Store::open(folder, Env::real(), keys()).await.unwrap();
    let file = File::options().create(true).append(true).open(folder.parent().unwrap().join("acknowledged")).unwrap();
    let voice = Arc::new(Voice { store: store.clone(), file });
    let automation = store.import(import("reminders", vec![])).await.unwrap().id;
    voice.tell(Promise::Opened);

    let done = Arc::new(AtomicBool::new(false));
    let housekeeper = tokio::spawn(keep_house(store.clone(), Arc::clone(&done)));
    let writers = (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&voice), automation, writer)));
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    done.store(true, Ordering::Relaxed);
    housekeeper.await.unwrap();
    drop(voice);
    store.close().await;
}

/// What the janitor does, all the time.
async fn keep_house(store: Store, done: Arc<AtomicBool>) {
    let mut events = store.signals().events;
    while !done.load(Ordering::Relaxed) {
        store.anchor().await.unwrap();
        store.checkpoint().await.unwrap();
        // A few commits later again.
        for _ in 0..5 {
            tokio::task::yield_now().await;
            if events.has_changed().unwrap_or(false) {
                events.borrow_and_update();
            }
        }
    }
}

async fn write(voice: Arc<Voice>, automation: AutomationId, writer: usize) {
    for number in 0..RUNS {
        one_run(&voice, automation, &format!("{writer}/{number}")).await;
    }
}

fn called(call: u32, key: &Key) -> Record {
    Record::Called(Called {
        call,
        tool: tool(),
        tool_version: 1,
        arguments: format!(r#"{{"call":{call}}}"#),
        key: Some(key.clone()),
        optional: false,
        verdict: "allowed".to_owned(),
        at: intents::Timestamp::EPOCH,
    })
}

async fn one_run(voice: &Voice, automation: AutomationId, name: &str) {
    let store = &voice.store;
    let delivery = Delivery { input: json!(name), ..delivery(automation, name) };
    let delivered = store.deliver(delivery).await.unwrap();
    let Delivered::New { item, run } = delivered else { panic!("{name} is new: {delivered:?}") };
    voice.tell(Promise::Delivered { run, item, name: name.to_owned() });
    let progress = |calls: u32, records| Progress { run, attempt: 1, generation: 0, records, calls };
    for call in 0..EFFECTS {
        let key = invoice(format!("{name}/{call}"));
        let begin = BeginEffect {
            progress: progress(call + 1, vec![called(call, &key)]),
            automation,
            tool: tool(),
            key: key.clone(),
            claim: Claim { run, call, item, arguments: Digest::of(b"x") },
            passing: Passing { passed: passed(), binding: binding(run) },
            files: Vec::new(),
        };
        let begun = store.begin_effect(begin).await.unwrap().await.unwrap();
        assert!(matches!(begun, Begun::Perform { .. }), "{begun:?}");
        voice.tell(Promise::Called { run, calls: call + 1 });
        voice.tell(Promise::Started { run, call });
        let settled = Record::Settled {
            call,
            order: call,
            outcome: Outcome::Value(json!(name)).into(),
            at: intents::Timestamp::EPOCH,
            took_ms: 1,
            labels: Default::default(),
        };
        let settle = SettleEffect {
            progress: progress(call + 1, vec![settled]),
            automation,
            tool: tool(),
            key,
            state: State::Applied,
            outcome: Some(Outcome::Value(json!(name)).into()),
            by: SettledBy::Answer,
            need: None,
            need_if_over: None,
        };
        store.settle_effect(settle).await.unwrap().await.unwrap();
        voice.tell(Promise::Applied { run, call });
    }
    let appended = store.append(progress(EFFECTS + 1, vec![called(EFFECTS, &invoice(name))])).await.unwrap();
    appended.await.unwrap();
    voice.tell(Promise::Called { run, calls: EFFECTS + 1 });
    let end = Finish {
        progress: progress(EFFECTS + 1, Vec::new()),
        failure: None,
        state: Vec::new(),
        labels: Labels::new(),
        needs: Vec::new(),
        pause: false,
        repair: None,
    };
    assert!(matches!(store.finish(end).await.unwrap(), Finished::Over(_)));
    voice.tell(Promise::Finished { run });
}
