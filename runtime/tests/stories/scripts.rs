//! Scripts that misbehave: each ends its own run with a stable code, and nothing else.

use serde_json::json;

use crate::place::Place;

#[test]
fn a_script_that_misbehaves_ends_its_own_run_and_no_other() {
    let place = Place::new();
    let server = place.start();
    place.import_script("good", "console.log('still here'); return { item: input.item };");
    for (name, code, body) in [
        ("loops", "LIMIT_INSTRUCTIONS|LIMIT_WALL_TIME", "for (;;) {}"),
        ("allocates", "LIMIT_HEAP", "const all = []; for (;;) all.push(new Uint8Array(2 ** 20).fill(1));"),
        ("recurses", "LIMIT_STACK|SCRIPT_EXCEPTION", "const deeper = (n) => 1 + deeper(n + 1); return deeper(0);"),
        // Named so, the trial does not see it before.
        ("calls-what-it-may-not", "SCRIPT_EXCEPTION", "return await tools['email'].send({ to: 'a@b.example' });"),
        ("evaluates", "SCRIPT_EXCEPTION", "return (0, eval)('1 + 1');"),
        ("constructs", "SCRIPT_EXCEPTION", "return (async () => {}).constructor('return 1')();"),
        ("throws-nothing", "SCRIPT_EXCEPTION", "throw undefined;"),
        ("waits-for-nothing", "SCRIPT_DEADLOCK", "await new Promise(() => {});"),
        ("returns-a-knot", "SCRIPT_RESULT_UNSOUND", "const knot = {}; knot.knot = knot; return knot;"),
        (
            "tampers",
            "SCRIPT_RESULT_UNSOUND|SCRIPT_EXCEPTION",
            "JSON.stringify = () => '{}'; Object.prototype.toJSON = () => { throw 1; }; return new Proxy({}, { ownKeys() { throw new Error('no'); } });",
        ),
    ] {
        place.import_script(name, body);
        let bad = place.run(name, &json!({}));
        let beside = place.run("good", &json!({ "item": name }));
        let failed = place.run_is(&bad, "failed");
        let found = failed["failure"]["code"].as_str().unwrap_or_default().to_owned();
        assert!(code.split('|').any(|code| code == found), "{name}: {failed}");
        place.need(&found);
        let good = place.run_is(&beside, "succeeded");
        assert_eq!(good["result"]["item"], name);
    }
    assert!(server.end().success());
}
