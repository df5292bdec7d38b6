//! What is promised of models, told over real sockets: what an answer costs is what the endpoint reported, no call is made
//! twice by chance, no budget is passed, and every way of not answering has a name.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

mod answers;
mod endpoint;
mod failures;
mod money;
mod recorded;
mod world;
