//! Scripts that mean harm, or might as well. Each ends its own attempt and nothing else.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use sandbox::{FromScript, Limits, Start, Which};
use serde_json::json;

use crate::world::{Answers, block_on, body, jail, run, run_with, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_swallows_the_engines_interrupt_ends_at_the_deadline", interrupt_escapes),
        trial("what_never_polls_ends_at_the_deadline", builtins_that_block),
        trial("what_allocates_ends_at_the_heap_limit", allocation_bombs),
        trial("what_recurses_ends_at_the_stack_limit", recursion),
        trial("what_computes_ends_at_its_instruction_budget", instructions),
        trial("what_makes_a_helper_allocate_ends_at_a_limit", helper_bombs),
        trial("the_other_limits_hold", other_limits),
        trial("patched_globals_change_nothing_that_leaves", patched_globals),
        trial("what_changes_while_it_is_read_is_read_once", moving_values),
        trial("nothing_outside_can_be_reached", nothing_outside),
        trial("the_globals_are_these_and_no_others", globals),
        trial("code_cannot_be_made_of_text", no_eval),
        trial("the_process_has_one_socket_and_no_rights", the_process),
    ]
}

/// Short, so that thirty attacks end soon.
const TURN: Duration = Duration::from_millis(300);
/// Far more than any attempt needs to die, on a machine that runs many of them at once.
const LATE: Duration = Duration::from_secs(10);

fn attack(start: Start) -> FromScript {
    attack_within(start, TURN)
}

#[expect(clippy::disallowed_methods, reason = "a generous bound, so that a hang is a failure")]
fn attack_within(start: Start, turn: Duration) -> FromScript {
    block_on(async {
        let limits = Limits { turn, ..Limits::default() };
        let mut attempt = jail().attempt(start, limits).await.unwrap();
        let begun = Instant::now();
        loop {
            let next = attempt.next().await;
            if next.is_last() {
                assert!(begun.elapsed() < turn + LATE, "{:?}", begun.elapsed());
                return next;
            }
            assert!(!matches!(next, FromScript::Idle { .. }), "the attack waits");
        }
    })
}

pub(crate) fn which(end: &FromScript) -> Option<Which> {
    match end {
        FromScript::Limit(broken) => Some(broken.which),
        FromScript::Call { .. }
        | FromScript::Log { .. }
        | FromScript::Idle { .. }
        | FromScript::Finished { .. }
        | FromScript::Failed(_)
        | FromScript::Differs(_)
        | FromScript::Killed
        | FromScript::Crashed { .. } => None,
    }
}

/// The jail works as before.
fn alive() {
    assert_eq!(run(body("return (await tools.http.get({ n: 1 })).arguments.n;")).result(), json!(1));
}

fn interrupt_escapes() {
    for attack in [
        "for (;;);",
        "try { for (;;); } finally { for (;;); }",
        "for (;;) new Promise(() => { for (;;); });",
        "for (;;) Promise.all({ [Symbol.iterator]() { for (;;); } });",
        "for (;;) Promise.try(() => { for (;;); });",
        "for (;;) (async function* () { for (;;); })().next();",
        "for (;;) { const s = new DisposableStack(); s.defer(() => { for (;;); }); try { s.dispose(); } catch {} }",
        "for (;;) new Promise((r) => r({ get then() { for (;;); } }));",
        "Error.prepareStackTrace = () => { for (;;); }; for (;;) { try { null.x; } catch {} }",
        "await Promise.resolve(); const f = () => Promise.resolve().then(f); f(); await new Promise(() => {});",
        "class T { then(r) { for (;;); } } await new T();",
    ] {
        let end = self::attack(body(attack));
        // Promises that nobody settles are memory, too.
        assert!(matches!(which(&end), Some(Which::WallTime | Which::Heap)), "{attack}: {end:?}");
    }
    alive();
}

