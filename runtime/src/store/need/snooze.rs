//! Putting a need off: it is hidden and nobody is told of it, until its time comes and it is asked about as if it were new.

use std::time::Duration;

use intents::Timestamp;
use intents::id::NeedId;
use intents::need::{Kind, snoozed, unsnoozed};
use serde_json::json;

use super::{Need, event, find, refuse_closed};
use crate::store::batch::Batch;
use crate::store::writer::Command;
use crate::store::{Error, Store, approval};

/// A person puts a need off, or takes it up again.
struct Snooze {
    need: NeedId,
    /// For how long; none takes it up again.
    length: Option<Duration>,
    by: String,
}

impl Command for Snooze {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let id = self.need.to_string();
        let need = find(batch, &id).await?;
        refuse_closed(&need)?;
        let kind: Kind = need.kind.parse().map_err(|error| Error::unreadable("need", error))?;
        // When it would expire, were it not put off already.
        let until = need.snoozed_until.map_or(batch.now, Timestamp::from_millis);
        let awake = unsnoozed(need.expires_at.map(Timestamp::from_millis), until, batch.now);
        match (self.length, kind == Kind::Approve) {
            // The question of an approval waits in the approval, which puts its need off too.
            (Some(length), true) => approval::hold_need(batch, &id, length, &self.by).await,
            (None, true) => approval::release_need(batch, &id, &self.by).await,
            (Some(length), false) => {
                let (until, expires) = snoozed(awake, length, batch.now);
                put_off(batch, &id, until, expires, &self.by).await
            }
            (None, false) => come_back(batch, &id, awake, &self.by).await,
        }
    }
}

/// Hides a need until a time. It is told of anew when it comes back.
pub(in crate::store) async fn put_off(
    batch: &mut Batch<'_>,
    need: &str,
    until: Timestamp,
    expires_at: Option<Timestamp>,
    by: &str,
) -> Result<(), Error> {
    let mut need = find(batch, need).await?;
    need.snoozed_until = Some(until.as_millis());
    need.expires_at = expires_at.map(Timestamp::as_millis);
    (need.told_mail, need.told_webhook) = (None, None);
    batch.tx.update(&need).await?;
    batch.touch_timers();
    let data = json!({ "need": need.id, "kind": need.kind, "until": until.to_string() });
    event(batch, "need.snoozed", &need, by, data).await
}

/// Shows a need again before its time. Who takes it up knows of it, so it is told of no more.
pub(in crate::store) async fn come_back(
    batch: &mut Batch<'_>,
    need: &str,
    expires_at: Option<Timestamp>,
    by: &str,
) -> Result<(), Error> {
    let mut need = find(batch, need).await?;
    let asleep = need.snoozed_until.take().is_some_and(|until| until > batch.now.as_millis());
    if !asleep {
        return Ok(());
    }
    need.expires_at = expires_at.map(Timestamp::as_millis);
    let seen = Some(TAKEN_UP.to_owned());
    (need.told_mail, need.told_webhook) = (seen.clone(), seen);
    batch.tx.update(&need).await?;
    batch.touch_timers();
    event(batch, "need.unsnoozed", &need, by, json!({ "need": need.id, "kind": need.kind })).await
}

/// In place of the delivery that told of it: the person who took it up.
const TAKEN_UP: &str = "taken up";

impl Store {
    /// Puts a need off. It stays what it is, and may be answered at any time.
    pub async fn snooze_need(&self, need: NeedId, length: Duration, by: &str) -> Result<Need, Error> {
        self.commit(Snooze { need, length: Some(length), by: by.to_owned() }).await?;
        self.need(need).await
    }

    /// Takes a need up again that was put off.
    pub async fn unsnooze_need(&self, need: NeedId, by: &str) -> Result<Need, Error> {
        self.commit(Snooze { need, length: None, by: by.to_owned() }).await?;
        self.need(need).await
    }
}
