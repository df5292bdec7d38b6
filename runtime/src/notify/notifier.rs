//! The loop that looks what is to be told, and tells it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use intents::Timestamp;
use intents::failure::Class;
use intents::need::{Kind as NeedKind, Priority};
use intents::notify::{After, Channel, Kind, State, Waiting, When, digest_due, tell};
use serde_json::json;
use tokio::task::JoinHandle;

use super::desk::{Attempted, Desk};
use super::settings::Wanted;
use crate::env::Env;
use crate::error::Error;
use crate::health::Health;
use crate::store::{self, About, NewNeed, NewNotification, Notification, Store};
use crate::supervisor::{Concerns, Escalation, passes_by_itself, supervise_task};

/// What happens within this time of a hint is looked at together: a busy server hints many times a second.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// However quiet it is, settings and clocks are looked at this often.
const LOOK_MAX: Duration = Duration::from_secs(60);
/// A store that does not answer is asked again after this time.
const RETRY: Duration = Duration::from_secs(5);
/// Notices in one message; what is beyond comes with the next.
const NOTICES_MAX: u64 = 10;
/// Messages that leave in one look; what is left is for the next, so that a look has an end.
const MESSAGES_MAX: usize = 20;
/// A way that fails for reasons that may pass is told of after so many attempts in a row: a quarter of an hour.
const TELL_AFTER: u32 = 3;

/// One way, one need.
pub fn failing_key(channel: Channel) -> String {
    format!("notifications:{channel}")
}

/// Starts the notifier. It needs nothing but the store and a way out; aborting the handle ends it.
pub fn start_notifier(desk: &Desk, env: &Env, health: &Health, escalation: &Arc<dyn Escalation>) -> JoinHandle<()> {
    let desk = desk.clone();
    supervise_task("notifier", env, health, escalation, move || Notifier::new(&desk).run())
}

/// What a message may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Need(intents::id::NeedId),
    /// All that automations told since the last message. They go together, since the last one says how far that was.
    Notices(Vec<String>),
}

/// One life of the notifier.
pub(super) struct Notifier {
    desk: Desk,
    concerns: Concerns,
}

impl Notifier {
    pub(super) fn new(desk: &Desk) -> Self {
        Self { desk: desk.clone(), concerns: Concerns::new(desk.store()) }
    }

    fn store(&self) -> &Store {
        self.desk.store()
    }