fn builtins_that_block() {
    for attack in [
        "'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b');",
        "'a'.repeat(4e6).includes('a'.repeat(2e6) + 'b');",
        "'a'.repeat(4e6).split('a'.repeat(2e6) + 'b');",
        "'a'.repeat(4e6).replaceAll('a'.repeat(2e6) + 'b', '');",
        "Array.prototype.reverse.call({ length: 2 ** 53 - 1 });",
        "Array.prototype.copyWithin.call({ length: 2 ** 53 - 1 }, 0, 1);",
        "Array.prototype.slice.call({ length: 2 ** 53 - 1 }, 0, 2 ** 32 - 1);",
        "Array.prototype.splice.call({ length: 2 ** 53 - 1 }, 0, 1);",
        "Array.prototype.shift.call({ length: 2 ** 53 - 1 });",
        "Array.prototype.unshift.call({ length: 2 ** 53 - 2 }, 1);",
        "Array.prototype.concat.call([], Object.assign({ length: 2 ** 53 - 1 }, { [Symbol.isConcatSpreadable]: true }));",
        "Array.prototype.flat.call({ length: 2 ** 53 - 1 });",
        "Array.prototype.sort.call({ length: 2 ** 53 - 1 });",
        "Array.prototype.join.call({ length: 2 ** 53 - 1 });",
        "new Array(2 ** 32 - 1).join();",
        "String.raw({ raw: { length: 2 ** 53 - 1 } });",
        "let a = []; for (let i = 0; i < 34; i++) a = [a, a]; JSON.stringify(a);",
        "let a = []; for (let i = 0; i < 34; i++) a = [a, a]; a.flat(Infinity);",
        "new RegExp('a|'.repeat(5e6));",
        "/(a+)+$/.test('a'.repeat(40) + 'b');",
    ] {
        let end = self::attack(body(attack));
        assert!(matches!(which(&end), Some(Which::WallTime | Which::Heap)), "{attack}: {end:?}");
    }
    alive();
}

fn allocation_bombs() {
    for attack in [
        "let s = 'a'; for (;;) s += s;",
        "let s = 'é'; for (;;) { s = s + s; s.charCodeAt(0); }",
        "const a = []; for (;;) a.push({});",
        "const a = []; for (;;) try { a.push(new Array(1e6).fill(0)); } catch {}",
        "for (;;) try { new Uint8Array(1e9); } catch {}",
        "new ArrayBuffer(2 ** 40);",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, {});",
        "const o = {}; for (let i = 0; ; i++) o['k' + i] = i;",
        "Array.from({ length: 1e9 });",
        "'x'.padStart(2 ** 29);",
        "for (;;) Promise.reject(new Error('x'));",
        "let f = () => {}; for (;;) { const g = f; f = () => g(); }",
        "[...'a'.repeat(5e7)];",
        "let n = 2n; for (;;) n = n * n;",
        "JSON.parse('[' + '0,'.repeat(2e7) + '0]');",
        "let a = null; for (;;) a = [a];",
    ] {
        let end = attack_within(body(attack), Duration::from_secs(20));
        match &end {
            // The engine refuses some sizes before it asks for memory.
            FromScript::Failed(failure) => {
                assert!(matches!(failure.name.as_str(), "RangeError" | "InternalError"), "{attack}: {failure:?}");
            }
            other => assert_eq!(which(other), Some(Which::Heap), "{attack}: {other:?}"),
        }
    }
    alive();
}

/// Helpers have memory of their own, which ends too.
fn helper_bombs() {
    for attack in [
        "steward.parse.html('<p>'.repeat(2.7e6)).select('i');",
        "steward.parse.html('<i></i>'.repeat(1e6)).select('i');",
        "steward.parse.csv('a,'.repeat(4e6), { header: false });",
        "steward.parse.json('[' + '[],'.repeat(2e6) + '0]');",
    ] {
        let end = attack_within(body(attack), Duration::from_secs(20));
        match &end {
            FromScript::Failed(failure) => assert_eq!(failure.name, "ParseError", "{attack}: {failure:?}"),
            other => assert_eq!(which(other), Some(Which::Heap), "{attack}: {other:?}"),
        }
    }
    alive();
}

