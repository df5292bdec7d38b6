//! Calls of models: reserved before they are made, settled with what they cost, and answered once for each request.
//!
//! A reservation counts as spent. It is replaced by the true cost when the call is settled, and given back when it is
//! proven that nothing was done. A call of which nobody knows what became of it keeps its reservation: it leaves the
//! budgets only with time, when the day and the month go by.

use std::fmt;
use std::str::FromStr;

use intents::Timestamp;
use intents::id::{AutomationId, ModelCallId, RoomId, RunId};
use intents::model::{Cost, Limits, Over, Purpose, Spent, Tokens, WINDOW_DAY, WINDOW_MONTH};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::batch::Batch;
use super::db::Queries;
use super::event::{NewEvent, WORKSPACE_ROOM, room_of};
use super::payload::PayloadKey;
use super::rows::model_call as row;
use super::writer::Command;
use super::{Error, Store};

/// Who makes the entries about calls.
const ACTOR: &str = "models";
/// What becomes of a call whose process died.
const INTERRUPTED: &str = "MODEL_UNANSWERED";
/// Rows that lose their answers in one commit.
const SWEEP_MAX: u64 = 500;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelCallState {
    /// It is paid for and under way.
    Reserved,
    /// Its answer is stored.
    Answered,
    /// Nothing was done, and nothing is owed.
    Failed,
    /// Its answer never came; its reservation stands.
    Unknown,
}

impl ModelCallState {
    const ALL: [Self; 4] = [Self::Reserved, Self::Answered, Self::Failed, Self::Unknown];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ModelCallState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ModelCallState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| Error::unreadable("model call", format!("`{text}` is no state")))
    }
}

/// A call that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewModelCall {
    /// The id of the step that asks: one answer for each.
    pub request: String,
    /// The provider.
    pub provider: String,
    /// Its profile.
    pub profile: String,
    /// The model.
    pub model: String,
    /// What for.
    pub purpose: Purpose,
    /// The room that it belongs to.
    pub room: Option<RoomId>,
    /// The automation that it is for.
    pub automation: Option<AutomationId>,
    /// The run that it is for.
    pub run: Option<RunId>,
    /// What it costs at most.
    pub worst: Cost,
    /// What may be spent.
    pub limits: Limits,
    /// Which recorded answer it will get, where it is one.
    pub recording: Option<u32>,
}

/// What came of asking for a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reserving {
    /// It may be made.
    Reserved(ModelCallId),
    /// It was made before.
    Answered(Box<StoredAnswer>),
    /// It is being made.
    UnderWay,
    /// It was made before, and its answer never came.
    Unanswered,
    /// There is no money for it.
    Over(Over),
}

/// An answer that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAnswer {
    /// What is known of its call.
    pub call: ModelCall,
    /// The answer itself.
    pub answer: Value,
}

/// What is known of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCall {
    /// Its id.
    pub id: ModelCallId,
    /// The id of the step that asked.
    pub request: String,
    /// The provider.
    pub provider: String,
    /// Its profile.
    pub profile: String,
    /// The model.
    pub model: String,
    /// What for.
    pub purpose: Purpose,
    /// Where it stands.
    pub state: ModelCallState,
    /// Why there is no answer.
    pub code: Option<String>,
    /// What was reserved for it.
    pub reserved: Cost,
    /// What it cost; what was reserved, as long as nobody knows.
    pub cost: Cost,
    /// The tokens that the endpoint reported.
    pub tokens: Option<Tokens>,
    /// When it was made.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelCallEnd {
    /// With an answer.
    Answered {
        /// The tokens that the endpoint reported; without them the reservation stands.
        tokens: Option<Tokens>,
        /// What they cost.
        cost: Cost,
        /// The answer.
        answer: Value,
    },
    /// Nothing was done.
    Failed {
        /// Why.
        code: &'static str,
    },
    /// Nobody knows what was done.
    Unknown {
        /// Why.
        code: &'static str,
    },
}

