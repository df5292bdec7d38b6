//! A run again, from its journal.

use intents::journal::Recorded;
use libtest_mimic::Trial;
use sandbox::{FromScript, Limits, Mismatch, Start};
use serde_json::json;

use crate::world::{Answers, Trace, block_on, body, drive, jail, run, run_with, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_whole_journal_replays_without_a_call", whole_replay),
        trial("any_cut_of_a_journal_resumes_to_the_same_end", every_cut),
        trial("scrambled_completions_replay_as_they_came", scrambled),
        trial("a_changed_script_is_found_at_the_first_step_that_differs", changed_scripts),
        trial("a_script_that_ends_early_differs", ends_early),
        trial("a_call_without_an_outcome_goes_live", goes_live),
        trial("a_long_journal_travels_in_chunks", long_journal),
        trial("an_answer_goes_to_a_call_that_waits_for_it", answers),
    ]
}

const STORY: &str = "
    const ids = [1, 2, 3, 4, 5];
    const order = [];
    const read = await Promise.all(ids.map(async (id) => {
        const got = await tools.http.get({ id, chance: Math.random() });
        order.push([id, Date.now()]);
        if (id % 2) await tools.email.send({ to: steward.id(), id }, { key: { id } });
        return got.arguments.id;
    }));
    const first = await Promise.race(ids.map((id) => tools.notify.user({ id }).then(() => id)));
    let refused; try { await tools.http.get({ refuse: 'gone' }); } catch (error) { refused = error.code; }
    console.log('done', order.length);
    return { read, order, first, refused, at: new Date().toISOString(), chance: Math.random(), id: steward.id() };";

fn with(script: &str, replay: Vec<Recorded>) -> Start {
    Start { replay, ..body(script) }
}

fn whole_replay() {
    let first = run(body(STORY));
    first.result();
    let again = run(with(STORY, first.calls.clone()));
    assert_eq!(first, again);
}

fn every_cut() {
    for answers in [Answers::FirstFirst, Answers::LastFirst, Answers::Scrambled(5)] {
        let whole = run_with(body(STORY), Limits::default(), answers);
        whole.result();
        let outcomes = whole.calls.len() as u32;
        for cut in 0..outcomes {
            let (part, rest) = block_on(async {
                // The host dies after so many answers,
                let attempt = jail().attempt(body(STORY), Limits::default()).await.unwrap();
                let part = drive(attempt, Vec::new(), answers, cut).await;
                assert!(matches!(part.end, FromScript::Idle { .. }));
                // and another one goes on; what was in flight is asked for again.
                let start = with(STORY, part.calls.clone());
                let attempt = jail().attempt(start, Limits::default()).await.unwrap();
                let rest = drive(attempt, part.calls.clone(), Answers::FirstFirst, u32::MAX).await;
                (part, rest)
            });
            rest.result();
            for (before, after) in part.calls.iter().zip(&rest.calls) {
                assert_eq!(before.called, after.called);
            }
            assert_eq!(run(with(STORY, rest.calls.clone())).end, rest.end);
        }
    }
}

fn scrambled() {
    let mut ends = Vec::new();
    for seed in 0..20 {
        let first = run_with(body(STORY), Limits::default(), Answers::Scrambled(seed * 7919 + 1));
        first.result();
        // The order of answers of this execution is of no account: there are none to give.
        for answers in [Answers::FirstFirst, Answers::LastFirst] {
            let again = run_with(with(STORY, first.calls.clone()), Limits::default(), answers);
            assert_eq!(first, again, "seed {seed}");
        }
        ends.push(first.result().to_string());
    }
    ends.sort();
    ends.dedup();
    assert!(ends.len() > 10, "the orders differ, and scripts see it");
}

fn mismatch(trace: &Trace) -> &Mismatch {
    match &trace.end {
        FromScript::Differs(mismatch) => mismatch,
        other => panic!("no difference was found: {other:?}"),
    }
}

