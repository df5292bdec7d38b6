//! Does it survive a storm? Every place to die, for every kind of effect identity, over the real store and jail.

#![expect(missing_docs, reason = "a test")]

mod outside;
mod replay;
mod sweep;
mod time;
mod world;
