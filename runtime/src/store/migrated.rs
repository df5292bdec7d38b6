//! A data folder of an earlier version opens as it was.

use std::path::Path;

use intents::id::{AutomationId, ItemId, RunId};
use intents::journal::{LogLine, Record};
use intents::run::Phase;
use intents::{Timestamp, label::Labels};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, Value};
use sea_orm_migration::MigratorTrait;
use serde_json::json;

use super::payload::PayloadKey;
use super::{Delivered, Delivery, Error, Keys, RunFilter, Store};
use crate::env::Env;

const AUTOMATION: &str = "auto_01KJPWD6M0NCY3XSBRJ10WK2P3";

fn keys() -> Keys {
    Keys { payload: [1; 32], ledger: [2; 32], anchor: [3; 32] }
}

fn line(text: &str) -> Record {
    Record::Logged(LogLine { line: 0, level: "info".to_owned(), text: text.to_owned(), at: Timestamp::EPOCH })
}

/// A database of the first version.
struct Old {
    database: DatabaseConnection,
    env: Env,
}

impl Old {
    async fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let address = format!("sqlite://{}?mode=rwc", folder.join("steward.db").display());
        let database = sea_orm::Database::connect(address).await.unwrap();
        migrations::Migrator::up(&database, Some(1)).await.unwrap();
        let old = Self { database, env: Env::real() };
        let automation = "INSERT INTO automations VALUES (?, 'a', 'A', 'active', ?, ?, 1, 1, 1)";
        let of = |prefix: &str| AUTOMATION.replacen("auto", prefix, 1).into();
        old.run(automation, vec![AUTOMATION.into(), of("ctr"), of("scr")]).await;
        let script = "INSERT INTO scripts VALUES (?, ?, ?, 1, 0, 'export default async function run() {}', '', 1)";
        old.run(script, vec![of("scr"), AUTOMATION.into(), of("ctr")]).await;
        old
    }

    async fn run(&self, sql: &str, values: Vec<Value>) {
        let backend = self.database.get_database_backend();
        self.database.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await.unwrap();
    }

    async fn item(&self, dedupe_key: &str) -> (ItemId, PayloadKey) {
        let item = self.env.item_id();
        let key = PayloadKey::fresh(&self.env);
        let payload = key.seal_value(&self.env, &item.to_string(), &json!({ "about": dedupe_key }));
        let wrapped = key.wrapped(&PayloadKey::new(keys().payload), &self.env, &item.to_string());
        let sql = "INSERT INTO inbox VALUES (?, ?, NULL, ?, ?, ?, '[\"book\"]', 99, 5)";
        let values =
            vec![item.to_string().into(), AUTOMATION.into(), dedupe_key.into(), payload.into(), wrapped.into()];
        self.run(sql, values).await;
        (item, key)
    }

    /// A run with one segment in its journal.
    async fn started(&self, item: ItemId, key: &PayloadKey, phase: &str, says: &str) -> RunId {
        let run = self.env.run_id();
        let sql = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, 3, 0, 1, 10, NULL, NULL, 4, 2, 1, 6, 7, 8)";
        let of = |prefix: &str| AUTOMATION.replacen("auto", prefix, 1).into();
        let values = vec![
            run.to_string().into(),
            AUTOMATION.into(),
            item.to_string().into(),
            of("scr"),
            of("ctr"),
            phase.into(),
        ];
        self.run(sql, values).await;
        let records = key.seal_value(&self.env, &format!("{run}/0/0"), &[line(says)]);
        self.run("INSERT INTO journal VALUES (?, 0, 0, ?)", vec![run.to_string().into(), records.into()]).await;
        run
    }
}

fn delivery(dedupe_key: &str) -> Delivery {
    Delivery {
        automation: AUTOMATION.parse::<AutomationId>().unwrap(),
        trigger: None,
        dedupe_key: dedupe_key.to_owned(),
        input: json!({}),
        labels: Labels::new(),
        useful_until: None,
        skip_if_busy: false,
    }
}

#[tokio::test]
async fn runs_and_items_of_the_first_version_become_one() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let old = Old::new(&home).await;
    let (one, key) = old.item("one").await;
    let failed = old.started(one, &key, "failed", "first try").await;
    let again = old.started(one, &key, "succeeded", "second try").await;
    let (left_out, _) = old.item("left out").await;
    let (two, key) = old.item("two").await;
    let running = old.started(two, &key, "running", "under way").await;
    old.database.close().await.unwrap();

    let store = Store::open(&home, Env::real(), keys()).await.unwrap();
    let listed = store.runs(&RunFilter::default(), 10).await.unwrap();
    assert_eq!(listed.len(), 4, "{listed:?}");
    let phase = async |run| store.run(run).await.unwrap().phase;
    assert_eq!((phase(failed).await, phase(again).await), (Phase::Failed, Phase::Succeeded));
    for (item, about) in [(one, "one"), (left_out, "left out"), (two, "two")] {
        let item = store.item(item).await.unwrap();
        assert_eq!((item.input, item.useful_until), (json!({ "about": about }), Some(Timestamp::from_millis(99))));
        assert_eq!(item.labels.len(), 1);
    }
    for (run, item, says) in [(failed, one, "first try"), (again, one, "second try"), (running, two, "under way")] {
        assert_eq!(store.run(run).await.unwrap().item, item);
        assert_eq!(store.journal(run).await.unwrap().records, [line(says)]);
    }
    let of_left_out = RunId::from_ulid(left_out.ulid());
    assert_eq!(phase(of_left_out).await, Phase::Skipped);

    // What was taken is still known.
    let known = async |key: &str| store.deliver(delivery(key)).await.unwrap();
    assert_eq!(known("one").await, Delivered::Known { item: one, run: Some(again) });
    assert_eq!(known("left out").await, Delivered::Known { item: left_out, run: None });
    assert!(matches!(known("three").await, Delivered::New { .. }));
    assert_eq!(store.recover_runs().await.unwrap(), 1);
    let run = store.run(running).await.unwrap();
    assert_eq!((run.phase, run.attempts, run.calls), (Phase::Queued, 3, 4));
    assert!(matches!(store.item(ItemId::ZERO).await, Err(Error::NotFound { .. })));
    store.close().await;
}
