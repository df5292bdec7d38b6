//! Labels as rows hold them, and those of files that runs have written.

use intents::label::Labels;

use super::Error;

pub(super) fn written(labels: &Labels) -> String {
    serde_json::to_string(labels).expect("labels are texts")
}

/// Reads labels back; what was written before labels were kept has none.
pub(super) fn read(text: Option<&str>) -> Result<Labels, Error> {
    match text {
        Some(text) => serde_json::from_str(text).map_err(|error| Error::unreadable("labels", error)),
        None => Ok(Labels::new()),
    }
}
