//! The configuration as a commented example, and as a table for the page of operations.

use super::keys::{KEYS, Key, Unsaid};

/// Lines of a comment are not longer.
const WIDTH: usize = 100;

/// A configuration file in which every key is there, commented out.
pub fn example() -> String {
    let mut text = String::from(
        "# Every key of Steward's configuration. What is commented out with a value is the default, or an example where\n\
         # there is none. Each key is also a variable (STEWARD_SERVER__LISTEN) and a flag (--set server.listen=…), which go\n\
         # before this file. A secret can lie in a file of its own: `password_file` instead of `password`.\n\
         # Check it with `steward config validate`, see what is in force with `steward config show`.\n",
    );
    let mut section = "";
    for key in KEYS {
        if key.section() != section {
            section = key.section();
            text.push_str(&format!("\n[{section}]\n"));
        }
        for line in wrapped(&sentence(key)) {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("#{} = {}\n", key.name(), value(key)));
    }
    text
}

/// A table of every key, for Markdown.
pub fn table() -> String {
    let mut text = String::from("| Key | Default | Meaning |\n| --- | --- | --- |\n");
    for key in KEYS {
        let default = match key.unsaid {
            Unsaid::Default(value) => format!("`{value}`"),
            Unsaid::Nothing(_) => String::new(),
        };
        let secret = if key.secret { "; secret" } else { "" };
        text.push_str(&format!("| `{}` | {default} | {}{secret} |\n", key.path, key.meaning));
    }
    text
}

fn value(key: &Key) -> &'static str {
    match key.unsaid {
        Unsaid::Default(value) | Unsaid::Nothing(value) => value,
    }
}

fn sentence(key: &Key) -> String {
    let mut letters = key.meaning.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let unset = if matches!(key.unsaid, Unsaid::Nothing(_)) { " Not set unless you set it." } else { "" };
    format!("{first}{}.{unset}", letters.as_str())
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
