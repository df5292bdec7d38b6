//! What an execution depends on besides its journal.

#![expect(unsafe_code, reason = "the engine tells its version through its C interface")]

use std::ffi::CStr;

use intents::canonical::Digest;

use crate::{engine, helpers};

/// The version of the binding, which decides how values cross between engine and host.
const BINDING: &str = "rquickjs 0.14";

/// What a journal pins, so that a later version knows when it is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins {
    /// The script engine and its version.
    pub engine: String,
    /// The digest of the code that the engine runs before the script.
    pub prelude: Digest,
    /// The version of the time-zone data.
    pub tzdata: &'static str,
}

/// The pins of this binary.
pub fn pins() -> Pins {
    // SAFETY: the engine gives a constant text.
    let version = unsafe { CStr::from_ptr(rquickjs::qjs::JS_GetVersion()) }.to_string_lossy();
    Pins {
        engine: format!("quickjs-ng {version} / {BINDING}"),
        prelude: engine::prelude_digest(),
        tzdata: helpers::time::version(),
    }
}
