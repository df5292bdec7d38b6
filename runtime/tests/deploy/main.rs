//! What lies in `deploy/` and what the pages say of operations agrees with the code.
//!
//! `UPDATE=1` writes what is made from the code.

#![allow(clippy::unwrap_used, reason = "a test may end where it finds something wrong")]

mod configuration;
mod services;

use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Compares a file with what the code makes, or writes it.
fn same(name: &str, made: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(name), made).unwrap();
        return;
    }
    assert_eq!(text(name), made, "{name} is not what the code makes: UPDATE=1 cargo test -p runtime --test deploy");
}
