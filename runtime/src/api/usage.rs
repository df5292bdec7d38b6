//! What models cost.

use std::collections::BTreeMap;

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use intents::Timestamp;
use intents::amount::Amount;
use intents::id::{AutomationId, RoomId, RunId};
use intents::model::Cost;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::faces::Faces;
use super::page;
use super::problem::Problem;
use crate::error::Error;
use crate::store::{Usage, UsageBy, UsageFilter, UsageLine};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What calls of models took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageView {
    /// By what it is added up.
    pub by: String,
    /// The sums.
    pub items: Vec<UsageItem>,
    /// The sum of all of them.
    pub total: UsageSum,
    /// What may be spent, and what is spent of it at this moment.
    pub budgets: BudgetsView,
}

/// What some calls took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageItem {
    /// The day, or an id or a name; empty for calls that belong to none.
    pub of: String,
    /// The name of the automation, where it is added up by automation.
    pub name: Option<String>,
    /// The sum.
    #[serde(flatten)]
    pub sum: UsageSum,
}

/// A sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageSum {
    /// How many calls there were, failed ones included.
    pub calls: u64,
    /// Tokens that were sent, as the endpoints reported.
    pub tokens_in: u64,
    /// Tokens that were answered, as the endpoints reported.
    pub tokens_out: u64,
    /// What the reported tokens cost, in micro-dollars, rounded up once.
    pub cost_micros: i64,
    /// What is held for calls of which nothing was reported, in micro-dollars.
    pub held_micros: i64,
    /// How many calls those are.
    pub unsettled: u64,
}

/// What may be spent on models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetsView {
    /// In any 24 hours.
    pub day: BudgetView,
    /// In any 30 days.
    pub month: BudgetView,
}

/// A budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// What may be spent, in micro-dollars.
    pub max_micros: i64,
    /// What is spent or held, in micro-dollars.
    pub spent_micros: i64,
}

/// Which calls, and by what they are added up.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `day` (unless said), `automation`, `provider`, `model`, `purpose` or `room`.
    by: Option<String>,
    /// From this day or time on.
    since: Option<String>,
    /// Before this day or time.
    until: Option<String>,
    /// Only for this automation: its id or name.
    automation: Option<String>,
    /// Only for this run.
    run: Option<String>,
    /// Only in this room, such as that of a thread.
    room: Option<String>,
}

impl From<Usage> for UsageSum {
    fn from(usage: Usage) -> Self {
        Self {
            calls: usage.calls,
            tokens_in: usage.tokens.input,
            tokens_out: usage.tokens.output,
            cost_micros: usage.cost.micros(),
            held_micros: usage.held.micros(),
            unsettled: usage.unsettled,
        }
    }
}

impl BudgetView {
    fn new(max: Option<Amount>, spent: Cost) -> Self {
        Self { max_micros: max.map_or(i64::MAX, Amount::millionths), spent_micros: spent.micros() }
    }
}

fn by(text: &str) -> Result<UsageBy, Error> {
    Ok(match text {
        "day" => UsageBy::Day,
        "automation" => UsageBy::Automation,
        "provider" => UsageBy::Provider,
        "model" => UsageBy::Model,
        "purpose" => UsageBy::Purpose,
        "room" => UsageBy::Room,
        other => return Err(page::malformed("by", other)),
    })
}

/// A time, or the beginning of a day in UTC.
fn time(name: &str, text: &str) -> Result<Timestamp, Error> {
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    whole.parse::<jiff::Timestamp>().map(Timestamp::from_jiff).map_err(|_| page::malformed(name, text))
}

/// The date of a number of days since 1970.
fn date(days: &str) -> String {
    let start = days.parse::<i64>().ok().and_then(|days| days.checked_mul(DAY_MS));
    start.map_or_else(|| days.to_owned(), |ms| Timestamp::from_millis(ms).to_string().chars().take(10).collect())
}

/// Adds up what calls of models took.
#[utoipa::path(tag = "models", params(Filter), responses(
    (status = 200, description = "The sums", body = UsageView),
    (status = 400, description = "The filter makes no sense", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/usage")]
pub(super) async fn show(faces: Data<Faces>, filter: Query<Filter>) -> Result<Json<UsageView>, Error> {
    let store = &faces.app.store;
    let word = filter.by.as_deref().unwrap_or("day");
    let by = by(word)?;
    let automation: Option<AutomationId> = match &filter.automation {
        Some(which) => Some(store.automation(which).await?.id),
        None => None,
    };
    let wanted = UsageFilter {
        since: filter.since.as_deref().map(|text| time("since", text)).transpose()?,
        until: filter.until.as_deref().map(|text| time("until", text)).transpose()?,
        automation,
        run: filter.run.as_deref().map(|run| page::id::<RunId>("run", run)).transpose()?,
        room: filter.room.as_deref().map(|room| page::id::<RoomId>("room", room)).transpose()?,
    };
    let lines = store.model_usage(by, wanted).await?;
    let total = lines.iter().fold(Usage::default(), |sum, line| sum.plus(line.usage));
    let names: BTreeMap<String, String> = match by {
        UsageBy::Automation => store
            .automations()
            .await?
            .into_iter()
            .map(|automation| (automation.id.to_string(), automation.name))
            .collect(),
        UsageBy::Day | UsageBy::Provider | UsageBy::Model | UsageBy::Purpose | UsageBy::Room => BTreeMap::new(),
    };
    let item = |UsageLine { of, usage }: UsageLine| UsageItem {
        name: names.get(&of).cloned(),
        of: if by == UsageBy::Day { date(&of) } else { of },
        sum: usage.into(),
    };
    let (limits, spent) = faces.app.models.budgets().await?;
    let budgets =
        BudgetsView { day: BudgetView::new(limits.day, spent.day), month: BudgetView::new(limits.month, spent.month) };
    let items = lines.into_iter().map(item).collect();
    Ok(Json(UsageView { by: word.to_owned(), items, total: total.into(), budgets }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_dates() {
        assert_eq!((date("0").as_str(), date("20514").as_str(), date("x").as_str()), ("1970-01-01", "2026-03-02", "x"));
        assert_eq!(time("since", "1970-01-02").unwrap(), Timestamp::from_millis(DAY_MS));
        assert!(time("since", "yesterday").is_err());
    }
}
