//! The confusion matrix of failures: what everything that can go wrong is meant to be, and what it turns out to be.
//!
//! The meaning is written down here, by hand, and knows nothing of the code that classifies. Each fault goes through the
//! real executor, over a real store and a real jail.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may end where it finds something wrong"
)]

mod faults;
mod meaning;
mod probe;
mod sheet;
#[path = "../simulation/time.rs"]
#[allow(dead_code, reason = "the simulation uses more of it")]
mod time;
mod world;

use sheet::{Sheet, sections};
use world::World;

#[test]
fn every_fault_is_what_it_is_meant_to_be() {
    let world = World::new();
    let mut sheet = Sheet::default();
    let cases = [faults::declared(&world.catalogue()), faults::of_the_host()].concat();
    for (case, seen) in cases.iter().zip(world.play(&cases)) {
        sheet.note(case.clone(), seen);
    }
    println!("{}", sheet.printed());
    assert!(sheet.count() > 300, "so few faults were played: {}", sheet.count());
    assert!(sheet.confusions().is_empty(), "{}", sheet.confusions().join("\n"));
    sections::check("docs/11-failures.md", "matrix", &sheet.page());
}

#[test]
fn every_declared_code_has_a_meaning_and_no_meaning_is_left_over() {
    let world = World::new();
    let declared = faults::codes(&world.catalogue());
    let meant: std::collections::BTreeSet<_> = meaning::CODES.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(declared.difference(&meant).collect::<Vec<_>>(), Vec::<&String>::new(), "nobody said what these mean");
    assert_eq!(meant.difference(&declared).collect::<Vec<_>>(), Vec::<&String>::new(), "no tool declares these");
}
