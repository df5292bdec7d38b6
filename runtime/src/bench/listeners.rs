//! A thousand listeners on the stream of everything, while something changes ten times a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use intents::Timestamp;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::figures::Figure;
use super::house::{self, House};
use super::schedules::automation;
use super::world;
use crate::descriptors;
use crate::env::Env;

/// How many listen.
const LISTENERS: usize = 1000;
/// As many places as the server is given: those who listen, and some.
const PLACES: &str = "1100";
/// Changes, one after the other.
const CHANGES: usize = 100;
/// The time between two of them.
const CHANGE_EVERY: Duration = Duration::from_millis(100);
/// By then everybody has heard what was told before.
const SETTLED_AFTER: Duration = Duration::from_millis(500);
/// What is told later is lost.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
/// Connections that are opened at once; more of them fill the queue of the listening socket.
const CONNECT_AT_ONCE: usize = 50;

/// The part of an event that is looked at.
#[derive(Deserialize)]
struct Told {
    at: String,
}

/// What the listeners have heard.
#[derive(Default)]
struct Heard {
    lengths: Mutex<Vec<Duration>>,
    events: AtomicUsize,
    connected: AtomicUsize,
}

/// Measures how soon they hear of a change, and what each of them takes.
pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    descriptors::take();
    let folder = world::folder()?;
    let (home, env) = (folder.path().join("data"), Env::real());
    let server = house::open(&home, &env).await?;
    let id = server.app.store.import(automation(0, "0 0 1 1 *", env.now())?).await?.id;
    server.shutdown().await;

    let house = House::start(&home, &[("STEWARD_SERVER__LISTENERS", PLACES)]).await?;
    let before = house.resident_mib();
    let heard = Arc::new(Heard::default());
    let (end, ending) = watch::channel(false);
    let mut listening = Vec::with_capacity(LISTENERS);
    for number in 0..LISTENERS {
        let stream = house.ask(&home, "GET", "/v1/streams/rooms/all").await?;
        listening.push(tokio::spawn(listen(stream, Arc::clone(&heard), ending.clone(), env.clone())));
        if number % CONNECT_AT_ONCE == CONNECT_AT_ONCE - 1 {
            until(&env, || heard.connected.load(Ordering::Relaxed) > number).await.context("not all can listen")?;
        }
    }
    // What was told before concerns nobody.
    env.sleep(SETTLED_AFTER).await;
    heard.lengths.lock().unwrap_or_else(PoisonError::into_inner).clear();
    heard.events.store(0, Ordering::Relaxed);
    for change in 0..CHANGES {
        let verb = if change % 2 == 0 { "pause" } else { "resume" };
        let mut answer = house.ask(&home, "POST", &format!("/v1/automations/{id}/{verb}")).await?;
        let mut line = [0; 12];
        answer.read_exact(&mut line).await?;
        if !line.ends_with(b"200") {
            bail!("a change was not taken: {}", String::from_utf8_lossy(&line));
        }
        env.sleep(CHANGE_EVERY).await;
    }
    until(&env, || heard.events.load(Ordering::Relaxed) >= CHANGES * LISTENERS).await.context("not all was heard")?;
    let after = house.resident_mib();
    end.send_replace(true);
    for listening in listening {
        listening.await.context("a listener failed")??;
    }
    house.kill().await?;
    let lengths = heard.lengths.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut figures: Vec<Figure> =
        Figure::lengths(format!("{LISTENERS} listeners: from the change to the listener"), &lengths)
            .into_iter()
            .collect();
    if let Some((before, after)) = before.zip(after) {
        let each = (after - before) * 1024.0 / LISTENERS as f64;
        figures.push(Figure::one("memory of the server", "KiB for each listener", each));
    }
    Ok(figures)
}

/// Reads a stream to the end of the measurement.
async fn listen(
    stream: TcpStream,
    heard: Arc<Heard>,
    mut ending: watch::Receiver<bool>,
    env: Env,
) -> anyhow::Result<()> {
    let mut lines = BufReader::with_capacity(1 << 10, stream).lines();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?.context("the server has ended a stream")?,
            _ = ending.wait_for(|ending| *ending) => return Ok(()),
        };
        if let Some(data) = line.strip_prefix("data: ") {
            let now = env.now();
            let told: Told = serde_json::from_str(data)?;
            let at: jiff::Timestamp = told.at.parse().context("an event has no time")?;
            let length = now.since(Timestamp::from_jiff(at));
            heard.lengths.lock().unwrap_or_else(PoisonError::into_inner).push(length);
            heard.events.fetch_add(1, Ordering::Relaxed);
        } else if line == ": connected" {
            heard.connected.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Waits until something is so.
async fn until(env: &Env, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
    const LOOK_EVERY: Duration = Duration::from_millis(5);
    let waiting = async {
        while !is_so() {
            env.sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(TOLD_WITHIN, waiting).await.context("it takes too long")
}
