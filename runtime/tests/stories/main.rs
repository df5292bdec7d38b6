//! Stories of the real server: what goes wrong around it and inside it, and what the user sees then.

mod doors;
mod files;
mod place;
mod scripts;
mod service;
mod starts;
mod stops;
#[path = "../support/mod.rs"]
mod support;
