//! What is known of the shapes of results, by automation and call site.

use std::collections::BTreeMap;
use std::sync::Arc;

use intents::drift::{Fingerprint, Names, Note, Shape};
use intents::id::AutomationId;
use intents::label::Labels;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::fingerprint as row;
use crate::store::writer::{Command, Ticket};
use crate::store::{Error, Store, notice};

/// Call sites of one automation that are known; a script that has more makes them from data.
const SITES_MAX: usize = 200;

/// What a run saw at a call site.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The merged shape of the results.
    pub shape: Shape,
    /// How long a call took, the longest of them, in milliseconds.
    pub took_ms: u64,
    /// How long it may take.
    pub timeout_ms: u64,
}

/// What a run that succeeded saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// Whose run it was.
    pub automation: AutomationId,
    /// By call site.
    pub sites: BTreeMap<String, Seen>,
    /// The names that its script and contract use.
    pub used: Names,
}

fn place(automation: &str, site: &str) -> String {
    format!("{automation}/fingerprint/{site}")
}

impl Learnt {
    /// Whether any of it says something new, given what is known.
    pub fn says_anything(&self, known: &BTreeMap<String, Fingerprint>) -> bool {
        self.sites.iter().any(|(site, seen)| match known.get(site) {
            None => known.len() < SITES_MAX,
            Some(known) => known.clone().learn(&seen.shape, seen.took_ms, seen.timeout_ms, &self.used).1,
        })
    }
}

impl Command for Learnt {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let automation = self.automation.to_string();
        let Some(of) = batch.automation(self.automation).await? else { return Ok(()) };
        let count = batch.tx.count(row::Entity::find().filter(row::Column::AutomationId.eq(&automation))).await?;
        for (site, seen) in &self.sites {
            let found = batch.tx.one(row::Entity::find_by_id((automation.clone(), site.clone()))).await?;
            let mut known: Fingerprint = match &found {
                Some(row) => batch.shared.payload.open_value("fingerprint", &place(&automation, site), &row.body)?,
                None if count >= SITES_MAX as u64 => continue,
                None => Fingerprint::default(),
            };
            let (notes, changed) = known.learn(&seen.shape, seen.took_ms, seen.timeout_ms, &self.used);
            if changed {
                let body = batch.shared.payload.seal_value(&batch.shared.env, &place(&automation, site), &known);
                let updated_at = batch.now.as_millis();
                let model = row::Model { automation_id: automation.clone(), site: site.clone(), body, updated_at };
                batch.tx.put(&model).await?;
            }
            tell(batch, self.automation, &of.title, site, &notes).await?;
        }
        batch.fingerprints_changed(self.automation);
        Ok(())
    }
}

/// Forgets what is known of an automation: its script is another, and its shapes are learnt anew.
pub(in crate::store) async fn forget(batch: &mut Batch<'_>, automation: AutomationId) -> Result<(), Error> {
    let all = row::Entity::delete_many().filter(row::Column::AutomationId.eq(automation.to_string()));
    batch.tx.change(all).await?;
    batch.fingerprints_changed(automation);
    Ok(())
}

/// Tells what has changed without breaking anything, in one notice for a call site.
async fn tell(
    batch: &mut Batch<'_>,
    automation: AutomationId,
    title: &str,
    site: &str,
    notes: &[Note],
) -> Result<(), Error> {
    if notes.is_empty() {
        return Ok(());
    }
    let warns = notes.iter().any(|note| note.warns);
    let level = if warns { "warn" } else { "info" };
    let headline = if warns {
        format!("{title}: a service begins to answer in another way")
    } else {
        format!("{title}: a service answers with something new")
    };
    let words: Vec<_> = notes.iter().map(|note| note.words.as_str()).collect();
    notice::tell(batch, Some(automation), level, &headline, &format!("{site}: {}.", words.join(", ")), &Labels::new())
        .await
}

impl Store {
    /// What is known of the call sites of an automation.
    pub async fn fingerprints(&self, automation: AutomationId) -> Result<Arc<BTreeMap<String, Fingerprint>>, Error> {
        let since = match self.shared().fingerprints.get(&automation) {
            Ok(known) => return Ok(known),
            Err(since) => since,
        };
        let id = automation.to_string();
        let query = row::Entity::find()
            .filter(row::Column::AutomationId.eq(&id))
            .order_by_asc(row::Column::Site)
            .limit(SITES_MAX as u64);
        let rows = self.reader().all(query).await?;
        let open = |row: row::Model| {
            let known = self.shared().payload.open_value("fingerprint", &place(&id, &row.site), &row.body)?;
            Ok((row.site, known))
        };
        let known: Arc<BTreeMap<_, _>> = Arc::new(rows.into_iter().map(open).collect::<Result<_, Error>>()?);
        self.shared().fingerprints.keep(automation, Arc::clone(&known), since);
        Ok(known)
    }

    /// Learns from a run that succeeded. Nobody waits for it: what is lost is learnt again.
    pub async fn learn(&self, learnt: Learnt) -> Result<Ticket<()>, Error> {
        self.enqueue(learnt).await
    }
}
