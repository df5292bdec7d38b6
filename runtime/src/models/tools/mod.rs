//! Models as tools of scripts: they read, sort, sum up, judge and write texts, and do nothing else.
//!
//! A call is a read that costs. It has no tools of its own and sees one text, fenced as data. Its answer is on the disk
//! before the script sees it, so a run that starts again gets the same answer without paying again. What does not have
//! the asked shape is asked for once more, and then is a domain answer `unusable`.

mod definitions;
mod exact;
mod task;
mod tool;

pub use tool::register;
