//! `steward chat` at a terminal.

use intents::amount::Amount;

use super::{Room, begin, messages};
use crate::api::{ThreadCardDetail, ThreadView};
use crate::cli::chat::{
    Asked, Conversation, Editor, Ended, HELP, Heard, Interrupts, Line, Listening, Said, Screen, Style, Typed, confirm,
    is_lost, message, next_steps, reject, said,
};
use crate::cli::client::shaped;
use crate::cli::exit::Exit;
use crate::error::Error;

/// What stands before what the user types.
const PROMPT: &str = "› ";
/// Who comes back wants to see where things stand, not everything.
const SHOWN_AGAIN: i64 = 12;

/// Talks until the user leaves.
pub(super) async fn talk(room: &Room<'_>, thread: Option<ThreadView>) -> Result<Exit, Error> {
    let mut talk = Talk {
        room,
        screen: Screen::standard(),
        heard: Heard::default(),
        interrupts: Interrupts::watch()?,
        conversation: None,
        asked: Asked::Anything,
    };
    let mut editor = Editor::new()?;
    let done = talk.go_on(thread, &mut editor).await;
    talk.screen.settle();
    drop(editor);
    if let Some(conversation) = &talk.conversation {
        talk.screen.say(Style::Dim, format!("Come back with: steward chat {}", conversation.thread));
    }
    done
}

struct Talk<'a> {
    room: &'a Room<'a>,
    screen: Screen,
    heard: Heard,
    interrupts: Interrupts,
    /// None until the first word: a thread in which nothing was said is none.
    conversation: Option<Conversation<'a>>,
    asked: Asked,
}

