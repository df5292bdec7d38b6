//! What a script can say, and how its mistakes are told.

use intents::canonical;
use intents::outcome::Outcome;
use libtest_mimic::Trial;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sandbox::{Error, Fault, FromScript, ScriptFailure};
use serde_json::{Value, json};

use crate::world::{block_on, body, jail, run, start, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_script_calls_a_tool_and_returns_what_it_got", a_script_calls_a_tool),
        trial("arguments_leave_as_canonical_bytes", arguments_leave_as_canonical_bytes),
        trial("a_refusal_can_be_caught_and_a_skip_is_seen", a_refusal_can_be_caught),
        trial("a_refusal_that_nobody_catches_names_its_line", an_uncaught_refusal),
        trial("an_exception_names_the_line_of_the_script", an_exception_names_the_line),
        trial("a_syntax_error_names_the_line_of_the_script", a_syntax_error_names_the_line),
        trial("imports_are_refused_in_words", imports_are_refused),
        trial("a_script_without_an_entry_is_told_so", no_entry),
        trial("odd_things_that_are_thrown_are_told", odd_things_thrown),
        trial("a_rejection_that_nothing_notices_is_a_failure", unhandled_rejection),
        trial("a_promise_that_nothing_settles_is_a_deadlock", deadlock),
        trial("steward_fail_cannot_be_caught", steward_fail),
        trial("an_unknown_tool_is_told_with_what_is_granted", unknown_tool),
        trial("values_that_are_no_plain_data_are_refused_with_their_place", unsound_values),
        trial("sleep_wait_and_state_are_calls", own_calls),
        trial("the_log_keeps_its_lines", the_log),
        trial("plain_data_goes_in_and_comes_out_as_the_same_bytes", echo),
        trial("a_check_says_whether_a_script_could_run", check),
    ]
}

fn failure(trace: &crate::world::Trace) -> &ScriptFailure {
    match &trace.end {
        FromScript::Failed(failure) => failure,
        other => panic!("no failure: {other:?}"),
    }
}

fn a_script_calls_a_tool() {
    let trace = run(body(
        "const got = await tools.http.get({ url: 'https://a.b', name: input.name });
         return { got, now: Date.now(), also: +new Date(), steward: steward.now() };",
    ));
    let at = 1_767_225_601_000_i64;
    assert_eq!(
        trace.result(),
        json!({
            "got": { "tool": "http.get", "arguments": { "url": "https://a.b", "name": "Ada" } },
            "now": at, "also": at, "steward": at,
        })
    );
}

fn arguments_leave_as_canonical_bytes() {
    let trace = run(body(
        "class Point { constructor() { this.y = 1; this.x = -0; } get area() { return 1; } }
         await tools.http.get({ z: [1.50, 1e21, 'é\\u0001\"', null], a: new Point(), gone: undefined, '\\ud83d\\ude00': 1,
            '\\ufb33': 2, at: new Date(0), ['__proto__']: 7, long: 'x'.repeat(3) + 'y' }, { key: { b: 2, a: 'x' }, optional: true });
         await tools.http.get();",
    ));
    trace.result();
    let call = &trace.calls[0].called;
    assert_eq!(
        call.arguments,
        "{\"__proto__\":7,\"a\":{\"x\":0,\"y\":1},\"at\":\"1970-01-01T00:00:00.000Z\",\"long\":\"xxxy\",\
         \"z\":[1.5,1e+21,\"é\\u0001\\\"\",null],\"\u{1f600}\":1,\"\u{fb33}\":2}"
    );
    assert_eq!(call.key.as_ref().unwrap().canonical(), "{\"a\":\"x\",\"b\":2}");
    assert!(call.optional);
    assert_eq!(trace.calls[1].called.arguments, "{}");
}

fn a_refusal_can_be_caught() {
    let trace = run(body(
        "let refused;
         try { await tools.http.get({ refuse: 'not_found' }); } catch (error) {
            refused = [error instanceof Error, error.name, error.code, error.message, error.data];
         }
         return { refused, skipped: await tools.email.send({ skip: true }) };",
    ));
    assert_eq!(
        trace.result(),
        json!({
            "refused": [true, "Refused", "not_found", "http.get said no", { "why": "because" }],
            "skipped": { "skipped": true, "clause": "at most one" },
        })
    );
}

