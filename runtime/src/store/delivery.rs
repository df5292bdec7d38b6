//! What leaves to tell the user: stored before it leaves, and never sent twice where it may have arrived.
//!
//! A delivery holds ids and times and nothing else. What it says is read when it leaves, so that it says what is so then;
//! the links in it exist from then on, and nobody but the receiver knows them.

use std::time::Duration;

use intents::Timestamp;
use intents::id::{DeliveryId, NeedId};
use intents::notify::{After, Channel, Kind, State};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::db::Queries;
use super::link::{self, NewLink};
use super::need::told;
use super::rows::{delivery as row, need};
use super::writer::Command;
use super::{Error, NeedStatus, Store};

/// A test whose sender was not heard of for this long has none any more.
const TEST_OVER_AFTER: Duration = Duration::from_secs(10 * 60);
/// A reason is one line.
const REASON_CHARS_MAX: usize = 300;

/// What a delivery is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The needs that it tells of.
    #[serde(default)]
    pub needs: Vec<NeedId>,
    /// The notices that it tells of.
    #[serde(default)]
    pub notices: Vec<String>,
    /// From when on a digest goes.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Until when.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// A notification: a message to the user by one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub id: DeliveryId,
    /// What it is.
    pub kind: Kind,
    /// By which way.
    pub channel: Channel,
    /// Where it stands.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// What it is about.
    pub about: About,
    /// The code of what went wrong last.
    pub code: Option<String>,
    /// What went wrong last.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// What is to be told.
#[derive(Debug, Clone)]
pub struct NewNotification {
    /// What it is.
    pub kind: Kind,
    /// By which way.
    pub channel: Channel,
    /// What it is about.
    pub about: About,
}

/// A message that is about to leave, with the links that are in it.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// The message.
    pub notification: Notification,
    /// Its needs that are still open and not put off, each with its links.
    pub needs: Vec<(NeedId, Vec<NewLink>)>,
}

fn parse(id: &str) -> Result<DeliveryId, Error> {
    id.parse().map_err(|error| Error::unreadable("delivery id", error))
}

fn about_of(row: &row::Model) -> Result<About, Error> {
    serde_json::from_str(&row.about).map_err(|error| Error::unreadable("delivery", error))
}

fn view(row: row::Model) -> Result<Notification, Error> {
    let unreadable = |error| Error::unreadable("delivery", error);
    Ok(Notification {
        id: parse(&row.id)?,
        kind: row.kind.parse().map_err(unreadable)?,
        channel: row.channel.parse().map_err(unreadable)?,
        state: row.state.parse().map_err(unreadable)?,
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        next_at: row.next_at.map(Timestamp::from_millis),
        about: about_of(&row)?,
        code: row.code,
        reason: row.reason,
        created_at: Timestamp::from_millis(row.created_at),
        ended_at: row.ended_at.map(Timestamp::from_millis),
    })
}

async fn find(batch: &Batch<'_>, id: DeliveryId) -> Result<row::Model, Error> {
    let found = batch.tx.one(row::Entity::find_by_id(id.to_string())).await?;
    found.ok_or_else(|| Error::NotFound { what: "delivery", which: id.to_string() })
}

/// Whether a need is open and not put off.
fn is_awake(need: &need::Model, now: Timestamp) -> bool {
    need.status == NeedStatus::Open.as_str() && need.snoozed_until.is_none_or(|until| until <= now.as_millis())
}

/// Decides in one commit what goes into a message, so that a need is told of once by each way.
struct Plan(NewNotification);

impl Command for Plan {
    type Reply = Option<DeliveryId>;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Option<DeliveryId>, Error> {
        let NewNotification { kind, channel, about } = &self.0;
        let id = batch.shared.env.delivery_id();
        let mut about = about.clone();
        if *kind == Kind::News {
            let ids: Vec<String> = about.needs.iter().map(ToString::to_string).collect();
            let found = batch.tx.all(need::Entity::find().filter(need::Column::Id.is_in(ids))).await?;
            let mut taken = Vec::new();
            for mut need in found {
                let told = match channel {
                    Channel::Mail => &mut need.told_mail,
                    Channel::Webhook => &mut need.told_webhook,
                };
                if told.is_some() || need.status != NeedStatus::Open.as_str() {
                    continue;
                }
                *told = Some(id.to_string());
                taken.push(need.id.clone());
                batch.tx.update(&need).await?;
            }
            about.needs.retain(|need| taken.contains(&need.to_string()));
            if about.needs.is_empty() && about.notices.is_empty() {
                return Ok(None);
            }
        }
        let model = row::Model {
            id: id.to_string(),
            kind: kind.as_str().to_owned(),
            channel: channel.as_str().to_owned(),
            state: State::Queued.as_str().to_owned(),
            attempts: 0,
            next_at: Some(batch.now.as_millis()),
            through: about.notices.iter().max().cloned(),
            about: serde_json::to_string(&about).expect("ids and times are texts and numbers"),
            code: None,
            reason: None,
            created_at: batch.now.as_millis(),
            ended_at: None,
        };
        batch.tx.insert(&model).await?;
        Ok(Some(id))
    }
}

