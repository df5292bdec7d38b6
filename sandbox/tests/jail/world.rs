//! The world around a script: a jail, and a host that answers calls.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{LazyLock, OnceLock};

use intents::Timestamp;
use intents::journal::{Called, Recorded, Settled};
use intents::outcome::{Outcome, Refusal};
use libtest_mimic::{Failed, Trial};
use sandbox::{Attempt, FromScript, Jail, Limits, Start};
use serde_json::{Value, json};

/// The time at which every story begins: 2026-01-01T00:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The jail that the stories share.
pub(crate) fn jail() -> Jail {
    static JAIL: OnceLock<Jail> = OnceLock::new();
    JAIL.get_or_init(fresh_jail).clone()
}

/// A jail of one's own.
pub(crate) fn fresh_jail() -> Jail {
    Jail::start(&std::env::current_exe().unwrap()).unwrap()
}

/// Runs a story to its end.
pub(crate) fn block_on<T>(story: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
    RUNTIME.block_on(story)
}

/// Makes a test of a function.
pub(crate) fn trial(name: &str, story: fn()) -> Trial {
    Trial::test(name.to_owned(), move || {
        std::panic::catch_unwind(story).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Failed::from(text.unwrap_or_else(|| "panicked".to_owned()))
        })
    })
}

/// A start with all tools that the stories use.
pub(crate) fn start(script: &str) -> Start {
    Start {
        script: script.to_owned(),
        name: "script.js".to_owned(),
        input: json!({ "name": "Ada" }),
        at: START,
        seed: [7; 32],
        replay: Vec::new(),
        tools: ["http.get", "email.send", "notify.user"].map(str::to_owned).to_vec(),
        logged: 0,
    }
}

/// A script whose `run` has this body.
pub(crate) fn body(body: &str) -> Start {
    start(&format!("export default async function run({{ input, tools, state, steward }}) {{\n{body}\n}}\n"))
}

/// What a whole attempt came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    pub(crate) calls: Vec<Recorded>,
    pub(crate) lines: Vec<String>,
    pub(crate) end: FromScript,
}

impl Trace {
    /// The result, which must be one.
    pub(crate) fn result(&self) -> Value {
        match &self.end {
            FromScript::Finished { result } => serde_json::from_str(result).unwrap(),
            other => panic!("the script did not finish: {other:?}\n{:#?}", self.lines),
        }
    }
}

/// In which order a host answers the calls that are in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answers {
    FirstFirst,
    LastFirst,
    /// Scrambled by this number.
    Scrambled(u64),
}

/// The outcome of a call, by a rule that every story can rely on: a tool gives its own arguments back.
pub(crate) fn outcome(tool: &str, arguments: &str) -> Outcome {
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    match arguments.get("refuse").and_then(Value::as_str) {
        Some(code) => Outcome::Refused(Refusal {
            code: code.to_owned(),
            message: format!("{tool} said no"),
            data: json!({ "why": "because" }),
        }),
        None if arguments.get("skip").is_some() => Outcome::Skipped { clause: "at most one".to_owned() },
        None => Outcome::Value(json!({ "tool": tool, "arguments": arguments })),
    }
}

/// Runs an attempt to its end.
pub(crate) fn run(start: Start) -> Trace {
    run_with(start, Limits::default(), Answers::FirstFirst)
}

/// Runs an attempt to its end, with limits and an order of answers.
pub(crate) fn run_with(start: Start, limits: Limits, answers: Answers) -> Trace {
    block_on(async {
        let replay = start.replay.clone();
        let attempt = jail().attempt(start, limits).await.unwrap();
        drive(attempt, replay, answers, u32::MAX).await
    })
}

/// Drives an attempt until its end, or until so many answers were given.
pub(crate) async fn drive(mut attempt: Attempt, replay: Vec<Recorded>, answers: Answers, answers_max: u32) -> Trace {
    let mut calls = replay;
    let mut order = calls.iter().filter(|call| call.settled.is_some()).count() as u32;
    let mut now =
        calls.iter().filter_map(|call| call.settled.as_ref()).map(|settled| settled.at).max().unwrap_or(START);
    let mut lines = Vec::new();
    let mut waiting: VecDeque<u32> = VecDeque::new();
    let mut given = 0;
    let mut chance = match answers {
        Answers::Scrambled(seed) => seed | 1,
        Answers::FirstFirst | Answers::LastFirst => 1,
    };
    loop {
        match attempt.next().await {
            FromScript::Call { call, tool, arguments, key, optional } => {
                if call as usize == calls.len() {
                    let key = key.map(|key| serde_json::from_str(&key).unwrap());
                    let tool = tool.parse().unwrap();
                    let verdict = "granted".to_owned();
                    let called = Called { call, tool, tool_version: 1, arguments, key, optional, verdict, at: now };
                    calls.push(Recorded { called, settled: None });
                }
                waiting.push_back(call);
            }
            FromScript::Log { line, level, text, at: _ } => {
                assert_eq!(line as usize, lines.len());
                lines.push(format!("{level}: {text}"));
            }
            FromScript::Idle { .. } => {
                if given == answers_max {
                    return Trace { calls, lines, end: FromScript::Idle { delivered: given } };
                }
                let index = match answers {
                    Answers::FirstFirst => 0,
                    Answers::LastFirst => waiting.len() - 1,
                    Answers::Scrambled(_) => {
                        chance ^= chance << 13;
                        chance ^= chance >> 7;
                        chance ^= chance << 17;
                        (chance % waiting.len() as u64) as usize
                    }
                };
                let call = waiting.remove(index).expect("an idle script waits for a call");
                now = now + std::time::Duration::from_secs(1);
                let called = &calls[call as usize].called;
                let outcome = outcome(called.tool.as_str(), &called.arguments);
                attempt.answer(call, &outcome, now).await.unwrap();
                calls[call as usize].settled = Some(Settled { order, outcome: outcome.into(), at: now });
                order += 1;
                given += 1;
            }
            end => return Trace { calls, lines, end },
        }
    }
}