fn an_uncaught_refusal() {
    let trace = run(body("await null;\nawait tools.http.get({ refuse: 'conflict' });"));
    let failure = failure(&trace);
    assert_eq!((failure.fault, failure.name.as_str(), failure.line), (Fault::Exception, "Refused", Some(3)));
    assert_eq!(failure.error_code.as_deref(), Some("conflict"));
}

fn an_exception_names_the_line() {
    let trace = run(body("const list = undefined;\n  list.map(x => x);"));
    let failure = failure(&trace);
    assert_eq!((failure.code(), failure.name.as_str()), ("SCRIPT_EXCEPTION", "TypeError"));
    assert_eq!((failure.line, failure.column), (Some(3), Some(3)), "{failure:?}");
    assert!(failure.stack.contains("at run (script.js:3:"), "{}", failure.stack);
    let trace = run(start("const x = 1;\nnull.y;\nexport default async function run() {}"));
    assert_eq!(self::failure(&trace).line, Some(2));
}

fn a_syntax_error_names_the_line() {
    for (script, line) in [
        ("export default async function run() {\n  const a = ;\n}", 2),
        ("export default async function run() {\n\n\n  return {{;\n}", 4),
        ("export default 1;\nexport default 2;", 2),
        ("x = 'unfinished\n", 1),
        ("export default function run() {\n  await 1;\n}\n", 2),
    ] {
        let trace = run(start(script));
        let failure = failure(&trace);
        assert_eq!((failure.fault, failure.line), (Fault::Syntax, Some(line)), "{script}: {failure:?}");
    }
    assert_eq!(failure(&run(start("a\0b"))).fault, Fault::Syntax);
}

fn imports_are_refused() {
    let trace = run(start("// first\nimport fs from 'fs';\nexport default async function run() {}"));
    let refused = failure(&trace);
    assert_eq!((refused.fault, refused.line), (Fault::Syntax, Some(2)));
    assert!(refused.message.contains("modules cannot be imported"), "{refused:?}");
    let trace = run(body("await import('fs');"));
    assert!(failure(&trace).message.contains("modules cannot be imported"), "{:?}", trace.end);
}

fn no_entry() {
    for script in ["", "export const run = 1;", "export default 42;", "async function run() {}"] {
        assert_eq!(failure(&run(start(script))).fault, Fault::NoEntry, "{script}");
    }
}

fn odd_things_thrown() {
    for (thrown, shown) in [
        ("null", "null"),
        ("undefined", "undefined"),
        ("'text'", "\"text\""),
        ("42", "42"),
        ("{ a: 1, get b() { throw 1; } }", "{ a: 1, b: [getter] }"),
        ("new Proxy({}, { get() { throw 1; } })", "[Proxy]"),
        ("Symbol.iterator", "[Symbol]"),
        ("() => 1", "[function]"),
        ("Object.defineProperty({}, 'message', { get() { for (;;); } })", "{ }"),
    ] {
        let trace = run(body(&format!("throw ({thrown});")));
        let failure = failure(&trace);
        assert!(failure.message.contains(shown), "{thrown}: {failure:?}");
    }
    let trace = run(body(
        "const error = new Error('real');
         Object.defineProperty(error, 'stack', { get() { for (;;); } });
         Object.defineProperty(error, 'name', { get() { throw 1; } });
         throw error;",
    ));
    assert_eq!((failure(&trace).name.as_str(), failure(&trace).message.as_str()), ("Error", "real"));
    let trace = run(body("const { proxy, revoke } = Proxy.revocable([], {}); revoke(); throw proxy;"));
    assert!(failure(&trace).message.contains("[Proxy]"));
    let trace = run(body("throw new TypeError('x'.repeat(1e6));"));
    assert!(failure(&trace).message.len() < 5000);
}

fn unhandled_rejection() {
    let trace = run(body("Promise.reject(new RangeError('lost')); await tools.http.get(); return 1;"));
    let lost = failure(&trace);
    assert_eq!((lost.fault, lost.name.as_str()), (Fault::UnhandledRejection, "RangeError"));
    let trace = run(body("queueMicrotask(() => { throw new Error('job'); }); await null; return 1;"));
    assert_eq!(failure(&trace).message, "job");
    // Looked at late is looked at.
    let trace = run(body(
        "const second = tools.http.get({ refuse: 'late' });
         await tools.http.get({ n: 1 }); await tools.http.get({ n: 2 });
         return await second.catch((error) => error.code);",
    ));
    assert_eq!(trace.result(), json!("late"));
}

