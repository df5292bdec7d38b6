//! A session: one thread, from where its steps end until it is the person's turn.

use std::time::Duration;

use intents::amount::Amount;
use intents::chat::{Allowance, Bounds, Named, Next, next};
use intents::id::ThreadId;
use intents::model::Purpose;
use tokio::sync::{mpsc, watch};

use super::conversation::{messages, progress, said_by_user, spent};
use super::prompt;
use super::tools::{self, Carried, Desk};
use crate::app::App;
use crate::chat::{MessageKind, NewMessage, Step, StepRow, Thread, ThreadState};
use crate::error::{Code, Error};
use crate::models::{self, Ask, Asked, Delta, Finish, ToolCall, read_budget};
use crate::store::{self, AdvanceThread, MODEL_BUDGET_TURN, NewStep};

/// What it may cost when nobody says anything: a long planning session with a large model.
const BUDGET_OTHERWISE: Amount = Amount::whole(1);
/// Steps of a thread that a model is told, the newest of them.
const STEPS_MAX: u64 = 2_000;
/// Tool calls of one answer that are carried out; a model that calls more at once does not wait for what they give.
const CALLS_PER_ANSWER_MAX: usize = 16;
/// Pieces of an answer that wait to be taken up.
const DELTAS_MAX: usize = 256;
/// How often what came of an answer is put on the disk, for the case that the server ends in the middle of it.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// How long another call under the same name is waited for.
const WAIT_FOR_OTHER: Duration = Duration::from_secs(1);

