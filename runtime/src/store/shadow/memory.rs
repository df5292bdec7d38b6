//! What an automation remembers in its shadow: what it really remembers, but for what shadow runs have written since.

use intents::id::{AutomationId, ShadowId};
use intents::label::Labels;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::{shadow_state as row, state as real};
use crate::store::{Error, StateWrite, Store, Versioned, label};

fn place(shadow: &str, name: &str) -> String {
    format!("{shadow}/{name}")
}

/// Takes the changes of a shadow run, unless another has changed what it saw. What is real is never written.
pub(in crate::store) async fn write(
    batch: &Batch<'_>,
    automation: AutomationId,
    shadow: ShadowId,
    writes: &[StateWrite],
    labels: &Labels,
) -> Result<bool, Error> {
    let (automation, shadow) = (automation.to_string(), shadow.to_string());
    let mut changes = Vec::new();
    for write in writes {
        let version = version(batch, &automation, &shadow, &write.name).await?;
        if write.seen.is_some_and(|seen| seen != version.unsigned_abs()) {
            return Ok(false);
        }
        let Some(value) = &write.value else { continue };
        let sealed = value
            .as_ref()
            .map(|value| batch.shared.payload.seal_value(&batch.shared.env, &place(&shadow, &write.name), value));
        changes.push(row::Model {
            shadow: shadow.clone(),
            name: write.name.clone(),
            value: sealed,
            version: version + 1,
            updated_at: batch.now.as_millis(),
            labels: Some(label::written(labels)),
        });
    }
    for change in changes {
        batch.tx.put(&change).await?;
    }
    Ok(true)
}

async fn version(batch: &Batch<'_>, automation: &str, shadow: &str, name: &str) -> Result<i64, Error> {
    if let Some(own) = batch.tx.one(row::Entity::find_by_id((shadow.to_owned(), name.to_owned()))).await? {
        return Ok(own.version);
    }
    let under = batch.tx.one(real::Entity::find_by_id((automation.to_owned(), name.to_owned()))).await?;
    Ok(under.map_or(0, |row| row.version))
}

/// Forgets what was remembered in a shadow.
pub(in crate::store) async fn forget(batch: &Batch<'_>, shadow: &str) -> Result<u64, Error> {
    batch.tx.change(row::Entity::delete_many().filter(row::Column::Shadow.eq(shadow))).await
}

/// Takes what was remembered in a shadow out of it; that there was something stays.
pub(in crate::store) async fn empty(batch: &Batch<'_>, shadow: &str) -> Result<u64, Error> {
    let emptied = row::Entity::update_many()
        .col_expr(row::Column::Value, Expr::value(Option::<Vec<u8>>::None))
        .col_expr(row::Column::Version, Expr::col(row::Column::Version).add(1))
        .filter(row::Column::Shadow.eq(shadow))
        .filter(row::Column::Value.is_not_null());
    batch.tx.change(emptied).await
}

impl Store {
    /// One place of an automation's memory, as its shadow sees it.
    pub async fn state_in_shadow(
        &self,
        automation: AutomationId,
        shadow: ShadowId,
        name: &str,
    ) -> Result<Versioned, Error> {
        let shadow = shadow.to_string();
        let Some(row) = self.reader().one(row::Entity::find_by_id((shadow.clone(), name.to_owned()))).await? else {
            return self.state(automation, name).await;
        };
        let open = |sealed: &Vec<u8>| self.shared().payload.open_value("state", &place(&shadow, name), sealed);
        Ok(Versioned {
            value: row.value.as_ref().map(open).transpose()?,
            version: row.version.unsigned_abs(),
            labels: label::read(row.labels.as_deref())?,
        })
    }
}
