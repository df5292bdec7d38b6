//! What a server leaves in its data folder.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::automation;
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server::Server;

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
