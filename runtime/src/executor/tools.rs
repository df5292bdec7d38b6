//! The tools as calls are checked against them: their definitions, with the schemas compiled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::Catalogue;
use intents::canonical::{self, Digest};
use intents::tool::{Definition, Name};
use jsonschema::Validator;

use super::context::Trouble;

/// What calls are checked against; clones share everything.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) catalogue: Arc<Catalogue>,
    /// The definitions by name, to be shared by calls.
    definitions: Arc<HashMap<Name, Arc<Definition>>>,
    schemas: Arc<Mutex<HashMap<Name, Arc<Schemas>>>>,
}

/// The compiled schemas of a tool, and what it is as a whole.
pub(crate) struct Schemas {
    pub(crate) arguments: Validator,
    pub(crate) result: Validator,
    /// The digest of the whole definition.
    pub(crate) definition: Digest,
}

impl Tools {
    /// The tools of a catalogue.
    pub(crate) fn new(catalogue: Arc<Catalogue>) -> Self {
        let definitions = catalogue.definitions();
        let definitions =
            definitions.map(|definition| (definition.name.clone(), Arc::new(definition.clone()))).collect();
        Self { catalogue, definitions: Arc::new(definitions), schemas: Arc::default() }
    }

    /// The definition of a tool of the catalogue.
    pub(crate) fn definition(&self, name: &Name) -> Option<Arc<Definition>> {
        self.definitions.get(name).map(Arc::clone)
    }

    /// The compiled schemas of a tool.
    pub(crate) fn schemas(&self, definition: &Definition) -> Result<Arc<Schemas>, Trouble> {
        let mut kept = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schemas) = kept.get(&definition.name) {
            return Ok(Arc::clone(schemas));
        }
        let compile = |schema| {
            jsonschema::validator_for(schema).map_err(|error| Trouble::Broken {
                code: "TOOL_SCHEMA",
                reason: format!("a schema of {} does not compile: {error}", definition.name),
            })
        };
        let whole = serde_json::to_value(definition).expect("a definition is plain data");
        let schemas = Arc::new(Schemas {
            arguments: compile(&definition.arguments)?,
            result: compile(&definition.result)?,
            definition: canonical::digest(&whole),
        });
        kept.insert(definition.name.clone(), Arc::clone(&schemas));
        Ok(schemas)
    }
}