/// Goes on with a thread until it is the person's turn.
pub(super) async fn hold(app: &App, thread: ThreadId, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
    loop {
        let known = match app.store.thread(thread).await {
            Ok(known) if known.state == ThreadState::Working => known,
            // It was erased, or it is the person's turn.
            Ok(_) | Err(store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let session = Session { app, steps: app.store.steps(thread, STEPS_MAX).await?, thread: known };
        let done = session.go_on(&mut stop).await;
        app.live.stored(thread);
        match done {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // Somebody else went on with it: what they stored counts.
            Err(Error::Store(store::Error::Conflict { code: "THREAD_MOVED", .. })) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A thread as it stands.
struct Session<'a> {
    app: &'a App,
    thread: Thread,
    steps: Vec<StepRow>,
}

impl Session<'_> {
    /// Takes the next step. Says whether there may be another.
    async fn go_on(&self, stop: &mut watch::Receiver<bool>) -> Result<bool, Error> {
        if *stop.borrow() {
            return self.cut_off("You interrupted it.").await;
        }
        let bounds = Bounds::costing(budget(self.app).await?);
        let spent = spent(&self.thread, &self.steps, self.app.env.now());
        match next(progress(&self.steps), &spent, &bounds) {
            Next::Ask(allowance) => self.ask(allowance, stop).await,
            Next::CarryOut(index) => self.carry_out(index, stop).await,
            Next::Rest => self.store(Vec::new(), Vec::new(), ThreadState::Idle).await,
            Next::Pause(bound) => {
                let words = bound.words(&bounds);
                let more = "Say so to go on: a new turn has a new allowance.";
                self.cut_off(&format!("One turn takes at most {words}, and they are used up. {more}")).await
            }
        }
    }

    /// Asks the model, showing what it says while it says it.
    async fn ask(&self, allowance: Allowance, stop: &mut watch::Receiver<bool>) -> Result<bool, Error> {
        let id = self.thread.id;
        let around = prompt::surroundings(self.app).await?;
        let conversation = messages(prompt::system(self.app, &around).await?, &self.steps);
        // The same step under the same name: a crash in between gets the answer that was paid for.
        let request = format!("{id}/{}/{}", self.thread.step + 1, self.thread.attempt);
        let mut ask = Ask::new(request, self.purpose(), conversation);
        ask.room = Some(self.thread.room());
        ask.tools = tools::offers();
        (ask.budget, ask.within) = (Some(allowance.cost), Some(allowance.time));
        self.app.live.doing(id, "thinks");
        self.app.live.restart(id);
        let (listener, mut deltas) = mpsc::channel(DELTAS_MAX);
        let mut writing = Writing::default();
        let asked = {
            let asking = self.app.models.ask_aloud(ask, Some(listener), Some(stop.clone()));
            let mut asking = std::pin::pin!(asking);
            let mut kept_at = self.app.env.now();
            loop {
                tokio::select! {
                    biased;
                    Some(delta) = deltas.recv() => {
                        self.show(&delta);
                        writing.take(delta);
                        let now = self.app.env.now();
                        if now.since(kept_at) >= KEEP_EVERY {
                            kept_at = now;
                            self.app.store.keep_partial(id, self.thread.step, writing.so_far().to_owned()).await?;
                        }
                    }
                    asked = &mut asking => break asked,
                }
            }
        };
        match asked {
            Ok(asked) => self.answered(asked).await,
            Err(error) => self.unanswered(error, writing.so_far()).await,
        }
    }

    fn show(&self, delta: &Delta) {
        let id = self.thread.id;
        match delta {
            Delta::Text(text) => {
                self.app.live.doing(id, "writes");
                self.app.live.text(id, text);
            }
            Delta::Call { name, .. } if name.is_empty() => {}
            Delta::Call { name, .. } => self.app.live.doing(id, tools::activity(name)),
            Delta::Restart => self.app.live.restart(id),
        }
    }

    /// What the calls of this turn are for.
    fn purpose(&self) -> Purpose {
        let plans = |row: &StepRow| match &row.step {
            Step::Result { tool, .. } => tools::plans(tool),
            Step::User { .. } | Step::Host { .. } | Step::Answer { .. } => false,
        };
        if self.steps.iter().any(plans) { Purpose::Planner } else { Purpose::Chat }
    }

    async fn answered(&self, asked: Asked) -> Result<bool, Error> {
        let Asked { answer, call, .. } = asked;
        let mut calls: Vec<ToolCall> = answer.calls;
        calls.truncate(CALLS_PER_ANSWER_MAX);
        let tokens = call.tokens.unwrap_or_default();
        let (cost, recorded) = (call.cost, answer.recorded);
        let cut_off = match answer.finish {
            Finish::Stop | Finish::Calls | Finish::Other => false,
            Finish::Length | Finish::Cut | Finish::Filtered => true,
        };
        let mut messages = Vec::new();
        if !answer.text.trim().is_empty() {
            let said = NewMessage::new(MessageKind::Assistant, answer.text.trim());
            messages.push(NewMessage { cut_off, recorded, cost, tokens, ..said });
        }
        let state = match (calls.is_empty(), messages.is_empty()) {
            (false, _) => ThreadState::Working,
            (true, false) => ThreadState::Idle,
            (true, true) => {
                let words = "The model answered with nothing at all. You can say it in other words, or go on.";
                messages.push(NewMessage { cost, tokens, ..NewMessage::new(MessageKind::Notice, words) });
                ThreadState::CutOff
            }
        };
        let text = answer.text;
        let step = NewStep { step: Step::Answer { text, calls }, cost, tokens };
        self.store(vec![step], messages, state).await
    }

    async fn unanswered(&self, error: Error, so_far: &str) -> Result<bool, Error> {
        let id = self.thread.id;
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
        let why = match model.code() {
            models::Code::ModelUnderWay => {
                // A session before this one asked, and its call goes on.
                self.app.env.sleep(WAIT_FOR_OTHER).await;
                return Ok(true);
            }
            models::Code::ModelStopped => "You interrupted the answer.".to_owned(),
            models::Code::ModelUnanswered => {
                "The server ended while this answer was on its way. The call counts as paid, and is not made again by \
                 itself. Go on to ask once more."
                    .to_owned()
            }
            models::Code::ModelAuth
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
                format!("No model answered ({}): {model}.", model.code())
            }
        };
        if !so_far.is_empty() {
            self.app.store.keep_partial(id, self.thread.step, so_far.to_owned()).await?;
        }
        self.cut_off(&why).await
    }

    /// Carries one call of the last answer out.
    async fn carry_out(&self, index: usize, stop: &mut watch::Receiver<bool>) -> Result<bool, Error> {
        let Some((call, all, answer)) = self.called(index) else {
            return self.store(Vec::new(), Vec::new(), ThreadState::Idle).await;
        };
        let around = prompt::surroundings(self.app).await?;
        let named = Named::of(said_by_user(&self.steps), &around);
        self.app.live.doing(self.thread.id, tools::activity(&call.name));
        let desk = Desk { app: self.app, steps: &self.steps, named: &named };
        let carried = tokio::select! {
            carried = tools::carry_out(&desk, call) => carried?,
            () = stopped(stop) => return self.cut_off("You interrupted it.").await,
        };
        let Carried { text, mut messages, recorded, card, rests } = carried;
        // What an answer without words cost is shown with the first thing that it did.
        if let (0, Step::Answer { text, .. }, Some(first)) = (index, &answer.step, messages.first_mut())
            && text.trim().is_empty()
        {
            (first.cost, first.tokens) = (answer.cost, answer.tokens);
        }
        let step = Step::Result { call: call.id.clone(), tool: call.name.clone(), text, rests, recorded };
        let rested =
            |row: &StepRow| matches!(&row.step, Step::Result { rests: true, .. }) && row.number > answer.number;
        let is_last = index + 1 == all;
        let asks = rests || self.steps.iter().any(rested);
        let state = if is_last && asks { ThreadState::Asking } else { ThreadState::Working };
        let advance = AdvanceThread {
            thread: self.thread.id,
            after: self.thread.step,
            steps: vec![NewStep::free(step)],
            messages,
            card: card.map(Box::new),
            state,
        };
        self.app.store.advance_thread(advance).await?;
        Ok(state == ThreadState::Working)
    }

    /// A call of the last answer, how many it has, and the answer.
    fn called(&self, index: usize) -> Option<(&ToolCall, usize, &StepRow)> {
        self.steps.iter().rev().find_map(|row| match &row.step {
            Step::Answer { calls, .. } => Some((calls.get(index)?, calls.len(), row)),
            Step::User { .. } | Step::Host { .. } | Step::Result { .. } => None,
        })
    }

    async fn store(&self, steps: Vec<NewStep>, messages: Vec<NewMessage>, state: ThreadState) -> Result<bool, Error> {
        let (thread, after) = (self.thread.id, self.thread.step);
        self.app.store.advance_thread(AdvanceThread { thread, after, steps, messages, card: None, state }).await?;
        Ok(state == ThreadState::Working)
    }

    async fn cut_off(&self, why: &str) -> Result<bool, Error> {
        self.app.store.cut_thread_off(self.thread.id, why, "planner").await?;
        Ok(false)
    }
}

/// Ends when the person wants it to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stopped| *stopped).await.is_err() {
        // Nobody is left who could say so.
        std::future::pending::<()>().await;
    }
}

/// An answer on its way.
#[derive(Default)]
struct Writing {
    text: String,
    /// What was written before it began anew.
    before: String,
}

impl Writing {
    fn take(&mut self, delta: Delta) {
        match delta {
            Delta::Text(text) => self.text.push_str(&text),
            Delta::Call { .. } => {}
            Delta::Restart if self.text.is_empty() => {}
            Delta::Restart => self.before = std::mem::take(&mut self.text),
        }
    }

    /// What came of it: a try that was given up says more than nothing.
    fn so_far(&self) -> &str {
        if self.text.is_empty() { &self.before } else { &self.text }
    }
}

/// What one turn may cost.
async fn budget(app: &App) -> Result<Amount, Error> {
    let settings = app.store.settings().await?;
    let said = settings.iter().find(|setting| setting.name == MODEL_BUDGET_TURN);
    // What cannot be read allows nothing.
    Ok(said.map_or(BUDGET_OTHERWISE, |setting| setting.value.as_str().and_then(read_budget).unwrap_or(Amount::ZERO)))
}
