//! What a model may do in a repair, each a file of its own. The list is closed: what is not here cannot be done.

mod explore;
mod inspect;
mod offers;
mod propose;
mod replay;

use connectors::catalogue::declaration;
use intents::label::Labels;
use intents::tool::Name;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::evidence::Evidence;
use super::repair::{Candidate, Tried};
use crate::app::App;
use crate::chat::{RecordedCall, Step, StepRow};
use crate::error::Error;
use crate::models::{Arguments, ToolCall, ToolOffer};

/// Tools that are declared at a time.
const NAMES_MAX: usize = 12;
/// Characters of a reason.
const REASON_CHARS: usize = 400;

/// The tools by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Inspect,
    Explore,
    Docs,
    Replay,
    Propose,
    GiveUp,
}

impl Tool {
    const ALL: [Self; 6] = [Self::Inspect, Self::Explore, Self::Docs, Self::Replay, Self::Propose, Self::GiveUp];

    const fn name(self) -> &'static str {
        match self {
            Self::Inspect => "inspect",
            Self::Explore => "explore",
            Self::Docs => "tool_docs",
            Self::Replay => "replay",
            Self::Propose => "propose",
            Self::GiveUp => "give_up",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}

/// What a model is offered.
pub(super) fn offers() -> Vec<ToolOffer> {
    Tool::ALL.into_iter().map(offers::offer).collect()
}

/// What a tool has at hand.
pub(super) struct Desk<'a> {
    pub(super) app: &'a App,

    pub(super) steps: &'a [StepRow],
    pub(super) evidence: &'a Evidence,
}

impl Desk<'_> {
    /// Where the data came from that the model has seen: the failing run's, and all that was read since.
    pub(super) fn labels(&self) -> Labels {
        let mut labels = self.evidence.labels();
        labels.extend(self.recorded().into_iter().flat_map(|call| call.labels));
        labels
    }

    /// What was read in this repair before.
    pub(super) fn recorded(&self) -> Vec<RecordedCall> {
        let mut all = Vec::new();
        for row in self.steps {
            match &row.step {
                Step::Result { recorded, .. } => all.extend(recorded.iter().cloned()),
                Step::User { .. } | Step::Host { .. } | Step::Answer { .. } => {}
            }
        }
        all
    }
}

/// What a call came to.
pub(super) enum Came {
    /// The model is told something.
    Told {
        /// What.
        text: String,
        /// What was read for it.
        recorded: Vec<RecordedCall>,
    },
    /// A proposal does not hold.
    Refused {
        /// What the model is told.
        text: String,
        /// What was read for it.
        recorded: Vec<RecordedCall>,
        /// What a person is told.
        tried: Tried,
    },
    /// A proposal holds.
    Holds {
        /// What the model is told.
        text: String,
        /// What was read for it.
        recorded: Vec<RecordedCall>,
        /// What goes live, or waits for a yes.
        candidate: Box<Candidate>,
    },
    /// The model gives up.
    GivesUp {
        /// Why.
        why: String,
    },
}

fn told(text: impl Into<String>) -> Came {
    Came::Told { text: text.into(), recorded: Vec::new() }
}

/// Carries a call of the model out. What makes no sense in it is told to the model.
pub(super) async fn carry_out(desk: &Desk<'_>, call: &ToolCall) -> Result<Came, Error> {
    let Some(tool) = Tool::named(&call.name) else {
        let shown: String = call.name.chars().filter(|c| !c.is_control()).take(60).collect();
        let all = Tool::ALL.map(Tool::name).join(", ");
        return Ok(told(format!("There is no tool `{shown}`, and nothing was done. The tools are: {all}.")));
    };
    match tool {
        Tool::Inspect => match read(tool, call) {
            Ok(arguments) => inspect::inspect(desk, &arguments).await,
            Err(refused) => Ok(told(refused)),
        },
        Tool::Explore => match read(tool, call) {
            Ok(arguments) => explore::explore(desk, &arguments).await,
            Err(refused) => Ok(told(refused)),
        },
        Tool::Replay => match read(tool, call) {
            Ok(arguments) => replay::replay(desk, &arguments).await,
            Err(refused) => Ok(told(refused)),
        },
        Tool::Propose => match read(tool, call) {
            Ok(arguments) => propose::propose(desk, &arguments).await,
            Err(refused) => Ok(told(refused)),
        },
        Tool::Docs => Ok(read(tool, call).map_or_else(told, |docs: Docs| told(pages(desk, &docs)))),
        Tool::GiveUp => Ok(match read::<GiveUp>(tool, call) {
            Ok(give_up) => Came::GivesUp { why: reason(&desk.evidence.back(&give_up.reason)) },
            Err(refused) => told(refused),
        }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Docs {
    names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GiveUp {
    reason: String,
}

fn pages(desk: &Desk<'_>, docs: &Docs) -> String {
    let of = |name: &String| match name.parse::<Name>().ok().and_then(|name| desk.app.catalogue.get(&name)) {
        Some(entry) => declaration(entry.definition()),
        None => "// There is no such tool.\n".to_owned(),
    };
    docs.names.iter().take(NAMES_MAX).map(of).collect::<Vec<_>>().join("\n")
}

/// A reason in a line, as people read it.
fn reason(text: &str) -> String {
    intents::chat::plain_line(text, REASON_CHARS)
}

/// Reads what a tool was called with.
fn read<A: DeserializeOwned>(tool: Tool, call: &ToolCall) -> Result<A, String> {
    let refused =
        |why: String| format!("Nothing was done: the arguments of `{}` {why}. Call it again, corrected.", tool.name());
    match &call.arguments {
        Arguments::Broken(_) => Err(refused("are no JSON".to_owned())),
        Arguments::Json(value) => {
            A::deserialize(value.clone()).map_err(|error| refused(format!("do not have their shape: {error}")))
        }
    }
}
