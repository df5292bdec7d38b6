//! The automation that runs through the storm: 20 effects, five of each kind of identity, with reads in between.

use std::path::Path;

use serde_json::json;

use crate::sink::Kind;

/// The short name.
pub(crate) const NAME: &str = "storm";
/// The webhook, and the secret of the vault that signs it.
pub(crate) const WEBHOOK: &str = "storm";
pub(crate) const SECRET_NAME: &str = "storm";
pub(crate) const SECRET: &str = "a secret of the storm that nobody guesses";
/// The folder for the effects that are files.
pub(crate) const FOLDER: &str = "notes";
/// Effects of each kind.
pub(crate) const STEPS: u32 = 5;
/// The step of the natural effects that is a file.
pub(crate) const FILE_STEP: u32 = 4;

/// The effects of an item at the service, as script and service name them.
pub(crate) fn effects_of(item: &str) -> impl Iterator<Item = (Kind, String)> {
    let item = item.to_owned();
    Kind::ALL.into_iter().flat_map(move |kind| {
        let item = item.clone();
        (0..STEPS)
            .filter(move |step| kind != Kind::Natural || *step != FILE_STEP)
            .map(move |step| (kind, format!("{item}/{step}")))
    })
}

/// What the file of an item holds in the end.
pub(crate) fn file_of(item: &str) -> String {
    format!("{item} was here\n")
}

/// Writes the automation into a folder, as `steward automations import` takes it.
pub(crate) fn write(folder: &Path, service: &str) {
    let granted = |route: &str| json!({ "/url": { "prefix": format!("{service}/{route}/") } });
    let contract = json!({
        "title": "The storm",
        "goal": "Perform twenty effects for each item, whatever happens in between.",
        "triggers": [
            { "manual": true, "overlap": "allow" },
            {
                "webhook": { "name": WEBHOOK, "secret": SECRET_NAME, "signature": "steward" },
                "overlap": "allow"
            }
        ],
        "capabilities": [
            { "tool": "http.get", "where": granted("read") },
            {
                "tool": "http.request", "where": granted("keyed"),
                "identity": { "keyed": { "header": "Idempotency-Key", "window": "1d" } }
            },
            {
                "tool": "http.request", "where": granted("queryable"),
                "identity": {
                    "queryable": { "url": format!("{service}/arrived/{{key}}"), "absent_after": "4s", "window": "1d" }
                }
            },
            { "tool": "http.request", "where": granted("natural") },
            { "tool": "http.request", "where": granted("blind") },
            { "tool": "files.write", "where": { "/folder": { "equals": FOLDER } } },
            { "tool": "files.list", "where": { "/folder": { "equals": FOLDER } } }
        ],
        "once": [{ "tool": "http.request", "per": ["item", "kind", "step"] }]
    });
    std::fs::create_dir_all(folder).expect("a folder can be made");
    let put = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a file can be written");
    put("contract.json", format!("{contract:#}"));
    put("manifest.json", format!("{:#}", json!({ "format": 1, "name": NAME })));
    put("script.js", SCRIPT.replace("SERVICE", service));
}

const SCRIPT: &str = r#"const service = "SERVICE";

export default async function run({ input, tools }) {
  const item = input.item ?? input.data.item;

  const look = async (what) => (await tools.http.get({ url: `${service}/read/${item}-${what}` })).json.length;
  const perform = (kind, method, step) =>
    tools.http.request(
      { method, url: `${service}/${kind}/${item}/${step}`, json: { item, kind, step } },
      { key: { item, kind, step } },
    );
  const natural = (step) =>
    step === 4
      ? tools.files.write({ folder: "notes", path: `${item}.txt`, text: `${item} was here\n` })
      : perform("natural", "PUT", step);

  let seen = 0;
  for (let step = 0; step < 5; step += 1) {
    seen += await look(step);
    if (step % 2 === 0) {
      await Promise.all([
        perform("keyed", "POST", step),
        perform("queryable", "POST", step),
        natural(step),
        perform("blind", "POST", step),
        look(`beside-${step}`),
      ]);
    } else {
      await perform("blind", "POST", step);
      await natural(step);
      await tools.files.list({ folder: "notes", match: `${item}.txt` });
      await perform("queryable", "POST", step);
      await perform("keyed", "POST", step);
    }
  }
  return { item, seen };
}
"#;
