//! The contract in plain words: what the user reads and confirms. Made from the contract alone, by no model.

use std::collections::BTreeMap;
use std::fmt;

use super::phrase::{self, code, comparison, length, list, marked, quoted, schedule, speech, visible};
use super::place::Place;
use super::{Approval, Capability, Condition, Contract, DeclaredIdentity, FileDedupe, Limit, Once, Source, Trigger};
use crate::expect::Expect;
use crate::schedule::{CatchUp, Overlap};
use crate::tool::Name;

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
    /// How often, how much, when and where to.
    pub limits: Vec<String>,
    /// What a person says yes to first.
    pub asks: Vec<String>,
    /// What should happen.
    pub expects: Vec<String>,
    /// What may be spent.
    pub budgets: Vec<String>,
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
            asks: self.approvals().iter().map(Approval::words).collect(),
            expects: self.expect().iter().map(Expect::words).collect(),
            budgets: self.budgets().words(),
        }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goal = self.goal.replace('\n', "\n  ");
        writeln!(f, "{}\n\nThe script does:\n  {goal}\n\nSteward enforces:", self.title)?;
        let parts = [
            ("When", &self.when),
            ("May", &self.may),
            ("Once", &self.once),
            ("Limits", &self.limits),
            ("Asks", &self.asks),
            ("Expects", &self.expects),
            ("Budgets", &self.budgets),
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
        let doing = speech(&self.tool).doing;
        let anything = if self.conditions.is_empty() { ", with any arguments" } else { "" };
        let mut words = format!("May {doing}{}{anything}.", only(&self.tool, &self.conditions));
        for (name, bind) in &self.bind {
            let only = only(&bind.row_of, &bind.conditions);
            words += &format!(
                " Here {name} is one row at {} of what this run has read with {}{only}.",
                code(&bind.at.to_string()),
                bind.row_of,
            );
        }
        if let Some(span) = self.fresh_for {
            words += &format!(" What is older than {} is read again first.", length(span));
        }
        if let Some(connection) = &self.connection {
            words += &format!(" It goes through the account {connection}.");
        }
        words + &self.identity.as_ref().map(identity).unwrap_or_default()
    }
}

/// Conditions as a part of a sentence: " only to ops@example.com, where `/subject` is …".
fn only(tool: &Name, conditions: &BTreeMap<Place, Condition>) -> String {
    let (mut only, mut further) = (Vec::new(), Vec::new());
    for (place, condition) in conditions {
        let place = place.to_string();
        match phrase::preposition(tool, &place) {
            Some(preposition) => only.push(format!("{preposition} {}", comparison(&condition.comparison))),
            None => further.push(format!("{} is {}", code(&place), comparison(&condition.comparison))),
        }
    }
    let only = if only.is_empty() { String::new() } else { format!(" only {}", list(only, "and")) };
    let bridge = if only.is_empty() { " only where " } else { ", where " };
    let further = if further.is_empty() { String::new() } else { format!("{bridge}{}", list(further, "and")) };
    format!("{only}{further}")
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
