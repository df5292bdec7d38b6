//! The trial: what a script must show before it goes live, as far as that is a matter of values.
//!
//! Here are the findings with their codes ([`finding`]), the proof sheet with its words ([`Sheet`]), the comparison of
//! what two executions did ([`Deed`]), and the ways in which recorded data is varied: another order of rows, other
//! subjects, hostile strings, samples made from a schema. Nothing is executed here; that is the runtime's part.

mod deed;
mod dice;
pub mod finding;
mod hostile;
mod sample;
mod sheet;
mod vary;

pub use deed::{Applied, Deed, Subject, new_since, sent_again};
pub use dice::Dice;
pub use finding::{CODES, Check, Code, Finding};
pub use hostile::{HOSTILE, Hostile, taint};
pub use sample::made;
pub use sheet::{Counts, Ratio, Sheet, Verdict};
pub use vary::{other_subjects, reversed, row_in_front, rows_max};
