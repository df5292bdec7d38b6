//! What executions did to the outside, as it is compared.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::tool::Name;

/// One effect that was applied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deed {
    /// The tool.
    pub tool: Name,
    /// What makes it one: its key, or what it acts upon where it has none.
    pub subject: Subject,
    /// The canonical arguments.
    pub arguments: String,
}

/// What makes an effect one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The canonical key that the script gave.
    Key(String),
    /// What it acts upon: doing it again leads to the same.
    Target(String),
}

/// What an execution, or several, applied. Shared, since a world is kept for each place to die.
pub type Applied = BTreeSet<Arc<Deed>>;

impl Deed {
    /// Whether it is one under a key: doing it again under another key is doing it twice.
    pub fn is_keyed(&self) -> bool {
        matches!(self.subject, Subject::Key(_))
    }

    /// What makes it the same effect as another.
    pub fn identity(&self) -> (&Name, &Subject) {
        (&self.tool, &self.subject)
    }
}

/// The effects of `later` whose identity is not among those of `before`.
pub fn new_since<'d>(before: &Applied, later: &'d Applied) -> Vec<&'d Deed> {
    let known: BTreeSet<_> = before.iter().map(|deed| deed.identity()).collect();
    later.iter().map(|deed| &**deed).filter(|deed| !known.contains(&deed.identity())).collect()
}

/// The effects of `all` under a key that none of `expected` has, with the arguments of another one: the same was done
/// twice.
pub fn sent_again<'d>(expected: &Applied, all: &'d Applied) -> Vec<&'d Deed> {
    let twin = |deed: &Deed| {
        all.iter()
            .any(|other| other.tool == deed.tool && other.arguments == deed.arguments && other.subject != deed.subject)
    };
    new_since(expected, all).into_iter().filter(|deed| deed.is_keyed() && twin(deed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(key: &str, arguments: &str) -> Arc<Deed> {
        let tool = "email.send".parse().unwrap();
        Arc::new(Deed { tool, subject: Subject::Key(key.to_owned()), arguments: arguments.to_owned() })
    }

    #[test]
    fn the_same_mail_under_another_key_is_sent_again() {
        let expected = Applied::from([deed("a", "to a"), deed("b", "to b")]);
        let all = Applied::from([deed("a", "to a"), deed("b", "to b"), deed("a2", "to a"), deed("c", "to c")]);
        assert_eq!(sent_again(&expected, &all), [&*deed("a2", "to a")]);
        assert_eq!(new_since(&expected, &all).len(), 2);
    }

    #[test]
    fn the_same_text_under_two_expected_keys_is_two_effects() {
        let expected = Applied::from([deed("7d", "pay"), deed("14d", "pay")]);
        assert!(sent_again(&expected, &expected).is_empty());
    }
}
