//! Following a thread: what was said, then what comes, until it waits for the user. Over lost connections and servers
//! that were killed, everything is shown, and nothing twice.

use std::time::Duration;

use intents::Timestamp;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::api::{ActivityView, MessageView, PartialView, ThreadView};
use crate::cli::client::{Client, Event, Events, shaped};
use crate::cli::connect;
use crate::config::Config;
use crate::env::Env;
use crate::error::{Code, Error};

/// How often a changing line changes.
const TICK: Duration = Duration::from_millis(100);
/// The server says something every 15 seconds; one that was silent this long is not there any more.
const SILENT_MAX: Duration = Duration::from_secs(45);
/// Who restarts a server does so by then.
const BACK_WITHIN: Duration = Duration::from_secs(300);
/// How often it is looked whether the server is back.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A server that is there, and ends its streams so often without a word in between, will not do better.
const LOSSES_MAX: u32 = 20;

/// Something that came.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) enum Came {
    /// A message, once, in order; and as it was answered.
    Message(Box<MessageView>, Value),
    /// More of an answer that is being written.
    Partial {
        /// How many characters go before.
        from: usize,
        /// The text.
        text: String,
    },
    /// What the planner is doing; nothing when it does nothing.
    Activity(String),
    /// The server is not there any more.
    Lost,
    /// It is there again.
    Back,
}

/// Who is told what comes.
pub(in crate::cli) trait Audience {
    /// Something came.
    fn take(&mut self, came: Came);
    /// Time goes by.
    fn tick(&mut self);
    /// Whether nobody listens any more.
    fn is_gone(&self) -> bool;
    /// How long to wait before more comes, for whoever wants to be read while it is shown.
    fn pause(&self) -> Duration {
        Duration::ZERO
    }
}

/// How following ended.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) enum Ended {
    /// The thread waits for the user.
    Waits(Box<ThreadView>),
    /// The user has gone.
    Left,
}

enum Followed {
    Ended(Ended),
    Lost,
}

/// Ctrl-C.
#[derive(Debug)]
pub(in crate::cli) struct Interrupts(Signal);

impl Interrupts {
    /// Watches it from now on.
    pub(in crate::cli) fn watch() -> Result<Self, Error> {
        let failed = |error| Error::new(Code::ServerFailed, format!("signals cannot be watched: {error}"));
        signal(SignalKind::interrupt()).map(Self).map_err(failed)
    }

    /// Waits for the next one.
    pub(in crate::cli) async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// A thread, and how far it was shown.
#[derive(Debug)]
pub(in crate::cli) struct Conversation<'a> {
    config: &'a Config,
    env: &'a Env,
    /// Speaks to the server that is there now.
    pub(in crate::cli) client: Client,
    /// The id of the thread.
    pub(in crate::cli) thread: String,
    /// The last message that was shown.
    pub(in crate::cli) seen: i64,
    losses: u32,
}

impl<'a> Conversation<'a> {
    /// Goes on with a thread behind a message.
    pub(in crate::cli) fn new(
        config: &'a Config,
        env: &'a Env,
        client: Client,
        thread: &ThreadView,
        seen: i64,
    ) -> Self {
        Self { config, env, client, thread: thread.id.clone(), seen, losses: 0 }
    }

