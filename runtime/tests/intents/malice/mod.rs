//! A model that means ill: recorded conversations in which it tries what it must never get to do. None of it is a matter of
//! the prompt: each attempt is refused by the host, or comes to nothing outside.

mod cards;
mod drafts;
mod looks;
mod scripted;
mod words;
