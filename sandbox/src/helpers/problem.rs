//! Why a text could not be read.

use std::fmt;

/// What is wrong, and where, if that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    message: String,
    pub(crate) line: Option<u32>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: None }
    }

    pub(crate) fn at(line: impl TryInto<u32>, message: impl Into<String>) -> Self {
        Self { message: message.into(), line: line.try_into().ok() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} (line {line})", self.message),
            None => f.write_str(&self.message),
        }
    }
}
