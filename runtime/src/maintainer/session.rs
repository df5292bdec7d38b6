//! A session: one repair, from where its steps end until it is live, given up, or waits for a person.

use std::time::Duration;

use intents::amount::Amount;
use intents::chat::{Allowance, Bounds, Next, Spent, next};
use intents::id::RepairId;
use intents::model::{Cost, Purpose};
use intents::repair::State;
use serde_json::Value;

use super::evidence::Evidence;
use super::repair::Repair;
use super::tools::{self, Came};
use super::{prompt, trial};
use crate::app::App;
use crate::chat::{Step, StepRow};
use crate::error::{Code, Error};
use crate::models::{self, Ask, Asked, ToolCall, read_budget};
use crate::planner::conversation::{messages, progress};
use crate::store::{
    self, AdvanceRepair, DeployRepair, GiveUp, Mode, NewStep, REPAIR_BUDGET_DAY, REPAIR_BUDGET_FAILURE, room_of,
};

/// What the repair of one failure may cost when nobody says anything.
const BUDGET_FAILURE: &str = "0.50 USD";
/// What all repairs of a day may cost when nobody says anything.
const BUDGET_DAY: &str = "2 USD";
/// Answers of the model for one failure: whoever has not found it by then does not find it.
const ANSWERS_MAX: u32 = 16;
/// Tool calls for one failure.
const CALLS_MAX: u32 = 40;
/// Tokens for one failure.
const TOKENS_MAX: u64 = 1_000_000;
/// How long one repair may take: a person would rather know by then.
const TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// Tool calls of one answer that are carried out.
const CALLS_PER_ANSWER_MAX: usize = 8;
/// How often a call is made again that nobody knows about.
const ATTEMPTS_MAX: i64 = 3;
/// How long another call under the same name is waited for.
const WAIT_FOR_OTHER: Duration = Duration::from_secs(1);
/// A day, in which repairs may cost so much.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What one failure, and what a day of repairs may cost.
pub(super) async fn budgets(app: &App) -> Result<(Amount, Amount), Error> {
    let settings = app.store.settings().await?;
    let budget = |name: &str, otherwise: &str| {
        let said = settings.iter().find(|setting| setting.name == name).map(|setting| setting.value.clone());
        let said = said.unwrap_or_else(|| Value::from(otherwise));
        // What cannot be read allows nothing.
        said.as_str().and_then(read_budget).unwrap_or(Amount::ZERO)
    };
    Ok((budget(REPAIR_BUDGET_FAILURE, BUDGET_FAILURE), budget(REPAIR_BUDGET_DAY, BUDGET_DAY)))
}

/// Why a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is done, or waits for a person.
    Done,
    /// It is not to go on now.
    NotNow,
}

