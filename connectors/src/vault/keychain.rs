//! The operating system's keychain, where there is one: macOS.
//!
//! On Linux the Secret Service was considered: its clients need either libdbus or some forty crates, and a server
//! without a desktop has no such service. There the key file takes its place.

use super::seal::Key;
use crate::Error;

/// The key that the keychain holds for a vault; made if it may be.
#[cfg(target_os = "macos")]
pub(super) fn key(account: &str, may_make: bool) -> Result<Key, Error> {
    use security_framework::passwords::{get_generic_password, set_generic_password};

    use crate::Code;

    /// What the keychain calls us.
    const SERVICE: &str = "steward";
    /// `errSecItemNotFound`.
    const NOT_FOUND: i32 = -25_300;

    let failed = |error| Error::new(Code::KeychainFailed, "the keychain refused its key").caused_by(error);
    match get_generic_password(SERVICE, account) {
        Ok(bytes) => {
            let bytes = zeroize::Zeroizing::new(bytes);
            let key = <[u8; super::seal::KEY_LEN]>::try_from(bytes.as_slice());
            key.map(Key::new).map_err(|_| Error::new(Code::KeychainFailed, "the keychain's entry is no key of ours"))
        }
        Err(error) if may_make && error.code() == NOT_FOUND => {
            let key = Key::random()?;
            set_generic_password(SERVICE, account, key.as_bytes()).map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}

/// There is no keychain here.
#[cfg(not(target_os = "macos"))]
pub(super) fn key(_account: &str, _may_make: bool) -> Result<Key, Error> {
    Err(Error::new(crate::Code::KeychainFailed, "this operating system has no keychain that Steward can use"))
}
