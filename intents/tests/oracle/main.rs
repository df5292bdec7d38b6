//! The gate says what a second gate says, which was written from the documentation and shares nothing with it.
//!
//! Each case is a contract and a short story under it: calls one after another, on a clock that also jumps, with reads,
//! labels, yeses of a person, and everything that was done before. `CASES=1000000 cargo test --test oracle` tries more,
//! `SEED=12` one.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, reason = "a test may end where it finds something wrong")]

mod draw;
mod pairs;
mod plain;
mod text;
mod tools;

use std::collections::{BTreeMap, BTreeSet};

use intents::Timestamp;
use intents::canonical::Digest;
use intents::contract::{Contract, Excess};
use intents::effect::Key;
use intents::gate::{self, Circumstances, Conclusion, Consent, Counter, Mark, Passed, Verdict};
use intents::label::{Label, Labels};
use intents::tool::Name;
use serde_json::Value;

use crate::draw::Dice;
use crate::plain::{Call, Ground, Made, Says, World, Yes};
use crate::tools::{Tools, tools};

/// Stories in an ordinary run of the tests; a soak tries a million.
const CASES: u64 = 6_000;
/// Calls of one story.
const STEPS: usize = 6;
/// How often what a call relies on is read again, at most.
const REREADS_MAX: usize = 4;

fn seeds(salt: u64) -> impl Iterator<Item = u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, count) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (salt << 32, number("CASES").unwrap_or(CASES)),
    };
    first..first + count
}

#[test]
fn the_gate_says_what_the_plain_gate_says() {
    let tools = tools();
    let mut said: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in seeds(0) {
        let mut dice = Dice::new(seed);
        let (written, contract) = contract(&mut dice, &tools);
        let mut story = Story { seed, written: &written, contract: &contract, tools: &tools, marks: BTreeMap::new() };
        story.go(&mut dice, &mut said);
    }
    if std::env::var("SEED").is_err() {
        // A comparison in which one side never comes to a verdict proves nothing about it.
        for kind in ["deny", "stale", "read again", "wait", "skip", "ask", "allow"] {
            assert!(said.get(kind).is_some_and(|count| *count > 30), "{kind} was hardly ever said: {said:?}");
        }
    }
}

/// A contract that parses. Clauses that say the same in two ways are drawn now and then, and are rightly refused.
fn contract(dice: &mut Dice, tools: &Tools) -> (Value, Contract) {
    loop {
        let written = draw::contract(dice);
        match Contract::from_value(&written, tools) {
            Ok(contract) => return (written, contract),
            Err(problems) => assert!(
                problems.iter().all(|problem| problem.code == "CONTRACT_DUPLICATE"),
                "{written:#}\n{problems:#?}"
            ),
        }
    }
}

struct Story<'a> {
    seed: u64,
    written: &'a Value,
    contract: &'a Contract,
    tools: &'a Tools,
    /// What was counted, as a ledger would keep it.
    marks: BTreeMap<Digest, Vec<Mark>>,
}

