//! The ways through the questions of a script: each option of each question is chosen, also of those that come up behind
//! another option, and whatever is tried is tried on each way.

use std::collections::BTreeMap;

use intents::journal::{Record, recorded};
use intents::need::Nth;
use intents::outcome::Outcome;

use crate::executor::host::{self, HostCall};

/// Ways of one case that are tried: four questions with two options each. More take longer than a person waits.
pub(super) const WAYS_MAX: usize = 16;

/// What is chosen on one way, question by question; all others are answered as they were recorded, or with the first option.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Way {
    chosen: Vec<(String, Nth)>,
}

/// A question that came up on a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    question: String,
    options: usize,
    given: Option<Nth>,
}

impl Way {
    /// What is chosen, by what a question asks.
    pub(super) fn answers(&self) -> BTreeMap<String, Nth> {
        self.chosen.iter().cloned().collect()
    }

    /// The ways that part from this one at a question that came up on it: after the last one that is chosen already, so that
    /// no way is found twice.
    pub(super) fn further(&self, asked: &[Asked]) -> Vec<Self> {
        let last = self.chosen.last().and_then(|(last, _)| asked.iter().position(|asked| asked.question == *last));
        let open = asked.iter().skip(last.map_or(0, |last| last + 1));
        let mut ways: Vec<Self> = Vec::new();
        for (at, question) in open.clone().enumerate() {
            // The same question once more gets the same answer.
            let known = self.chosen.iter().any(|(known, _)| *known == question.question)
                || open.clone().take(at).any(|before| before.question == question.question);
            if known {
                continue;
            }
            for nth in Nth::ALL.into_iter().take(question.options).filter(|nth| question.given != Some(*nth)) {
                let mut chosen = self.chosen.clone();
                chosen.push((question.question.clone(), nth));
                ways.push(Self { chosen });
            }
        }
        ways
    }
}

/// The questions of a run, in the order in which they came up.
pub(super) fn asked(records: &[Record]) -> Vec<Asked> {
    let calls = recorded(records).into_iter().filter(|call| call.called.tool.as_str() == host::ASK);
    let asked = calls.filter_map(|call| {
        let arguments = serde_json::from_str(&call.called.arguments).ok()?;
        let Ok(HostCall::Ask(question)) = HostCall::read(host::ASK, &arguments) else { return None };
        let given = call.settled.and_then(|settled| match &*settled.outcome {
            Outcome::Value(value) => question.options.iter().position(|option| value == option.as_str()),
            Outcome::Refused(_) | Outcome::Skipped { .. } => None,
        });
        Some(Asked {
            question: host::alike(host::ASK, &call.called.arguments).into_owned(),
            options: question.options.len(),
            given: given.and_then(|at| Nth::ALL.get(at).copied()),
        })
    });
    asked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(question: &str, options: usize, given: usize) -> Asked {
        Asked { question: question.to_owned(), options, given: Nth::ALL.get(given).copied() }
    }

    #[test]
    fn every_combination_of_answers_is_one_way() {
        // A script that always asks the same three questions.
        let mut ways = vec![Way::default()];
        let mut at = 0;
        while let Some(way) = ways.get(at).cloned() {
            let answers = way.answers();
            let given = |name: &str| answers.get(name).map_or(0, |nth| nth.index());
            let came_up = [asked("a", 2, given("a")), asked("b", 3, given("b")), asked("c", 2, given("c"))];
            ways.extend(way.further(&came_up));
            at += 1;
        }
        assert_eq!(ways.len(), 2 * 3 * 2);
        let all: std::collections::BTreeSet<_> = ways.iter().map(|way| format!("{:?}", way.answers())).collect();
        assert_eq!(all.len(), ways.len(), "none is found twice");
    }

    #[test]
    fn what_was_recorded_is_not_tried_again_and_the_same_question_is_one() {
        let ways = Way::default().further(&[asked("a", 2, 1), asked("a", 2, 1)]);
        let answers: Vec<_> = ways.iter().map(Way::answers).collect();
        assert_eq!(answers, [BTreeMap::from([("a".to_owned(), Nth::ALL[0])])]);
    }
}