fn count(number: Option<i64>) -> Result<Option<u64>, Error> {
    number.map(u64::try_from).transpose().map_err(|error| Error::unreadable("model call", error))
}

fn domain(row: &row::Model) -> Result<ModelCall, Error> {
    let tokens = match (count(row.tokens_in)?, count(row.tokens_out)?) {
        (Some(input), Some(output)) => Some(Tokens { input, output }),
        (Some(_) | None, None) | (None, Some(_)) => None,
    };
    Ok(ModelCall {
        id: row.id.parse().map_err(|error| Error::unreadable("model call", error))?,
        request: row.request.clone(),
        provider: row.provider.clone(),
        profile: row.profile.clone(),
        model: row.model.clone(),
        purpose: row.purpose.parse().map_err(|error| Error::unreadable("model call", error))?,
        state: row.state.parse()?,
        code: row.code.clone(),
        reserved: Cost::from_parts(row.reserved),
        cost: Cost::from_parts(row.cost),
        tokens,
        started_at: Timestamp::from_millis(row.started_at),
        ended_at: row.ended_at.map(Timestamp::from_millis),
    })
}

/// What the calls of a request came to so far.
fn so_far(rows: &[row::Model], master: &PayloadKey) -> Result<Option<Reserving>, Error> {
    let mut unanswered = false;
    for row in rows {
        match row.state.parse()? {
            ModelCallState::Reserved => return Ok(Some(Reserving::UnderWay)),
            ModelCallState::Answered => return answer_of(row, master).map(|stored| Some(Reserving::Answered(stored))),
            ModelCallState::Unknown => unanswered = true,
            ModelCallState::Failed => {}
        }
    }
    Ok(unanswered.then_some(Reserving::Unanswered))
}

fn answer_of(row: &row::Model, master: &PayloadKey) -> Result<Box<StoredAnswer>, Error> {
    let what = "answer of a model";
    let (Some(wrapped), Some(sealed)) = (&row.wrapped_key, &row.answer) else { return Err(Error::Sealed { what }) };
    let key = PayloadKey::unwrap(wrapped, master, &row.id)?;
    Ok(Box::new(StoredAnswer { call: domain(row)?, answer: key.open_value(what, &row.id, sealed)? }))
}

fn of_request(request: &str) -> sea_orm::Select<row::Entity> {
    row::Entity::find().filter(row::Column::Request.eq(request)).order_by_asc(row::Column::Id)
}

/// A call is paid for, unless it was made before.
struct Reserve {
    new: NewModelCall,
    /// Whether another model of the chain was asked for the same request just now, without an answer.
    goes_on: bool,
}

impl Reserve {
    /// What is spent and reserved at this moment.
    async fn spent(&self, batch: &Batch<'_>) -> Result<Spent, Error> {
        let since = |window| row::Column::StartedAt.gt((batch.now - window).as_millis());
        let (day, month) = (since(WINDOW_DAY), since(WINDOW_MONTH));
        let automation = match self.new.automation {
            Some(automation) => sum(batch, month.clone().and(of_automation(automation))).await?,
            None => Cost::ZERO,
        };
        Ok(Spent { day: sum(batch, day).await?, month: sum(batch, month).await?, automation })
    }
}

fn of_automation(automation: AutomationId) -> Expr {
    row::Column::AutomationId.eq(automation.to_string())
}

async fn sum(batch: &Batch<'_>, which: Expr) -> Result<Cost, Error> {
    // Sums are of a wider type in PostgreSQL.
    let total = row::Entity::find().select_only().expr(Expr::cust("CAST(COALESCE(SUM(cost), 0) AS bigint)"));
    let total: Vec<i64> = batch.tx.tuples(total.filter(which)).await?;
    Ok(Cost::from_parts(total.first().copied().unwrap_or(0)))
}

