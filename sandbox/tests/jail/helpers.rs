//! What scripts are given beside the language.

use libtest_mimic::Trial;
use sandbox::FromScript;
use serde_json::json;

use crate::world::{body, run, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("urls_are_there", urls),
        trial("texts_and_bytes_are_there", texts),
        trial("structured_clone_is_there", clones),
        trial("times_have_explicit_zones", times),
        trial("files_are_parsed_to_plain_data", parsers),
        trial("what_cannot_be_parsed_can_be_caught", parse_errors),
        trial("helpers_hold_against_patched_globals", patched),
    ]
}

fn urls() {
    let trace = run(body(
        "const url = new URL('../b?x=1&y=2#h', 'https://u:p@Example.com:8443/a/c/');
         url.searchParams.append('z', 'ä ö'); url.searchParams.delete('x'); url.pathname = '/p q';
         const query = new URLSearchParams({ a: '1', b: 'x&y' }); query.set('a', '2'); query.append('a', '3'); query.sort();
         url.search = '?only=1';
         let bad; try { new URL('nowhere'); } catch (error) { bad = error.name; }
         return [url.href, url.origin, url.searchParams.get('only'), `${query}`, [...query], query.getAll('a'), query.size,
            URL.canParse('x'), bad, JSON.stringify({ url }), url.port, url.username,
            [...new URL('https://a.b/?k=v').searchParams.keys()], new URLSearchParams([['q', 'r']]).toString(), URL.parse('x') === null];",
    ));
    assert_eq!(
        trace.result(),
        json!([
            "https://u:p@example.com:8443/p%20q?only=1#h",
            "https://example.com:8443",
            "1",
            "a=2&a=3&b=x%26y",
            [["a", "2"], ["a", "3"], ["b", "x&y"]],
            ["2", "3"],
            3,
            false,
            "TypeError",
            "{\"url\":\"https://u:p@example.com:8443/p%20q?only=1#h\"}",
            "8443",
            "u",
            ["k"],
            "q=r",
            true
        ])
    );
}

fn texts() {
    let trace = run(body(
        "const bytes = new TextEncoder().encode('aé€😀\\ud800');
         let fatal; try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff])); } catch (error) { fatal = error.name; }
         let label; try { new TextDecoder('latin1'); } catch (error) { label = error.name; }
         let wide; try { btoa('€'); } catch (error) { wide = error.name; }
         return [[...bytes].length, new TextDecoder().decode(bytes), new TextDecoder().decode(bytes.buffer), new TextDecoder().decode(new DataView(bytes.buffer, 1, 2)),
            new TextDecoder().decode(bytes.subarray(0, 1)), atob('aGk='), btoa('hi'), atob(btoa('\\xff\\x00')) === '\\xff\\x00', fatal, label, wide, bytes instanceof Uint8Array];",
    ));
    assert_eq!(
        trace.result(),
        json!([
            13,
            "aé€😀\u{fffd}",
            "aé€😀\u{fffd}",
            "é",
            "a",
            "hi",
            "aGk=",
            true,
            "TypeError",
            "RangeError",
            "InvalidCharacterError",
            true
        ])
    );
}

fn clones() {
    let trace = run(body(
        "const from = { a: [1, , 3], d: new Date(5), m: new Map([[{ k: 1 }, new Set([2])]]), b: new Uint8Array([1, 2]), e: new TypeError('x'), n: null, ['__proto__']: 1 };
         from.self = from;
         const to = structuredClone(from);
         to.a.push(4); to.d.setTime(9);
         const refused = [() => 1, Symbol('x'), /x/, Promise.resolve(), new WeakMap()].map((value) => { try { structuredClone({ value }); } catch (error) { return error.name; } });
         return [to.self === to, to !== from, from.a.length, 1 in to.a, from.d.getTime(), [...to.m.keys()][0].k, [...[...to.m.values()][0]], [...to.b], to.e.message,
            to.e instanceof TypeError, Object.getPrototypeOf(to) === Object.prototype, refused, structuredClone(1), structuredClone(null)];",
    ));
    assert_eq!(
        trace.result(),
        json!([
            true,
            true,
            3,
            false,
            5,
            1,
            [2],
            [1, 2],
            "x",
            true,
            true,
            ["DataCloneError", "DataCloneError", "DataCloneError", "DataCloneError", "DataCloneError"],
            1,
            null
        ])
    );
}

