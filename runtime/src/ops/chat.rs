//! Conversations: what a person does in them. The planner is told, and looks in the store for what there is to do.

use intents::id::ThreadId;

use crate::app::App;
use crate::chat::{ChatMessage, Thread, ThreadState};
use crate::error::{Code, Error};

/// Characters of what a person says at once; more is a file.
const TEXT_CHARS_MAX: usize = 20_000;

/// Begins a conversation.
pub async fn begin_thread(app: &App, by: &str) -> Result<Thread, Error> {
    Ok(app.store.begin_thread(by).await?)
}

/// Says something in a conversation.
pub async fn say(app: &App, thread: ThreadId, text: &str, by: &str) -> Result<ChatMessage, Error> {
    let text = text.trim();
    let chars = text.chars().count();
    if chars == 0 || chars > TEXT_CHARS_MAX {
        let message = format!("a message has 1 to {TEXT_CHARS_MAX} characters, and this has {chars}");
        return Err(Error::new(Code::MessageLength, message));
    }
    if text.contains('\0') {
        return Err(Error::new(Code::MessageLength, "a message is text, without NUL characters"));
    }
    let said = app.store.say(thread, text, by).await?;
    app.live.stored(thread);
    app.planner.wake(thread).await;
    Ok(said)
}

/// Stops the answer that is on its way; what came of it stays.
pub async fn interrupt(app: &App, thread: ThreadId, by: &str) -> Result<Thread, Error> {
    let known = app.store.thread(thread).await?;
    if known.state != ThreadState::Working {
        return Ok(known);
    }
    let known = match app.planner.interrupt(thread).await {
        // It stores what came so far, and that it was stopped.
        true => settled(app, thread).await?,
        false => app.store.cut_thread_off(thread, "You interrupted it before it began.", by).await?,
    };
    app.live.stored(thread);
    Ok(known)
}

/// Waits until nothing is done in a thread any more, as long as that takes a moment.
async fn settled(app: &App, thread: ThreadId) -> Result<Thread, Error> {
    const LOOKS_MAX: u32 = 100;
    const BETWEEN: std::time::Duration = std::time::Duration::from_millis(50);
    for _ in 0..LOOKS_MAX {
        let known = app.store.thread(thread).await?;
        if known.state != ThreadState::Working {
            return Ok(known);
        }
        app.env.sleep(BETWEEN).await;
    }
    Ok(app.store.thread(thread).await?)
}

/// Goes on after an answer was cut off. The model is asked anew, and paid for anew.
pub async fn go_on(app: &App, thread: ThreadId, by: &str) -> Result<Thread, Error> {
    let known = app.store.go_on_with_thread(thread, by).await?;
    app.live.stored(thread);
    app.planner.wake(thread).await;
    Ok(known)
}

/// Erases a conversation for good. The automations that came of it stay.
pub async fn erase_thread(app: &App, thread: ThreadId, by: &str) -> Result<(), Error> {
    interrupt(app, thread, by).await?;
    app.store.erase_thread(thread, by).await?;
    app.live.stored(thread);
    Ok(())
}