    async fn run(mut self) -> Result<Infallible, Error> {
        let signals = self.store().signals();
        let (mut events, mut timers) = (signals.events, signals.timers);
        let lost = self.store().recover_notifications().await?;
        if lost > 0 {
            tracing::warn!(
                notifications = lost,
                "notifications were being sent when the server ended; they may have arrived"
            );
        }
        loop {
            // What changes during a look is looked at again.
            events.borrow_and_update();
            timers.borrow_and_update();
            let next = match self.look().await {
                Ok(next) => next,
                Err(Error::Store(error)) if passes_by_itself(&error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "notifications wait for the store");
                    self.desk.env().sleep(RETRY).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            tokio::select! {
                () = self.desk.env().clock.sleep_until(next) => {}
                changed = events.changed() => {
                    changed.map_err(|_| store::Error::Closed)?;
                    self.desk.env().sleep(LOOK_AFTER).await;
                }
                changed = timers.changed() => changed.map_err(|_| store::Error::Closed)?,
            }
        }
    }

    /// Tells what is to be told; says when to look again.
    pub(super) async fn look(&mut self) -> Result<Timestamp, Error> {
        let wanted = self.desk.wanted().await?;
        let now = self.desk.env().now();
        let mut next = now + LOOK_MAX;
        for channel in Channel::ALL.iter().copied() {
            match wanted.since(channel) {
                Some(since) => next = next.min(self.plan(channel, since, &wanted).await?),
                None => {
                    self.store().drop_notifications(channel).await?;
                    self.concerns.settle(&failing_key(channel)).await?;
                }
            }
        }
        Ok(next.min(self.send_due(&wanted).await?))
    }

    /// Makes the messages whose time has come.
    async fn plan(&self, channel: Channel, since: Timestamp, wanted: &Wanted) -> Result<Timestamp, Error> {
        let mut next = self.desk.env().now() + LOOK_MAX;
        for _ in 0..MESSAGES_MAX {
            let now = self.desk.env().now();
            let (waiting, back) = self.waiting(channel, since).await?;
            next = back.into_iter().chain([next]).min().unwrap_or(next);
            match tell(waiting, &wanted.rules, now) {
                When::Now(subjects) => {
                    let mut about = About::default();
                    for subject in subjects {
                        match subject {
                            Subject::Need(need) => about.needs.push(need),
                            Subject::Notices(notices) => about.notices = notices,
                        }
                    }
                    self.store().plan_notification(NewNotification { kind: Kind::News, channel, about }).await?;
                }
                When::At(at) => {
                    next = next.min(at);
                    break;
                }
                When::Never => break,
            }
        }
        Ok(next.min(self.plan_digest(channel, since, wanted).await?))
    }

    async fn waiting(
        &self,
        channel: Channel,
        since: Timestamp,
    ) -> Result<(Vec<Waiting<Subject>>, Option<Timestamp>), Error> {
        let (untold, back) = self.store().untold_needs(channel, &failing_key(channel)).await?;
        let mut waiting: Vec<_> = untold
            .into_iter()
            .map(|need| Waiting { what: Subject::Need(need.need), priority: need.priority, since: need.since })
            .collect();
        let through = self.store().told_through(channel).await?;
        let notices = self.store().loud_notices(through.as_deref(), since, NOTICES_MAX).await?;
        if let Some(first) = notices.first() {
            let urgent = notices.iter().any(|notice| notice.level == "urgent");
            // No automation breaks the quiet hours; what an automation calls urgent comes first afterwards.
            let priority = if urgent { Priority::High } else { Priority::Normal };
            let what = Subject::Notices(notices.iter().map(|notice| notice.id.clone()).collect());
            waiting.push(Waiting { what, priority, since: first.created_at });
        }
        Ok((waiting, back))
    }

    async fn plan_digest(&self, channel: Channel, since: Timestamp, wanted: &Wanted) -> Result<Timestamp, Error> {
        let now = self.desk.env().now();
        let last = self.store().last_notification(channel, Some(Kind::Digest)).await?;
        let last = last.and_then(|last| last.about.until);
        // Who has just asked for digests, or for another time of the day, gets none for a time before.
        let begun = since.max(wanted.digest_since);
        match digest_due(&wanted.rules, last.map_or(begun, |last| last.max(begun)), now) {
            When::Now((from, until)) => {
                let from = Some(last.unwrap_or(from));
                let about = About { from, until: Some(until), ..About::default() };
                self.store().plan_notification(NewNotification { kind: Kind::Digest, channel, about }).await?;
                Ok(now)
            }
            When::At(at) => Ok(at),
            When::Never => Ok(now + LOOK_MAX),
        }
    }

    /// Sends the messages whose time has come, one after the other.
    async fn send_due(&mut self, wanted: &Wanted) -> Result<Timestamp, Error> {
        let mut next = self.desk.env().now() + LOOK_MAX;
        for notification in self.store().queued_notifications(MESSAGES_MAX as u64).await? {
            // A test is sent by who asked for it.
            if notification.kind == Kind::Test {
                continue;
            }
            let now = self.desk.env().now();
            let due = notification.next_at.unwrap_or(now);
            if due > now {
                next = next.min(due);
                continue;
            }
            if let Some(until) = self.rests_until(&notification, wanted).await? {
                next = next.min(until);
                continue;
            }
            if let Some((attempted, follows)) = self.desk.send(notification.id, wanted).await? {
                if let After::Again(at) = follows {
                    next = next.min(at);
                }
                self.tell_failure(&notification, &attempted, follows).await?;
            }
        }
        Ok(next)
    }

    /// Until when a message has to wait for the end of the quiet hours: one that was tried before them, too.
    async fn rests_until(&self, notification: &Notification, wanted: &Wanted) -> Result<Option<Timestamp>, Error> {
        let quiet = wanted.rules.quiet.as_ref().and_then(|quiet| quiet.until(self.desk.env().now()));
        let Some(until) = quiet else { return Ok(None) };
        for need in &notification.about.needs {
            match self.store().need(*need).await {
                Ok(need) if need.priority == Priority::Urgent => return Ok(None),
                Ok(_) | Err(store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(until))
    }

    /// A way that fails is one need, which goes away when it works again.
    async fn tell_failure(
        &mut self,
        notification: &Notification,
        attempted: &Attempted,
        follows: After,
    ) -> Result<(), Error> {
        let channel = notification.channel;
        let given_up = match follows {
            After::Over(State::Sent) => return Ok(self.concerns.settle(&failing_key(channel)).await?),
            // What may have arrived is in the digest.
            After::Over(State::Uncertain) => return Ok(()),
            After::Over(State::Queued | State::Sending | State::Failed | State::Dropped) => true,
            After::Again(_) => false,
        };
        let passes = attempted.class == Some(Class::Transient);
        if !given_up && passes && notification.attempts + 1 < TELL_AFTER {
            return Ok(());
        }
        let reason = attempted.reason.as_deref().unwrap_or("nobody knows why");
        let way = match channel {
            Channel::Mail => "The mailbox for notifications",
            Channel::Webhook => "The webhook for notifications",
        };
        let need = NewNeed {
            kind: NeedKind::Trigger,
            dedupe_key: failing_key(channel),
            automation: None,
            run: None,
            call: None,
            effect: None,
            title: format!("{way} takes none: {reason}"),
            evidence: json!({
                "channel": channel.as_str(), "code": attempted.code, "reason": reason,
                "notification": notification.id.to_string(),
            }),
        };
        Ok(self.concerns.raise(need).await?)
    }
}