impl Command for Reserve {
    type Reply = Reserving;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Reserving, Error> {
        let new = &self.new;
        let rows = batch.tx.all(of_request(&new.request)).await?;
        match so_far(&rows, &batch.shared.payload)? {
            Some(Reserving::Unanswered) if self.goes_on => {}
            Some(known) => return Ok(known),
            None => {}
        }
        if let Err(over) = new.limits.check(&self.spent(batch).await?, new.worst) {
            return Ok(Reserving::Over(over));
        }
        let id = batch.shared.env.model_call_id();
        let model = row::Model {
            id: id.to_string(),
            request: new.request.clone(),
            provider: new.provider.clone(),
            profile: new.profile.clone(),
            model: new.model.clone(),
            purpose: new.purpose.to_string(),
            room: new.room.map(|room| room.to_string()),
            automation_id: new.automation.map(|automation| automation.to_string()),
            run_id: new.run.map(|run| run.to_string()),
            state: ModelCallState::Reserved.to_string(),
            code: None,
            reserved: new.worst.parts(),
            cost: new.worst.parts(),
            tokens_in: None,
            tokens_out: None,
            recording: new.recording.map(i64::from),
            started_at: batch.now.as_millis(),
            ended_at: None,
            wrapped_key: None,
            answer: None,
        };
        batch.tx.insert(&model).await?;
        Ok(Reserving::Reserved(id))
    }
}

/// A call is over.
struct Settle {
    id: ModelCallId,
    end: ModelCallEnd,
}

impl Command for Settle {
    type Reply = ModelCall;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<ModelCall, Error> {
        let found = batch.tx.one(row::Entity::find_by_id(self.id.to_string())).await?;
        let mut row = found.ok_or_else(|| Error::NotFound { what: "model call", which: self.id.to_string() })?;
        if row.state != ModelCallState::Reserved.as_str() {
            // It was settled before: what was said first stays.
            return domain(&row);
        }
        let state = match &self.end {
            ModelCallEnd::Answered { tokens, cost, answer } => {
                let token = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
                if let Some(tokens) = tokens {
                    row.cost = cost.parts();
                    (row.tokens_in, row.tokens_out) = (Some(token(tokens.input)), Some(token(tokens.output)));
                }
                let (env, key) = (&batch.shared.env, PayloadKey::fresh(&batch.shared.env));
                row.answer = Some(key.seal_value(env, &row.id, answer));
                row.wrapped_key = Some(key.wrapped(&batch.shared.payload, env, &row.id));
                ModelCallState::Answered
            }
            ModelCallEnd::Failed { code } => {
                row.cost = 0;
                row.code = Some((*code).to_owned());
                ModelCallState::Failed
            }
            ModelCallEnd::Unknown { code } => {
                row.code = Some((*code).to_owned());
                ModelCallState::Unknown
            }
        };
        row.state = state.to_string();
        row.ended_at = Some(batch.now.as_millis());
        batch.tx.update(&row).await?;
        tell(batch, &row).await?;
        domain(&row)
    }
}

/// Says in the record what a call cost, and for whom.
async fn tell(batch: &mut Batch<'_>, row: &row::Model) -> Result<(), Error> {
    let unreadable = |error| Error::unreadable("model call", error);
    let automation = row.automation_id.as_deref().map(str::parse::<AutomationId>).transpose().map_err(unreadable)?;
    let talk = row.room.as_deref().map(str::parse::<RoomId>).transpose().map_err(unreadable)?;
    let data = json!({
        "call": row.id, "provider": row.provider, "model": row.model, "purpose": row.purpose, "state": row.state,
        "code": row.code, "tokens_in": row.tokens_in, "tokens_out": row.tokens_out,
        "cost_micros": Cost::from_parts(row.cost).micros(), "automation": row.automation_id, "room": row.room,
    });
    let room = automation.map(room_of).or(talk).unwrap_or(WORKSPACE_ROOM);
    let (kind, run) = ("model.called", row.run_id.clone());
    batch.event(NewEvent { room, kind, actor: ACTOR.to_owned(), run, cause: None, data }).await
}

/// Calls that were under way when the last server ended: what became of them is not known any more.
struct Recover;

