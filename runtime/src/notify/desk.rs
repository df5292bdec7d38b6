//! Where notifications are written and handed over, one at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use connectors::egress::{Egress, HostPort, Manner, Outgoing};
use connectors::email::{Mail, Note, Post};
use connectors::vault::Vault;
use intents::Timestamp;
use intents::canonical::Digest;
use intents::failure::Class;
use intents::id::DeliveryId;
use intents::notify::{After, Channel, Kind, Sent, State, after};
use intents::outcome::Outcome;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use serde_json::{Value, json};

use super::asked::Asked;
use super::digest;
use super::settings::{Hook, MailTo, Wanted};
use super::words::{self, Letter};
use crate::env::Env;
use crate::error::Error;
use crate::store::{self, About, Leaving, NewNotification, Notification, RunOut, Store};

/// Mail servers may take a minute to look at a mail.
const MAIL_WITHIN: Duration = Duration::from_secs(120);
/// A receiver that takes longer does its work before it answers; it should not.
const WEBHOOK_WITHIN: Duration = Duration::from_secs(30);
/// What a receiver says is not read any further.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// The version of what a webhook carries.
const FORMAT: u32 = 1;
/// The same header and scheme as of webhooks that come in.
const SIGNATURE: HeaderName = HeaderName::from_static("x-steward-signature");
/// The same for every attempt, so that a receiver knows a notification again.
const DELIVERY: HeaderName = HeaderName::from_static("x-steward-delivery");

/// Everything that a notification needs to leave; clones share it.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    env: Env,
    store: Store,
    vault: Arc<Vault>,
    egress: Arc<Egress>,
    post: Post,
    port: AtomicU16,
}

/// How one way to the user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelState {
    /// Which.
    pub channel: Channel,
    /// Where it leads: addresses, or the host of the webhook.
    pub to: String,
    /// What went wrong with the last notification, when it did not arrive.
    pub failing: Option<String>,
    /// When the last one was taken or given up.
    pub last_at: Option<Timestamp>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// By which way.
    pub channel: Channel,
    /// The notification.
    pub notification: Notification,
}

/// What came of one attempt.
pub(super) struct Attempted {
    pub(super) sent: Sent,
    pub(super) class: Option<Class>,
    pub(super) code: Option<String>,
    pub(super) reason: Option<String>,
}

impl Attempted {
    fn taken() -> Self {
        Self { sent: Sent::Taken, class: None, code: None, reason: None }
    }

