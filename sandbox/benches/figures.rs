//! What the sandbox costs: `cargo bench -p sandbox`.

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
    runtime.block_on(async {
        first_line(&jail).await;
        replay(&jail).await;
        calls(&jail).await;
        overshoot(&jail).await;
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
                outcome: Outcome::Value(
                    json!({ "status": 200, "body": { "number": call, "client": "Ada", "paid": false } }),
                ),
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