/// From here on something may leave.
struct Begin(DeliveryId);

impl Command for Begin {
    type Reply = Option<Leaving>;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Option<Leaving>, Error> {
        let mut row = find(batch, self.0).await?;
        if row.state != State::Queued.as_str() {
            return Ok(None);
        }
        let about = about_of(&row)?;
        link::forget(batch, &row.id).await?;
        let mut needs = Vec::new();
        for id in &about.needs {
            let need = batch.tx.one(need::Entity::find_by_id(id.to_string())).await?;
            let Some(need) = need.filter(|need| is_awake(need, batch.now)) else { continue };
            needs.push((*id, link::make(batch, &need, &row.id).await?));
        }
        if row.kind == Kind::News.as_str() && needs.is_empty() && about.notices.is_empty() {
            // All of it was answered or put off meanwhile.
            (row.state, row.next_at) = (State::Dropped.as_str().to_owned(), None);
            row.ended_at = Some(batch.now.as_millis());
            batch.tx.update(&row).await?;
            return Ok(None);
        }
        (row.state, row.next_at) = (State::Sending.as_str().to_owned(), None);
        row.attempts += 1;
        batch.tx.update(&row).await?;
        Ok(Some(Leaving { notification: view(row)?, needs }))
    }
}

/// What came of an attempt.
struct End {
    id: DeliveryId,
    after: After,
    code: Option<String>,
    reason: Option<String>,
}

impl Command for End {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut row = find(batch, self.id).await?;
        if row.state != State::Sending.as_str() {
            return Ok(());
        }
        row.code = self.code.clone();
        row.reason = self.reason.as_ref().map(|reason| reason.chars().take(REASON_CHARS_MAX).collect());
        match self.after {
            After::Over(state) => {
                row.state = state.as_str().to_owned();
                row.ended_at = Some(batch.now.as_millis());
            }
            After::Again(at) => {
                row.state = State::Queued.as_str().to_owned();
                row.next_at = Some(at.as_millis());
            }
        }
        let arrived = match self.after {
            After::Over(State::Sent | State::Uncertain) => true,
            After::Over(State::Queued | State::Sending | State::Failed | State::Dropped) | After::Again(_) => false,
        };
        if !arrived {
            link::forget(batch, &row.id).await?;
        }
        batch.tx.update(&row).await
    }
}

/// After a start: what was being sent when the last life ended may have arrived.
struct Recover;

impl Command for Recover {
    type Reply = u64;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<u64, Error> {
        // A test is sent by who asked for it, who may be at it.
        let lost = Condition::any()
            .add(row::Column::Kind.ne(Kind::Test.as_str()))
            .add(row::Column::CreatedAt.lt((batch.now - TEST_OVER_AFTER).as_millis()));
        let state = intents::notify::on_start(State::Sending);
        let none = || Expr::value(Option::<String>::None);
        let found = row::Entity::update_many()
            .col_expr(row::Column::State, Expr::value(state.as_str()))
            .col_expr(row::Column::EndedAt, Expr::value(batch.now.as_millis()))
            .col_expr(row::Column::Code, none())
            .col_expr(row::Column::Reason, Expr::value("Steward ended while it was being sent"))
            .filter(row::Column::State.eq(State::Sending.as_str()))
            .filter(lost);
        batch.tx.change(found).await
    }
}

/// What is to be sent goes nowhere any more.
struct Drop {
    channel: Channel,
}

impl Command for Drop {
    type Reply = u64;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<u64, Error> {
        let queued = row::Entity::update_many()
            .col_expr(row::Column::State, Expr::value(State::Dropped.as_str()))
            .col_expr(row::Column::EndedAt, Expr::value(batch.now.as_millis()))
            .col_expr(row::Column::NextAt, Expr::value(Option::<i64>::None))
            .filter(row::Column::Channel.eq(self.channel.as_str()))
            .filter(row::Column::State.eq(State::Queued.as_str()));
        let dropped = batch.tx.change(queued).await?;
        // Should the way come back, what is still open is told of then.
        if dropped > 0 {
            let column = told(self.channel);
            let ids = row::Entity::find()
                .select_only()
                .column(row::Column::Id)
                .filter(row::Column::Channel.eq(self.channel.as_str()))
                .filter(row::Column::State.eq(State::Dropped.as_str()));
            let ids: Vec<String> = batch.tx.tuples(ids).await?;
            let untold = need::Entity::update_many()
                .col_expr(column, Expr::value(Option::<String>::None))
                .filter(need::Column::Status.eq(NeedStatus::Open.as_str()))
                .filter(column.is_in(ids));
            batch.tx.change(untold).await?;
        }
        Ok(dropped)
    }
}