fn recursion() {
    for attack in [
        "const f = () => f() + 1; f();",
        "const f = () => { try { f(); } catch { f(); } }; f();",
        "const f = () => [1].map(f); f();",
        "const o = { get a() { return this.a; } }; o.a;",
        "const p = new Proxy({}, { get: (t, k, r) => r[k] }); p.x;",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a);",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; String(a);",
        "JSON.parse('['.repeat(1e6));",
        "new RegExp('('.repeat(1e5) + ')'.repeat(1e5));",
        "let f = () => 1; for (let i = 0; i < 1e5; i++) f = f.bind(null); f();",
        "class A { constructor() { new A(); } } new A();",
        "const f = function* () { yield* f(); }; [...f()];",
        "const a = {}; a.toString = () => `${a}`; `${a}`;",
    ] {
        let end = attack_within(body(attack), Duration::from_secs(20));
        match &end {
            FromScript::Failed(failure) => {
                assert!(matches!(failure.name.as_str(), "SyntaxError" | "RangeError"), "{attack}: {failure:?}");
            }
            other => assert!(matches!(which(other), Some(Which::Stack | Which::Heap)), "{attack}: {other:?}"),
        }
    }
    let end = attack(crate::world::start(&format!(
        "export default async function run() {{ return {}1{}; }}",
        "(".repeat(100_000),
        ")".repeat(100_000)
    )));
    assert_eq!(which(&end), Some(Which::Stack), "{end:?}");
    // Enough is left for code that means well.
    assert_eq!(run(body("const f = (n) => n === 0 ? 0 : 1 + f(n - 1); return f(500);")).result(), json!(500));
    alive();
}

fn instructions() {
    let limits = Limits { ticks: 100, turn: Duration::from_secs(60), ..Limits::default() };
    let ends: Vec<_> = (0..2)
        .map(|_| {
            let script = "let i = 0; try { for (;;) { i++; if (i % 1000 === 0) console.log(i); } } catch { return 1; }";
            run_with(body(script), limits.clone(), Answers::FirstFirst)
        })
        .collect();
    assert_eq!(which(&ends[0].end), Some(Which::Instructions));
    assert_eq!(ends[0], ends[1], "the budget ends at the same step");
    assert!(ends[0].lines.len() > 10);
}

fn other_limits() {
    let limited = |script: &str, limits: Limits| which(&run_with(body(script), limits, Answers::FirstFirst).end);
    let few = Limits { calls: 3, log_lines: 3, argument_bytes: 100, result_bytes: 100, ..Limits::default() };
    for (script, broken) in [
        ("for (;;) try { await tools.http.get(); } catch {}", Some(Which::Calls)),
        ("for (;;) tools.http.get();", Some(Which::Calls)),
        ("for (;;) try { console.log('x'); } catch {}", Some(Which::LogLines)),
        ("try { await tools.http.get({ a: 'x'.repeat(200) }); } catch {}", Some(Which::ArgumentBytes)),
        ("try { await tools.http.get({ a: new Array(200) }); } catch {}", Some(Which::ArgumentBytes)),
        ("try { await tools.http.get({}, { key: { a: 'x'.repeat(200) } }); } catch {}", Some(Which::ArgumentBytes)),
        ("return 'x'.repeat(200);", Some(Which::ResultBytes)),
        ("await tools.http.get(); await tools.http.get(); console.log('x'); return 1;", None),
    ] {
        assert_eq!(limited(script, few.clone()), broken, "{script}");
    }
}

