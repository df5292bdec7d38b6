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
mod takeover;
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
    let mut trials = vec![
        Trial::test("a_first_start_that_is_killed_can_be_made_again", || {
            storm::kill_first_starts(&plan::Plan::from_environment());
            Ok(())
        }),
        Trial::test("a_server_that_is_killed_at_any_moment_loses_nothing_and_does_nothing_twice", || {
            storm::kill_at_any_moment(&plan::Plan::from_environment());
            Ok(())
        }),
    ];
    if let Some(server) = support::postgres::server("the failover of two servers") {
        let name = "a_server_that_stands_by_takes_over_and_nothing_is_lost_or_done_twice";
        let take_over = move || {
            takeover::take_over(&plan::Plan::from_environment(), &server);
            Ok(())
        };
        trials.push(Trial::test(name, take_over));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