/// Removes deliveries that were over before a time.
pub(super) async fn sweep(batch: &Batch<'_>, before: i64) -> Result<u64, Error> {
    batch.tx.change(row::Entity::delete_many().filter(row::Column::EndedAt.lt(before))).await
}

impl Store {
    /// Stores a message that is to leave; none when there is nothing to tell any more.
    pub async fn plan_notification(&self, new: NewNotification) -> Result<Option<DeliveryId>, Error> {
        self.commit(Plan(new)).await
    }

    /// Takes a message to send it; none when somebody else has, or nothing of it is to be told any more.
    pub async fn begin_notification(&self, id: DeliveryId) -> Result<Option<Leaving>, Error> {
        self.commit(Begin(id)).await
    }

    /// Stores what came of an attempt to send a message.
    pub async fn end_notification(
        &self,
        id: DeliveryId,
        after: After,
        code: Option<String>,
        reason: Option<String>,
    ) -> Result<(), Error> {
        self.commit(End { id, after, code, reason }).await
    }

    /// Marks what was being sent when the last life ended; says how many.
    pub async fn recover_notifications(&self) -> Result<u64, Error> {
        self.commit(Recover).await
    }

    /// Gives up what is to be sent by a way that is there no more; says how many.
    pub async fn drop_notifications(&self, channel: Channel) -> Result<u64, Error> {
        let queued = row::Entity::find()
            .filter(row::Column::State.eq(State::Queued.as_str()))
            .filter(row::Column::Channel.eq(channel.as_str()));
        if self.reader().count(queued).await? == 0 {
            return Ok(0);
        }
        self.commit(Drop { channel }).await
    }

    /// Messages, newest first.
    pub async fn notifications(&self, before: Option<DeliveryId>, most: u64) -> Result<Vec<Notification>, Error> {
        let mut query = row::Entity::find().order_by_desc(row::Column::Id).limit(most);
        if let Some(before) = before {
            query = query.filter(row::Column::Id.lt(before.to_string()));
        }
        self.reader().all(query).await?.into_iter().map(view).collect()
    }

    /// One message.
    pub async fn notification(&self, id: DeliveryId) -> Result<Notification, Error> {
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        found.ok_or_else(|| Error::NotFound { what: "delivery", which: id.to_string() }).and_then(view)
    }

    /// Messages that are to be sent, the next one first.
    pub async fn queued_notifications(&self, most: u64) -> Result<Vec<Notification>, Error> {
        let query = row::Entity::find()
            .filter(row::Column::State.eq(State::Queued.as_str()))
            .order_by_asc(row::Column::NextAt)
            .order_by_asc(row::Column::Id)
            .limit(most);
        self.reader().all(query).await?.into_iter().map(view).collect()
    }

    /// The last message of some kind by a way.
    pub async fn last_notification(&self, channel: Channel, kind: Option<Kind>) -> Result<Option<Notification>, Error> {
        let mut query =
            row::Entity::find().filter(row::Column::Channel.eq(channel.as_str())).order_by_desc(row::Column::Id);
        query = match kind {
            Some(kind) => query.filter(row::Column::Kind.eq(kind.as_str())),
            // The last of which anything is known.
            None => query.filter(row::Column::Attempts.gt(0)).filter(row::Column::State.ne(State::Sending.as_str())),
        };
        self.reader().one(query).await?.map(view).transpose()
    }

    /// The last notice that was told by a way.
    pub async fn told_through(&self, channel: Channel) -> Result<Option<String>, Error> {
        let last = row::Entity::find()
            .select_only()
            .column_as(row::Column::Through.max(), "last")
            .filter(row::Column::Channel.eq(channel.as_str()));
        let last: Option<Option<String>> = self.reader().tuple(last).await?;
        Ok(last.flatten())
    }

    /// Messages that were over between two times and of which it is not known, or known not, that they arrived.
    pub async fn doubtful_notifications(&self, from: Timestamp, until: Timestamp) -> Result<Vec<Notification>, Error> {
        let query = row::Entity::find()
            .filter(row::Column::State.is_in([State::Uncertain, State::Failed].map(State::as_str)))
            .filter(row::Column::EndedAt.gte(from.as_millis()))
            .filter(row::Column::EndedAt.lt(until.as_millis()))
            .order_by_asc(row::Column::Id)
            .limit(DOUBTFUL_MAX);
        self.reader().all(query).await?.into_iter().map(view).collect()
    }
}

/// So many that did not arrive are listed.
const DOUBTFUL_MAX: u64 = 50;
