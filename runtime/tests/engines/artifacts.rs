//! What engines make and leave behind.

use serde_json::{Value, json};

use crate::holder::Holder;
use crate::support::client::Answer;
use crate::world::World;

fn put(holder: &Holder, name: &str, bytes: &[u8]) -> Answer {
    holder.send("PUT", &format!("artifacts/{name}?media_type=text/csv"), "application/octet-stream", bytes)
}

#[test]
fn an_artifact_is_sealed_listed_and_given_to_its_owner() {
    let world = World::new(71);
    let server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.claim();
    assert_eq!(put(&holder, "early.csv", b"x").code(), "LEASE_NOT_STARTED");
    assert_eq!(holder.post("start", &json!({})).status, 200);
    let text = b"order,amount\nA-1,a secret that lies in no file\n";
    let stored = put(&holder, "orders.csv", text);
    assert_eq!(stored.status, 200, "{}", stored.body);
    let stored = stored.json();
    assert_eq!((&stored["size"], &stored["media_type"]), (&json!(text.len()), &json!("text/csv")));
    assert_eq!(stored["digest"], blake3::hash(text).to_hex().as_str());
    assert_eq!(put(&holder, "orders.csv", text).json()["id"], stored["id"], "the same again is the same");
    let other = put(&holder, "orders.csv", b"something else");
    assert_eq!((other.status, other.code().as_str()), (409, "NAME_REUSED"));
    let large = put(&holder, "large", &vec![b'x'; (8 << 20) + 1]);
    assert_eq!((large.status, large.code().as_str()), (413, "BODY_TOO_LARGE"));
    let huge = put(&holder, "huge", &vec![b'x'; (9 << 20) + 1]);
    assert_eq!((huge.status, huge.code().as_str()), (413, "BODY_TOO_LARGE"));
    for name in ["..%2f..%2fetc", ".x", "a%20b", "%00"] {
        let answer = put(&holder, name, b"x");
        assert!([404, 422].contains(&answer.status), "{name}: {}", answer.body);
    }
    let typed = holder.send("PUT", "artifacts/x?media_type=text/html;x", "application/octet-stream", b"x");
    assert_eq!(typed.code(), "ENGINE_REPORT");
    let json = holder.send("PUT", "artifacts/x", "application/json", b"{}");
    assert_eq!(json.code(), "CONTENT_TYPE");
    // As many as a run may leave behind, in bytes.
    let mut kept = 0;
    let full = loop {
        let answer = put(&holder, &format!("part-{kept}"), &vec![b'0' + kept; 8 << 20]);
        if answer.status != 200 {
            break answer;
        }
        kept += 1;
    };
    assert_eq!((full.status, full.code().as_str(), kept), (413, "ENGINE_LIMIT", 7));
    holder.complete(&Value::Null);

    let listed = world.get(&format!("/v1/runs/{run}/artifacts"));
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(8));
    let path = format!("/v1/runs/{run}/artifacts/{}", stored["id"].as_str().unwrap());
    let bytes = world.client().get(&path).unwrap();
    assert_eq!((bytes.status, bytes.body.as_bytes()), (200, text.as_slice()));
    assert_eq!(world.client().get(&format!("/v1/runs/{run}/artifacts/art_x")).unwrap().status, 404);
    // Nothing of it can be read on the disk, and a file that was changed is not given out.
    assert!(server.end().success());
    let folder = world.home.data().join("artifacts");
    let mut files = Vec::new();
    for sub in std::fs::read_dir(&folder).unwrap().flatten() {
        files.extend(std::fs::read_dir(sub.path()).unwrap().flatten().map(|entry| entry.path()));
    }
    assert_eq!(files.len(), 8, "those that were refused are gone: {files:?}");
    for file in &files {
        let mut bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"), "{file:?}");
        bytes[20] ^= 1;
        std::fs::write(file, bytes).unwrap();
    }
    let _server = world.start();
    let changed = world.client().get(&path).unwrap();
    assert_eq!((changed.status, changed.code().as_str()), (410, "STORE_SEALED"), "{}", changed.body);
}
