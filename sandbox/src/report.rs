//! What an attempt tells its host.

use std::fmt;

use intents::Timestamp;
use intents::failure::Class;
use intents::outcome::Failure;
use serde::{Deserialize, Serialize};

/// The next thing that the host hears of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromScript {
    /// The script made a call that no record answers.
    Call {
        /// Its number, from 0, in the order in which calls were made.
        call: u32,
        /// The tool.
        tool: String,
        /// The canonical text of the arguments.
        arguments: String,
        /// The canonical text of the effect key.
        key: Option<String>,
        /// Whether the script can do without the result.
        optional: bool,
    },
    /// The script wrote a line to the run's log.
    Log {
        /// Its number, from 0.
        line: u32,
        /// `debug`, `info`, `warn` or `error`.
        level: String,
        /// The text, bounded.
        text: String,
        /// The logical time.
        at: Timestamp,
    },
    /// The script waits: everything that was sent has been delivered, and only answers can move it.
    Idle {
        /// How many answers have been delivered.
        delivered: u32,
    },
    /// The script returned.
    Finished {
        /// The canonical text of what it returned.
        result: String,
    },
    /// The script failed.
    Failed(ScriptFailure),
    /// A limit was broken.
    Limit(LimitBroken),
    /// The script took another way than its journal.
    Differs(Box<Mismatch>),
    /// The host killed the attempt.
    Killed,
    /// The process of the attempt ended without a word, or with one that makes no sense: our bug, or an attack.
    Crashed {
        /// What is known.
        message: String,
    },
}

impl FromScript {
    /// Whether nothing comes after this.
    pub fn is_last(&self) -> bool {
        match self {
            Self::Call { .. } | Self::Log { .. } | Self::Idle { .. } => false,
            Self::Finished { .. }
            | Self::Failed(_)
            | Self::Limit(_)
            | Self::Differs(_)
            | Self::Killed
            | Self::Crashed { .. } => true,
        }
    }

    /// The failure that ends the run, when this is one. `Killed` is not: whoever killed it knows why.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Call { .. } | Self::Log { .. } | Self::Idle { .. } | Self::Finished { .. } | Self::Killed => None,
            Self::Failed(failure) => Some(Failure::new(Class::Logic, failure.code(), failure.to_string())),
            Self::Limit(broken) => Some(Failure::new(Class::Limit, broken.which.code(), broken.message.clone())),
            Self::Differs(mismatch) => Some(Failure::new(Class::Nondeterminism, Mismatch::CODE, mismatch.to_string())),
            Self::Crashed { message } => Some(Failure::new(Class::Internal, "SANDBOX_CRASHED", message.clone())),
        }
    }
}

/// In which way a script failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// It threw.
    Exception,
    /// A promise was rejected, and nothing in the script took notice.
    UnhandledRejection,
    /// It does not parse, or wants to import something.
    Syntax,
    /// It has no default export that is a function.
    NoEntry,
    /// What it returned is no plain data.
    Result,
    /// It waits for something that nothing can bring about.
    Deadlock,
    /// It ended itself with `steward.fail`.
    Stopped,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 7] = [
        Self::Exception,
        Self::UnhandledRejection,
        Self::Syntax,
        Self::NoEntry,
        Self::Result,
        Self::Deadlock,
        Self::Stopped,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Exception => "SCRIPT_EXCEPTION",
            Self::UnhandledRejection => "SCRIPT_REJECTION_UNHANDLED",
            Self::Syntax => "SCRIPT_SYNTAX",
            Self::NoEntry => "SCRIPT_NO_ENTRY",
            Self::Result => "SCRIPT_RESULT_UNSOUND",
            Self::Deadlock => "SCRIPT_DEADLOCK",
            Self::Stopped => "SCRIPT_STOPPED",
        }
    }
}

/// How a script failed, in its own words and with its own line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptFailure {
    /// In which way.
    pub fault: Fault,
    /// The name of the error, such as `TypeError`.
    pub name: String,
    /// What it said, bounded.
    pub message: String,
    /// The `code` of the error, such as that of a refusal which nobody caught.
    pub error_code: Option<String>,
    /// The script's own line, from 1.
    pub line: Option<u32>,
    /// The column in that line, from 1.
    pub column: Option<u32>,
    /// Where it was, bounded.
    pub stack: String,
    /// What `steward.fail` was given besides, as canonical text.
    pub details: Option<String>,
}

