//! What a server leaves in its data folder.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::automation;
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server::{Server, run};

/// Every file below a folder that others than its owner can do something with.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            found.extend(open_to_others(&path));
        }
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            found.push(format!("{} is {mode:o}", path.display()));
        }
    }
    found
}

#[test]
fn what_is_in_the_data_folder_is_its_owners_alone() {
    let home = Home::new(&mut Chance::new(12));
    let server = Server::start(&home, &[]);
    automation::set_up(&server.client());
    assert_eq!(open_to_others(&home.data()), Vec::<String>::new());
    for file in ["steward.lock", "anchor.json", "reserve", "steward.db"] {
        assert!(home.data().join(file).exists(), "{file}");
    }
}

#[test]
fn a_server_that_was_told_to_end_leaves_one_file_of_the_database() {
    let home = Home::new(&mut Chance::new(13));
    let server = Server::start(&home, &[]);
    automation::set_up(&server.client());
    let log = home.data().join("steward.db-wal");
    assert!(log.metadata().unwrap().len() > 0, "while it runs, changes are in the log");
    let said = home.folder("log").join("server.log");
    assert!(server.end().success());
    assert!(!log.exists(), "the log was not folded in");
    let said = std::fs::read_to_string(said).unwrap();
    assert!(!said.contains("error") && !said.contains("warn"), "{said}");
    // So does the server that a command starts for itself.
    assert!(run(&home, &["automations", "list"]).status.success());
    assert!(!log.exists(), "the log was not folded in");
}
