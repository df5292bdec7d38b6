//! Where the data folder is.

use std::path::PathBuf;

use crate::error::{Code, Error};

/// The data folder: `STEWARD_HOME`, or the platform's place for data.
pub fn data_folder(variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf, Error> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("STEWARD_HOME") {
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
