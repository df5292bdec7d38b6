//! The jail, with the zygote that it runs on: this binary is both.

#![expect(clippy::unwrap_used, reason = "these are tests, which the lint cannot see without the usual harness")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a story names the end that it wants; all others fail it")]

mod attacks;
mod determinism;
mod helpers;
mod language;
mod life;
mod replay;
mod world;

use libtest_mimic::{Arguments, Trial};

fn main() {
    if std::env::args().nth(1).as_deref() == Some(sandbox::ZYGOTE_ARGUMENT) {
        sandbox::zygote_main();
    }
    if std::env::args().nth(1).as_deref() == Some(life::HOST_ARGUMENT) {
        life::be_a_host();
    }
    let arguments = Arguments::from_args();
    let trials: Vec<Trial> = [
        language::trials(),
        attacks::trials(),
        replay::trials(),
        determinism::trials(),
        helpers::trials(),
        life::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
