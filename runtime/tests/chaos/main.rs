//! Chaos: the real server, killed at random moments over and over, against a service that keeps its own record.
//!
//! `KILLS` says how often, `SEED` which storm. This binary is the harness, and in another role the service.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

mod automation;
mod items;
mod plan;
mod sink;
mod steward;
mod storm;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod verdict;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, argument, folder, seed] = words.as_slice()
        && argument == sink::ARGUMENT
    {
        let seed = seed.parse().expect("the harness gives a number");
        if let Err(error) = sink::serve(folder.as_ref(), seed) {
            panic!("the sink failed: {error}");
        }
        return;
    }
    let arguments = Arguments::from_args();
    let trials = vec![
        Trial::test("a_first_start_that_is_killed_can_be_made_again", || {
            storm::kill_first_starts(&plan::Plan::from_environment());
            Ok(())
        }),
        Trial::test("a_server_that_is_killed_at_any_moment_loses_nothing_and_does_nothing_twice", || {
            storm::kill_at_any_moment(&plan::Plan::from_environment());
            Ok(())
        }),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}