fn deadlock() {
    let trace = run(body("await tools.http.get(); await new Promise(() => {});"));
    assert_eq!(failure(&trace).fault, Fault::Deadlock);
    let trace = run(start("await new Promise(() => {});\nexport default async function run() {}"));
    assert_eq!(failure(&trace).fault, Fault::Deadlock);
}

fn steward_fail() {
    let trace = run(body(
        "try { steward.fail('The statement has no total', { file: 'a.csv' }); } catch { return 'caught'; } finally { return 'ran on'; }",
    ));
    let stopped = failure(&trace);
    assert_eq!(stopped.code(), "SCRIPT_STOPPED");
    assert_eq!(stopped.message, "The statement has no total");
    assert_eq!(stopped.details.as_deref(), Some("{\"file\":\"a.csv\"}"));
}

fn unknown_tool() {
    for call in ["tools.http.post({})", "tools.telegram.send({})", "tools.http['get '] ({})"] {
        let trace = run(body(&format!("await {call};")));
        let unknown = failure(&trace);
        assert!(unknown.message.contains("granted are http.get, email.send, notify.user"), "{unknown:?}");
    }
    let trace = run(body("tools.http.get = () => 1;"));
    assert_eq!(failure(&trace).name, "TypeError");
    let trace = run(body("tools.http = {};"));
    assert_eq!(failure(&trace).name, "TypeError");
    assert_eq!(
        run(body("return ['http' in tools, await tools === tools, Object.keys(tools).length];")).result(),
        json!([true, true, 3])
    );
}

fn unsound_values() {
    for (value, place) in [
        ("{ to: ['a', () => 1] }", "`/to/1` is a function"),
        ("{ n: NaN }", "`/n` is NaN"),
        ("{ n: -Infinity }", "`/n` is -Infinity"),
        ("{ 'a/b': { '~': 1n } }", "`/a~1b/~0` is a BigInt"),
        ("{ a: [undefined] }", "`/a/0` is undefined"),
        ("{ a: [,1] }", "`/a/0` is undefined"),
        ("{ a: Symbol() }", "`/a` is a symbol"),
        ("{ a: new Map() }", "`/a` is no plain data"),
        ("{ a: new Uint8Array(2) }", "`/a` is no plain data"),
        ("{ a: /x/ }", "`/a` is no plain data"),
        ("{ a: new Proxy({}, {}) }", "`/a` is a Proxy"),
        ("{ a: Promise.resolve(1) }", "`/a` is a promise"),
        ("{ a: new Error('x') }", "`/a` is an Error"),
        ("{ a: new Date(NaN) }", "`/a` is a Date that is no point in time"),
        ("{ get a() { return 1; } }", "`/a` is a getter"),
        ("{ a: '\\ud800' }", "`/a` is a text with half a character"),
        ("{ a: { '\\udc00': 1 } }", "`/a` has a member whose name is half a character"),
        ("(() => { const a = {}; a.a = a; return a; })()", "nested deeper"),
        ("[1]", "takes an object"),
        ("'x'", "takes an object"),
        ("new Proxy({}, {})", "takes an object"),
    ] {
        let trace = run(body(&format!("await tools.http.get({value});")));
        let refused = failure(&trace);
        assert!(refused.message.contains(place), "{value}: {refused:?}");
        assert_eq!((refused.name.as_str(), refused.line), ("TypeError", Some(2)), "{value}");
        assert!(trace.calls.is_empty());
    }
    for (options, why) in [
        ("{ key: 'a' }", "named parts"),
        ("{ key: {} }", "named parts"),
        ("{ key: { a: null } }", "the part `a`"),
        ("{ kye: { a: 1 } }", "none called `kye`"),
        ("{ optional: 1 }", "true or false"),
        ("null", "an object"),
    ] {
        let trace = run(body(&format!("await tools.http.get({{}}, {options});")));
        assert!(failure(&trace).message.contains(why), "{options}: {:?}", trace.end);
    }
    assert_eq!(failure(&run(body("return { a: () => 1 };"))).fault, Fault::Result);
    assert_eq!(run(body("return;")).result(), json!(null));
    assert_eq!(run(start("export default () => ({ then: undefined })")).result(), json!({}));
}

