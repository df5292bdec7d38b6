//! The same seed and the same outcomes are the same execution; other ones are others.

use libtest_mimic::Trial;
use sandbox::{Jail, Start};
use serde_json::json;

use crate::world::{body, run, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("two_executions_are_byte_equal", twice),
        trial("another_seed_draws_other_numbers", seeds),
        trial("forks_share_no_chance", forks),
        trial("time_stands_still_between_outcomes", time),
        trial("dates_behave_as_dates", dates),
        trial("the_pins_name_what_an_execution_depends_on", pins),
        trial("the_hosts_time_zone_does_not_show", zones),
    ]
}

const STORY: &str = "
    const map = new Map(); for (let i = 0; i < 1000; i++) map.set(Math.random(), i);
    const set = new Set([...map.keys()].map(String));
    const sorted = [...map.entries()].sort((a, b) => a[0] - b[0]).slice(0, 5);
    await tools.http.get({ first: sorted[0] });
    return { ids: [steward.id(), steward.id()], sorted, size: set.size, at: String(new Date()), error: new Error('x').stack,
        keys: Object.keys({ b: 1, a: 2, 1: 3 }), locale: new Date(0).toLocaleString(), u: 'ä'.localeCompare('b'), n: (1234.5).toLocaleString() };";

fn twice() {
    let first = run(body(STORY));
    first.result();
    for _ in 0..5 {
        assert_eq!(run(body(STORY)), first);
    }
}

fn seeds() {
    let draw = |seed| run(Start { seed: [seed; 32], ..body("return [Math.random(), steward.id()];") }).result();
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

fn forks() {
    let script = "const seen = new Set(); for (let i = 0; i < 1000; i++) seen.add(Math.random()); return [seen.size, Math.random()];";
    let ends: Vec<_> = (0..4).map(|seed| run(Start { seed: [seed; 32], ..body(script) }).result()).collect();
    for (index, end) in ends.iter().enumerate() {
        assert_eq!(end[0], 1000);
        assert!(!ends[..index].contains(end));
    }
}

fn time() {
    let trace = run(body(
        "const before = Date.now(); for (let i = 0; i < 1e6; i++); const same = Date.now() === before && Date.now() === +new Date();
         await tools.http.get(); const after = Date.now(); await null;
         return [same, after - before, Date.now() - after, typeof Date(), Date() === new Date().toString()];",
    ));
    assert_eq!(trace.result(), json!([true, 1000, 0, "string", true]));
}

fn dates() {
    let trace = run(body(
        "class Day extends Date { get half() { return this.getUTCMonth() < 6; } }
         const day = new Day(2026, 0, 2);
         return [new Date() instanceof Date, day.half, day instanceof Date, new Date(0).constructor === Date, Date.length, Date.name,
            Date.UTC(2026, 0), Date.parse('2026-01-01T00:00:00Z'), new Date('2026-03-29T10:00').toISOString(), new Date(2026, 0, 1).toISOString(),
            Object.prototype.toString.call(new Date()), isNaN(new Date('x')), JSON.stringify(new Date(0)), Reflect.construct(Date, [5], Array) instanceof Array];",
    ));
    assert_eq!(
        trace.result(),
        json!([
            true,
            true,
            true,
            true,
            7,
            "Date",
            1_767_225_600_000_i64,
            1_767_225_600_000_i64,
            "2026-03-29T10:00:00.000Z",
            "2026-01-01T00:00:00.000Z",
            "[object Date]",
            true,
            "\"1970-01-01T00:00:00.000Z\"",
            true
        ])
    );
}

fn pins() {
    let pins = sandbox::pins();
    assert!(pins.engine.starts_with("quickjs-ng 0.16"), "{}", pins.engine);
    assert!(pins.tzdata.starts_with("20"), "{}", pins.tzdata);
    assert_eq!(pins, sandbox::pins());
}

/// The environment of the host is not that of a script, whatever it says.
fn zones() {
    let here = run(body(STORY));
    let elsewhere = crate::life::host_in_zone("Asia/Tokyo", STORY);
    assert_eq!(elsewhere, here.result());
    // This very process keeps its own.
    let _jail: Jail = crate::world::jail();
}
