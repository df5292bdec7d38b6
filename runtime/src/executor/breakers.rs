//! The breakers of all services and accounts that runs call. They are in memory: after a start each is closed, and what
//! does not work shows that again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use intents::Timestamp;
use intents::failure::{Breaker, Class};
use intents::outcome::Failure;

use super::call::Admitted;

/// Services that are watched at once; who calls more has some of them watched anew.
const WATCHED_MAX: usize = 4096;

/// The breakers. Clones share everything.
#[derive(Clone, Default)]
pub(super) struct Breakers(Arc<Mutex<HashMap<String, Breaker>>>);

/// What a breaker is in front of: the account, else the host, else the service of the tool. Nothing for what stays here.
fn place(admitted: &Admitted) -> Option<String> {
    if !admitted.definition.leaves_machine {
        return None;
    }
    if let Some(account) = &admitted.passed.connection {
        return Some(format!("account {account}"));
    }
    let url = admitted.arguments.value()["url"].as_str()?;
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    Some(url[start..end].to_owned())
}

impl Breakers {
    fn with<T>(&self, place: String, work: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= WATCHED_MAX && !all.contains_key(&place) {
            all.clear();
        }
        work(all.entry(place).or_default())
    }

    /// Lets a call through, or gives the failure that it meets without being made.
    pub(super) fn admit(&self, admitted: &Admitted, now: Timestamp) -> Result<(), Failure> {
        let Some(place) = place(admitted) else { return Ok(()) };
        self.with(place.clone(), |breaker| breaker.admit(now)).map_err(|until| {
            let message = format!("{place} failed several times in a row, and is not called before {until}");
            let mut failure = Failure::new(Class::Transient, "BREAKER_OPEN", message);
            failure.retry_after_ms = u64::try_from(until.since(now).as_millis()).ok();
            failure
        })
    }

    /// Notes what a call came to.
    pub(super) fn note<T>(&self, admitted: &Admitted, result: Result<T, &Failure>, now: Timestamp) {
        let Some(place) = place(admitted) else { return };
        self.with(place, |breaker| match result {
            Err(failure) if failure.class == Class::Transient => breaker.failed(now),
            // Any answer shows that somebody is there.
            Ok(_) | Err(_) => breaker.worked(),
        });
    }
}
