//! Bounds on what happens: how often, how much, when, and where to.

use std::fmt;

use crate::amount::Amount;
use crate::label;
use crate::pointer::Pointer;
use crate::schedule::QuietHours;
use crate::time::Span;
use crate::tool::Name;

/// A bound on what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// So many calls in a window.
    Rate {
        /// The bound.
        rate: Rate,
        /// What becomes of calls beyond it.
        beyond: Excess,
    },
    /// So much of something in a window.
    Sum {
        /// The bound.
        sum: Sum,
        /// What becomes of calls beyond it.
        beyond: Excess,
    },
    /// Nothing at these times of the day.
    Quiet {
        /// The tool that keeps quiet.
        tool: Name,
        /// When.
        hours: QuietHours,
        /// What becomes of calls at these times.
        beyond: Excess,
    },
    /// Data of some origin goes to these places only.
    Flow(Flow),
}

/// So many calls in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The tool whose calls count.
    pub tool: Name,
    /// The argument whose values are counted apart; without one all calls count together.
    pub per: Option<Pointer>,
    /// The most calls in any window.
    pub max: u32,
    /// The length of the window.
    pub window: Span,
}

/// So much of an argument in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// The tool whose calls count.
    pub tool: Name,
    /// The argument that is added up.
    pub of: Pointer,
    /// The argument whose values are counted apart; without one all calls count together.
    pub per: Option<Pointer>,
    /// The most in any window.
    pub max: Amount,
    /// The length of the window.
    pub window: Span,
}

/// Where data of some origin may go. Everywhere else it may not, once a run has read any of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The origin.
    pub from: label::Pattern,
    /// The places.
    pub to: Vec<Sink>,
}

/// Where data may go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sink {
    /// Anywhere that this tool takes it, within what the contract lets the tool do.
    Tool(Name),
    /// To these hosts or domains, whatever tool takes it there.
    Place(label::Pattern),
}

/// What becomes of a call beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// It waits until there is room.
    Wait,
    /// It is left out; the script sees that.
    Skip,
    /// The user is asked.
    Ask,
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool(tool) => tool.fmt(f),
            Self::Place(place) => place.fmt(f),
        }
    }
}

impl Limit {
    /// The tool that it is about; none for a bound on where data goes.
    pub fn tool(&self) -> Option<&Name> {
        match self {
            Self::Rate { rate, .. } => Some(&rate.tool),
            Self::Sum { sum, .. } => Some(&sum.tool),
            Self::Quiet { tool, .. } => Some(tool),
            Self::Flow(_) => None,
        }
    }
}

impl Excess {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Wait, Self::Skip, Self::Ask];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Skip => "skip",
            Self::Ask => "ask",
        }
    }
}
