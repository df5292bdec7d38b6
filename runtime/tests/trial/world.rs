//! A bench for scripts of the fixtures: the real tools, the real jail, and nothing behind them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use connectors::egress::{Egress, EgressSettings};
use connectors::email::Mail;
use connectors::vault::{MasterKeySource, Vault};
use connectors::{Catalogue, Dependencies};
use intents::contract::Contract;
use intents::tool::Definition;
use intents::trial::Sheet;
use runtime::env::Env;
use runtime::trial::{Bench, Case, cases_of, read_cases, try_out};
use sandbox::Jail;
use serde_json::Value;

/// The jail, started once for all tests of this binary.
fn jail() -> Jail {
    static JAIL: OnceLock<Jail> = OnceLock::new();
    JAIL.get_or_init(|| Jail::start(Path::new(env!("CARGO_BIN_EXE_steward"))).unwrap()).clone()
}

fn catalogue() -> Arc<Catalogue> {
    static CATALOGUE: OnceLock<Arc<Catalogue>> = OnceLock::new();
    Arc::clone(CATALOGUE.get_or_init(|| {
        let home = tempfile::TempDir::new().unwrap();
        let key = MasterKeySource::KeyFile(home.path().join("master.key"));
        let vault = Arc::new(Vault::open(home.path(), &key).unwrap());
        let egress = Arc::new(Egress::new(EgressSettings::default()).unwrap());
        let dependencies = Dependencies { egress, vault, mail: Mail::Outbox(home.path().join("outbox")) };
        Arc::new(Catalogue::new(dependencies).unwrap())
    }))
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fixtures")
}

pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(fixtures().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn json(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap()
}

/// A script under a contract on its bench.
pub(crate) fn bench(contract: &Value, script: &str) -> Bench {
    let vocabulary: Vec<Definition> = catalogue().definitions().cloned().collect();
    let contract = Contract::from_value(contract, &vocabulary).unwrap_or_else(|problems| panic!("{problems:?}"));
    Bench::new(Env::real(), jail(), catalogue(), Arc::new(contract), script.to_owned())
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Tries a script of the fixtures out on recorded cases.
pub(crate) fn tried(contract: &Value, script: &str, recordings: &Value) -> Sheet {
    let bench = bench(contract, script);
    let cases = read_cases(recordings).unwrap();
    block_on(try_out(&bench, &cases, &[])).unwrap()
}

/// The made cases of a contract.
pub(crate) fn made(contract: &Value) -> Vec<Case> {
    let vocabulary: Vec<Definition> = catalogue().definitions().cloned().collect();
    cases_of(&Contract::from_value(contract, &vocabulary).unwrap())
}
