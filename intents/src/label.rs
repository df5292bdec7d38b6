//! Where data came from, as a coarse label that a run gathers as it reads.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One source of data: `http:books.example`, `folder:statements`, `webhook:orders`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label(pub String);

/// Everything that a run has read so far.
pub type Labels = BTreeSet<Label>;
