//! The tools that a script names, as far as that can be read from its source.

use std::collections::BTreeSet;

/// The names of the form `tools.service.verb` outside comments and strings.
pub(super) fn tools_named(source: &str) -> BTreeSet<String> {
    let code = without_words(source);
    let mut named = BTreeSet::new();
    for (place, _) in code.match_indices("tools.") {
        let before = code[..place].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == '.') {
            continue;
        }
        let rest = &code[place + "tools.".len()..];
        let word = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
        let service = word(rest);
        let Some(after) = rest[service.len()..].strip_prefix('.') else { continue };
        let verb = word(after);
        if !service.is_empty() && !verb.is_empty() {
            named.insert(format!("{service}.{verb}"));
        }
    }
    named
}

/// The source without comments and without what stands in quotes. What stands in a template may be code, and stays.
fn without_words(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut letters = source.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('/', Some('/')) => {
                for comment in letters.by_ref() {
                    if comment == '\n' {
                        break;
                    }
                }
                code.push('\n');
            }
            ('/', Some('*')) => {
                let mut before = ' ';
                letters.next();
                for comment in letters.by_ref() {
                    if before == '*' && comment == '/' {
                        break;
                    }
                    before = comment;
                }
                code.push(' ');
            }
            ('"' | '\'', _) => {
                let mut escaped = false;
                for quoted in letters.by_ref() {
                    if quoted == '\n' || quoted == letter && !escaped {
                        break;
                    }
                    escaped = quoted == '\\' && !escaped;
                }
                code.push(' ');
            }
            (letter, _) => code.push(letter),
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_read_from_code_alone() {
        let source = r#"
            // tools.in.comment
            /* tools.in.block */ const text = "tools.in.string";
            await tools.http.get({}); const send = tools.email.send; mytools.not.this; tools[name].verb;
        "#;
        assert_eq!(tools_named(source), BTreeSet::from(["http.get".to_owned(), "email.send".to_owned()]));
    }
}