/// Whatever a script does to the world that it lives in, the same bytes leave.
fn patched_globals() {
    let calls = "
        const got = await tools.http.get({ b: [1, { c: 'x' }], a: new Date(5) }, { key: { k: 'v' } });
        const all = await Promise.all([tools.email.send({ n: 1 }), tools.email.send({ n: 2 })]);
        console.log('line', { a: 1 });
        await state.set('k', 1);
        await steward.sleep('5m');
        return { n: all.map.call ? 2 : 1, tool: got.tool };";
    let honest = run(body(calls));
    honest.result();
    for tampering in [
        "Object.defineProperty(Object.prototype, 'arguments', { set() { throw 1; }, get() { return 'evil'; } });",
        "for (const name of ['tool', 'key', 'optional', 'ms', 'value', 'input', 'tools', '0', '1', 'then2', 'message', 'code'])
            Object.defineProperty(Object.prototype, name, { __proto__: null, set(v) { throw 1; }, get() { return 'evil'; }, configurable: true });",
        "Object.prototype.toJSON = () => 'evil'; Array.prototype.toJSON = () => 'evil'; Date.prototype.toJSON = () => 'evil';",
        "Date.prototype.toISOString = () => 'evil'; Date.prototype.getTime = () => 0; Date.prototype.valueOf = () => 0;",
        "JSON.stringify = () => 'evil'; JSON.parse = () => 'evil'; globalThis.JSON = null;",
        "Array.prototype[Symbol.iterator] = function* () { yield 'evil'; };",
        "Array.prototype.push = () => { throw 1; }; Array.prototype.join = () => 'evil';",
        "String.prototype.split = () => ['evil', 'evil']; String.prototype[Symbol.iterator] = null;",
        "Object.keys = Object.entries = Object.getOwnPropertyNames = Reflect.ownKeys = () => ['evil'];",
        "Object.freeze = Object.create = Object.defineProperty = Reflect.apply = Reflect.construct = () => 'evil';",
        "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => 'evil';",
        "globalThis.Promise = class {}; globalThis.Proxy = null; globalThis.Reflect = null; globalThis.Object = null;",
        "globalThis.Error = globalThis.TypeError = null; globalThis.Symbol = null; globalThis.Array = null; globalThis.Date = null;",
        "Number.isFinite = () => false; Math.random = () => 4;",
        "Object.setPrototypeOf(Array.prototype, new Proxy({}, { get() { throw 1; } }));",
    ] {
        // `Date` and `Promise` are used by the calls themselves.
        let calls = calls.replace("new Date(5)", "date").replace("Promise.all", "all_");
        let script = format!("const date = new Date(5); const all_ = Promise.all.bind(Promise);\n{tampering}\n{calls}");
        let tampered = run(body(&script));
        // A script that breaks its own arrays gets less far, and what leaves until then is the same.
        let breaks_itself = tampering.contains("setPrototypeOf");
        assert!(
            !tampered.calls.is_empty() && (breaks_itself || tampered.calls.len() == honest.calls.len()),
            "{tampering}: {:?}",
            tampered.end
        );
        for (tampered, honest) in tampered.calls.iter().zip(&honest.calls) {
            let bytes = |call: &intents::journal::Called| (call.tool.clone(), call.arguments.clone(), call.key.clone());
            assert_eq!(bytes(&tampered.called), bytes(&honest.called), "{tampering}");
        }
    }
    // The script's own promises are its own; the host sees calls and an end all the same.
    let script = "Promise.prototype.then = function () { return this; };\nawait tools.http.get({ a: 1 }); return 1;";
    let trace = run(body(script));
    assert_eq!(trace.calls.len(), 1);
    assert_eq!(trace.result(), json!(1));
    alive();
}

fn moving_values() {
    // A getter is refused, and nothing runs while the rest is read.
    let trace = run(body(
        "let n = 0;
         const args = { to: 'a', get cc() { n++; return n === 1 ? 'good' : 'evil'; } };
         try { await tools.email.send(args); } catch (error) { return [n, error.message.includes('/cc')]; }",
    ));
    assert_eq!((trace.result(), trace.calls.len()), (json!([0, true]), 0));
    // What is changed after the call was made is too late.
    let trace = run(body(
        "const args = { to: 'good', list: [1] }; const key = { k: 'good' };
         const call = tools.email.send(args, { key });
         args.to = 'evil'; args.list.push(2); key.k = 'evil';
         return (await call).arguments;",
    ));
    assert_eq!(trace.result(), json!({ "to": "good", "list": [1] }));
    assert_eq!(trace.calls[0].called.arguments, "{\"list\":[1],\"to\":\"good\"}");
    assert_eq!(trace.calls[0].called.key.as_ref().unwrap().canonical(), "{\"k\":\"good\"}");
    // Proxies and their like have no say at all.
    for value in [
        "new Proxy({ to: 'a' }, { get() { touched++; return 'evil'; }, ownKeys() { touched++; return []; } })",
        "{ to: new Proxy([], { get() { touched++; } }) }",
        "Object.create({ get to() { touched++; return 'evil'; } }, { cc: { get() { touched++; }, enumerable: true } })",
    ] {
        let script = format!("let touched = 0; try {{ await tools.email.send({value}); }} catch {{}} return touched;");
        let trace = run(body(&script));
        assert_eq!((trace.result(), trace.calls.len()), (json!(0), 0), "{value}");
    }
    // Inherited members are not sent, and duplicates cannot be.
    let trace = run(body(
        "const args = Object.create({ inherited: 1 }); args.own = 1; args['own'] = 2;
         return (await tools.email.send(args)).arguments;",
    ));
    assert_eq!(trace.result(), json!({ "own": 2 }));
}

