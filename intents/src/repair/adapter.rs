//! Adapters: from the shape that a service answers in now to the shape that a script was proven with.

use serde::{Deserialize, Serialize};

use crate::drift::{Names, Shape, compare};
use crate::tool::Name;

/// A pure function over the results of one call site, as part of a script version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// The tool whose results it takes.
    pub tool: Name,
    /// The call site.
    pub site: String,
    /// The JavaScript: a module whose `default` takes the result and gives another.
    pub source: String,
    /// The shape that the script was proven with. What has it already passes by, so that the past is untouched.
    pub proven: Shape,
}

impl Adapter {
    /// Whether a result is to be adapted.
    pub fn takes(&self, result: &Shape, used: &Names) -> bool {
        compare(&self.proven, result, used).breaks()
    }
}