impl ScriptFailure {
    /// A failure that no exception stands for.
    pub(crate) fn plain(fault: Fault, message: impl Into<String>) -> Self {
        Self {
            fault,
            name: "Error".to_owned(),
            message: message.into(),
            error_code: None,
            line: None,
            column: None,
            stack: String::new(),
            details: None,
        }
    }

    /// The stable code, with a page in `docs/errors`.
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }
}

/// One line: `TypeError: x is not a function (line 3, column 7)`.
impl fmt::Display for ScriptFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Exception | Fault::UnhandledRejection | Fault::Syntax => {
                write!(f, "{}: {}", self.name, self.message)?;
            }
            Fault::NoEntry | Fault::Result | Fault::Deadlock | Fault::Stopped => f.write_str(&self.message)?,
        }
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, " (line {line}, column {column})"),
            (Some(line), None) => write!(f, " (line {line})"),
            (None, Some(_) | None) => Ok(()),
        }
    }
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    /// Memory.
    Heap,
    /// Recursion.
    Stack,
    /// The instruction budget.
    Instructions,
    /// The time in which a script computes without waiting for an answer.
    WallTime,
    /// The processor time of the whole attempt.
    CpuTime,
    /// The number of calls.
    Calls,
    /// The arguments of one call.
    ArgumentBytes,
    /// What the script returned.
    ResultBytes,
    /// The log.
    LogLines,
}

impl Which {
    /// Every limit.
    pub const ALL: [Self; 9] = [
        Self::Heap,
        Self::Stack,
        Self::Instructions,
        Self::WallTime,
        Self::CpuTime,
        Self::Calls,
        Self::ArgumentBytes,
        Self::ResultBytes,
        Self::LogLines,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Heap => "LIMIT_HEAP",
            Self::Stack => "LIMIT_STACK",
            Self::Instructions => "LIMIT_INSTRUCTIONS",
            Self::WallTime => "LIMIT_WALL_TIME",
            Self::CpuTime => "LIMIT_CPU_TIME",
            Self::Calls => "LIMIT_CALLS",
            Self::ArgumentBytes => "LIMIT_ARGUMENT_BYTES",
            Self::ResultBytes => "LIMIT_RESULT_BYTES",
            Self::LogLines => "LIMIT_LOG_LINES",
        }
    }

    /// Says what was broken, where no number says it better.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Heap => "the script allocated more memory than it may",
            Self::Stack => "the script recursed deeper than it may",
            Self::Instructions => "the script used up its instruction budget",
            Self::WallTime => "the script computed longer than it may without waiting for anything",
            Self::CpuTime => "the script used up its processor time",
            Self::Calls => "the script made more calls than it may",
            Self::ArgumentBytes => "the arguments of a call are longer than they may be",
            Self::ResultBytes => "the script returned more than it may",
            Self::LogLines => "the script logged more lines than it may",
        }
    }

    pub(crate) fn broken(self) -> LimitBroken {
        LimitBroken { which: self, message: self.in_words().to_owned() }
    }
}

/// A limit that was broken. The script could not swallow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitBroken {
    /// Which.
    pub which: Which,
    /// What happened, in words.
    pub message: String,
}

/// The first step at which the script left its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// The number of the call.
    pub call: u32,
    /// What the journal holds.
    pub recorded: Option<Step>,
    /// What the script did; none when it did not make the call at all.
    pub actual: Option<Step>,
}

impl Mismatch {
    /// The stable code.
    pub const CODE: &'static str = "REPLAY_DIFFERS";
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = |step: &Option<Step>| step.as_ref().map_or("no call".to_owned(), |step| format!("`{}`", step.tool));
        let what = match (&self.recorded, &self.actual) {
            (Some(recorded), Some(actual))
                if recorded.tool == actual.tool && recorded.arguments != actual.arguments =>
            {
                ", with other arguments"
            }
            (Some(recorded), Some(actual)) if recorded.tool == actual.tool => ", with another key",
            (Some(_) | None, Some(_) | None) => "",
        };
        write!(
            f,
            "call {} is {} in the journal and {} in this execution{what}",
            self.call,
            tool(&self.recorded),
            tool(&self.actual)
        )
    }
}

/// One side of a mismatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The tool.
    pub tool: String,
    /// The canonical text of the arguments.
    pub arguments: String,
    /// The canonical text of the key.
    pub key: Option<String>,
}
