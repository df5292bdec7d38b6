//! The stage of `steward demo`: a whole Steward in a folder that is thrown away, with a mail server and a site on this
//! machine for it to work with.
//!
//! The answers of the model are recorded; nothing else is. It knows nothing of how its story is told, which is
//! [`crate::cli`]'s, and nothing of the user's installation.

mod fixtures;
mod mail;
mod site;
mod stage;

pub use fixtures::{ANSWER, FOLDER, RECIPIENT, request};
pub use mail::{Letter, MailServer};
pub use stage::Stage;
