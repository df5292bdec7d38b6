//! `steward chat --say`: one message, and all that comes of it.

use super::{Room, begin};
use crate::api::ThreadView;
use crate::cli::chat::{Audience, Conversation, Ended, Heard, Interrupts, Listening, Screen, confirm, next_steps};
use crate::cli::exit::Exit;
use crate::cli::out::{Out, tell};
use crate::error::Error;

/// Says one thing, and shows what comes until the thread waits for the user.
pub(super) async fn say(
    room: &Room<'_>,
    thread: Option<ThreadView>,
    text: &str,
    confirms: bool,
    out: &mut Out,
) -> Result<Exit, Error> {
    if out.is_json() {
        return Ok(exchange(room, thread, text, confirms, out).await?.exit);
    }
    let mut screen = Screen::standard();
    let done = exchange(room, thread, text, confirms, &mut screen).await;
    screen.settle();
    let done = done?;
    if let Some(name) = &done.confirmed {
        screen.part();
        next_steps(&room.link.client, name, room.link.is_lasting(), &mut screen).await?;
    }
    if done.exit == Exit::Waiting {
        let card = if done.has_card { " --confirm" } else { "" };
        tell(format!("It waits for you: steward chat --thread {} --say TEXT{card}", done.thread));
    }
    Ok(done.exit)
}

struct Done {
    thread: String,
    exit: Exit,
    has_card: bool,
    /// The automation whose card was confirmed.
    confirmed: Option<String>,
}

async fn exchange(
    room: &Room<'_>,
    thread: Option<ThreadView>,
    text: &str,
    confirms: bool,
    audience: &mut impl Audience,
) -> Result<Done, Error> {
    let mut interrupts = Interrupts::watch()?;
    let thread = match thread {
        Some(thread) => thread,
        None => begin(&room.link.client).await?,
    };
    let mut heard = Heard::default();
    let mut listening = Listening { audience, heard: &mut heard, echo: true };
    let client = room.link.client.clone();
    let mut talk = Conversation::new(room.config, room.env, client, &thread, thread.last_seq);
    let mut done = Done { thread: thread.id.clone(), exit: Exit::Failure, has_card: false, confirmed: None };
    if !talk.say(text, &mut listening, &mut interrupts).await? {
        return Ok(done);
    }
    let Ended::Waits(thread) = talk.follow(&mut listening, &mut interrupts).await? else { return Ok(done) };
    let card = listening.heard.open_card().cloned();
    done.has_card = card.is_some();
    done.exit = match (thread.state.as_str(), &card) {
        ("cut_off", _) => Exit::Failure,
        ("asking", _) => Exit::Waiting,
        (_, Some(_)) if !confirms => Exit::Waiting,
        (_, None) if confirms => Exit::Refused,
        _ => Exit::Success,
    };
    match card {
        Some(card) if confirms && done.exit == Exit::Success => {
            done.confirmed = Some(confirm(&talk.client, &card, false).await?.automation_name);
            talk.follow(&mut listening, &mut interrupts).await?;
        }
        Some(_) => {}
        None if done.exit == Exit::Refused => tell("There is no card to confirm."),
        None => {}
    }
    Ok(done)
}
