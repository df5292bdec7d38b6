//! The inbox as people see it, and what of it the user was not told of yet.

use intents::Timestamp;
use intents::id::NeedId;
use intents::need::Priority;
use intents::notify::Channel;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Need, NeedStatus, parse};
use crate::store::db::Queries;
use crate::store::rows::need as row;
use crate::store::{Error, Store};

/// Untold needs that are looked through at once: many messages' worth, and no more than a moment's work.
const UNTOLD_MAX: u64 = 500;

/// An open need that the user was not told of by one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The need.
    pub need: NeedId,
    /// How much it matters.
    pub priority: Priority,
    /// Since when it waits to be told: since it was opened, or came back.
    pub since: Timestamp,
}

fn open() -> SimpleExpr {
    row::Column::Status.eq(NeedStatus::Open.as_str())
}

/// What is not put off at a time.
pub(super) fn awake(now: i64) -> Condition {
    Condition::any().add(row::Column::SnoozedUntil.is_null()).add(row::Column::SnoozedUntil.lte(now))
}

/// The column that says by which delivery a need was told.
pub(in crate::store) const fn told(channel: Channel) -> row::Column {
    match channel {
        Channel::Mail => row::Column::ToldMail,
        Channel::Webhook => row::Column::ToldWebhook,
    }
}

impl Store {
    /// Open needs, what matters most first and of that the oldest; those that are put off only when asked for.
    pub async fn inbox(&self, snoozed: bool, after: Option<NeedId>, most: u64) -> Result<Vec<Need>, Error> {
        let mut query = row::Entity::find()
            .filter(open())
            .order_by_desc(row::Column::Priority)
            .order_by_asc(row::Column::Id)
            .limit(most);
        if !snoozed {
            query = query.filter(awake(self.shared().env.now().as_millis()));
        }
        if let Some(after) = after {
            // A need that was answered meanwhile still says where its page ended.
            let last = self.reader().one(row::Entity::find_by_id(after.to_string())).await?;
            let last = last.ok_or_else(|| Error::NotFound { what: "need", which: after.to_string() })?;
            let beside = Condition::all().add(row::Column::Priority.eq(last.priority)).add(row::Column::Id.gt(last.id));
            query = query.filter(Condition::any().add(row::Column::Priority.lt(last.priority)).add(beside));
        }
        self.reader().all(query).await?.into_iter().map(|row| self.need_view(row)).collect()
    }

    /// How many open needs are put off.
    pub async fn snoozed_needs(&self) -> Result<u64, Error> {
        let now = self.shared().env.now().as_millis();
        self.reader().count(row::Entity::find().filter(open()).filter(row::Column::SnoozedUntil.gt(now))).await
    }

    /// Open needs of which the user was not told by a way, without the one that is about this very way. Those that are put
    /// off are told of when they come back; the second part says when the next one does.
    pub async fn untold_needs(
        &self,
        channel: Channel,
        but_for: &str,
    ) -> Result<(Vec<Untold>, Option<Timestamp>), Error> {
        let now = self.shared().env.now();
        let query = row::Entity::find()
            .filter(open())
            .filter(told(channel).is_null())
            .filter(row::Column::DedupeKey.ne(but_for))
            .order_by_desc(row::Column::Priority)
            .order_by_asc(row::Column::Id)
            .limit(UNTOLD_MAX);
        let (mut untold, mut next) = (Vec::new(), None);
        for row in self.reader().all(query).await? {
            let back = row.snoozed_until.map(Timestamp::from_millis);
            if let Some(back) = back.filter(|back| *back > now) {
                next = Some(next.map_or(back, |next: Timestamp| next.min(back)));
                continue;
            }
            let priority = Priority::of_rank(row.priority).unwrap_or(Priority::Normal);
            let since = back.unwrap_or(Timestamp::from_millis(row.created_at));
            untold.push(Untold { need: parse(&row.id)?, priority, since });
        }
        Ok((untold, next))
    }
}
