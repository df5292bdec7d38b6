//! Asks the database whether its file is sound.

use sea_orm::{ConnectionTrait, Statement};

use super::{Error, Store};

/// A damaged file has many faults; the first ones tell enough.
const FINDINGS_MAX: u32 = 20;

impl Store {
    /// What is wrong with the database file; nothing when it is sound.
    pub async fn quick_check(&self) -> Result<Vec<String>, Error> {
        let reader = self.reader();
        let query =
            Statement::from_string(reader.get_database_backend(), format!("PRAGMA quick_check({FINDINGS_MAX})"));
        let mut findings = Vec::new();
        for row in reader.query_all_raw(query).await? {
            let finding: String = row.try_get_by_index(0)?;
            if finding != "ok" {
                findings.push(finding);
            }
        }
        Ok(findings)
    }
}
