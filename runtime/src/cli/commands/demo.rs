//! `steward demo`.

mod paced;
mod story;

use std::pin::pin;

use crate::cli::args::Demo;
use crate::cli::chat::{Screen, Style};
use crate::cli::connect::understood;
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::signals::{Signals, Told};
use crate::demo::Stage;
use crate::descriptors;
use crate::env::Env;
use crate::error::Error;

use story::Story;

/// Sets the stage, tells the story, and takes the stage down, however the story ends.
pub(in crate::cli) async fn run(command: Demo, out: &mut Out) -> Result<Exit, Error> {
    let env = Env::real();
    descriptors::take();
    let mut signals = Signals::watch()?;
    let mut screen = Screen::standard();
    let stage = Stage::set(&env).await.map_err(understood)?;
    let told = {
        let mut told = pin!(Story::tell(&stage, &env, command.ask, &mut screen));
        loop {
            tokio::select! {
                told = &mut told => break told,
                told = signals.next() => match told {
                    Told::Reload => {}
                    Told::End => break Ok(Exit::Failure),
                },
            }
        }
    };
    screen.settle();
    let kept = stage.take_down(command.keep).await.map_err(understood)?;
    let exit = told?;
    if exit == Exit::Failure {
        screen.part();
        screen.say(Style::Careful, "Ended before its end.");
    }
    match kept {
        Some(folder) => {
            screen.say(Style::Dim, format!("Everything is in {}. Look inside with:", folder.display()));
            let look = format!("  STEWARD_HOME={} steward runs list", Stage::data(&folder).display());
            screen.say(Style::Plain, look);
        }
        None => screen.say(Style::Dim, "Its folder is gone, and nothing of yours was touched."),
    }
    Ok(if out.is_closed() { Exit::Success } else { exit })
}
