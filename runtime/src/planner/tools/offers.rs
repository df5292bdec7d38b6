//! The tools as a model is told of them.

use serde_json::{Value, json};

use super::Tool;
use crate::models::ToolOffer;

pub(super) fn offer(tool: Tool) -> ToolOffer {
    let (description, parameters) = match tool {
        Tool::Search => (
            "Search the catalogue of tools that contracts can grant and scripts can use. Gives names with a line each; \
             an empty query gives all.",
            object(json!({ "query": { "type": "string" } }), &["query"]),
        ),
        Tool::Docs => (
            "Read the TypeScript declarations of some tools: arguments, results, errors that a script may catch, and \
             whether an effect takes a key.",
            object(json!({ "names": { "type": "array", "items": { "type": "string" }, "maxItems": 12 } }), &["names"]),
        ),
        Tool::Explore => (
            "Run JavaScript in the sandbox to look at the services and folders that the user named. `js` is the body of \
             an async function with `tools` and `steward` in scope; what it returns comes back as JSON. It may read \
             (http.get, tls.certificate, files.list, files.read) on those hosts and folders alone; effects are only \
             simulated. Everything read here is recorded, and is the world in which your draft is tried.",
            object(json!({ "js": { "type": "string" } }), &["js"]),
        ),
        Tool::Ask => (
            "Ask the user one question and end the turn; their answer is the next message. Ask when something that \
             matters is open: a recipient, a time zone, a limit, what counts as done. Offer choices where you can.",
            object(
                json!({
                    "question": { "type": "string" },
                    "choices": { "type": "array", "items": { "type": "string" }, "maxItems": 8 }
                }),
                &["question"],
            ),
        ),
        Tool::Draft => (
            "Propose an automation: a contract and a script. Both are checked and the script is tried in a simulated \
             world. You get every problem, or the proof sheet; what is not refuted is shown to the user as a card, \
             which only they can confirm. Name `changes` only to change a live automation, by its name.",
            object(
                json!({
                    "name": { "type": "string", "description": "Lower-case letters, digits and `-`." },
                    "contract": { "type": "object" },
                    "script": { "type": "string" },
                    "script_does": { "type": "array", "items": { "type": "string" }, "description": "What the script does, in plain sentences for the user." },
                    "assumptions": { "type": "array", "items": { "type": "string" }, "description": "What you took for granted." },
                    "changes": { "type": "string" }
                }),
                &["name", "contract", "script", "script_does", "assumptions"],
            ),
        ),
        Tool::Backtest => (
            "Say what the script of an automation, or another script in its place, would have done in its past runs. \
             Nothing is performed.",
            object(
                json!({
                    "automation": { "type": "string" },
                    "last": { "type": "string", "description": "A span such as `30d` or `12h`." },
                    "script": { "type": "string" }
                }),
                &["automation", "last"],
            ),
        ),
        Tool::Status => (
            "Look up what is and what happened, from the store: `automations`, one `automation` (contract, script, \
             triggers), its `runs`, one `run` with its calls, its `history` (what changed, missed times included), open \
             `needs`, or `costs`. Use it before you say why something happened or did not.",
            object(
                json!({
                    "about": { "enum": ["automations", "automation", "runs", "run", "history", "needs", "costs"] },
                    "automation": { "type": "string" },
                    "run": { "type": "string" },
                    "last": { "type": "string", "description": "A span such as `24h`; everything kept unless said." }
                }),
                &["about"],
            ),
        ),
    };
    ToolOffer { name: tool.name().to_owned(), description: description.to_owned(), parameters }
}

fn object(members: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false })
}
