//! Where the data folder and the configuration file are.

use std::path::{Path, PathBuf};

use crate::error::{Code, Error};

/// The data folder.
pub(super) const HOME: &str = "STEWARD_HOME";
/// The configuration file, where it is not in the data folder.
pub(super) const CONFIG: &str = "STEWARD_CONFIG";
/// The name of the configuration file in the data folder.
const FILE: &str = "steward.toml";

/// The data folder: `STEWARD_HOME`, or the platform's place for data.
pub fn data_folder(variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf, Error> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set(HOME) {
        return std::path::absolute(&folder)
            .map_err(|error| Error::new(Code::ConfigHome, format!("STEWARD_HOME `{}`: {error}", folder.display())));
    }
    let home = || {
        let advice = "no home folder is set; choose a data folder with STEWARD_HOME";
        set("HOME").ok_or_else(|| Error::new(Code::ConfigHome, advice))
    };
    if cfg!(target_os = "macos") {
        return Ok(home()?.join("Library/Application Support/steward"));
    }
    // The specification of XDG says to ignore relative paths.
    match set("XDG_DATA_HOME").filter(|path| path.is_absolute()) {
        Some(data) => Ok(data.join("steward")),
        None => Ok(home()?.join(".local/share/steward")),
    }
}

/// The configuration file, and whether somebody named it: by a flag, or by `STEWARD_CONFIG`.
pub(super) fn config_file(home: &Path, flag: Option<&Path>, variable: Option<String>) -> (PathBuf, bool) {
    let named = flag.map(Path::to_owned).or_else(|| variable.filter(|path| !path.is_empty()).map(PathBuf::from));
    match named {
        Some(path) => (path, true),
        None => (home.join(FILE), false),
    }
}
