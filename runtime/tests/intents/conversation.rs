//! Recorded conversations: what a person says, and what a model answers.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// A conversation of the fixtures, with the addresses of the services that the test has started.
pub(crate) struct Conversation {
    /// The person's words, message by message.
    pub(crate) says: Vec<String>,
    /// The model's answers, as the provider `recorded` takes them.
    pub(crate) answers: Value,
}

/// What stands for the placeholders of a conversation.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// `{{name}}` is this.
    pub(crate) fn with(mut self, name: &str, is: impl ToString) -> Self {
        self.0.insert(name.to_owned(), is.to_string());
        self
    }

    /// Fills a text. `"{{#name}}"` becomes a number.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, is) in &self.0 {
            for place in [format!("\"{{{{#{name}}}}}\""), format!("\\\"{{{{#{name}}}}}\\\""), format!("{{{{{name}}}}}")]
            {
                text = text.replace(&place, is);
            }
        }
        assert!(!text.contains("{{"), "a placeholder has no value: {}", text.split("{{").nth(1).unwrap_or_default());
        text
    }
}

impl Conversation {
    /// Reads the conversation of an intent.
    pub(crate) fn read(intent: &str, names: &Names) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("fixtures");
        let file = fixtures.join("intents").join(intent).join("conversation.json");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let value: Value = serde_json::from_str(&names.fill(&text)).expect("a conversation is JSON");
        let says = value["says"].as_array().expect("somebody says something").iter();
        let says = says.map(|text| text.as_str().expect("words are text").to_owned()).collect();
        Self { says, answers: value["answers"].clone() }
    }
}
