//! Asks the database whether its file is sound.

use super::{Error, Store};

/// A damaged file has many faults; the first ones tell enough.
const FINDINGS_MAX: u32 = 20;

impl Store {
    /// What is wrong with the database file; nothing when it is sound.
    pub async fn quick_check(&self) -> Result<Vec<String>, Error> {
        // PostgreSQL looks after its own files.
        let findings: Option<Vec<String>> = self.reader().pragma(format!("quick_check({FINDINGS_MAX})")).await?;
        let mut findings = findings.unwrap_or_default();
        findings.retain(|finding| finding != "ok");
        Ok(findings)
    }
}
