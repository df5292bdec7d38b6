//! The command line: it speaks HTTP to the running server, or starts one in its own process for the time of the
//! command. There is one code path; what a person reads is made from what a program gets with `--json`.

mod args;
mod chat;
mod client;
mod commands;
mod connect;
mod exit;
mod main;
mod manager;
mod out;
mod progress;
mod serve;
mod server_file;
mod signals;
mod time;

pub use exit::{EXITS, Exit};
pub use main::main;