impl Command for Recover {
    type Reply = u64;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<u64, Error> {
        let under_way = row::Column::State.eq(ModelCallState::Reserved.as_str());
        let rows = batch.tx.all(row::Entity::find().filter(under_way)).await?;
        for mut row in rows.iter().cloned() {
            row.state = ModelCallState::Unknown.to_string();
            row.code = Some(INTERRUPTED.to_owned());
            row.ended_at = Some(batch.now.as_millis());
            batch.tx.update(&row).await?;
            tell(batch, &row).await?;
        }
        Ok(rows.len() as u64)
    }
}

/// Takes the answers of some calls away; what they cost stays known.
pub(super) async fn forget(batch: &Batch<'_>, which: Expr) -> Result<u64, Error> {
    let none = || Expr::value(Option::<Vec<u8>>::None);
    let emptied = row::Entity::update_many()
        .col_expr(row::Column::Answer, none())
        .col_expr(row::Column::WrappedKey, none())
        .filter(which)
        .filter(row::Column::WrappedKey.is_not_null());
    batch.tx.change(emptied).await
}

/// Takes the answers for some runs away.
pub(super) async fn forget_of(batch: &Batch<'_>, runs: &[String]) -> Result<u64, Error> {
    forget(batch, row::Column::RunId.is_in(runs)).await
}

/// Takes old answers away, and the rows of calls that no budget and no screen looks at any more.
pub(super) async fn sweep(batch: &Batch<'_>, answers_before: i64, rows_before: i64) -> Result<u64, Error> {
    let old = row::Entity::find()
        .select_only()
        .column(row::Column::Id)
        .filter(row::Column::StartedAt.lt(answers_before))
        .filter(row::Column::WrappedKey.is_not_null())
        .limit(SWEEP_MAX);
    let old: Vec<String> = batch.tx.tuples(old).await?;
    let answers = if old.is_empty() { 0 } else { forget(batch, row::Column::Id.is_in(old)).await? };
    let rows = row::Entity::delete_many()
        .filter(row::Column::StartedAt.lt(rows_before))
        .filter(row::Column::State.ne(ModelCallState::Reserved.as_str()));
    Ok(answers + batch.tx.change(rows).await?)
}

impl Store {
    /// Pays for a call before it is made. `goes_on` says that another model was asked for the same request just now,
    /// without an answer.
    pub async fn reserve_model_call(&self, new: NewModelCall, goes_on: bool) -> Result<Reserving, Error> {
        self.commit(Reserve { new, goes_on }).await
    }

    /// Says how a call ended. The second time, what was said first stays.
    pub async fn settle_model_call(&self, id: ModelCallId, end: ModelCallEnd) -> Result<ModelCall, Error> {
        self.commit(Settle { id, end }).await
    }

    /// What a request has come to, if it was made before.
    pub async fn model_request(&self, request: &str) -> Result<Option<Reserving>, Error> {
        so_far(&self.reader().all(of_request(request)).await?, &self.shared().payload)
    }

    /// Every call that was made for a request, oldest first.
    pub async fn model_calls_of(&self, request: &str) -> Result<Vec<ModelCall>, Error> {
        self.reader().all(of_request(request)).await?.iter().map(domain).collect()
    }

    /// Says of calls that were under way when the last server ended that nobody knows what became of them. Called before
    /// any is made.
    pub async fn recover_model_calls(&self) -> Result<u64, Error> {
        self.commit(Recover).await
    }

    /// Which answers of a recording were given since a time.
    pub async fn recordings_given(&self, provider: &str, since: Timestamp) -> Result<Vec<u32>, Error> {
        let given = row::Entity::find()
            .select_only()
            .column(row::Column::Recording)
            .filter(row::Column::Provider.eq(provider))
            .filter(row::Column::Recording.is_not_null())
            .filter(row::Column::State.eq(ModelCallState::Answered.as_str()))
            .filter(row::Column::StartedAt.gte(since.as_millis()));
        let given: Vec<i64> = self.reader().tuples(given).await?;
        Ok(given.into_iter().filter_map(|index| u32::try_from(index).ok()).collect())
    }
}
