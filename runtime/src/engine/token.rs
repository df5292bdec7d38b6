//! Tokens of engines outside: which are good, and for what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use intents::canonical::Digest;
use intents::id::EngineTokenId;

use super::EngineName;
use crate::env::Env;
use crate::store::{EngineToken, Error, Store};

/// Tells a token of an engine from others, for people and for programs that look for leaked secrets.
const PREFIX: &str = "steward_engine_";

/// The tokens that are good now. Clones share everything.
///
/// Asked at every request of an engine, so they are held in memory; who makes or revokes one does it here.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens(Arc<Mutex<BTreeMap<Digest, (EngineTokenId, EngineName)>>>);

impl Tokens {
    pub(super) async fn load(store: &Store) -> Result<Self, Error> {
        let good = store.engine_tokens().await?.into_iter().filter(|token| token.revoked_at.is_none());
        let good = good.map(|token| (token.digest, (token.id, token.engine))).collect();
        Ok(Self(Arc::new(Mutex::new(good))))
    }

    /// Makes a token. It is shown this once.
    pub(super) async fn create(
        &self,
        store: &Store,
        env: &Env,
        engine: &EngineName,
        by: &str,
    ) -> Result<(EngineToken, String), Error> {
        let text = format!("{PREFIX}{}", Digest::from_bytes(env.random_bytes()));
        let digest = Digest::of(text.as_bytes());
        let token = store.create_engine_token(engine, digest, by).await?;
        self.lock().insert(digest, (token.id, token.engine.clone()));
        Ok((token, text))
    }

    /// Ends a token.
    pub(super) async fn revoke(&self, store: &Store, id: EngineTokenId, by: &str) -> Result<EngineToken, Error> {
        let token = store.revoke_engine_token(id, by).await?;
        self.lock().retain(|_, (known, _)| *known != id);
        Ok(token)
    }

    /// Whose token a text is. Looked up by its digest, so how long this takes tells nothing of a token.
    pub(super) fn of(&self, text: &str) -> Option<EngineTokenId> {
        self.lock().get(&Digest::of(text.as_bytes())).map(|(id, _)| *id)
    }

    /// The engine that a good token stands for.
    pub(super) fn engine(&self, id: EngineTokenId) -> Option<EngineName> {
        self.lock().values().find(|(known, _)| *known == id).map(|(_, engine)| engine.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, (EngineTokenId, EngineName)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
