//! What model calls cost, added up.

use intents::Timestamp;
use intents::id::{AutomationId, RoomId, RunId};
use intents::model::{Cost, Spent, Tokens, WINDOW_DAY, WINDOW_MONTH};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::db::Queries;
use super::rows::model_call as row;
use super::{Error, Store};

/// By what usage is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageBy {
    /// The day, in UTC.
    Day,
    /// The automation.
    Automation,
    /// The provider.
    Provider,
    /// The model.
    Model,
    /// The purpose.
    Purpose,
    /// The room.
    Room,
}

impl UsageBy {
    /// What it is in the database, as a text; empty where a call has none.
    const fn column(self) -> &'static str {
        match self {
            Self::Day => "CAST(started_at / 86400000 AS text)",
            Self::Automation => "COALESCE(automation_id, '')",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Purpose => "purpose",
            Self::Room => "COALESCE(room, '')",
        }
    }
}

/// Which calls are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageFilter {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// For this automation.
    pub automation: Option<AutomationId>,
    /// For this run.
    pub run: Option<RunId>,
    /// In this room.
    pub room: Option<RoomId>,
}

/// What some calls took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// How many there were.
    pub calls: u64,
    /// The tokens that endpoints reported.
    pub tokens: Tokens,
    /// What was settled with a report.
    pub cost: Cost,
    /// What is reserved for calls that are under way, or of which nobody knows what became of them.
    pub held: Cost,
    /// Calls that are held so.
    pub unsettled: u64,
}

impl Usage {
    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            tokens: self.tokens.plus(other.tokens),
            cost: self.cost.plus(other.cost),
            held: self.held.plus(other.held),
            unsettled: self.unsettled + other.unsettled,
        }
    }
}

/// What the calls of one day, automation, provider took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageLine {
    /// The day as a number of days since 1970, or an id or a name; empty for calls that have none.
    pub of: String,
    /// What they took.
    pub usage: Usage,
}

/// One group as the database adds it up: its key, calls, tokens in and out, cost, and how many of them are held.
type Group = (String, i64, i64, i64, i64, i64, i64);

fn number(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

impl Store {
    /// What calls took, by day, automation, provider or whatever is asked for.
    pub async fn model_usage(&self, by: UsageBy, filter: UsageFilter) -> Result<Vec<UsageLine>, Error> {
        // A call is settled when its tokens are known, and costs nothing when nothing was done.
        const SETTLED: &str = "(tokens_in IS NOT NULL OR state = 'failed')";
        let total = |what: String| Expr::cust(format!("CAST(COALESCE(SUM({what}), 0) AS bigint)"));
        let key = Expr::cust(by.column());
        let mut query = row::Entity::find()
            .select_only()
            .expr_as(key.clone(), "of")
            .expr_as(Expr::cust("CAST(COUNT(*) AS bigint)"), "calls")
            .expr_as(total("tokens_in".to_owned()), "tokens_in")
            .expr_as(total("tokens_out".to_owned()), "tokens_out")
            .expr_as(total(format!("CASE WHEN {SETTLED} THEN cost ELSE 0 END")), "cost")
            .expr_as(total(format!("CASE WHEN {SETTLED} THEN 0 ELSE cost END")), "held")
            .expr_as(total(format!("CASE WHEN {SETTLED} THEN 0 ELSE 1 END")), "unsettled");
        if let Some(since) = filter.since {
            query = query.filter(row::Column::StartedAt.gte(since.as_millis()));
        }
        if let Some(until) = filter.until {
            query = query.filter(row::Column::StartedAt.lt(until.as_millis()));
        }
        if let Some(automation) = filter.automation {
            query = query.filter(row::Column::AutomationId.eq(automation.to_string()));
        }
        if let Some(run) = filter.run {
            query = query.filter(row::Column::RunId.eq(run.to_string()));
        }
        if let Some(room) = filter.room {
            query = query.filter(row::Column::Room.eq(room.to_string()));
        }
        let groups: Vec<Group> = self.reader().at_length().tuples(query.group_by(key)).await?;
        let mut lines: Vec<_> = groups
            .into_iter()
            .map(|(of, calls, tokens_in, tokens_out, cost, held, unsettled)| UsageLine {
                of,
                usage: Usage {
                    calls: number(calls),
                    tokens: Tokens { input: number(tokens_in), output: number(tokens_out) },
                    cost: Cost::from_parts(cost),
                    held: Cost::from_parts(held),
                    unsettled: number(unsettled),
                },
            })
            .collect();
        lines.sort_by(|one, other| one.of.cmp(&other.of));
        Ok(lines)
    }

    /// What is spent and reserved at this moment, as the budgets see it.
    pub async fn model_spent(&self, automation: Option<AutomationId>) -> Result<Spent, Error> {
        let now = self.shared().env.now();
        let total = async |window, automation: Option<AutomationId>| -> Result<Cost, Error> {
            let mut query = row::Entity::find()
                .select_only()
                .expr(Expr::cust("CAST(COALESCE(SUM(cost), 0) AS bigint)"))
                .filter(row::Column::StartedAt.gt((now - window).as_millis()));
            if let Some(automation) = automation {
                query = query.filter(row::Column::AutomationId.eq(automation.to_string()));
            }
            let sums: Vec<i64> = self.reader().at_length().tuples(query).await?;
            Ok(Cost::from_parts(sums.first().copied().unwrap_or(0)))
        };
        let of_automation = match automation {
            Some(automation) => total(WINDOW_MONTH, Some(automation)).await?,
            None => Cost::ZERO,
        };
        Ok(Spent {
            day: total(WINDOW_DAY, None).await?,
            month: total(WINDOW_MONTH, None).await?,
            automation: of_automation,
        })
    }
}