fn nothing_outside() {
    let trace = run(body(
        "const names = ['process', 'require', 'module', 'Deno', 'Bun', 'std', 'os', 'fetch', 'XMLHttpRequest', 'WebSocket',
            'setTimeout', 'setInterval', 'performance', 'navigator', 'WebAssembly', 'Worker', 'SharedArrayBuffer', 'Atomics',
            'WeakRef', 'FinalizationRegistry', 'eval', 'print', 'load', 'read', 'scriptArgs', 'gc', 'Intl', 'crypto', '__loadScript'];
         const found = names.filter((name) => name in globalThis);
         const meta = Object.keys(import.meta);
         let imported;
         try { await import('/etc/hostname'); imported = true; } catch { imported = false; }
         return [found, meta, imported, new Date(2026, 5, 1).getTimezoneOffset(), String(new Error('x').stack).includes('/')];",
    ));
    assert_eq!(trace.result(), json!([[], [], false, 0, false]));
}

fn globals() {
    let trace = run(body("return Object.getOwnPropertyNames(globalThis).sort().join(' ');"));
    assert_eq!(
        trace.result(),
        json!(
            "AggregateError Array ArrayBuffer AsyncDisposableStack BigInt BigInt64Array BigUint64Array Boolean DataView \
             Date DisposableStack Error EvalError Float16Array Float32Array Float64Array Function Infinity Int16Array \
             Int32Array Int8Array InternalError Iterator JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect \
             RegExp Set String SuppressedError Symbol SyntaxError TextDecoder TextEncoder TypeError URIError URL \
             URLSearchParams Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakSet atob btoa console \
             decodeURI decodeURIComponent encodeURI encodeURIComponent escape globalThis isFinite isNaN parseFloat \
             parseInt queueMicrotask structuredClone undefined unescape"
        )
    );
}

fn no_eval() {
    let trace = run(body(
        "const makers = [Function, (() => {}).constructor, (async () => {}).constructor, (function* () {}).constructor,
            (async function* () {}).constructor, Reflect.getPrototypeOf(async function () {}).constructor];
         const made = [];
         for (const make of makers) {
            try { make('return 1')(); made.push('called'); } catch (error) { made.push(error.name); }
            try { new make('return 1'); made.push('constructed'); } catch (error) { made.push(error.name); }
            try { Reflect.construct(make, ['return 1'], Object); made.push('reflected'); } catch (error) { made.push(error.name); }
         }
         try { (0, eval)('1'); made.push('evaluated'); } catch (error) { made.push(error.name); }
         Error.prepareStackTrace = () => made.push('stack'); Error.stackTraceLimit = 0;
         TypeError.prepareStackTrace = () => made.push('stack');
         made.push(typeof new Error('x').stack, typeof Error.prepareStackTrace);
         return [...new Set(made)].sort();",
    ));
    assert_eq!(trace.result(), json!(["ReferenceError", "TypeError", "string", "undefined"]));
}

#[cfg(target_os = "linux")]
fn the_process() {
    block_on(async {
        let start = body("console.log('here'); await tools.http.get(); return 1;");
        let mut attempt = jail().attempt(start, Limits::default()).await.unwrap();
        while !matches!(attempt.next().await, FromScript::Idle { .. }) {}
        let process = format!("/proc/{}", attempt.pid().unwrap());
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let value = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.rsplit(':').next().unwrap().trim().to_owned()
        };
        assert_eq!((value("Seccomp:"), value("NoNewPrivs:"), value("Threads:")), ("2".into(), "1".into(), "1".into()));
        assert_eq!(std::fs::read_dir(format!("{process}/fd")).unwrap().count(), 1);
        assert_eq!(std::fs::read(format!("{process}/environ")).unwrap(), b"TZ=UTC\0");
        let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
        for (name, limit) in
            [("Max file size", "0"), ("Max open files", "0"), ("Max processes", "0"), ("Max core file size", "0")]
        {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
            assert_eq!(line[name.len()..].split_whitespace().next(), Some(limit), "{line}");
        }
    });
}

#[cfg(not(target_os = "linux"))]
fn the_process() {}