fn times() {
    let trace = run(body(
        "const { time } = steward; const rome = 'Europe/Rome';
         const at = time.parse('2026-03-28T09:00', rome);
         const errors = [() => time.parts(at), () => time.parts(at, 'Mars/X'), () => time.parts('soon', rome), () => time.format(at, rome, '%&'),
            () => time.add(at, { days: 1.5 }, rome), () => time.startOf(at, 'era', rome), () => time.parse('x', rome)]
            .map((wrong) => { try { wrong(); } catch (error) { return error.name; } });
         return [at instanceof Date, at.toISOString(), time.format(at, rome, '%Y-%m-%d %H:%M'), time.add(at, { days: 1 }, rome).toISOString(),
            time.add(at, { hours: 24 }, rome).toISOString(), time.startOf(at, 'month', rome).toISOString(), time.parts(at, rome).weekday,
            time.parts(+at, 'America/New_York').hour, time.parts('2026-03-28T08:00:00Z', rome).offsetMinutes, errors];",
    ));
    assert_eq!(
        trace.result(),
        json!([
            true,
            "2026-03-28T08:00:00.000Z",
            "2026-03-28 09:00",
            "2026-03-29T07:00:00.000Z",
            "2026-03-29T08:00:00.000Z",
            "2026-02-28T23:00:00.000Z",
            6,
            4,
            60,
            ["TypeError", "RangeError", "TypeError", "RangeError", "RangeError", "RangeError", "ParseError"]
        ])
    );
}

fn parsers() {
    let trace = run(body(
        "const { parse } = steward;
         const page = parse.html('<p class=x>one <b>two</b></p><p>three');
         return [parse.csv('a,b\\n1,\"x, y\"\\n'), parse.csv('1;2', { delimiter: ';', header: false }), parse.json('{\"n\": 1.5}'), parse.json('[12345678901234567890]', { numbersAsText: true }),
            parse.xml('<r><i k=\"v\">t</i></r>').children[0], page.select('p.x')[0].text, page.select('p').length,
            parse.feed('<rss version=\"2.0\"><channel><title>T</title><item><title>I</title><guid>g</guid></item></channel></rss>').entries[0].id,
            parse.feed('<rss version=\"2.0\"><channel><title>T</title><item><title>I</title><author>a@b.example (A)</author><pubDate>Sunday, 29 March 2026 9:00:00 Z</pubDate></item></channel></rss>').entries[0].published,
            parse.ics('BEGIN:VCALENDAR\\r\\nVERSION:2.0\\r\\nBEGIN:VEVENT\\r\\nUID:u\\r\\nDTSTART:20260101T100000Z\\r\\nEND:VEVENT\\r\\nEND:VCALENDAR\\r\\n').events[0].start];",
    ));
    assert_eq!(
        trace.result(),
        json!([
            [{ "a": "1", "b": "x, y" }],
            [["1", "2"]],
            { "n": 1.5 },
            ["12345678901234567890"],
            { "name": "i", "attrs": { "k": "v" }, "text": "t", "children": [] },
            "one two",
            2,
            "g",
            "2026-03-29T09:00:00Z",
            "2026-01-01T10:00:00Z"
        ])
    );
}

fn parse_errors() {
    let trace = run(body(
        "const { parse } = steward;
         const caught = [() => parse.csv('a,b\\n1\\n'), () => parse.json('{'), () => parse.json('\\n[9007199254740993]'), () => parse.xml('<a>'), () => parse.html('', '['),
            () => parse.html('x').select('['), () => parse.feed('x'), () => parse.ics('x'), () => parse.csv('x'.repeat((8 << 20) + 1)), () => parse.csv(5)]
            .map((wrong) => { try { wrong(); return 'parsed'; } catch (error) { return [error.name, error instanceof Error, error.line ?? null]; } });
         return caught;",
    ));
    assert_eq!(
        trace.result(),
        json!([
            ["ParseError", true, 2],
            ["ParseError", true, 1],
            ["ParseError", true, 2],
            ["ParseError", true, 1],
            "parsed",
            ["ParseError", true, null],
            ["ParseError", true, null],
            ["ParseError", true, null],
            ["ParseError", true, null],
            ["TypeError", true, null]
        ])
    );
    let trace = run(body("steward.parse.csv('a,b\\n1\\n');"));
    let FromScript::Failed(failure) = &trace.end else { panic!("{:?}", trace.end) };
    assert_eq!((failure.name.as_str(), failure.line), ("ParseError", Some(2)));
}

fn patched() {
    let trace = run(body(
        "for (const name of ['line', '0', '1', 'get', 'set', 'value', 'writable', 'enumerable', 'name', 'message', 'options', 'delimiter', 'header'])
            Object.defineProperty(Object.prototype, name, { __proto__: null, get() { return undefined; }, set() { throw new Error(`set ${name}`); }, configurable: true });
         Array.prototype.map = Array.prototype.push = Array.prototype.join = () => { throw 1; };
         Object.prototype.propertyIsEnumerable = () => { throw 1; };
         const rows = steward.parse.csv('a,b\\n1,2\\n');
         const clone = structuredClone({ a: { b: 1 } });
         let line; try { steward.parse.json('{'); } catch (error) { line = error.line; }
         return { rows, clone, line, url: new URL('https://a.b/?x=1').searchParams.get('x'), d: steward.time.format(0, 'UTC', '%Y') };",
    ));
    assert_eq!(
        trace.result(),
        json!({ "rows": [{ "a": "1", "b": "2" }], "clone": { "a": { "b": 1 } }, "line": 1, "url": "1", "d": "1970" })
    );
}