fn own_calls() {
    let trace = run(body(
        "await steward.sleep('1h30m');
         await steward.sleep(250);
         await steward.sleepUntil(new Date(5));
         await steward.waitFor('paid', { timeout: '1d' });
         await steward.waitFor('paid', { until: '1970-01-01T00:00:01Z' });
         await steward.ask('Which one?', ['a', 'b']);
         await steward.ask('Which one?', ['a', 'b'], { text: 'Of two.', otherwise: 'b', timeout: '1d' });
         await state.set('a', { b: [1] });
         await state.get('a');
         await state.delete('a');",
    ));
    trace.result();
    let calls: Vec<String> =
        trace.calls.iter().map(|call| format!("{} {}", call.called.tool, call.called.arguments)).collect();
    assert_eq!(
        calls,
        [
            "steward.sleep {\"ms\":5400000}",
            "steward.sleep {\"ms\":250}",
            "steward.sleep {\"until_ms\":5}",
            "steward.wait_for {\"event\":\"paid\",\"until_ms\":1767312003000}",
            "steward.wait_for {\"event\":\"paid\",\"until_ms\":1000}",
            "steward.ask {\"options\":[\"a\",\"b\"],\"question\":\"Which one?\"}",
            "steward.ask {\"options\":[\"a\",\"b\"],\"otherwise\":\"b\",\"question\":\"Which one?\",\"text\":\"Of two.\",\"until_ms\":1767312006000}",
            "state.set {\"key\":\"a\",\"value\":{\"b\":[1]}}",
            "state.get {\"key\":\"a\"}",
            "state.delete {\"key\":\"a\"}",
        ]
    );
    assert!(failure(&run(body("await steward.sleep('soon');"))).message.contains("not a length of time"));
}

fn the_log() {
    let trace = run(body(
        "console.log('read', 3, { a: [1, 'x'], d: new Date(0) }, null, undefined, NaN);
         console.error(new TypeError('no'), new Map());
         console.debug('x'.repeat(20000));
         return 1;",
    ));
    assert_eq!(trace.lines[0], "info: read 3 { a: [1, \"x\"], d: 1970-01-01T00:00:00.000Z } null undefined NaN");
    assert_eq!(trace.lines[1], "error: TypeError: no [object]");
    assert!(trace.lines[2].len() < 9000 && trace.lines[2].ends_with("(cut)"));
    let mut again = body("console.log('a'); console.log('b'); console.log('c');");
    again.logged = 2;
    block_on(async {
        let mut attempt = jail().attempt(again, sandbox::Limits::default()).await.unwrap();
        let FromScript::Log { line, text, .. } = attempt.next().await else { panic!("a line") };
        assert_eq!((line, text.as_str()), (2, "c"));
    });
}

/// Whatever a service answers, a script that passes it on passes on exactly that.
fn echo() {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        "\\PC*".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let name = prop_oneof![Just("__proto__".to_owned()), Just("then".to_owned()), "[0-9]{1,3}", any::<String>()];
    let value = leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let mut runner = TestRunner::deterministic();
    block_on(async {
        let script = "let v = await tools.http.get(); for (;;) v = await tools.http.get({ v });";
        let mut attempt = jail().attempt(body(script), sandbox::Limits::default()).await.unwrap();
        let mut sent = None;
        for _ in 0..500 {
            let FromScript::Call { call, arguments, .. } = attempt.next().await else { panic!("a call") };
            if let Some(sent) = sent.take() {
                assert_eq!(arguments, canonical::to_string(&json!({ "v": sent })));
            }
            assert!(matches!(attempt.next().await, FromScript::Idle { .. }));
            let value = value.new_tree(&mut runner).unwrap().current();
            attempt.answer(call, &Outcome::Value(value.clone()), crate::world::START).await.unwrap();
            sent = Some(value);
        }
    });
}

fn check() {
    block_on(async {
        let jail = jail();
        jail.check("export default async function run() {}", "script.js").await.unwrap();
        let Err(Error::Script(failure)) = jail.check("export default async\n\n function run( {}", "script.js").await
        else {
            panic!("refused")
        };
        assert_eq!((failure.fault, failure.line), (Fault::Syntax, Some(3)));
        let long = "/".repeat(300 << 10);
        assert!(matches!(jail.check(&long, "script.js").await, Err(Error::TooLong { .. })));
    });
}
