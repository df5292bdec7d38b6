//! Secrets at rest: named, encrypted with authentication, in one file that only its owner can read.
//!
//! Promises: a secret is never printed, logged or put into an error; a changed, swapped, added or removed entry is
//! found when the vault is opened; the file is replaced as a whole or not at all. The same master key gives the
//! keys that other parts of Steward need, one per [`Purpose`], none of which tells anything about another.

mod document;
mod keychain;
mod master;
mod passphrase;
mod private_file;
mod recovery;
mod seal;
mod secret;
mod secrets;

pub use master::MasterKeySource;
pub use recovery::{Packed, RecoveryKey};
pub use seal::{KEY_LEN, Key, OVERHEAD, Purpose, open, seal};
pub use secret::Secret;
pub use secrets::{Vault, is_name};
