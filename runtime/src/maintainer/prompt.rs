//! What a model is told before a repair. The prompts are files, with their version in their names.

const SYSTEM: &str = include_str!("../../prompts/maintainer/system.v1.md");
const SCRIPT: &str = include_str!("../../prompts/planner/script.v1.md");

/// The whole of it.
pub(super) fn system() -> String {
    format!("{SYSTEM}\n\n{SCRIPT}\n")
}
