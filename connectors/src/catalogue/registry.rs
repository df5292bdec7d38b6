//! The registry of tools.

use std::collections::BTreeMap;
use std::sync::Arc;

use intents::tool::{Definition, Name};

use crate::egress::Egress;
use crate::email::{EmailSend, Mail};
use crate::files::{FilesDelete, FilesList, FilesMove, FilesRead, FilesWrite};
use crate::http::{HttpGet, HttpRequest};
use crate::tls::TlsCertificate;
use crate::vault::Vault;
use crate::{Code, Error, Tool, host};

/// What the tools need.
pub struct Dependencies {
    /// The way out.
    pub egress: Arc<Egress>,
    /// Where the passwords are.
    pub vault: Arc<Vault>,
    /// How mail leaves.
    pub mail: Mail,
}

/// A tool, and who performs it.
#[derive(Clone)]
pub enum Entry {
    /// This crate, or whoever registered it.
    Tool(Arc<dyn Tool>),
    /// The host, in its own transaction.
    Host(Arc<Definition>),
}

impl Entry {
    /// The definition.
    pub fn definition(&self) -> &Definition {
        match self {
            Self::Tool(tool) => tool.definition(),
            Self::Host(definition) => definition,
        }
    }
}

/// Every tool there is, by name.
#[derive(Clone, Default)]
pub struct Catalogue {
    entries: BTreeMap<Name, Entry>,
}

impl Catalogue {
    /// All tools of this crate, and the host's.
    pub fn new(dependencies: Dependencies) -> Result<Self, Error> {
        let Dependencies { egress, vault, mail } = dependencies;
        let mut catalogue = Self::default();
        let tools: [Arc<dyn Tool>; 9] = [
            Arc::new(HttpGet::new(Arc::clone(&egress), Arc::clone(&vault))),
            Arc::new(HttpRequest::new(Arc::clone(&egress), Arc::clone(&vault))),
            Arc::new(FilesList::default()),
            Arc::new(FilesRead::default()),
            Arc::new(FilesWrite::default()),
            Arc::new(FilesMove::default()),
            Arc::new(FilesDelete::default()),
            Arc::new(TlsCertificate::new(Arc::clone(&egress))),
            Arc::new(EmailSend::new(egress, vault, mail)?),
        ];
        for tool in tools {
            catalogue.register(Entry::Tool(tool))?;
        }
        for definition in host::definitions() {
            catalogue.register(Entry::Host(Arc::new(definition)))?;
        }
        Ok(catalogue)
    }

    /// Adds a tool. A name that is taken stays with its first tool.
    pub fn register(&mut self, entry: Entry) -> Result<(), Error> {
        let name = entry.definition().name.clone();
        if self.entries.contains_key(&name) {
            return Err(Error::new(Code::ConnectorInternal, format!("there are two tools `{name}`")));
        }
        self.entries.insert(name, entry);
        Ok(())
    }

    /// The tool of this name.
    pub fn get(&self, name: &Name) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// All definitions, by name.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.entries.values().map(Entry::definition)
    }
}
