//! The tools that a contract may speak of.

use std::collections::BTreeMap;

use crate::tool::{Definition, Name};

/// A lookup of tool definitions.
pub trait Vocabulary {
    /// The definition of a tool.
    fn definition(&self, name: &Name) -> Option<&Definition>;

    /// The names of all tools, for a suggestion when one is misspelt.
    fn names(&self) -> Vec<&Name>;
}

impl Vocabulary for BTreeMap<Name, Definition> {
    fn definition(&self, name: &Name) -> Option<&Definition> {
        self.get(name)
    }

    fn names(&self) -> Vec<&Name> {
        self.keys().collect()
    }
}

impl Vocabulary for [Definition] {
    fn definition(&self, name: &Name) -> Option<&Definition> {
        self.iter().find(|definition| definition.name == *name)
    }

    fn names(&self) -> Vec<&Name> {
        self.iter().map(|definition| &definition.name).collect()
    }
}

impl Vocabulary for Vec<Definition> {
    fn definition(&self, name: &Name) -> Option<&Definition> {
        self.as_slice().definition(name)
    }

    fn names(&self) -> Vec<&Name> {
        self.as_slice().names()
    }
}