impl Story<'_> {
    fn go(&mut self, dice: &mut Dice, said: &mut BTreeMap<&'static str, u64>) {
        let now = draw::time(dice);
        let reads: Vec<_> = (0..dice.below(4)).map(|call| draw::read(dice, call as u32, now)).collect();
        let mut world =
            World { now, major: 1, reads, reread: Vec::new(), labels: draw::labels(dice), made: Vec::new() };
        for _ in 0..STEPS {
            let call = draw::call(dice, &world.reads, self.written);
            self.make(&call, &mut world, dice, said);
            world.reread.clear();
            // The clock goes on; now and then it jumps, also back.
            world.now += *dice.one(&[0, 1000, 60_000, 1_800_000, 5_400_000, 86_400_000, -3_600_000, -90_000_000]);
            if dice.once_in(8) {
                world.major += 1;
            }
        }
    }

    fn make(&mut self, call: &Call, world: &mut World, dice: &mut Dice, said: &mut BTreeMap<&'static str, u64>) {
        let mut yes = Yes::default();
        for _ in 0..=REREADS_MAX {
            let plain = plain::says(self.written, call, world, &yes);
            let (gate, takes) = self.gate_says(call, world, &yes);
            assert!(
                gate == plain,
                "SEED={}\n{:#}\n{call:#?}\n{world:#?}\n{yes:?}\nthe gate says {gate:?}\nthe plain gate says {plain:?}",
                self.seed,
                self.written
            );
            *said.entry(kind(&gate)).or_default() += 1;
            match gate {
                Says::ReadAgain(number) => {
                    let again = world.reads.iter().find(|read| read.call == number).unwrap().clone();
                    let value = if dice.once_in(2) { draw::answer(dice) } else { again.value.clone() };
                    world.reads.push(plain::Read { value, at: world.now, ..again });
                    world.reread.push(number);
                }
                Says::Ask(grounds) => {
                    let agreed = grounds.iter().copied().filter(|_| !dice.once_in(8));
                    yes = Yes { grounds: agreed.collect(), envelopes: BTreeSet::new() };
                    let approvals: Vec<_> = grounds
                        .iter()
                        .filter_map(|ground| match ground {
                            Ground::Approval(place) => Some(*place),
                            Ground::Limit(_) | Ground::Cost => None,
                        })
                        .collect();
                    if !approvals.is_empty() && dice.once_in(3) {
                        let place = *dice.one(&approvals);
                        yes.envelopes.insert(place);
                        if dice.once_in(2) {
                            yes.grounds.remove(&Ground::Approval(place));
                        }
                    }
                }
                Says::Allow { applied, .. } => {
                    let at = Timestamp::from_millis(world.now);
                    for take in takes {
                        self.marks.entry(take.subject).or_default().push(Mark { at, amount: take.amount });
                    }
                    world.made.push(Made { call: call.clone(), at: world.now, major: world.major, applied });
                    return;
                }
                Says::Deny(_) | Says::Stale(_) | Says::Wait(_) | Says::Skip(_) => return,
            }
        }
    }

    fn gate_says(&self, call: &Call, world: &World, yes: &Yes) -> (Says, Vec<gate::Take>) {
        let verdict = decide(self.contract, self.tools, call, world);
        match verdict {
            Verdict::Deny { reasons } => (Says::Deny(reasons.iter().map(|reason| reason.code).collect()), Vec::new()),
            Verdict::Stale { call, .. } => (Says::Stale(call), Vec::new()),
            Verdict::NeedsFreshRead { call, .. } => (Says::ReadAgain(call), Vec::new()),
            Verdict::Pass(passed) => self.concluded(&passed, world, yes),
        }
    }

    fn concluded(&self, passed: &Passed, world: &World, yes: &Yes) -> (Says, Vec<gate::Take>) {
        let now = Timestamp::from_millis(world.now);
        let digest = |ground: &Ground| self.digest(*ground, world.major);
        let consent = Consent {
            grounds: yes.grounds.iter().map(digest).collect(),
            envelopes: yes
                .envelopes
                .iter()
                .map(|place| self.contract.approvals()[*place].envelope_subject(world.major))
                .collect(),
        };
        let conclusion = passed.conclude(&taken(&self.marks, passed, now), &consent, now);
        let places = 0..self.contract.approvals().len();
        match conclusion {
            Conclusion::Wait { until, .. } => (Says::Wait(until.as_millis()), Vec::new()),
            Conclusion::Skip { clause } => {
                let skips = |limit: &&intents::contract::Limit| limit.words() == clause && says_skip(limit);
                let place = self.contract.limits().iter().position(|limit| skips(&limit)).unwrap();
                (Says::Skip(place), Vec::new())
            }
            Conclusion::NeedsApproval { grounds } => {
                let place = |ground: &gate::Ground| self.ground(ground.subject, world.major);
                (Says::Ask(grounds.iter().map(place).collect()), Vec::new())
            }
            Conclusion::Allow { takes, envelopes } => {
                let used = |place: &usize| {
                    envelopes.contains(&self.contract.approvals()[*place].envelope_subject(world.major))
                };
                let envelopes = places.filter(used).collect();
                (Says::Allow { applied: self.applied(passed, world.major, &takes), envelopes }, takes)
            }
        }
    }

    /// The approvals that applied, those of every call first.
    fn applied(&self, passed: &Passed, major: u32, takes: &[gate::Take]) -> Vec<usize> {
        let always = passed.grounds.iter().map(|ground| ground.subject);
        let counted = passed.counters.iter().filter_map(|counter| match &counter.beyond {
            gate::Beyond::Trusted(ground) => self.is_counted(counter, takes).then_some(ground.subject),
            gate::Beyond::Limit { .. } => None,
        });
        always
            .chain(counted)
            .map(|subject| match self.ground(subject, major) {
                Ground::Approval(place) => place,
                Ground::Limit(_) | Ground::Cost => panic!("a limit is no approval"),
            })
            .collect()
    }

    fn is_counted(&self, counter: &Counter, takes: &[gate::Take]) -> bool {
        let now = Timestamp::EPOCH;
        let marks: Vec<_> =
            counter.subjects.iter().map(|one| self.marks.get(one).cloned().unwrap_or_default()).collect();
        let is_taken = counter.subjects.iter().all(|one| takes.iter().any(|take| take.subject == *one));
        is_taken && counter.room(&marks, now) == gate::Room::Free
    }

    fn digest(&self, ground: Ground, major: u32) -> Digest {
        match ground {
            Ground::Limit(place) => self.contract.limits()[place].subject(),
            Ground::Cost => gate::cost_subject(),
            Ground::Approval(place) => self.contract.approvals()[place].subject(major),
        }
    }

    fn ground(&self, subject: Digest, major: u32) -> Ground {
        let limits = (0..self.contract.limits().len()).map(Ground::Limit);
        let approvals = (0..self.contract.approvals().len()).map(Ground::Approval);
        let mut all = limits.chain(approvals).chain([Ground::Cost]);
        all.find(|ground| self.digest(*ground, major) == subject).unwrap()
    }
}

