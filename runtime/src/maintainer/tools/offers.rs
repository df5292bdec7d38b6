//! The tools as a model is told of them.

use serde_json::{Value, json};

use super::Tool;
use crate::models::ToolOffer;

pub(super) fn offer(tool: Tool) -> ToolOffer {
    let proposal = json!({
        "adapter": {
            "type": "object",
            "description": "A pure function over the results of one call site.",
            "properties": {
                "call": { "type": "integer", "description": "The number of a call of the failing run: the adapter is for its call site." },
                "source": { "type": "string", "description": "A module: export default function adapt(result, args) { … }" }
            },
            "required": ["call", "source"],
            "additionalProperties": false
        },
        "script": { "type": "string", "description": "The whole module, in the place of the script." }
    });
    let with = |more: Value| {
        let mut members = proposal.clone();
        if let (Some(members), Value::Object(more)) = (members.as_object_mut(), more) {
            members.extend(more);
        }
        members
    };
    let (description, parameters) = match tool {
        Tool::Inspect => (
            "Look at what is recorded: the `failing_run` or the `last_good_run` with their calls, one `call` of either \
             whole, or the `contract` as JSON.",
            object(
                json!({
                    "what": { "enum": ["failing_run", "last_good_run", "call", "contract"] },
                    "of": { "enum": ["failing_run", "last_good_run"], "description": "Whose call; the failing run's unless said." },
                    "call": { "type": "integer" }
                }),
                &["what"],
            ),
        ),
        Tool::Explore => (
            "Run JavaScript in the sandbox to look at the services as they are now. `js` is the body of an async function \
             with `tools` and `steward` in scope; what it returns comes back as JSON. It may read what the automation's \
             contract lets the script read; effects are only simulated.",
            object(json!({ "js": { "type": "string" } }), &["js"]),
        ),
        Tool::Docs => (
            "Read the TypeScript declarations of some tools: arguments, results, and errors that a script may catch.",
            object(json!({ "names": { "type": "array", "items": { "type": "string" }, "maxItems": 12 } }), &["names"]),
        ),
        Tool::Replay => (
            "See what an adapter or a script does on the run that failed: its calls, its log and its end. Nothing is tried \
             beyond that, and nothing goes live.",
            object(proposal.clone(), &[]),
        ),
        Tool::Propose => (
            "Propose an adapter, a script, or both. It is tried on the failing run and on past runs; what holds goes live at once.",
            object(
                with(json!({
                    "reason": { "type": "string", "description": "What changed and what this does about it, in one sentence for the user." },
                    "accept_differences": { "type": "string", "description": "Why past runs would do something else, where that cannot be avoided: a person is asked." }
                })),
                &["reason"],
            ),
        ),
        Tool::GiveUp => (
            "Give up: say in one or two sentences what is wrong and what a person has to do.",
            object(json!({ "reason": { "type": "string" } }), &["reason"]),
        ),
    };
    ToolOffer { name: tool.name().to_owned(), description: description.to_owned(), parameters }
}

fn object(members: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false })
}