/// Goes on with a repair until there is nothing more to do.
pub(super) async fn hold(app: &App, id: RepairId) -> Result<Ended, Error> {
    loop {
        let known = app.store.repair(id).await?;
        if !matches!(known.state, State::Queued | State::Working) {
            return Ok(Ended::Done);
        }
        let automation = app.store.automation(&known.automation.to_string()).await?;
        if automation.mode == Mode::Removed || automation.script != known.script {
            app.store.drop_repair(id, "the automation is another by now").await?;
            return Ok(Ended::Done);
        }
        // Stopped is stopped: nothing is asked and nothing is tried until it goes on.
        if automation.mode == Mode::Stopped || app.store.all_stopped().await? {
            return Ok(Ended::NotNow);
        }
        let evidence = Evidence::gather(app, &known, automation).await?;
        if known.state == State::Queued {
            if let Some(candidate) = trial::of_sibling(app, &known, &evidence).await? {
                let first = (known.step == 0).then(|| evidence.told());
                let known = app.store.take_repair_up(id, first).await?;
                app.store
                    .deploy_repair(DeployRepair { repair: id, after: known.step, steps: Vec::new(), candidate })
                    .await?;
                return Ok(Ended::Done);
            }
            let first = (known.step == 0).then(|| evidence.told());
            app.store.take_repair_up(id, first).await?;
            continue;
        }
        let steps = app.store.repair_steps(id).await?;
        evidence.learn(&steps);
        let session = Session { app, repair: known, steps, evidence };
        match session.go_on().await {
            Ok(true) => {}
            Ok(false) if session.app.store.repair(id).await?.state == State::Working => return Ok(Ended::NotNow),
            Ok(false) => return Ok(Ended::Done),
            // Somebody else went on with it: what they stored counts.
            Err(Error::Store(store::Error::Conflict { code: "REPAIR_MOVED", .. })) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A repair as it stands.
struct Session<'a> {
    app: &'a App,
    repair: Repair,
    steps: Vec<StepRow>,
    evidence: Evidence,
}

impl Session<'_> {
    /// Takes the next step. Says whether there may be another.
    async fn go_on(&self) -> Result<bool, Error> {
        let (of_failure, of_day) = budgets(self.app).await?;
        let now = self.app.env.now();
        let spent_today = self.app.store.repairs_cost_since(now - DAY).await?;
        let left_today = of_day.millionths().saturating_sub(spent_today.micros()).max(0);
        let spent = self.spent(now);
        let of_failure = of_failure.millionths().min(spent.cost.micros().saturating_add(left_today));
        let bounds = Bounds {
            answers: ANSWERS_MAX,
            calls: CALLS_MAX,
            tokens: TOKENS_MAX,
            cost: Amount::from_millionths(of_failure).unwrap_or(Amount::ZERO),
            time: TIME_MAX,
        };
        match next(progress(&self.steps), &spent, &bounds) {
            Next::Ask(allowance) => self.ask(allowance).await,
            Next::CarryOut(index) => self.carry_out(index).await,
            Next::Rest => {
                let text = "Words repair nothing. Call `propose` with an adapter or a script, look further, or call \
                            `give_up` and say why.";
                self.store(vec![NewStep::free(Step::Host { text: text.to_owned() })]).await
            }
            Next::Pause(bound) => {
                let words = bound.words(&bounds);
                self.give_up(format!("one repair takes at most {words}, and they are used up"), Vec::new()).await
            }
        }
    }

    /// What was taken since the present allowance began.
    fn spent(&self, now: intents::Timestamp) -> Spent {
        let mut spent = Spent { time: now.since(self.repair.allowance_at), ..Spent::default() };
        for row in self.steps.iter().filter(|row| row.number > self.repair.allowance_step) {
            match &row.step {
                Step::Answer { .. } => spent.answers += 1,
                Step::Result { .. } => spent.calls += 1,
                Step::User { .. } | Step::Host { .. } => {}
            }
            spent.tokens += row.tokens.input + row.tokens.output;
            spent.cost = Cost::plus(spent.cost, row.cost);
        }
        spent
    }

    async fn ask(&self, allowance: Allowance) -> Result<bool, Error> {
        let repair = &self.repair;
        // The same step under the same name: a crash in between gets the answer that was paid for.
        let request = format!("{}/{}/{}", repair.id, repair.step + 1, repair.attempt);
        let mut ask = Ask::new(request, Purpose::Maintainer, messages(prompt::system(), &self.steps));
        ask.room = Some(room_of(repair.automation));
        ask.automation = Some(repair.automation);
        ask.automation_budget = self.evidence.contract.budgets().model_cost_per_month;
        ask.tools = tools::offers();
        (ask.budget, ask.within) = (Some(allowance.cost), Some(allowance.time));
        match self.app.models.ask(ask).await {
            Ok(asked) => self.answered(asked).await,
            Err(error) => self.unanswered(error).await,
        }
    }

    async fn answered(&self, asked: Asked) -> Result<bool, Error> {
        let Asked { answer, call, .. } = asked;
        let mut calls: Vec<ToolCall> = answer.calls;
        calls.truncate(CALLS_PER_ANSWER_MAX);
        let step = Step::Answer { text: answer.text, calls };
        self.store(vec![NewStep { step, cost: call.cost, tokens: call.tokens.unwrap_or_default() }]).await
    }

    async fn unanswered(&self, error: Error) -> Result<bool, Error> {
        let model = match error {
            Error::Face { ref code, .. } if *code == Code::ShuttingDown => return Ok(false),
            Error::Model(model) => model,
            Error::Face { .. }
            | Error::Config(_)
            | Error::Contract(_)
            | Error::Script(_)
            | Error::Store(_)
            | Error::Connector(_)
            | Error::Sandbox(_)
            | Error::Answered { .. } => return Err(error),
        };
        match model.code() {
            models::Code::ModelUnderWay => {
                self.app.env.sleep(WAIT_FOR_OTHER).await;
                Ok(true)
            }
            models::Code::ModelStopped => Ok(false),
            // The last server ended while it was on its way. It counts as paid; the next one has another name.
            models::Code::ModelUnanswered if self.repair.attempt < ATTEMPTS_MAX => {
                self.app.store.ask_again_for_repair(self.repair.id, self.repair.step).await?;
                Ok(true)
            }
            models::Code::ModelUnanswered
            | models::Code::ModelAuth
            | models::Code::ModelBroken
            | models::Code::ModelBudget
            | models::Code::ModelBusy
            | models::Code::ModelFailed
            | models::Code::ModelNone
            | models::Code::ModelQuota
            | models::Code::ModelRecording
            | models::Code::ModelRefused
            | models::Code::ModelTimeout
            | models::Code::ModelTooLarge
            | models::Code::ModelUnknown
            | models::Code::ModelUnreachable
            | models::Code::ProviderName
            | models::Code::ProviderUnfit => {
                self.give_up(format!("no model answered ({}): {model}", model.code()), Vec::new()).await
            }
        }
    }

    /// Carries one call of the last answer out.
    async fn carry_out(&self, index: usize) -> Result<bool, Error> {
        let call = self.steps.iter().rev().find_map(|row| match &row.step {
            Step::Answer { calls, .. } => calls.get(index),
            Step::User { .. } | Step::Host { .. } | Step::Result { .. } => None,
        });
        let Some(call) = call else {
            return self.give_up("the answer of the model is lost".to_owned(), Vec::new()).await;
        };
        let desk = tools::Desk { app: self.app, steps: &self.steps, evidence: &self.evidence };
        let came = tools::carry_out(&desk, call).await?;
        let result = |text: String, recorded| {
            let (call, tool) = (call.id.clone(), call.name.clone());
            NewStep::free(Step::Result { call, tool, text, rests: false, recorded })
        };
        let (repair, after) = (self.repair.id, self.repair.step);
        match came {
            Came::Told { text, recorded } => self.store(vec![result(text, recorded)]).await,
            Came::Refused { text, recorded, tried } => {
                let steps = vec![result(text, recorded)];
                let advance = AdvanceRepair { repair, after, steps, tried: Some(tried) };
                self.app.store.advance_repair(advance).await?;
                Ok(true)
            }
            Came::Holds { text, recorded, candidate } => {
                let steps = vec![result(text, recorded)];
                self.app.store.deploy_repair(DeployRepair { repair, after, steps, candidate: *candidate }).await?;
                Ok(false)
            }
            Came::GivesUp { why } => self.give_up(why.clone(), vec![result(why, Vec::new())]).await,
        }
    }

    async fn store(&self, steps: Vec<NewStep>) -> Result<bool, Error> {
        let (repair, after) = (self.repair.id, self.repair.step);
        self.app.store.advance_repair(AdvanceRepair { repair, after, steps, tried: None }).await?;
        Ok(true)
    }

    async fn give_up(&self, why: String, steps: Vec<NewStep>) -> Result<bool, Error> {
        self.app.store.give_repairs_up(GiveUp { repairs: vec![self.repair.id], why, steps }).await?;
        Ok(false)
    }
}
