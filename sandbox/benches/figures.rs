//! What the sandbox costs: `cargo bench -p sandbox`, or `cargo bench -p sandbox -- three_steps` for one part of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use intents::Timestamp;
use intents::journal::{Called, Recorded, Settled};
use intents::outcome::Outcome;
use sandbox::{FromScript, Jail, Limits, Start};
use serde_json::json;

fn main() {
    if std::env::args().nth(1).as_deref() == Some(sandbox::ZYGOTE_ARGUMENT) {
        sandbox::zygote_main();
    }
    let jail = Jail::start(&std::env::current_exe().expect("a running program has a path")).expect("a jail");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == part);
    runtime.block_on(async {
        if is_wanted("first_line") {
            first_line(&jail).await;
        }
        if is_wanted("three_steps") {
            three_steps(&jail).await;
        }
        if is_wanted("replay") {
            replay(&jail).await;
        }
        if is_wanted("calls") {
            calls(&jail).await;
        }
        if is_wanted("overshoot") {
            overshoot(&jail).await;
        }
    });
}

fn start(body: &str) -> Start {
    Start {
        script: format!("export default async function run({{ tools }}) {{ {body} }}"),
        name: "script.js".to_owned(),
        tools: vec!["http.get".to_owned()],
        ..Start::default()
    }
}

#[expect(clippy::print_stdout, reason = "figures are for reading")]
fn say(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!("{what}: median {:?}, p99 {:?}, max {:?} of {}", at(50), at(99), at(100), times.len());
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
fn now() -> Instant {
    Instant::now()
}

/// From the wish to the first line of the script.
async fn first_line(jail: &Jail) {
    let mut times = Vec::new();
    for _ in 0..1000 {
        let begun = now();
        let mut attempt = jail
            .attempt(start("console.log('first'); await tools.http.get();"), Limits::default())
            .await
            .expect("a fork");
        assert!(matches!(attempt.next().await, FromScript::Log { .. }));
        times.push(begun.elapsed());
    }
    say("fresh attempt to first line", times);
}

/// A whole run of three steps: read a list, work on a hundred items, send the result. What the processors did for it
/// is told for the host, for the warm process, which forks, and for the script's own process without its end.
#[expect(clippy::print_stdout, reason = "figures are for reading")]
#[expect(clippy::wildcard_enum_match_arm, reason = "any other end is a failure")]
async fn three_steps(jail: &Jail) {
    const ATTEMPTS: u32 = 1000;
    const SCRIPT: &str = r#"
        const { json } = await tools.http.get({ url: "http://127.0.0.1/items" });
        const items = json.items.map(({ id, name, price }) => ({ id, name: name.toUpperCase(), cents: Math.round(price * 100) }));
        const sum = items.reduce((total, item) => total + item.cents, 0);
        await tools.http.request({ method: "POST", url: "http://127.0.0.1/sums", json: { sum, items } }, { key: { item: input.item } });
        return { sum, count: items.length };"#;
    let items: Vec<_> =
        (0..100).map(|id| json!({ "id": id, "name": format!("item {id}"), "price": f64::from(id) * 1.25 })).collect();
    let list = Outcome::Value(json!({ "status": 200, "json": { "items": items } }));
    let sent = Outcome::Value(json!({ "status": 201, "json": { "ok": true } }));
    let script = format!("export default async function run({{ input, tools }}) {{ {SCRIPT} }}");
    let zygote = jail.zygote_pid().expect("a warm process");
    let (mut times, mut script_took) = (Vec::new(), Duration::ZERO);
    let before = (processor(None), processor(Some(zygote)));
    for item in 0..ATTEMPTS {
        let begun = now();
        let start = Start {
            script: script.clone(),
            name: "script.js".to_owned(),
            input: json!({ "item": item }),
            tools: vec!["http.get".to_owned(), "http.request".to_owned()],
            ..Start::default()
        };
        let mut attempt = jail.attempt(start, Limits::default()).await.expect("a fork");
        let mut called = 0;
        loop {
            match attempt.next().await {
                FromScript::Call { call, .. } => called = call,
                FromScript::Idle { .. } => {
                    if called == 1 {
                        script_took += processor(attempt.pid());
                    }
                    let outcome = if called == 0 { &list } else { &sent };
                    attempt.answer(called, outcome, Timestamp::EPOCH).await.expect("a script");
                }
                FromScript::Finished { .. } => break,
                end => panic!("{end:?}"),
            }
        }
        times.push(begun.elapsed());
        drop(attempt);
    }
    let took = (processor(None) - before.0, processor(Some(zygote)) - before.1);
    say("three steps, all of it", times);
    println!(
        "three steps, processor: host {:?}, warm process {:?}, script {:?} an attempt",
        took.0 / ATTEMPTS,
        took.1 / ATTEMPTS,
        script_took / ATTEMPTS
    );
}

/// The processor time of a process, or of this one, as Linux counts it; nothing elsewhere.
fn processor(pid: Option<u32>) -> Duration {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let mut all = Duration::ZERO;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
        all += Duration::from_nanos(nanos);
    }
    all
}

