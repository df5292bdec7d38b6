//! `email.send`: over SMTP, or into a folder of `.eml` files where no server is configured.
//!
//! The message is a pure function of the arguments, the sender, the time and the identity of the effect, which is its
//! Message-ID. Over SMTP each stage of the conversation is known, so that only a connection that is lost after the
//! message was handed over leaves doubt. The outbox is asked instead: the file of a message is there or it is not.

mod config;
mod message;
mod outbox;
mod post;
mod send;
mod smtp;

pub use config::{Mail, MailConfig, Tls};
pub use post::{Note, Post, is_address};
pub use send::EmailSend;