fn says_skip(limit: &intents::contract::Limit) -> bool {
    use intents::contract::Limit::{Flow, Quiet, Rate, Sum};
    match limit {
        Rate { beyond, .. } | Sum { beyond, .. } | Quiet { beyond, .. } => *beyond == Excess::Skip,
        Flow(_) => false,
    }
}

fn decide(contract: &Contract, tools: &Tools, call: &Call, world: &World) -> Verdict {
    let names: Vec<Name> = world.reads.iter().map(|read| read.tool.parse().unwrap()).collect();
    let reads: Vec<gate::Read<'_>> = world
        .reads
        .iter()
        .zip(&names)
        .map(|(read, tool)| gate::Read {
            call: read.call,
            tool,
            arguments: &read.arguments,
            value: &read.value,
            at: Timestamp::from_millis(read.at),
        })
        .collect();
    let labels: Labels = world.labels.iter().cloned().map(Label).collect();
    let key = call.key.as_ref().map(|key| Key::parse(key).unwrap());
    let definition = &tools[&call.tool.parse::<Name>().unwrap()];
    gate::decide(
        contract,
        &gate::Call { definition, arguments: &call.arguments, key: key.as_ref() },
        &Circumstances {
            now: Timestamp::from_millis(world.now),
            major: world.major,
            reads: &reads,
            reread: &world.reread,
            labels: &labels,
        },
    )
}

/// The marks that a store would hand over: for each subject those that may matter.
fn taken(marks: &BTreeMap<Digest, Vec<Mark>>, passed: &Passed, now: Timestamp) -> Vec<Vec<Vec<Mark>>> {
    let of_counter = |counter: &Counter| {
        let matters = |mark: &Mark| counter.since(now).is_none_or(|since| mark.at > since);
        let of_subject =
            |subject: &Digest| marks.get(subject).into_iter().flatten().copied().filter(matters).collect::<Vec<_>>();
        counter.subjects.iter().map(of_subject).collect()
    };
    passed.counters.iter().map(of_counter).collect()
}

fn kind(says: &Says) -> &'static str {
    match says {
        Says::Deny(_) => "deny",
        Says::Stale(_) => "stale",
        Says::ReadAgain(_) => "read again",
        Says::Wait(_) => "wait",
        Says::Skip(_) => "skip",
        Says::Ask(_) => "ask",
        Says::Allow { .. } => "allow",
    }
}
