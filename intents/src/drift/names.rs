//! The names that a script and its contract use: a field that neither names matters to nobody.

use std::collections::BTreeSet;

/// Names that are used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// Every word of some texts: of a script's source, and of the pointers of a contract. A field that is taken by a name
    /// which is put together while the script runs is not among them; that one breaks the script itself, and is found so.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '$';
        let words = texts.into_iter().flat_map(|text| text.split(move |c| !is_part(c)));
        let mut names = BTreeSet::new();
        for word in words.filter(|word| !word.is_empty()) {
            names.insert(word.to_owned());
            // `a-b` is one name in quotes, and two names with a minus between them.
            if word.contains('-') {
                names.extend(word.split('-').filter(|part| !part.is_empty()).map(str::to_owned));
            }
        }
        Self(names)
    }

    /// Whether a name is used.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_in_code_in_quotes_and_in_pointers() {
        let names = Names::of(["const { amount: sum } = inv; x['due-date']; a-b", "\"inv:/client/email\""]);
        for name in ["amount", "sum", "due-date", "a", "b", "client", "email"] {
            assert!(names.contains(name), "{name}");
        }
        assert!(!names.contains("total"));
    }
}