/// A run of many journaled calls, from its start to its end.
#[expect(clippy::print_stdout, reason = "figures are for reading")]
async fn replay(jail: &Jail) {
    const CALLS: u32 = 10_000;
    let replay: Vec<Recorded> = (0..CALLS)
        .map(|call| Recorded {
            called: Called {
                call,
                tool: "http.get".parse().expect("a name"),
                tool_version: 1,
                arguments: format!("{{\"i\":{call},\"url\":\"https://books.example/api/invoices\"}}"),
                key: None,
                optional: false,
                verdict: String::new(),
                at: Timestamp::EPOCH,
            },
            settled: Some(Settled {
                order: call,
                outcome: Arc::new(Outcome::Value(
                    json!({ "status": 200, "body": { "number": call, "client": "Ada", "paid": false } }),
                )),
                at: Timestamp::from_millis(call.into()),
            }),
        })
        .collect();
    let script = format!(
        "let n = 0; for (let i = 0; i < {CALLS}; i++) n += (await tools.http.get({{ url: 'https://books.example/api/invoices', i }})).body.number; return n;"
    );
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Start { replay: replay.clone(), ..start(&script) };
        let begun = now();
        let mut attempt = jail.attempt(start, Limits::default()).await.expect("a fork");
        let end = attempt.next().await;
        assert!(matches!(end, FromScript::Finished { .. }), "{end:?}");
        best = best.min(begun.elapsed());
    }
    println!("replay of {CALLS} calls: {best:?}, {:.0} calls a second", f64::from(CALLS) / best.as_secs_f64());
}

#[expect(clippy::wildcard_enum_match_arm, reason = "any other end is a failure")]
/// A live call, from the script to the host and back.
async fn calls(jail: &Jail) {
    let script = "for (let i = 0; i < 5000; i++) await tools.http.get({ i });";
    let mut attempt = jail.attempt(start(script), Limits::default()).await.expect("a fork");
    let mut times = Vec::new();
    let mut begun = now();
    loop {
        match attempt.next().await {
            FromScript::Call { call, .. } => {
                attempt.answer(call, &Outcome::Value(json!({ "ok": true })), Timestamp::EPOCH).await.expect("a script");
                times.push(begun.elapsed());
                begun = now();
            }
            FromScript::Idle { .. } | FromScript::Log { .. } => {}
            FromScript::Finished { .. } => break,
            end => panic!("{end:?}"),
        }
    }
    say("live call there and back", times);
}

/// How long a script lives beyond its deadline.
async fn overshoot(jail: &Jail) {
    const TURN: Duration = Duration::from_millis(100);
    let mut times = Vec::new();
    for attack in
        ["for (;;);", "'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b');", "for (;;) new Promise(() => { for (;;); });"]
    {
        for _ in 0..10 {
            let limits = Limits { turn: TURN, ..Limits::default() };
            let mut attempt = jail.attempt(start(attack), limits).await.expect("a fork");
            let begun = now();
            assert!(matches!(attempt.next().await, FromScript::Limit(_)));
            times.push(begun.elapsed().saturating_sub(TURN));
        }
    }
    say("beyond the deadline", times);
}