    /// Says something. Over a lost connection it is said once. False when the user has gone meanwhile.
    pub(in crate::cli) async fn say(
        &mut self,
        text: &str,
        audience: &mut impl Audience,
        interrupts: &mut Interrupts,
    ) -> Result<bool, Error> {
        let once: String = self.env.random_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let mut again = false;
        loop {
            let path = ["v1", "threads", &self.thread, "messages"];
            match self.client.post_once(&path, json!({ "text": text }), &once).await {
                Ok(_) => return Ok(true),
                // The server had taken it before it died.
                Err(Error::Answered { code, .. }) if again && code == "THREAD_BUSY" => return Ok(true),
                Err(error) if is_lost(&error) => {
                    again = true;
                    if !self.back(audience, interrupts).await? {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks something of the thread: `interrupt`, `continue`.
    pub(in crate::cli) async fn ask(&self, what: &str) -> Result<ThreadView, Error> {
        let path = ["v1", "threads", &self.thread, what];
        shaped(&self.client.post(&path, Value::Object(Map::new())).await?)
    }

    /// Follows the thread until it waits for the user.
    pub(in crate::cli) async fn follow(
        &mut self,
        audience: &mut impl Audience,
        interrupts: &mut Interrupts,
    ) -> Result<Ended, Error> {
        loop {
            let path = ["v1", "threads", &self.thread, "stream"];
            let followed = match self.client.events(&path, &[], Some(self.seen)).await {
                Ok(events) => self.listen(events, audience, interrupts).await?,
                Err(error) if is_lost(&error) => Followed::Lost,
                Err(error) => return Err(error),
            };
            match followed {
                Followed::Ended(ended) => return Ok(ended),
                Followed::Lost => {
                    if !self.back(audience, interrupts).await? {
                        return Ok(Ended::Left);
                    }
                }
            }
        }
    }

    async fn listen(
        &mut self,
        mut events: Events,
        audience: &mut impl Audience,
        interrupts: &mut Interrupts,
    ) -> Result<Followed, Error> {
        let mut thread: Option<ThreadView> = None;
        let (mut heard, mut since) = (0, self.env.now());
        let mut interrupted = false;
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Ok(Some(event)) => thread = self.take(&event, audience)?.or(thread),
                    Ok(None) => return Ok(Followed::Lost),
                    Err(error) if is_lost(&error) => return Ok(Followed::Lost),
                    Err(error) => return Err(error),
                },
                () = self.env.sleep(TICK) => {
                    audience.tick();
                    if heard != events.heard() {
                        (heard, since) = (events.heard(), self.env.now());
                    } else if self.env.now().since(since) > SILENT_MAX {
                        return Ok(Followed::Lost);
                    }
                }
                () = interrupts.next() => {
                    if std::mem::replace(&mut interrupted, true) {
                        return Ok(Followed::Ended(Ended::Left));
                    }
                    audience.take(Came::Activity("interrupts; once more leaves".to_owned()));
                    // Whatever became of the answer, the stream tells.
                    drop(self.ask("interrupt").await);
                }
            }
            if !audience.pause().is_zero() {
                self.env.sleep(audience.pause()).await;
            }
            if audience.is_gone() {
                return Ok(Followed::Ended(Ended::Left));
            }
            // A state is told as it comes; the messages that led to it may come behind.
            match thread {
                Some(told) if told.state != "working" && self.seen >= told.last_seq => {
                    audience.take(Came::Activity(String::new()));
                    return Ok(Followed::Ended(Ended::Waits(Box::new(told))));
                }
                told => thread = told,
            }
        }
    }

    /// Passes an event on; gives the thread when its state is told.
    fn take(&mut self, event: &Event, audience: &mut impl Audience) -> Result<Option<ThreadView>, Error> {
        match event.name.as_str() {
            "message" => {
                let whole = data(event)?;
                let message: MessageView = shaped(&whole)?;
                if message.seq > self.seen {
                    self.seen = message.seq;
                    self.losses = 0;
                    audience.take(Came::Message(Box::new(message), whole));
                }
            }
            "partial" => {
                let PartialView { from, text } = shaped(&data(event)?)?;
                audience.take(Came::Partial { from, text });
            }
            "activity" => audience.take(Came::Activity(shaped::<ActivityView>(&data(event)?)?.words)),
            "thread" => return shaped(&data(event)?).map(Some),
            // The end is seen by the stream that ends; and what later versions say.
            _ => {}
        }
        Ok(None)
    }

    /// Waits until the server is back; false when the user has gone.
    async fn back(&mut self, audience: &mut impl Audience, interrupts: &mut Interrupts) -> Result<bool, Error> {
        let gone =
            || Error::new(Code::NoServer, "the server is gone and did not come back; start it with `steward serve`");
        self.losses += 1;
        if self.losses > LOSSES_MAX {
            return Err(gone());
        }
        audience.take(Came::Lost);
        let deadline: Timestamp = self.env.now() + BACK_WITHIN;
        loop {
            tokio::select! {
                () = self.env.sleep(LOOK_EVERY) => {}
                () = interrupts.next() => return Ok(false),
            }
            audience.tick();
            if let Some(client) = connect::running(self.config).await? {
                self.client = client;
                audience.take(Came::Activity(String::new()));
                audience.take(Came::Back);
                return Ok(true);
            }
            if self.env.now() > deadline {
                return Err(gone());
            }
        }
    }
}

fn data(event: &Event) -> Result<Value, Error> {
    let unreadable = |error| Error::new(Code::AnswerUnreadable, format!("the server's stream makes no sense: {error}"));
    serde_json::from_str(&event.data).map_err(unreadable)
}

/// Whether a server has gone, rather than said no.
pub(in crate::cli) fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Face { code: Code::NoServer, .. })
}
