//! How a call ends.

use intents::failure::Class;
use intents::label::{Label, Labels};
use intents::outcome::{Failure, Outcome, Refusal};
use serde_json::Value;

use crate::{Code, Error};

/// A call that came to an outcome. For an effect, [`Outcome::Value`] means that it was applied, and
/// [`Outcome::Refused`] is given only where the refusal proves that nothing was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Performed {
    /// What the script sees.
    pub outcome: Outcome,
    /// Where the data of the outcome came from.
    pub labels: Labels,
}

impl Performed {
    /// A result that tells nothing about any source.
    pub fn value(value: Value) -> Self {
        Self { outcome: Outcome::Value(value), labels: Labels::new() }
    }

    /// A domain answer.
    pub fn refused(code: &str, message: impl Into<String>, data: Value) -> Self {
        let refusal = Refusal { code: code.to_owned(), message: message.into(), data };
        Self { outcome: Outcome::Refused(refusal), labels: Labels::new() }
    }

    /// Adds where the data came from.
    #[must_use]
    pub fn labelled(mut self, label: String) -> Self {
        self.labels.insert(Label(label));
        self
    }
}

/// A call that came to no outcome that a script may see.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What failed.
    pub failure: Failure,
    /// Whether it is proven that nothing was done. Without that proof an effect is uncertain.
    pub proves_nothing_done: bool,
}

impl Fault {
    /// Nothing was done: nothing had left yet, or the service said so.
    pub fn nothing_done(error: &Error) -> Self {
        Self { failure: error.to_failure(), proves_nothing_done: true }
    }

    /// It was sent, and nobody knows whether it was done. `code` must be of the class `uncertain`.
    pub fn uncertain(code: Code, message: impl Into<String>) -> Self {
        let failure = Failure::new(Class::Uncertain, code.as_str(), message);
        Self { failure, proves_nothing_done: false }
    }
}

/// A failure of a tool that changes nothing outside, or that has changed nothing yet.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { proves_nothing_done: error.class() != Class::Uncertain, failure: error.to_failure() }
    }
}

/// What asking about an uncertain effect, or performing it again under the same identity, brought to light.
#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    /// It happened, and led to this.
    Applied(Outcome),
    /// It is proven that it did not happen.
    NotApplied,
    /// It cannot be known yet, or not at all.
    Unknown,
}
