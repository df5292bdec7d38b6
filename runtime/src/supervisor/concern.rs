//! Needs that a part opens and withdraws as the world changes, told once and not at every look.

use std::collections::BTreeMap;

use crate::store::{Error, NewNeed, Store};

/// What one part has told. Only a memory that saves commits: the store knows itself what is open.
pub(crate) struct Concerns {
    store: Store,
    told: BTreeMap<String, bool>,
}

impl Concerns {
    /// Nothing told so far in this life.
    pub(crate) fn new(store: &Store) -> Self {
        Self { store: store.clone(), told: BTreeMap::new() }
    }

    /// Opens a need, once as long as its cause lasts: a person who dismisses it is not asked again.
    pub(crate) async fn raise(&mut self, need: NewNeed) -> Result<(), Error> {
        let key = need.dedupe_key.clone();
        if self.told.get(&key) != Some(&true) {
            self.store.open_need(need).await?;
            self.told.insert(key, true);
        }
        Ok(())
    }

    /// Withdraws a need whose cause has gone, also one of an earlier life.
    pub(crate) async fn settle(&mut self, key: &str) -> Result<(), Error> {
        if self.told.get(key) != Some(&false) {
            self.store.withdraw_need(key).await?;
            self.told.insert(key.to_owned(), false);
        }
        Ok(())
    }

    /// Withdraws and forgets everything that is not kept: what it was about is gone.
    pub(crate) async fn keep(&mut self, keep: impl Fn(&str) -> bool) -> Result<(), Error> {
        let gone: Vec<_> = self.told.keys().filter(|key| !keep(key)).cloned().collect();
        for key in gone {
            self.settle(&key).await?;
            self.told.remove(&key);
        }
        Ok(())
    }
}