    fn not(sent: Sent, class: Class, code: &str, reason: impl Into<String>) -> Self {
        Self { sent, class: Some(class), code: Some(code.to_owned()), reason: Some(reason.into()) }
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// Opens the desk.
    pub fn new(
        env: &Env,
        store: &Store,
        vault: &Arc<Vault>,
        egress: &Arc<Egress>,
        mail: &Mail,
        listen: SocketAddr,
    ) -> Result<Self, connectors::Error> {
        let post = Post::new(Arc::clone(egress), Arc::clone(vault), mail.clone())?;
        Ok(Self(Arc::new(Inner {
            env: env.clone(),
            store: store.clone(),
            vault: Arc::clone(vault),
            egress: Arc::clone(egress),
            post,
            port: AtomicU16::new(listen.port()),
        })))
    }

    /// The server has been given this port.
    pub fn listens_on(&self, port: u16) {
        self.0.port.store(port, Ordering::Relaxed);
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn env(&self) -> &Env {
        &self.0.env
    }

    /// How the user wants to be told.
    pub async fn wanted(&self) -> Result<Wanted, store::Error> {
        Ok(Wanted::read(&self.0.store.settings().await?))
    }

    /// Where links lead.
    fn base_url(&self, wanted: &Wanted) -> String {
        let here = || format!("http://127.0.0.1:{}", self.0.port.load(Ordering::Relaxed));
        wanted.base_url.clone().unwrap_or_else(here)
    }

    /// How the ways to the user are that the settings name.
    pub async fn channels(&self) -> Result<Vec<ChannelState>, store::Error> {
        let wanted = self.wanted().await?;
        let mut states = Vec::new();
        for channel in Channel::ALL.iter().copied() {
            let to = match channel {
                Channel::Mail => wanted.mail.as_ref().map(|(mail, _)| mail.to.join(", ")),
                Channel::Webhook => {
                    wanted.webhook.as_ref().map(|(hook, _)| hook.url.host_str().unwrap_or_default().to_owned())
                }
            };
            let Some(to) = to else { continue };
            let last = self.0.store.last_notification(channel, None).await?;
            let failing = last.as_ref().and_then(|last| match last.state {
                State::Sent | State::Dropped | State::Sending => None,
                State::Queued | State::Failed | State::Uncertain => {
                    Some(last.reason.clone().unwrap_or_else(|| last.state.to_string()))
                }
            });
            states.push(ChannelState { channel, to, failing, last_at: last.and_then(|last| last.ended_at) });
        }
        Ok(states)
    }

    /// Sends a test by each way that the settings name, and says what came of it.
    pub async fn test(&self) -> Result<Vec<Tested>, Error> {
        let wanted = self.wanted().await?;
        let mut tested = Vec::new();
        for channel in Channel::ALL.iter().copied().filter(|channel| wanted.since(*channel).is_some()) {
            let new = NewNotification { kind: Kind::Test, channel, about: About::default() };
            let Some(id) = self.0.store.plan_notification(new).await? else { continue };
            let Some(leaving) = self.0.store.begin_notification(id).await? else { continue };
            let attempted = self.deliver(&leaving, &wanted).await?;
            // Whoever asked waits for the answer, and asks again.
            let over = match attempted.sent {
                Sent::Taken => State::Sent,
                Sent::NothingLeft | Sent::Refused => State::Failed,
                Sent::Unknown => State::Uncertain,
            };
            self.0.store.end_notification(id, After::Over(over), attempted.code, attempted.reason).await?;
            tested.push(Tested { channel, notification: self.0.store.notification(id).await? });
        }
        Ok(tested)
    }

    /// Sends one notification that was taken for it. Says what came of it, and what follows is stored.
    pub(super) async fn send(&self, id: DeliveryId, wanted: &Wanted) -> Result<Option<(Attempted, After)>, Error> {
        let Some(leaving) = self.0.store.begin_notification(id).await? else { return Ok(None) };
        let attempted = self.deliver(&leaving, wanted).await?;
        let follows = after(attempted.sent, leaving.notification.attempts, self.0.env.now());
        let (code, reason) = (attempted.code.clone(), attempted.reason.clone());
        self.0.store.end_notification(id, follows, code, reason).await?;
        Ok(Some((attempted, follows)))
    }

    async fn deliver(&self, leaving: &Leaving, wanted: &Wanted) -> Result<Attempted, Error> {
        let letter = self.write(leaving, wanted).await?;
        let (id, channel) = (leaving.notification.id, leaving.notification.channel);
        let sending = async {
            match channel {
                Channel::Mail => match &wanted.mail {
                    Some((to, _)) => self.mail(to, letter, id, leaving.notification.created_at).await,
                    None => gone(),
                },
                Channel::Webhook => match &wanted.webhook {
                    Some((hook, _)) => self.webhook(hook, letter, leaving).await,
                    None => gone(),
                },
            }
        };
        // Another server that took over may send it: this one only knows whether it has begun.
        Ok(match self.0.store.while_active(sending).await {
            Ok(attempted) => attempted,
            Err(RunOut { begun }) => {
                let sent = if begun { Sent::Unknown } else { Sent::NothingLeft };
                let error = store::Error::Fenced;
                Attempted::not(sent, error.class(), error.code(), error.to_string())
            }
        })
    }

    async fn write(&self, leaving: &Leaving, wanted: &Wanted) -> Result<Letter, store::Error> {
        let store = &self.0.store;
        let about = &leaving.notification.about;
        match leaving.notification.kind {
            Kind::News => {
                let mut needs = Vec::new();
                for (id, links) in &leaving.needs {
                    needs.push((Asked::of(store, store.need(*id).await?).await?, links.clone()));
                }
                let notices = store.notices_of(&about.notices).await?;
                Ok(words::news(&needs, &notices, &self.base_url(wanted), &wanted.zone))
            }
            Kind::Digest => {
                let created = leaving.notification.created_at;
                let (from, until) = (about.from.unwrap_or(created), about.until.unwrap_or(created));
                digest::digest(store, from, until, &wanted.zone).await
            }
            Kind::Test => Ok(words::test(&wanted.zone, self.0.env.now())),
        }
    }

    async fn mail(&self, to: &MailTo, letter: Letter, id: DeliveryId, at: Timestamp) -> Attempted {
        let note = Note { to: to.to.clone(), from: to.from.clone(), subject: letter.subject, text: letter.text };
        // The same for every attempt: a server that knows it takes it once.
        let identity = Digest::of_parts("steward notification 1", &[id.to_string().as_bytes()]);
        match self.0.post.send(&note, identity, at, MAIL_WITHIN).await {
            Ok(performed) => match performed.outcome {
                Outcome::Value(_) => Attempted::taken(),
                Outcome::Refused(refusal) => {
                    Attempted::not(Sent::Refused, Class::Permission, "MAIL_REFUSED", refusal.message)
                }
                Outcome::Skipped { clause } => {
                    Attempted::not(Sent::Refused, Class::Internal, "CONNECTOR_INTERNAL", clause)
                }
            },
            Err(fault) => {
                let sent = if fault.proves_nothing_done { Sent::NothingLeft } else { Sent::Unknown };
                Attempted::not(sent, fault.failure.class, &fault.failure.code, fault.failure.message)
            }
        }
    }

    async fn webhook(&self, hook: &Hook, letter: Letter, leaving: &Leaving) -> Attempted {
        let notification = &leaving.notification;
        let secret = match self.0.vault.require(&hook.secret) {
            Ok(secret) => secret,
            Err(error) => return unsent(&error),
        };
        let body = body(notification, &letter, self.0.env.now()).to_string();
        let at = self.0.env.now().as_millis() / 1000;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let value = |text: &str| HeaderValue::from_str(text).expect("letters, digits and signs");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(SIGNATURE, value(&format!("t={at},v1={hex}")));
        headers.insert(DELIVERY, value(&notification.id.to_string()));
        // The setting names this very host and port, which is the permission for a private address.
        let host = hook.url.host_str().unwrap_or_default();
        let named = HostPort::new(host, hook.url.port_or_known_default().unwrap_or_default());
        let outgoing = Outgoing {
            method: Method::POST,
            url: hook.url.clone(),
            headers,
            body: Some(Bytes::from(body)),
            manner: Manner::Effect,
            deadline: WEBHOOK_WITHIN,
            private_hosts: std::slice::from_ref(&named),
            credential: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
            trace_parent: None,
        };
        match self.0.egress.send(outgoing).await {
            Ok(answer) => judge(answer.status),
            Err(fault) if fault.left => {
                Attempted::not(Sent::Unknown, fault.error.class(), fault.error.code().as_str(), fault.error.to_string())
            }
            Err(fault) => unsent(&fault.error),
        }
    }
}

fn gone() -> Attempted {
    Attempted::not(Sent::Refused, Class::Logic, "SETTING_UNKNOWN", "the settings name no such way any more")
}

fn unsent(error: &connectors::Error) -> Attempted {
    Attempted::not(Sent::NothingLeft, error.class(), error.code().as_str(), error.to_string())
}

/// What the status of a receiver's answer means. Only what says that nothing was taken is tried again.
fn judge(status: u16) -> Attempted {
    let said = format!("the webhook answered {status}");
    match status {
        200..=299 => Attempted::taken(),
        429 | 503 => Attempted::not(Sent::NothingLeft, Class::Transient, "HTTP_BUSY", said),
        401 => Attempted::not(Sent::Refused, Class::Auth, "HTTP_AUTH", said),
        300..=499 => Attempted::not(Sent::Refused, Class::Permission, "HTTP_FORBIDDEN", said),
        _ => Attempted::not(Sent::Unknown, Class::Uncertain, "HTTP_UNCERTAIN", said),
    }
}

fn body(notification: &Notification, letter: &Letter, now: Timestamp) -> Value {
    let mut body = json!({
        "version": FORMAT,
        "id": notification.id.to_string(),
        "kind": notification.kind.as_str(),
        "at": now.to_string(),
        "subject": letter.subject,
        "text": letter.text,
    });
    body[notification.kind.as_str()] = letter.data.clone();
    body
}
