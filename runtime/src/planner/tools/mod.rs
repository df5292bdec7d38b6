//! What a model may do in a conversation, each a file of its own. The list is closed: what is not here cannot be done, and
//! nothing here activates, confirms, approves, grants, sets, or tells a secret.

mod ask;
mod backtest;
mod docs;
mod draft;
mod explore;
mod offers;
mod search;
mod status;
mod world;

use intents::chat::Named;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::chat::{MessageKind, NewMessage, RecordedCall, StepRow, ToolLine};
use crate::error::Error;
use crate::models::{Arguments, ToolCall, ToolOffer};
use crate::store::NewCard;

/// The tools by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Search,
    Docs,
    Explore,
    Ask,
    Draft,
    Backtest,
    Status,
}

impl Tool {
    const ALL: [Self; 7] =
        [Self::Search, Self::Docs, Self::Explore, Self::Ask, Self::Draft, Self::Backtest, Self::Status];

    const fn name(self) -> &'static str {
        match self {
            Self::Search => "search_tools",
            Self::Docs => "tool_docs",
            Self::Explore => "explore",
            Self::Ask => "ask_user",
            Self::Draft => "draft",
            Self::Backtest => "backtest",
            Self::Status => "status",
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

/// What the planner does while it calls a tool, in a few words.
pub(super) fn activity(name: &str) -> &'static str {
    match Tool::named(name) {
        Some(Tool::Search | Tool::Docs) => "looks tools up",
        Some(Tool::Explore) => "looks around",
        Some(Tool::Ask) => "has a question",
        Some(Tool::Draft) => "writes and tries it out",
        Some(Tool::Backtest) => "goes through past runs",
        Some(Tool::Status) => "looks at what happened",
        None => "thinks",
    }
}

/// Whether a turn that uses the tool plans an automation.
pub(super) fn plans(name: &str) -> bool {
    match Tool::named(name) {
        Some(Tool::Explore | Tool::Draft | Tool::Backtest | Tool::Docs | Tool::Search) => true,
        Some(Tool::Ask | Tool::Status) | None => false,
    }
}

/// What a tool has at hand.
pub(super) struct Desk<'a> {
    pub(super) app: &'a App,
    pub(super) steps: &'a [StepRow],
    /// What the person named in this thread.
    pub(super) named: &'a Named,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Carried {
    /// What the model is told.
    pub(super) text: String,
    /// What the person sees.
    pub(super) messages: Vec<NewMessage>,
    /// What was read for it.
    pub(super) recorded: Vec<RecordedCall>,
    /// The card that came of it.
    pub(super) card: Option<NewCard>,
    /// Whether it is the person's turn now.
    pub(super) rests: bool,
}

impl Carried {
    /// What the model is told, and a line for the person.
    fn new(tool: Tool, ok: bool, text: impl Into<String>, line: impl Into<String>) -> Self {
        let mut message = NewMessage::new(MessageKind::Tool, line);
        message.body.tool = Some(ToolLine { name: tool.name().to_owned(), ok });
        Self { text: text.into(), messages: vec![message], recorded: Vec::new(), card: None, rests: false }
    }
}

/// Carries a call of the model out. What makes no sense in it is told to the model.
pub(super) async fn carry_out(desk: &Desk<'_>, call: &ToolCall) -> Result<Carried, Error> {
    let Some(tool) = Tool::named(&call.name) else {
        let shown: String = call.name.chars().filter(|c| !c.is_control()).take(60).collect();
        let all = Tool::ALL.map(Tool::name).join(", ");
        let mut message = NewMessage::new(MessageKind::Tool, format!("wanted to use `{shown}`, which it cannot"));
        message.body.tool = Some(ToolLine { name: shown.clone(), ok: false });
        let text = format!("There is no tool `{shown}`, and nothing was done. The tools are: {all}.");
        return Ok(Carried { text, messages: vec![message], recorded: Vec::new(), card: None, rests: false });
    };
    match tool {
        Tool::Search => with(tool, call, |arguments| search::search(desk, &arguments)),
        Tool::Docs => with(tool, call, |arguments| docs::docs(desk, &arguments)),
        Tool::Ask => with(tool, call, ask::ask),
        Tool::Explore => match read(tool, call) {
            Ok(arguments) => explore::explore(desk, arguments).await,
            Err(refused) => Ok(*refused),
        },
        Tool::Draft => match read(tool, call) {
            Ok(arguments) => draft::draft(desk, arguments).await,
            Err(refused) => Ok(*refused),
        },
        Tool::Backtest => match read(tool, call) {
            Ok(arguments) => backtest::backtest(desk, arguments).await,
            Err(refused) => Ok(*refused),
        },
        Tool::Status => match read(tool, call) {
            Ok(arguments) => status::status(desk, arguments).await,
            Err(refused) => Ok(*refused),
        },
    }
}

fn with<A: DeserializeOwned>(tool: Tool, call: &ToolCall, work: impl FnOnce(A) -> Carried) -> Result<Carried, Error> {
    Ok(read(tool, call).map_or_else(|refused| *refused, work))
}

/// Reads what a tool was called with.
fn read<A: DeserializeOwned>(tool: Tool, call: &ToolCall) -> Result<A, Box<Carried>> {
    let refused = |why: String| {
        let text = format!("Nothing was done: the arguments of `{}` {why}. Call it again, corrected.", tool.name());
        Box::new(Carried::new(tool, false, text, format!("called `{}` wrongly", tool.name())))
    };
    match &call.arguments {
        Arguments::Broken(_) => Err(refused("are no JSON".to_owned())),
        Arguments::Json(value) => {
            A::deserialize(value.clone()).map_err(|error| refused(format!("do not have their shape: {error}")))
        }
    }
}