fn changed_scripts() {
    let script = "await tools.http.get({ n: 1 }); await tools.email.send({ n: 2 }, { key: { k: 1 } }); await tools.http.get({ n: 3 });";
    let journal = run(body(script)).calls;
    let get = |n: u32| format!("{{\"n\":{n}}}");
    for (changed, call, actual) in [
        // Reordered.
        (
            "await tools.email.send({ n: 2 }, { key: { k: 1 } }); await tools.http.get({ n: 1 }); await tools.http.get({ n: 3 });",
            0,
            Some(get(2)),
        ),
        // Inserted.
        (
            "await tools.http.get({ n: 1 }); await tools.http.get({ n: 9 }); await tools.email.send({ n: 2 }, { key: { k: 1 } }); await tools.http.get({ n: 3 });",
            1,
            Some(get(9)),
        ),
        // Dropped in the middle.
        ("await tools.http.get({ n: 1 }); await tools.http.get({ n: 3 });", 1, Some(get(3))),
        // Dropped at the end.
        ("await tools.http.get({ n: 1 }); await tools.email.send({ n: 2 }, { key: { k: 1 } });", 2, None),
        // Another argument.
        (
            "await tools.http.get({ n: 1 }); await tools.email.send({ n: 4 }, { key: { k: 1 } }); await tools.http.get({ n: 3 });",
            1,
            Some(get(4)),
        ),
        // Another key.
        (
            "await tools.http.get({ n: 1 }); await tools.email.send({ n: 2 }, { key: { k: 2 } }); await tools.http.get({ n: 3 });",
            1,
            Some(get(2)),
        ),
        // No key.
        (
            "await tools.http.get({ n: 1 }); await tools.email.send({ n: 2 }); await tools.http.get({ n: 3 });",
            1,
            Some(get(2)),
        ),
        // Another tool.
        (
            "await tools.http.get({ n: 1 }); await tools.notify.user({ n: 2 }, { key: { k: 1 } }); await tools.http.get({ n: 3 });",
            1,
            Some(get(2)),
        ),
        // At once instead of one after another: the same calls, in the same order, but the journal holds no proof
        // against it, so it is no difference.
        (
            "await Promise.all([tools.http.get({ n: 1 }), tools.email.send({ n: 8 }, { key: { k: 1 } })]);",
            1,
            Some(get(8)),
        ),
        // Waits for something else instead.
        ("await new Promise(() => {});", 0, None),
        // Throws instead.
        ("await tools.http.get({ n: 1 }); throw new Error('x');", 1, None),
        // Stops instead.
        ("await tools.http.get({ n: 1 }); steward.fail('x');", 1, None),
    ] {
        let trace = run(with(changed, journal.clone()));
        let mismatch = mismatch(&trace);
        assert_eq!(mismatch.call, call, "{changed}");
        assert_eq!(mismatch.actual.as_ref().map(|step| step.arguments.clone()), actual, "{changed}");
        let recorded = mismatch.recorded.as_ref().unwrap();
        assert_eq!(recorded.tool, journal[call as usize].called.tool.as_str(), "{changed}");
        // Nothing was sent: the journal that the driver holds has not grown.
        assert_eq!(trace.calls, journal, "{changed}");
        assert!(trace.lines.is_empty());
    }
}

fn ends_early() {
    let script = "const call = tools.http.get({ n: 1 }); await tools.http.get({ n: 2 }); await call; return 1;";
    let journal = run(body(script)).calls;
    let trace = run(with("return 1;", journal.clone()));
    assert_eq!((mismatch(&trace).call, &mismatch(&trace).actual), (0, &None));
    let trace = run(with("await tools.http.get({ n: 1 }); return 1;", journal));
    assert_eq!(mismatch(&trace).call, 1);
}

fn goes_live() {
    let script = "console.log('a'); const a = await tools.http.get({ n: 1 }); console.log('b'); return (await tools.http.get({ n: 2 })).tool;";
    let mut journal = run(body(script)).calls;
    journal[1].settled = None;
    block_on(async {
        let start = Start { replay: journal, logged: 1, ..body(script) };
        let mut attempt = jail().attempt(start, Limits::default()).await.unwrap();
        // The records are behind the script before anything is sent.
        assert!(matches!(attempt.next().await, FromScript::Log { line: 1, .. }));
        assert!(matches!(attempt.next().await, FromScript::Call { call: 1, .. }));
        assert_eq!(attempt.next().await, FromScript::Idle { delivered: 0 });
        let outcome = intents::outcome::Outcome::Value(json!({ "tool": "x" }));
        attempt.answer(1, &outcome, crate::world::START).await.unwrap();
        assert_eq!(attempt.next().await, FromScript::Finished { result: "\"x\"".to_owned() });
        assert_eq!(attempt.next().await, FromScript::Finished { result: "\"x\"".to_owned() });
    });
}

fn long_journal() {
    let script = "let n = 0; for (let i = 0; i < 3000; i++) n += (await tools.http.get({ i, pad: 'x'.repeat(1000) })).arguments.i; return n;";
    let first = run(body(script));
    let again = run(with(script, first.calls.clone()));
    assert_eq!(again.result(), json!(4_498_500));
    assert_eq!(first.end, again.end);
}

fn answers() {
    block_on(async {
        let script =
            "const a = tools.http.get({ n: 0 }); const b = tools.http.get({ n: 1 }); return [await a, await b];";
        let mut attempt = jail().attempt(body(script), Limits::default()).await.unwrap();
        while !matches!(attempt.next().await, FromScript::Idle { .. }) {}
        let value = |n: u32| intents::outcome::Outcome::Value(json!(n));
        assert!(attempt.answer(7, &value(7), crate::world::START).await.is_err());
        // Both at once, later one first.
        attempt.answer(1, &value(1), crate::world::START).await.unwrap();
        attempt.answer(0, &value(0), crate::world::START).await.unwrap();
        assert!(attempt.answer(0, &value(0), crate::world::START).await.is_err());
        assert_eq!(attempt.next().await, FromScript::Finished { result: "[0,1]".to_owned() });
        let big = intents::outcome::Outcome::Value(json!("x".repeat(9 << 20)));
        assert!(attempt.answer(0, &big, crate::world::START).await.is_err());
    });
}
