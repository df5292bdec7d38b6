//! Lines that the user types.

use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};

use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use tokio::sync::mpsc;

use super::follow::Interrupts;
use crate::error::{Code, Error};

/// Tells the terminal to paste as if it was typed, and ends the line: what the line editor does when it is done.
const PLAIN_PASTE: &[u8] = b"\x1b[?2004l\n";

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
    /// Whether a line is being typed.
    typing: bool,
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
        Ok(Self { prompts, typed, before, typing: false })
    }

    /// Asks for a line. What was typed before the question is no answer to it. After a Ctrl-C from elsewhere, nothing
    /// more can be asked.
    pub(in crate::cli) async fn line(&mut self, prompt: &str, interrupts: &mut Interrupts) -> Typed {
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        if self.prompts.send(prompt.to_owned()).is_err() {
            return Typed::End;
        }
        self.typing = true;
        let typed = tokio::select! {
            typed = self.typed.recv() => typed,
            () = interrupts.next() => return Typed::End,
        };
        self.typing = false;
        typed.unwrap_or(Typed::End)
    }
}

impl Drop for Editor {
    /// Whatever the thread is at: the terminal is as it was.
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
        if self.typing {
            // A terminal that is gone needs no goodbye.
            drop(io::stdout().lock().write_all(PLAIN_PASTE));
        }
    }
}
