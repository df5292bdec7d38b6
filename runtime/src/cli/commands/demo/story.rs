//! The story that the demonstration tells.

use std::time::Duration;

use intents::amount::Amount;
use intents::{Timestamp, model::Prices};
use serde_json::{Map, Value, json};

use super::paced::Paced;
use crate::api::{AuditView, ProviderBody, RunDetail, ThreadCardView, ThreadView};
use crate::cli::chat::{
    Asked, Conversation, Editor, Ended, Heard, Interrupts, Line, Listening, Said, Screen, Style, Typed, confirm,
    framed, next_run, said,
};
use crate::cli::client::{Client, Event, shaped};
use crate::cli::exit::Exit;
use crate::demo::{ANSWER, FOLDER, Stage, request};
use crate::env::Env;
use crate::error::{Code, Error};
use crate::models::Profile;
use crate::ops::{FolderGrant, Trust};
use crate::store::FOLDER_PREFIX;

/// A run of three calls to this machine takes no longer, however busy the machine is.
const RUN_WITHIN: Duration = Duration::from_secs(50);
/// As long as it takes to see that something has ended.
const BEAT: Duration = Duration::from_millis(450);
/// What the provider of recorded answers is called.
const PROVIDER: &str = "recorded";

/// The story, as far as it was told.
pub(super) struct Story<'a> {
    stage: &'a Stage,
    env: &'a Env,
    client: Client,
    screen: &'a mut Screen,
}

fn broken(what: impl Into<String>) -> Error {
    Error::new(Code::ServerFailed, format!("the demonstration: {}", what.into()))
}

impl<'a> Story<'a> {
    /// Tells it.
    pub(super) async fn tell(stage: &'a Stage, env: &'a Env, ask: bool, screen: &'a mut Screen) -> Result<Exit, Error> {
        let client = Client::new(stage.serving().reachable(), stage.serving().token.clone())?;
        let mut story = Self { stage, env, client, screen };
        let began = env.now();
        story.opening();
        story.prepare().await?;
        let Some((card, thread)) = story.delegated().await? else { return Ok(Exit::Failure) };
        if !story.confirmed(&card, ask).await? {
            story.screen.part();
            story.screen.say(Style::Plain, "Not confirmed, so nothing goes live, and here the story ends.");
            return Ok(Exit::Refused);
        }
        story.first_run(&card.automation_name).await?;
        story.again(&card.automation_name).await?;
        story.ending(&thread, began).await?;
        Ok(Exit::Success)
    }

    fn opening(&mut self) {
        let screen = &mut *self.screen;
        // It is said here, and at the end.
        screen.told_recorded = true;
        screen.say(Style::Strong, "Steward does work that you delegate in a sentence. This is how that goes.");
        screen.part();
        let text = "No model is asked here: its answers were recorded. Everything else is real, and runs on this machine, \
                    in a folder that is thrown away:";
        screen.say(Style::Plain, text);
        let serving = self.stage.serving();
        for (what, place) in [
            ("a mail server", format!("127.0.0.1:{}, which speaks SMTP", self.stage.mail.address.port())),
            ("a site", format!("{}/feed.xml", self.stage.site())),
            ("Steward", format!("http://{}", serving.reachable())),
            ("a folder", self.stage.folder.display().to_string()),
        ] {
            screen.line(&Line::marked(Style::Dim, format!("  {what:<14} "), Style::Plain, place));
        }
    }

    fn chapter(&mut self, title: &str) {
        self.screen.part();
        self.screen.line(&Line::marked(Style::Host, "── ", Style::Strong, title));
    }

    /// Waits a moment, where somebody watches.
    async fn beat(&self) {
        if self.screen.is_live() {
            self.env.sleep(BEAT).await;
        }
    }

    /// What the user of an installation does once: a model, and a folder that may be used.
    async fn prepare(&mut self) -> Result<(), Error> {
        let recording = self.stage.recording.to_str().ok_or_else(|| broken("its folder has no plain name"))?.to_owned();
        let provider = ProviderBody {
            name: PROVIDER.to_owned(),
            base_url: None,
            recording: Some(recording),
            requests_per_minute: None,
            profiles: vec![Profile::new(PROVIDER.to_owned(), Prices { input: 0, output: 0 })],
            key: None,
        };
        let provider = serde_json::to_value(&provider).expect("what was said is plain data");
        self.client.post(&["v1", "providers"], provider).await?;
        let grant = FolderGrant { path: self.stage.folder.clone(), trust: Trust::Trusted };
        self.client.put(&["v1", "settings", &format!("{FOLDER_PREFIX}{FOLDER}")], json!({ "value": grant })).await?;
        Ok(())
    }

