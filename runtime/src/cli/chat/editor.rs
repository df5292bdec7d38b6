//! Lines that the user types.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};

use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use tokio::sync::mpsc;

use crate::error::{Code, Error};

/// What the user did at the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Typed {
    /// A line.
    Line(String),
    /// Ctrl-C, Ctrl-D, or the terminal is gone.
    End,
}

/// A line editor on a thread of its own, so that nobody has to wait for the user.
#[derive(Debug)]
pub(in crate::cli) struct Editor {
    prompts: SyncSender<String>,
    typed: mpsc::Receiver<Typed>,
    /// How the terminal was before.
    before: Option<Termios>,
}

impl Editor {
    /// Takes the terminal.
    pub(in crate::cli) fn new() -> Result<Self, Error> {
        let failed = |error: ReadlineError| Error::new(Code::ServerFailed, format!("the terminal: {error}"));
        let mut editor =
            rustyline::Editor::<(), MemHistory>::with_history(rustyline::Config::default(), MemHistory::new())
                .map_err(failed)?;
        let before = tcgetattr(io::stdin()).ok();
        // One line at a time is asked for.
        let (prompts, asked) = sync_channel::<String>(1);
        let (lines, typed) = mpsc::channel(1);
        std::thread::spawn(move || {
            for prompt in asked {
                let typed = match editor.readline(&prompt) {
                    Ok(line) => {
                        // What cannot be remembered can still be sent.
                        drop(editor.add_history_entry(line.as_str()));
                        Typed::Line(line)
                    }
                    Err(_) => Typed::End,
                };
                if lines.blocking_send(typed).is_err() {
                    return;
                }
            }
        });
        Ok(Self { prompts, typed, before })
    }

    /// Asks for a line. What was typed before the question is no answer to it.
    pub(in crate::cli) async fn line(&mut self, prompt: &str) -> Typed {
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        if self.prompts.send(prompt.to_owned()).is_err() {
            return Typed::End;
        }
        self.typed.recv().await.unwrap_or(Typed::End)
    }
}

impl Drop for Editor {
    /// Whatever the thread is at: the terminal is as it was.
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
