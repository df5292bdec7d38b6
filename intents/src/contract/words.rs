//! The contract in plain words: what the user reads and confirms. Made from the contract alone, by no model.

use std::fmt;

use super::phrase::{self, comparison, length, list, marked, quoted, schedule, speech, visible};
use super::{Capability, Contract, DeclaredIdentity, Excess, FileDedupe, Limit, Once, Source, Trigger};
use crate::expect::Expect;
use crate::schedule::{CatchUp, Overlap};

/// Every clause of a contract, one line each. Prints as the card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The title.
    pub title: String,
    /// The goal, as the user or the planner put it.
    pub goal: String,
    /// What starts runs.
    pub when: Vec<String>,
    /// What the script may do.
    pub may: Vec<String>,
    /// What happens once.
    pub once: Vec<String>,
    /// How often things may happen.
    pub limits: Vec<String>,
    /// What should happen.
    pub expects: Vec<String>,
}

impl Contract {
    /// The contract in plain words.
    pub fn words(&self) -> Words {
        Words {
            title: visible(self.title()),
            goal: visible(self.goal()),
            when: self.triggers().iter().map(Trigger::words).collect(),
            may: self.capabilities().iter().map(Capability::words).collect(),
            once: self.once().iter().map(Once::words).collect(),
            limits: self.limits().iter().map(Limit::words).collect(),
            expects: self.expect().iter().map(expected).collect(),
        }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n\nSteward enforces:", self.title, self.goal)?;
        let parts = [
            ("When", &self.when),
            ("May", &self.may),
            ("Once", &self.once),
            ("Limits", &self.limits),
            ("Expects", &self.expects),
        ];
        for (name, lines) in parts {
            for (index, line) in lines.iter().enumerate() {
                writeln!(f, "  {:<8} {line}", if index == 0 { name } else { "" })?;
            }
        }
        if self.may.is_empty() {
            writeln!(f, "  {:<8} Nothing: the script may use no tool.", "May")?;
        }
        Ok(())
    }
}

impl Trigger {
    /// The trigger in plain words.
    pub fn words(&self) -> String {
        let mut parts = vec![self.source_words()];
        let aged = self.useful_for.map(|span| format!("if no older than {}", span));
        match (&self.source, aged) {
            (Source::Schedule { catch_up: CatchUp::None, .. }, _) => parts.push("missed times are let go".to_owned()),
            (Source::Schedule { catch_up: CatchUp::Latest, .. }, aged) => {
                parts.push(joined("a missed time is made up for once", aged));
            }
            (Source::Schedule { catch_up: CatchUp::All, .. }, aged) => {
                parts.push(joined("each missed time is made up for", aged));
            }
            (Source::File { .. } | Source::Webhook { .. } | Source::Event { .. } | Source::Manual, Some(aged)) => {
                parts.push(format!("only {aged}"));
            }
            (Source::File { .. } | Source::Webhook { .. } | Source::Event { .. } | Source::Manual, None) => {}
        }
        match self.overlap {
            Overlap::Queue => {}
            Overlap::Skip => parts.push("left out while another run goes on".to_owned()),
            Overlap::Allow => parts.push("also beside another run".to_owned()),
        }
        format!("{}.", parts.join("; "))
    }

    fn source_words(&self) -> String {
        match &self.source {
            Source::Schedule { cron, zone, .. } => format!("{} ({zone})", schedule(cron)),
            Source::File { folder, matching, dedupe } => {
                let counts_once = match dedupe {
                    FileDedupe::Content => "the same content counts once, whatever its name",
                    FileDedupe::PathAndContent => "the same content under the same name counts once",
                };
                format!("When a file {} lands in the folder {folder}; {counts_once}", quoted(matching.as_str()))
            }
            Source::Webhook { name, secret, signature, dedupe_header } => {
                let header = dedupe_header.as_ref().map_or(signature.delivery_header(), |header| header.as_str());
                format!(
                    "When the webhook {name} gets a request signed with the secret {secret} (scheme {}); requests with \
                     the same {} header count once",
                    signature.as_str(),
                    header.to_lowercase(),
                )
            }
            Source::Event { name } => format!("When the event {name} happens"),
            Source::Manual => "When you run it".to_owned(),
        }
    }
}

fn joined(sentence: &str, more: Option<String>) -> String {
    more.map_or_else(|| sentence.to_owned(), |more| format!("{sentence}, {more}"))
}

impl Capability {
    /// The capability in plain words.
    pub fn words(&self) -> String {
        let mut only = Vec::new();
        let mut further = Vec::new();
        for (pointer, condition) in &self.conditions {
            let place = pointer.to_string();
            match phrase::preposition(&self.tool, &place) {
                Some(preposition) => only.push(format!("{preposition} {}", comparison(&condition.comparison))),
                None => further.push(format!("{} is {}", code(&place), comparison(&condition.comparison))),
            }
        }
        let doing = speech(&self.tool).doing;
        let only = if only.is_empty() { String::new() } else { format!(" only {}", list(only, "and")) };
        let bridge = if only.is_empty() { " only where " } else { ", where " };
        let further = if further.is_empty() { String::new() } else { format!("{bridge}{}", list(further, "and")) };
        let anything = if self.conditions.is_empty() { ", with any arguments" } else { "" };
        let identity = self.identity.as_ref().map(identity).unwrap_or_default();
        format!("May {doing}{only}{further}{anything}.{identity}")
    }
}

/// A place in the arguments, which is free text where the tool has free members.
fn code(place: &str) -> String {
    format!("`{}`", visible(place).replace('`', "\\u{60}"))
}

fn identity(identity: &DeclaredIdentity) -> String {
    match identity {
        DeclaredIdentity::Keyed { header, window } => {
            format!(
                " A request without an answer is sent again with the same {header} header within {}.",
                length(*window)
            )
        }
        DeclaredIdentity::Queryable { url, absent_after, window } => format!(
            " A request without an answer is looked up at {} within {}; missing there after {}, it did not happen.",
            marked(url),
            length(*window),
            length(*absent_after),
        ),
    }
}

impl Once {
    /// The clause in plain words.
    pub fn words(&self) -> String {
        let parts = list(self.per.iter().map(ToString::to_string), "and");
        format!("One {} per {parts}, ever.", speech(&self.tool).one)
    }
}

impl Limit {
    /// The clause in plain words.
    pub fn words(&self) -> String {
        let rate = &self.rate;
        let speech = speech(&rate.tool);
        let what = if rate.max == 1 { speech.one } else { speech.many };
        let per =
            rate.per.as_ref().map(|place| format!(" per {}", phrase::per(&rate.tool, &visible(&place.to_string()))));
        let beyond = match self.beyond {
            Excess::Wait => "further ones wait",
            Excess::Skip => "further ones are skipped",
            Excess::Ask => "you are asked about further ones",
        };
        format!("At most {} {what}{} in {}; {beyond}.", rate.max, per.unwrap_or_default(), length(rate.window))
    }
}

fn expected(expect: &Expect) -> String {
    let runs = if expect.at_least == 1 { "1 run".to_owned() } else { format!("{} runs", expect.at_least) };
    let window = length(expect.per);
    let each = window.strip_prefix("1 ").filter(|unit| !unit.contains(' ')).unwrap_or(&window);
    format!("At least {runs} every {each}; you are told when there are fewer.")
}