    /// The conversation, up to the card; none when the user has gone.
    async fn delegated(&mut self) -> Result<Option<(ThreadCardView, String)>, Error> {
        self.chapter("You say what you want");
        let thread: ThreadView = shaped(&self.client.post(&["v1", "threads"], Value::Object(Map::new())).await?)?;
        let mut talk = Conversation::new(&self.stage.config, self.env, self.client.clone(), &thread, 0);
        let mut interrupts = Interrupts::watch()?;
        let mut heard = Heard::default();
        let (first, answer) = (request(&self.stage.site()), ANSWER.to_owned());
        for (text, then) in [(first, "asking"), (answer, "idle")] {
            self.screen.typed(self.env, &text).await;
            let mut paced = Paced::new(self.screen);
            let mut listening = Listening { audience: &mut paced, heard: &mut heard, echo: false };
            if !talk.say(&text, &mut listening, &mut interrupts).await? {
                return Ok(None);
            }
            match talk.follow(&mut listening, &mut interrupts).await? {
                Ended::Waits(thread) if thread.state == then => {}
                Ended::Waits(thread) => {
                    return Err(broken(format!("the chat is {} where it should be {then}", thread.state)));
                }
                Ended::Left => return Ok(None),
            }
        }
        let card = heard.open_card().cloned().ok_or_else(|| broken("no card came of the conversation"))?;
        Ok(Some((card, thread.id)))
    }

    /// Whether the card is wanted.
    async fn confirmed(&mut self, card: &ThreadCardView, ask: bool) -> Result<bool, Error> {
        self.beat().await;
        if ask {
            let (mut editor, mut interrupts) = (Editor::new()?, Interrupts::watch()?);
            loop {
                self.screen.part();
                self.screen.say(
                    Style::Dim,
                    "confirm, or reject? (The model's answers are recorded: it can change nothing now.)",
                );
                let Typed::Line(line) = editor.line("› ", &mut interrupts).await else { return Ok(false) };
                match said(&line, &Asked::Card) {
                    Said::Confirm { .. } => break,
                    Said::Reject | Said::Leave => return Ok(false),
                    Said::Nothing
                    | Said::Message(_)
                    | Said::GoOn
                    | Said::Code
                    | Said::Cost
                    | Said::Help
                    | Said::Unclear(_) => {}
                }
            }
        } else {
            self.screen.part();
            self.screen
                .say(Style::Dim, "Nothing goes live without your yes. The demo says it for you (`--ask` lets you):");
            self.screen.typed(self.env, "confirm").await;
        }
        let live = confirm(&self.client, card, false).await?;
        let next = next_run(&self.client, &live.automation_name).await?.unwrap_or_else(|| "not planned".to_owned());
        self.screen.part();
        let words =
            format!("`{}` is live. Its next run is {next}; the demo does not wait for it.", live.automation_name);
        self.screen.line(&Line::marked(Style::Good, "✓ ", Style::Plain, words));
        Ok(true)
    }

    async fn first_run(&mut self, name: &str) -> Result<(), Error> {
        self.chapter("It runs, and no model is in the loop");
        self.run(name, &json!(1), &json!(3)).await?;
        let letters = self.stage.mail.letters();
        let [letter] = letters.as_slice() else {
            return Err(broken(format!("{} mails came where one should have", letters.len())));
        };
        let mut lines: Vec<Line> = ["From", "To", "Subject"]
            .into_iter()
            .map(|header| {
                let value = letter.header(header).unwrap_or_default();
                Line::marked(Style::Dim, format!("{header}: "), Style::Plain, value)
            })
            .collect();
        lines.push(Line::new(Style::Plain, ""));
        lines.extend(letter.body().lines().map(|line| Line::new(Style::Plain, line)));
        self.screen.part();
        let title = format!("A mail came to 127.0.0.1:{}", self.stage.mail.address.port());
        self.screen.lines(&framed(&title, lines));
        let copies = self.copies()?;
        let [copy] = copies.as_slice() else {
            return Err(broken(format!("{} files are in the folder where one should be", copies.len())));
        };
        self.screen.line(&Line::marked(Style::Good, "✓ ", Style::Plain, format!("The copy is {FOLDER}/{copy}.")));
        self.beat().await;
        Ok(())
    }

