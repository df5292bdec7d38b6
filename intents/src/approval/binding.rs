//! What one approval is for.

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::id::{ContractId, RunId, ScriptId};

/// A file that an effect's arguments name, as it was when its content was looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Content {
    /// The granted folder.
    pub folder: String,
    /// The path in it.
    pub path: String,
    /// The digest of its bytes; none when there was no such file.
    pub digest: Option<Digest>,
}

/// Everything that an approval is bound to. Another value of any of these is another effect, and is asked about anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The run.
    pub run: RunId,
    /// The effect: automation, tool and key.
    pub effect: Digest,
    /// The account that it is done with.
    pub connection: Option<String>,
    /// The definition of the tool, its version included.
    pub definition: Digest,
    /// The canonical arguments.
    pub arguments: Digest,
    /// The files that the arguments name.
    pub contents: Vec<Content>,
    /// The contracts in force: the run's own, and the present one where that is another.
    pub contracts: Vec<ContractId>,
    /// The version of the script.
    pub script: ScriptId,
}

impl Binding {
    /// One digest of it all.
    pub fn digest(&self) -> Digest {
        let text = serde_json::to_string(self).expect("a binding is ids, digests and texts");
        Digest::of_parts("steward approval 1", &[text.as_bytes()])
    }

    /// What is not as it was, in plain words: why a person is asked anew.
    pub fn differs_in(&self, earlier: &Self) -> Vec<&'static str> {
        let differences = [
            (self.run != earlier.run, "the run"),
            (self.effect != earlier.effect, "the key"),
            (self.connection != earlier.connection, "the connection"),
            (self.definition != earlier.definition, "the tool"),
            (self.arguments != earlier.arguments, "the arguments"),
            (self.contents != earlier.contents, "the content of a file"),
            (self.contracts != earlier.contracts, "the contract"),
            (self.script != earlier.script, "the script"),
        ];
        differences.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| what).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn binding() -> Binding {
        let at = Timestamp::from_millis(1);
        Binding {
            run: RunId::from_parts(at, 1),
            effect: Digest::of(b"effect"),
            connection: Some("books".to_owned()),
            definition: Digest::of(b"email.send 1"),
            arguments: Digest::of(b"{}"),
            contents: vec![Content {
                folder: "out".to_owned(),
                path: "a.pdf".to_owned(),
                digest: Some(Digest::of(b"a")),
            }],
            contracts: vec![ContractId::from_parts(at, 1)],
            script: ScriptId::from_parts(at, 1),
        }
    }

    #[test]
    fn another_value_of_anything_is_another_binding_and_is_named() {
        type Change = fn(&mut Binding);
        let changes: [(&str, Change); 9] = [
            ("the run", |binding| binding.run = RunId::ZERO),
            ("the key", |binding| binding.effect = Digest::of(b"other")),
            ("the connection", |binding| binding.connection = None),
            ("the tool", |binding| binding.definition = Digest::of(b"email.send 2")),
            ("the arguments", |binding| binding.arguments = Digest::of(b"[]")),
            ("the content of a file", |binding| binding.contents[0].digest = None),
            ("the content of a file", |binding| binding.contents.clear()),
            ("the contract", |binding| binding.contracts.push(ContractId::ZERO)),
            ("the script", |binding| binding.script = ScriptId::ZERO),
        ];
        let before = binding();
        assert!(before.differs_in(&binding()).is_empty());
        for (what, change) in changes {
            let mut after = binding();
            change(&mut after);
            assert_ne!(after.digest(), before.digest(), "{what}");
            assert_eq!(after.differs_in(&before), [what]);
        }
    }
}
