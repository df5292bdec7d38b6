//! Compares what a script does with what it did, and says whose turn it is.
//!
//! Calls are compared as they are issued; recorded outcomes are handed out one at a time in their recorded order.
//! Nothing here knows an engine.

use std::collections::VecDeque;

use crate::report::{Mismatch, Step};
use crate::wire::{Recorded, Settled};

/// The recorded calls of a run, and how far this execution has come with them.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    recorded: Vec<Recorded>,
    /// The calls that have outcomes, in the order of these.
    deliveries: VecDeque<u32>,
    issued: u32,
}

/// What becomes of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Issued {
    /// A recorded outcome will answer it.
    Recorded,
    /// Only the host can answer it.
    Live,
}

impl Replay {
    pub(crate) fn new(recorded: Vec<Recorded>) -> Self {
        let mut ordered: Vec<(u32, u32)> = (0..)
            .zip(&recorded)
            .filter_map(|(call, recorded)| recorded.settled.as_ref().map(|settled| (settled.order, call)))
            .collect();
        ordered.sort_unstable();
        let deliveries = ordered.into_iter().map(|(_, call)| call).collect();
        Self { recorded, deliveries, issued: 0 }
    }

    /// Takes a call that the script makes, and compares it with the record of the same number.
    pub(crate) fn issue(&mut self, actual: Step) -> Result<(u32, Issued, Step), Box<Mismatch>> {
        let call = self.issued;
        self.issued += 1;
        let Some(recorded) = self.recorded.get_mut(call as usize) else { return Ok((call, Issued::Live, actual)) };
        if recorded.tool != actual.tool || recorded.arguments != actual.arguments || recorded.key != actual.key {
            return Err(Box::new(Mismatch { call, recorded: Some(step(recorded)), actual: Some(actual) }));
        }
        // Compared once; a long journal need not stay in memory.
        recorded.arguments = String::new();
        let issued = if recorded.settled.is_some() { Issued::Recorded } else { Issued::Live };
        Ok((call, issued, actual))
    }

    /// The next recorded outcome, once the script can do nothing more by itself.
    ///
    /// When the script has not made the call by now, it never will: everything that it was waiting for when it
    /// made the call the first time has been given to it.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Settled)>, Box<Mismatch>> {
        let Some(call) = self.deliveries.pop_front() else { return Ok(None) };
        if call >= self.issued {
            return Err(self.dropped(self.issued));
        }
        let settled = self.recorded[call as usize].settled.take();
        Ok(Some((call, settled.expect("only calls with an outcome are delivered, each once"))))
    }

    /// Says whether every recorded call has been made, once no recorded outcome is left.
    pub(crate) fn complete(&self) -> Result<(), Box<Mismatch>> {
        if (self.issued as usize) < self.recorded.len() { Err(self.dropped(self.issued)) } else { Ok(()) }
    }

    /// How many calls the script has made.
    pub(crate) fn issued(&self) -> u32 {
        self.issued
    }

    fn dropped(&self, call: u32) -> Box<Mismatch> {
        Box::new(Mismatch { call, recorded: self.recorded.get(call as usize).map(step), actual: None })
    }
}

fn step(recorded: &Recorded) -> Step {
    Step { tool: recorded.tool.clone(), arguments: recorded.arguments.clone(), key: recorded.key.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Outcome;

    fn recorded(tool: &str, order: Option<u32>) -> Recorded {
        let outcome = Outcome::Value("null".to_owned());
        let settled = order.map(|order| Settled { order, outcome, at: 0 });
        Recorded { tool: tool.to_owned(), arguments: "{}".to_owned(), key: None, settled }
    }

    fn step(tool: &str) -> Step {
        Step { tool: tool.to_owned(), arguments: "{}".to_owned(), key: None }
    }

    #[test]
    fn outcomes_come_in_the_order_in_which_they_came() {
        let mut replay = Replay::new(vec![recorded("a.a", Some(1)), recorded("b.b", Some(0)), recorded("c.c", None)]);
        for tool in ["a.a", "b.b"] {
            assert_eq!(replay.issue(step(tool)).unwrap().1, Issued::Recorded);
        }
        assert_eq!(replay.next().unwrap().unwrap().0, 1);
        assert_eq!(replay.next().unwrap().unwrap().0, 0);
        assert_eq!(replay.next().unwrap(), None);
        assert_eq!(replay.complete().unwrap_err().call, 2);
        assert_eq!(replay.issue(step("c.c")).unwrap().1, Issued::Live);
        assert!(replay.complete().is_ok());
        assert_eq!(replay.issue(step("d.d")).unwrap(), (3, Issued::Live, step("d.d")));
    }

    #[test]
    fn a_call_that_was_not_made_is_the_first_difference() {
        let mut replay = Replay::new(vec![recorded("a.a", Some(0)), recorded("b.b", Some(1))]);
        replay.issue(step("a.a")).unwrap();
        replay.next().unwrap();
        let mismatch = replay.next().unwrap_err();
        assert_eq!((mismatch.call, mismatch.actual), (1, None));
        assert_eq!(mismatch.recorded.unwrap().tool, "b.b");
    }

    #[test]
    fn another_tool_arguments_or_key_is_a_difference() {
        let changes: [fn(&mut Step); 3] = [
            |step| step.tool = "x.x".to_owned(),
            |step| step.arguments = "{\"a\":1}".to_owned(),
            |step| step.key = Some("{\"a\":1}".to_owned()),
        ];
        for change in changes {
            let mut replay = Replay::new(vec![recorded("a.a", Some(0))]);
            let mut changed = step("a.a");
            change(&mut changed);
            let mismatch = replay.issue(changed.clone()).unwrap_err();
            assert_eq!((mismatch.recorded, mismatch.actual), (Some(step("a.a")), Some(changed)));
        }
    }
}