impl<'a> Talk<'a> {
    async fn go_on(&mut self, thread: Option<ThreadView>, editor: &mut Editor) -> Result<Exit, Error> {
        match thread {
            Some(thread) => {
                self.again(&thread).await?;
                if !self.follow().await? {
                    return Ok(Exit::Success);
                }
            }
            None => self
                .screen
                .say(Style::Dim, "Say what you want done. /help shows what else can be typed; Ctrl-C leaves."),
        }
        loop {
            self.screen.part();
            if let Some(hint) = self.asked.hint() {
                self.screen.line(&hint);
            }
            let Typed::Line(line) = editor.line(PROMPT, &mut self.interrupts).await else { return Ok(Exit::Success) };
            match self.answer(said(&line, &self.asked)).await {
                Ok(true) => {}
                Ok(false) => return Ok(Exit::Success),
                // What the server does not want, it says; the talk goes on.
                Err(Error::Answered { code, detail, .. }) => {
                    self.screen.part();
                    self.screen.line(&Line::marked(Style::Careful, format!("{code}: "), Style::Plain, detail));
                    self.look_again().await?;
                }
                Err(error) if is_lost(&error) && self.conversation.is_some() => {
                    self.screen.part();
                    self.screen.say(Style::Careful, "That did not reach the server, or its answer did not come back.");
                    if !self.follow().await? {
                        return Ok(Exit::Success);
                    }
                    self.look_again().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Shows the end of a thread that somebody comes back to.
    async fn again(&mut self, thread: &ThreadView) -> Result<(), Error> {
        let client = self.room.link.client.clone();
        let mut seen = (thread.last_seq - SHOWN_AGAIN).max(0);
        if seen > 0 {
            self.screen.say(Style::Dim, format!("What was before: steward chat show {}", thread.id));
        }
        for (said, _) in messages(&client, &thread.id, seen).await? {
            self.heard.message(&said);
            message(&mut self.screen, &said);
            seen = said.seq;
        }
        self.conversation = Some(Conversation::new(self.room.config, self.room.env, client, thread, seen));
        Ok(())
    }

    /// Does what was typed; false when the user has gone.
    async fn answer(&mut self, said: Said) -> Result<bool, Error> {
        match said {
            Said::Nothing => {}
            Said::Message(text) => return self.say(&text).await,
            Said::Confirm { shadow } => return self.confirm(shadow).await,
            Said::Reject => return self.reject().await,
            Said::GoOn => return self.continued().await,
            Said::Code => self.code().await?,
            Said::Cost => self.cost().await?,
            Said::Help => {
                for (typed, does) in HELP {
                    self.screen.line(&Line::marked(Style::Strong, format!("  {typed:<10} "), Style::Plain, does));
                }
            }
            Said::Leave => return Ok(false),
            Said::Unclear(hint) => self.screen.say(Style::Careful, hint),
        }
        Ok(true)
    }

    async fn say(&mut self, text: &str) -> Result<bool, Error> {
        if self.conversation.is_none() {
            let client = self.room.link.client.clone();
            let thread = begin(&client).await?;
            self.conversation = Some(Conversation::new(self.room.config, self.room.env, client, &thread, 0));
        }
        let Some(conversation) = &mut self.conversation else { return Ok(true) };
        if !conversation.say(text, &mut self.screen, &mut self.interrupts).await? {
            return Ok(false);
        }
        self.follow().await
    }

    /// Shows what comes until the thread waits for the user; false when the user has gone.
    async fn follow(&mut self) -> Result<bool, Error> {
        let Some(conversation) = &mut self.conversation else { return Ok(true) };
        let mut listening = Listening { audience: &mut self.screen, heard: &mut self.heard, echo: false };
        match conversation.follow(&mut listening, &mut self.interrupts).await? {
            Ended::Waits(thread) => {
                self.asked = self.heard.asked(&thread);
                Ok(true)
            }
            Ended::Left => Ok(false),
        }
    }

    /// Looks how the last card stands: somebody may have decided on it elsewhere.
    async fn look_again(&mut self) -> Result<(), Error> {
        let (Some(conversation), Some(card)) = (&self.conversation, &mut self.heard.card) else { return Ok(()) };
        let detail: ThreadCardDetail = shaped(&conversation.client.get(&["v1", "cards", &card.id]).await?)?;
        *card = detail.card;
        if self.asked == Asked::Card && self.heard.open_card().is_none() {
            self.asked = Asked::Anything;
        }
        Ok(())
    }

    async fn confirm(&mut self, shadow: bool) -> Result<bool, Error> {
        let (Some(conversation), Some(card)) = (&self.conversation, &self.heard.card) else { return Ok(true) };
        let client = conversation.client.clone();
        let confirmed = confirm(&client, card, shadow).await?;
        self.heard.card = Some(confirmed.clone());
        if !self.follow().await? {
            return Ok(false);
        }
        self.screen.part();
        next_steps(&client, &confirmed.automation_name, self.room.link.is_lasting(), &mut self.screen).await?;
        Ok(true)
    }

    async fn reject(&mut self) -> Result<bool, Error> {
        let (Some(conversation), Some(card)) = (&self.conversation, &self.heard.card) else { return Ok(true) };
        self.heard.card = Some(reject(&conversation.client, card).await?);
        self.follow().await
    }

    async fn continued(&mut self) -> Result<bool, Error> {
        if self.asked != Asked::GoingOn {
            self.screen.say(Style::Careful, "No answer was cut off.");
            return Ok(true);
        }
        if let Some(conversation) = &self.conversation {
            conversation.ask("continue").await?;
        }
        self.follow().await
    }

    async fn code(&mut self) -> Result<(), Error> {
        let (Some(conversation), Some(card)) = (&self.conversation, &self.heard.card) else {
            self.screen.say(Style::Careful, "There is no card.");
            return Ok(());
        };
        let detail: ThreadCardDetail = shaped(&conversation.client.get(&["v1", "cards", &card.id]).await?)?;
        self.screen.say(Style::Strong, "Contract");
        self.screen.verbatim(&format!("{:#}", detail.contract));
        self.screen.part();
        self.screen.say(Style::Strong, "Script");
        self.screen.verbatim(&detail.script);
        Ok(())
    }

    async fn cost(&mut self) -> Result<(), Error> {
        let Some(conversation) = &self.conversation else {
            self.screen.say(Style::Plain, "Nothing yet.");
            return Ok(());
        };
        let thread: ThreadView = shaped(&conversation.client.get(&["v1", "threads", &conversation.thread]).await?)?;
        let cost = Amount::from_millionths(thread.cost_micros).unwrap_or_default();
        let tokens = format!("{} tokens in, {} out", thread.tokens_in, thread.tokens_out);
        self.screen.say(Style::Plain, format!("This chat has cost {cost} USD so far: {tokens}."));
        Ok(())
    }
}
