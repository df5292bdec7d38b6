//! The trial: mutants that must be caught, honest scripts that must pass, and what the sheet says of them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

mod history;
mod honest;
mod mutants;
mod world;
