//! Shadow over the whole way: a real file, a real server that is killed meanwhile, and the same script for real afterwards.

use serde_json::{Value, json};

use crate::place::{Place, SOON};
use crate::support::server::run as run_command;
use crate::support::wait::until;

fn contract() -> Value {
    json!({
        "title": "Invoices",
        "goal": "Hand invoices over, the first one once somebody has looked at it.",
        "triggers": [{ "manual": true }],
        "capabilities": [
            { "tool": "files.list", "where": { "/folder": { "equals": "ready" } } },
            { "tool": "files.move", "where": { "/folder": { "equals": "ready" }, "/to_folder": { "equals": "sent" } } },
            { "tool": "notify.user" },
        ],
        "approvals": [{ "tool": "files.move", "first": 1 }]
    })
}

const SCRIPT: &str = "export default async function run({ input, tools, state, steward }) {
  const files = (await tools.files.list({ folder: 'ready' })).entries;
  if (input.nap) await steward.sleep(input.nap);
  for (const file of files) {
    await tools.files.move({ folder: 'ready', from: file.name, to_folder: 'sent', to: file.name });
  }
  await state.set('runs', (await state.get('runs') ?? 0) + 1);
  await tools.notify.user({ title: 'handed over', text: String(files.length) });
  return { runs: await state.get('runs') };
}
";

#[test]
fn a_new_automation_shows_what_it_would_do_and_then_asks_for_its_first_effect() {
    let place = Place::new();
    let server = place.start();
    let (ready, sent) = (place.home.folder("ready"), place.home.folder("sent"));
    std::fs::write(ready.join("invoice.pdf"), "an invoice").unwrap();
    let import = json!({
        "name": "invoices", "contract": contract(), "script": SCRIPT, "shadow": true, "confirm": true,
        "folders": { "ready": { "path": ready }, "sent": { "path": sent } },
    });
    let imported = place.post("/v1/automations", &import);
    assert!(imported.is_success(), "{}", imported.body);
    let automation = place.get("/v1/automations/invoices")["automation"].clone();
    assert_eq!(automation["mode"], json!("shadow"), "{automation}");
    let handed_over = || sent.join("invoice.pdf").exists();

    let run = place.run("invoices", &json!({ "nap": 1500 }));
    until("it sleeps", SOON, || {
        (place.get(&format!("/v1/runs/{run}"))["run"]["phase"] == json!("waiting")).then_some(())
    });
    server.kill();
    let server = place.start();
    let done = place.run_is(&run, "succeeded");
    assert_eq!((&done["run"]["shadow"], &done["result"]), (&automation["shadow"], &json!({ "runs": 1 })));
    assert_eq!(done["run"]["effects"], json!(0));
    assert!(!handed_over() && place.get("/v1/notices")["items"] == json!([]));

    let shown = place.get("/v1/automations/invoices/shadow");
    assert_eq!((&shown["counts"], &shown["runs"]), (&json!({ "asked": 1, "done": 1 }), &json!(1)), "{shown}");
    let told: Vec<_> = shown["items"].as_array().unwrap().iter().map(|note| (&note["tool"], &note["would"])).collect();
    let (notice, moved) = (json!("notify.user"), json!("files.move"));
    assert_eq!(told, [(&notice, &json!("done")), (&moved, &json!("asked"))], "{shown}");
    assert_eq!(shown["items"][1]["arguments"]["from"], json!("invoice.pdf"), "{shown}");

    let said = run_command(&place.home, &["automations", "shadowed", "invoices"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with("`invoices` is in shadow. What it would have done, in 1 run: 1 asked, 1 done."), "{said}");
    assert!(said.contains("files.move") && said.contains("invoice.pdf"), "{said}");

    // A run that is asleep when it goes live does not wake up in reality.
    let asleep = place.run("invoices", &json!({ "nap": 2000 }));
    until("it sleeps", SOON, || {
        (place.get(&format!("/v1/runs/{asleep}"))["run"]["phase"] == json!("waiting")).then_some(())
    });
    let live = place.post("/v1/automations/invoices/activate", &json!({}));
    assert!(live.is_success(), "{}", live.body);
    let ended = place.run_is(&asleep, "stopped");
    assert_eq!(ended["run"]["code"], json!("SHADOW_OVER"));

    let real = place.run("invoices", &json!({}));
    let approval = until("the first real effect asks", SOON, || {
        let asked = place.get(&format!("/v1/approvals?run={real}&status=pending"));
        asked["items"].as_array().and_then(|items| items.first()).cloned()
    });
    assert!(!handed_over());
    let refused = place.post("/v1/automations/invoices/shadow", &json!({}));
    assert_eq!((refused.status, refused.code().as_str()), (409, "SHADOW_UNDER_WAY"), "{}", refused.body);
    let id = approval["id"].as_str().unwrap();
    assert!(place.post(&format!("/v1/approvals/{id}/decide"), &json!({ "answer": "approve" })).is_success());
    let done = place.run_is(&real, "succeeded");
    assert_eq!((&done["run"]["shadow"], &done["result"]), (&Value::Null, &json!({ "runs": 1 })), "{done}");
    assert!(handed_over());
    assert_eq!(place.get("/v1/notices")["items"].as_array().map(Vec::len), Some(1));
    assert!(place.get("/v1/automations/invoices/shadow")["over"] == json!(true));
    assert!(server.end().success());
}
