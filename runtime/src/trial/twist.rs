//! Recorded data as an execution gets it: as it was, or varied.

use intents::outcome::Outcome;
use intents::tool::{Definition, Shape};
use intents::trial::{Hostile, other_subjects, reversed, row_in_front, taint};
use serde_json::Value;

use crate::executor::tools::Tools;

/// How recorded data is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Twist {
    /// Not at all.
    #[default]
    Plain,
    /// The rows of lists come in the opposite order.
    Reversed,
    /// It is about other things.
    Others,
    /// One more row comes first.
    Front,
    /// Strings are hostile: all of them, or one of one read.
    Hostile { hostile: &'static Hostile, only: Option<(u32, usize)> },
}

impl Twist {
    /// Whether a read that is asked with other arguments than were recorded is still answered from the recordings.
    pub(super) fn is_loose(self) -> bool {
        self != Self::Plain
    }

    /// The input as the script gets it.
    pub(super) fn input(self, input: &Value) -> Value {
        let mut input = input.clone();
        match self {
            Self::Plain | Self::Front => {}
            Self::Reversed => drop(reversed(&mut input)),
            Self::Others => {
                if let Value::Object(members) = &mut input {
                    for (name, member) in members.iter_mut() {
                        // What started the run is no subject.
                        if !["trigger", "folder", "webhook", "event", "slot"].contains(&name.as_str()) {
                            *member = other_subjects(member);
                        }
                    }
                }
            }
            // What a stranger sends is in `data`.
            Self::Hostile { hostile, only: None } => {
                if let Some(data) = input.get_mut("data") {
                    taint(data, hostile, None, false);
                }
            }
            Self::Hostile { only: Some(_), .. } => {}
        }
        input
    }

    /// The outcome of the nth read as the script gets it.
    pub(super) fn read(self, tools: &Tools, definition: &Definition, nth: u32, outcome: Outcome) -> Outcome {
        let Outcome::Value(mut value) = outcome else { return outcome };
        match self {
            Self::Plain => {}
            Self::Reversed => drop(reversed(&mut value)),
            Self::Others => value = other_subjects(&value),
            Self::Front => drop(row_in_front(&mut value)),
            Self::Hostile { hostile, only } => match only {
                Some((read, _)) if read != nth => {}
                Some((_, place)) => value = tainted(tools, definition, &value, hostile, place),
                None => {
                    let places = taint(&mut value.clone(), hostile, None, false);
                    for place in 0..places {
                        value = tainted(tools, definition, &value, hostile, place);
                    }
                }
            },
        }
        Outcome::Value(value)
    }
}

/// One string becomes hostile, if the tool could give it at all: what we shape ourselves keeps its shape.
fn tainted(tools: &Tools, definition: &Definition, value: &Value, hostile: &Hostile, place: usize) -> Value {
    let mut changed = value.clone();
    // Whatever a stranger calls a file, it lies where it lies.
    taint(&mut changed, hostile, Some(place), definition.name.service() == "files");
    let fits = match definition.shape {
        Shape::Open => true,
        Shape::BuiltIn => tools.schemas(definition).is_ok_and(|schemas| schemas.result.is_valid(&changed)),
    };
    if fits { changed } else { value.clone() }
}
