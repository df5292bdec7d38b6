//! Models over a real store and a real vault, in a folder of their own.

use std::sync::Arc;

use connectors::egress::{Egress, EgressSettings};
use connectors::vault::{MasterKeySource, Secret, Vault};
use intents::model::{Prices, Purpose};
use runtime::env::Env;
use runtime::error::Error;
use runtime::models::{Ask, Body, Message, Models, NewProvider, Profile};
use runtime::store::{Keys, Store, Usage, UsageBy, UsageFilter};
use tempfile::TempDir;

use crate::endpoint::Endpoint;

/// What every test's key looks like, so that it can be looked for.
pub(crate) const KEY: &str = "sk-test-0123456789abcdefghijklmnopqrstuv";
/// Three dollars for a million tokens in, fifteen for a million out.
pub(crate) const PRICES: Prices = Prices { input: 3_000_000, output: 15_000_000 };

pub(crate) struct World {
    pub(crate) models: Models,
    pub(crate) store: Store,
    folder: TempDir,
}

async fn open(folder: &TempDir) -> (Models, Store) {
    // In the program, its first line does this.
    drop(rustls::crypto::ring::default_provider().install_default());
    let home = folder.path().join("home");
    let env = Env::real();
    std::fs::create_dir_all(&home).unwrap();
    let vault = Arc::new(Vault::open(&home, &MasterKeySource::key_file(&home)).unwrap());
    let store = Store::open(&home, env.clone(), Keys::of(&vault)).await.unwrap();
    let egress = Arc::new(Egress::new(EgressSettings::default()).unwrap());
    (Models::open(env, store.clone(), vault, egress).await.unwrap(), store)
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (models, store) = open(&folder).await;
        Self { models, store, folder }
    }

    /// A world with one provider `p`.
    pub(crate) async fn with(endpoint: &Endpoint) -> Self {
        let world = Self::new().await;
        world.provider("p", endpoint, profile()).await;
        world
    }

    pub(crate) async fn provider(&self, name: &str, endpoint: &Endpoint, profile: Profile) {
        let body = Body {
            base_url: Some(endpoint.base_url()),
            recording: None,
            requests_per_minute: None,
            profiles: vec![profile],
        };
        let new = NewProvider { name: name.to_owned(), body, key: Some(Secret::new(KEY)) };
        self.models.add(new, "ann").await.unwrap();
    }

    /// Ends the server and starts it again.
    pub(crate) async fn restart(self) -> Self {
        let Self { models, store, folder } = self;
        drop(models);
        store.close().await;
        let (models, store) = open(&folder).await;
        Self { models, store, folder }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) async fn usage(&self) -> Usage {
        let lines = self.store.model_usage(UsageBy::Provider, UsageFilter::default()).await.unwrap();
        lines.into_iter().fold(Usage::default(), |sum, line| sum.plus(line.usage))
    }

    pub(crate) async fn set(&self, name: &str, value: serde_json::Value) {
        self.store.set_setting(name, value, "ann").await.unwrap();
    }
}

/// A model that has little patience.
pub(crate) fn profile() -> Profile {
    let mut profile = Profile::new("m", PRICES);
    profile.first_token_ms = Some(400);
    profile.between_tokens_ms = Some(300);
    profile.tokens_out_max = 1000;
    profile
}

pub(crate) fn ask(request: &str) -> Ask {
    Ask::new(request, Purpose::Chat, vec![Message::system("You help."), Message::user("Hello, who are you?")])
}

/// The code of what went wrong.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.expect_err("this should not have worked").code().to_owned()
}
