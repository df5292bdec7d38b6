//! The sandbox alone: how soon a script speaks, how fast a journal is replayed, how exact a deadline is.

use std::time::Duration;

use anyhow::{Context, bail};
use intents::Timestamp;
use intents::canonical;
use intents::journal::{Called, Recorded, Settled};
use intents::outcome::Outcome;
use sandbox::{FromScript, Jail, Limits, Start};
use serde_json::json;

use super::figures::Figure;
use super::meter::Watch;
use super::world;

/// Starts that are measured.
const STARTS: usize = 300;
/// The first starts fill caches and are not counted.
const WARM_UP: usize = 20;
/// Replays that are measured.
const REPLAYS: usize = 20;
/// Calls of a journal that is replayed.
const CALLS: u32 = 2000;
/// The deadline that is measured against: short, so that many attacks fit in.
const DEADLINE: Duration = Duration::from_millis(500);
/// Scripts that compute for ever, most of them inside one call of a built-in, where the engine asks nobody.
const ENDLESS: [(&str, &str); 8] = [
    ("a loop", "for (;;) {}"),
    ("a sort", "new Array(5e6).fill(0).map((_, i) => (i * 7919) % 5e6).sort((a, b) => a - b); for (;;) {}"),
    ("a pattern", "/^(a+)+$/.test('a'.repeat(64) + 'b')"),
    ("a fill", "for (;;) new Array(2 ** 20).fill(7).join(',')"),
    ("a big number", "let n = 3n; for (;;) n = n ** 3n"),
    ("a search", "const text = 'a'.repeat(2 ** 21); for (;;) text.lastIndexOf('a'.repeat(2 ** 20) + 'b')"),
    ("promises", "for (;;) new Promise(() => { for (;;); })"),
    ("a proxy", "const p = new Proxy({}, { get: (_, k, r) => r[k] }); for (;;) { try { p.x } catch {} }"),
];

fn start(body: &str) -> Start {
    Start {
        script: format!("export default async function run({{ input, tools, steward }}) {{\n{body}\n}}\n"),
        name: "script.js".to_owned(),
        at: Timestamp::from_millis(1_790_000_000_000),
        tools: vec!["http.get".to_owned()],
        ..Start::default()
    }
}

/// Goes on until the script has come to its end, whatever that is.
async fn last(jail: &Jail, start: Start, limits: Limits) -> anyhow::Result<FromScript> {
    let mut attempt = jail.attempt(start, limits).await.context("an attempt could not be started")?;
    loop {
        let message = attempt.next().await;
        if message.is_last() {
            return Ok(message);
        }
    }
}

/// From the wish for an attempt to the first word of its script, and to its end.
pub(super) async fn starts() -> anyhow::Result<Vec<Figure>> {
    let jail = world::jail()?;
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    for round in 0..STARTS + WARM_UP {
        let watch = Watch::start();
        let mut attempt = jail.attempt(start("console.log('here'); return 1;"), Limits::default()).await?;
        let FromScript::Log { .. } = attempt.next().await else { bail!("the script does not speak") };
        let spoke = watch.read();
        while !attempt.next().await.is_last() {}
        if round >= WARM_UP {
            first.push(spoke);
            whole.push(watch.read());
        }
    }
    let figures = [Figure::lengths("until the script speaks", &first), Figure::lengths("until it has ended", &whole)];
    Ok(figures.into_iter().flatten().collect())
}

/// How many recorded calls a replay gives back in a second, with the script running.
pub(super) async fn replay() -> anyhow::Result<Vec<Figure>> {
    let jail = world::jail()?;
    let body = format!(
        "let sum = 0;\nfor (let i = 0; i < {CALLS}; i += 1) {{\n  const got = await tools.http.get({{ url: `https://a.example/${{i}}` }});\n  sum += got.json.value;\n}}\nreturn sum;"
    );
    let journal = (0..CALLS).map(recorded).collect::<anyhow::Result<Vec<_>>>()?;
    let mut speeds = Vec::new();
    for _ in 0..REPLAYS {
        let watch = Watch::start();
        let end = last(&jail, Start { replay: journal.clone(), ..start(&body) }, Limits::default()).await?;
        let FromScript::Finished { .. } = end else { bail!("the replay does not reach its end: {end:?}") };
        speeds.push(f64::from(CALLS) / watch.read().as_secs_f64());
    }
    Ok(Figure::many("recorded calls given back", "per second", speeds).into_iter().collect())
}

fn recorded(call: u32) -> anyhow::Result<Recorded> {
    let at = Timestamp::from_millis(1_790_000_000_000 + i64::from(call));
    let called = Called {
        call,
        tool: "http.get".parse().context("it is a name of a tool")?,
        tool_version: 1,
        arguments: canonical::to_string(&json!({ "url": format!("https://a.example/{call}") })),
        key: None,
        optional: false,
        verdict: String::new(),
        at,
    };
    let outcome = Outcome::Value(json!({ "status": 200, "json": { "value": call } }));
    Ok(Recorded { called, settled: Some(Settled { order: call, outcome: outcome.into(), at }) })
}

/// How far scripts that compute for ever get past their deadline.
pub(super) async fn deadline() -> anyhow::Result<Vec<Figure>> {
    let jail = world::jail()?;
    let limits = Limits { turn: DEADLINE, ticks: u64::MAX, ..Limits::default() };
    let mut figures = Vec::new();
    let mut all = Vec::new();
    for (name, body) in ENDLESS {
        let watch = Watch::start();
        let end = last(&jail, start(body), limits.clone()).await?;
        if !matches!(end, FromScript::Limit(_) | FromScript::Failed(_)) {
            bail!("{name} ended with {end:?}");
        }
        // What breaks another limit first has not seen its deadline.
        if watch.read() >= DEADLINE {
            let past = watch.read() - DEADLINE;
            all.push(past);
            figures.push(Figure::one(format!("{name}: past the deadline"), "ms", super::figures::millis(&past)));
        }
    }
    figures.extend(Figure::lengths("all: past the deadline", &all));
    Ok(figures)
}
