//! Proof sheets, kept with the digests of what was tried. They hold no data of the script: what they say is counts, codes
//! and names of tools.

use intents::Timestamp;
use intents::id::TrialId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::batch::Batch;
use super::db::Queries;
use super::rows::trial as row;
use super::writer::Command;
use super::{Error, Store};
use crate::trial::SheetV1;

/// Sheets of one script that are kept; older ones say less.
const SHEETS_PER_SCRIPT_MAX: u64 = 20;
/// Sheets that are kept in all: those of scripts that nobody tried for long go first.
const SHEETS_MAX: u64 = 10_000;

/// A proof sheet with what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptTrial {
    /// Its id.
    pub id: TrialId,
    /// What was tried.
    pub of: Tried,
    /// What was found.
    pub sheet: SheetV1,
    /// When.
    pub created_at: Timestamp,
}

/// The digests of what was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The contract.
    pub contract_digest: String,
    /// The script.
    pub script_digest: String,
    /// The recorded cases and past runs.
    pub cases_digest: String,
}

fn domain(row: row::Model) -> Result<KeptTrial, Error> {
    Ok(KeptTrial {
        id: row.id.parse().map_err(|error| Error::unreadable("trial", error))?,
        of: Tried {
            contract_digest: row.contract_digest,
            script_digest: row.script_digest,
            cases_digest: row.cases_digest,
        },
        sheet: serde_json::from_str(&row.sheet).map_err(|error| Error::unreadable("trial", error))?,
        created_at: Timestamp::from_millis(row.created_at),
    })
}

struct Keep {
    of: Tried,
    sheet: SheetV1,
}

impl Command for Keep {
    type Reply = KeptTrial;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<KeptTrial, Error> {
        let sheet = serde_json::to_string(&self.sheet).map_err(|error| Error::unreadable("trial", error))?;
        let model = row::Model {
            id: batch.shared.env.trial_id().to_string(),
            contract_digest: self.of.contract_digest.clone(),
            script_digest: self.of.script_digest.clone(),
            cases_digest: self.of.cases_digest.clone(),
            verdict: self.sheet.verdict.clone(),
            sheet,
            created_at: batch.now.as_millis(),
        };
        batch.tx.insert(&model).await?;
        let of_script = row::Entity::find().filter(row::Column::ScriptDigest.eq(&self.of.script_digest));
        for (among, most) in [(of_script, SHEETS_PER_SCRIPT_MAX), (row::Entity::find(), SHEETS_MAX)] {
            // Ids rise with time: what lies behind the newest ones is old.
            let last = among.select_only().column(row::Column::Id).order_by_desc(row::Column::Id).offset(most).limit(1);
            let Some(last) = batch.tx.tuples::<String>(last).await?.into_iter().next() else { continue };
            let mut old = row::Entity::delete_many().filter(row::Column::Id.lte(last));
            if most == SHEETS_PER_SCRIPT_MAX {
                old = old.filter(row::Column::ScriptDigest.eq(&self.of.script_digest));
            }
            batch.tx.change(old).await?;
        }
        domain(model)
    }
}

impl Store {
    /// Keeps a proof sheet.
    pub async fn keep_trial(&self, of: Tried, sheet: SheetV1) -> Result<KeptTrial, Error> {
        self.commit(Keep { of, sheet }).await
    }

    /// One proof sheet.
    pub async fn trial(&self, id: TrialId) -> Result<KeptTrial, Error> {
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        found.ok_or_else(|| Error::NotFound { what: "trial", which: id.to_string() }).and_then(domain)
    }

    /// The newest proof sheet of the same script under the same contract on the same cases.
    pub async fn trial_of(&self, of: &Tried) -> Result<Option<KeptTrial>, Error> {
        let same = row::Entity::find()
            .filter(row::Column::ScriptDigest.eq(&of.script_digest))
            .filter(row::Column::ContractDigest.eq(&of.contract_digest))
            .filter(row::Column::CasesDigest.eq(&of.cases_digest))
            .order_by_desc(row::Column::Id);
        self.reader().one(same).await?.map(domain).transpose()
    }
}