    async fn again(&mut self, name: &str) -> Result<(), Error> {
        self.chapter("Again: nothing happens twice");
        self.run(name, &json!(0), &json!(0)).await?;
        self.no_second_mail("Nothing is new, so no mail went out.")?;
        self.beat().await;
        self.chapter("Something new, on the same day: the contract holds");
        self.stage.publish_news();
        self.screen.say(Style::Plain, "The site publishes something. The script wants to mail it:");
        self.run(name, &json!(0), &json!(1)).await?;
        self.no_second_mail("Steward left the second mail out: at most one a day. What is new waits for tomorrow's.")?;
        self.beat().await;
        Ok(())
    }

    fn no_second_mail(&mut self, words: &str) -> Result<(), Error> {
        match self.stage.mail.letters().len() {
            1 => self.screen.line(&Line::marked(Style::Good, "✓ ", Style::Plain, words)),
            letters => return Err(broken(format!("{letters} mails came where one should have"))),
        }
        Ok(())
    }

    /// Runs it, and says what came of that: so many mails, of so much that is new.
    async fn run(&mut self, name: &str, mailed: &Value, new: &Value) -> Result<(), Error> {
        let body = json!({ "wait_ms": RUN_WITHIN.as_millis() });
        let run: RunDetail = shaped(&self.client.post(&["v1", "automations", name, "runs"], body).await?)?;
        let (id, phase) = (&run.run.id, &run.run.phase);
        let result = run.result.unwrap_or_default();
        let words = result.as_object().into_iter().flatten().map(|(what, value)| match value.as_str() {
            Some(text) => format!("{what}: {text}"),
            None => format!("{what}: {value}"),
        });
        let words: Vec<_> = words.collect();
        self.screen.line(&Line::marked(Style::Dim, "  ", Style::Dim, format!("{id} {phase} ({})", words.join(", "))));
        if phase == "succeeded" && result["mailed"] == *mailed && result["new"] == *new {
            return Ok(());
        }
        let why = run.failure.map(|failure| failure.message).unwrap_or_default();
        Err(broken(format!("{id} {phase}, and not as it should have: {why}")))
    }

    fn copies(&self) -> Result<Vec<String>, Error> {
        let unreadable = |error: std::io::Error| broken(format!("its folder cannot be read: {error}"));
        let entries = std::fs::read_dir(&self.stage.folder).map_err(unreadable)?;
        Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
    }

    async fn ending(&mut self, thread: &str, began: Timestamp) -> Result<(), Error> {
        self.chapter("What that was");
        let mut audit: Option<AuditView> = None;
        let each = |event: Event| {
            if event.name == "result" {
                audit = serde_json::from_str(&event.data).ok();
            }
            true
        };
        self.client.stream(&["v1", "audit"], &[], each).await?;
        let events = audit.filter(|audit| audit.ok).map(|audit| audit.events);
        let events = events.ok_or_else(|| broken("the record of events is not whole"))?;
        let thread: ThreadView = shaped(&self.client.get(&["v1", "threads", thread]).await?)?;
        let cost = Amount::from_millionths(thread.cost_micros).unwrap_or_default();
        let seconds = self.env.now().since(began).as_secs_f64();
        for (what, text) in [
            ("recorded", format!("the model's answers, so the cost is {cost} USD")),
            ("real", "the chat, the trial, the contract's gate, three runs, the mail over SMTP, the file".to_owned()),
            ("on record", format!("{events} events, in a chain that shows each later change")),
            ("took", format!("{seconds:.1} seconds")),
        ] {
            self.screen.line(&Line::marked(Style::Dim, format!("  {what:<10} "), Style::Plain, text));
        }
        self.screen.part();
        self.screen.say(Style::Strong, "Now yours:");
        for (what, does) in [
            ("steward providers add", "names a model: a hosted one, or one on this machine"),
            ("steward chat", "says what you want done"),
            ("steward serve", "does it"),
        ] {
            self.screen.line(&Line::marked(Style::Strong, format!("  {what:<22} "), Style::Plain, does));
        }
        self.screen.part();
        Ok(())
    }
}
