//! The one way to ask a model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connectors::egress::{Egress, HostPort};
use connectors::vault::Vault;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use intents::amount::Amount;
use intents::id::{ModelCallId, ProviderId};
use intents::model::{Ended, Limits, Next, Problem, Purpose, Spent, ended, next};
use tokio::sync::{mpsc, watch};
use url::Url;

use super::ask::{Ask, Asked, Delta};
use super::assemble::Whole;
use super::chain::{self, ProfileName};
use super::endpoint::{self, Audience};
use super::error::{Code, Error as ModelError, advice, code_of};
use super::message::{Answer, Message};
use super::ollama::{self, OLLAMA, Offer};
use super::provider::{Kind, NewProvider, Profile, Provider, host_of, is_here, key_name};
use super::recorded::Recording;
use super::request::{Request, request};
use super::transport::{CallFault, Way};
use crate::env::Env;
use crate::error::{Code as OfFace, Error};
use crate::retry::RetryPolicy;
use crate::store::{
    ALLOW_PRIVATE, MODEL_BUDGET_DAY, MODEL_BUDGET_MONTH, MODEL_CHAIN, ModelCallEnd, NewModelCall, Reserving, Setting,
    Store,
};

/// What models may cost in any 24 hours when nobody says anything: some long conversations with a large model.
const BUDGET_DAY: Amount = Amount::whole(5);
/// What they may cost in any 30 days when nobody says anything.
const BUDGET_MONTH: Amount = Amount::whole(50);
/// Waits between tries of one model: it is busy for seconds, and whoever waits is a person.
const RETRY: RetryPolicy = RetryPolicy { first: Duration::from_millis(500), longest: Duration::from_secs(20) };
/// What a provider is asked to see whether it answers.
const TEST_WORDS: &str = "Answer with the one word: ok";
/// Tokens of the answer to that; models that think first need some for it.
const TEST_TOKENS: u32 = 256;
/// Whoever tries a provider waits for it.
const TEST_WITHIN: Duration = Duration::from_secs(60);
/// Ids of steps are ids, not texts.
const REQUEST_BYTES_MAX: usize = 200;

/// The one way to ask a model. Clones share everything.
#[derive(Clone)]
pub struct Models(Arc<Inner>);

struct Inner {
    env: Env,
    store: Store,
    vault: Arc<Vault>,
    egress: Arc<Egress>,
    ollama: Url,
    paces: Mutex<BTreeMap<ProviderId, Arc<DefaultDirectRateLimiter>>>,
    /// Recorded answers that were given, or are being given.
    given: Mutex<BTreeMap<ProviderId, BTreeSet<u32>>>,
    /// Whether the server ends.
    ending: watch::Sender<bool>,
}

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Models").finish_non_exhaustive()
    }
}

/// What is in force for a question.
struct Rules {
    providers: Vec<Provider>,
    chain: Option<Vec<ProfileName>>,
    limits: Limits,
    private_hosts: Vec<HostPort>,
}

/// What came of one model of the chain.
enum Tried {
    Answered(Box<Asked>),
    Not(Code, String),
}

fn named<'s>(settings: &'s [Setting], name: &str) -> Option<&'s serde_json::Value> {
    settings.iter().find(|setting| setting.name == name).map(|setting| &setting.value)
}

/// Reads a budget as it is written: `0.20 USD`.
pub(crate) fn read_budget(text: &str) -> Option<Amount> {
    text.strip_suffix(" USD").and_then(|amount| amount.parse().ok())
}

fn budget(settings: &[Setting], name: &str, otherwise: Amount) -> Amount {
    let said = named(settings, name);
    // What cannot be read allows nothing.
    said.map_or(otherwise, |value| value.as_str().and_then(read_budget).unwrap_or(Amount::ZERO))
}

impl Models {
    /// Makes it ready. Calls that the last server left are said to be unknown before any new one is made.
    pub async fn open(env: Env, store: Store, vault: Arc<Vault>, egress: Arc<Egress>) -> Result<Self, Error> {
        let ollama = OLLAMA.parse().expect("the address is a constant");
        Self::open_beside(env, store, vault, egress, ollama).await
    }

    /// The same with an Ollama at another address.
    pub async fn open_beside(
        env: Env,
        store: Store,
        vault: Arc<Vault>,
        egress: Arc<Egress>,
        ollama: Url,
    ) -> Result<Self, Error> {
        let lost = store.recover_model_calls().await?;
        if lost > 0 {
            tracing::warn!(
                calls = lost,
                "calls of models were under way when the last server ended; they count as paid"
            );
        }
        let (paces, given) = (Mutex::default(), Mutex::default());
        let ending = watch::Sender::new(false);
        Ok(Self(Arc::new(Inner { env, store, vault, egress, ollama, paces, given, ending })))
    }

    /// Lets go of calls that are under way, since the server ends: the next start says what became of them.
    pub fn end(&self) {
        self.0.ending.send_replace(true);
    }

    /// Asks a model, or gives the answer that the same request got before. The call goes on to its end when whoever asked
    /// goes away: its answer is stored, and waits for them.
    pub async fn ask(&self, ask: Ask) -> Result<Asked, Error> {
        self.ask_aloud(ask, None, None).await
    }

    /// The same, telling a listener what comes as it comes. `stop` ends the call.
    pub async fn ask_aloud(
        &self,
        ask: Ask,
        listener: Option<mpsc::Sender<Delta>>,
        stop: Option<watch::Receiver<bool>>,
    ) -> Result<Asked, Error> {
        let (models, audience) = (self.clone(), Audience { listener, stop });
        let mut ending = self.0.ending.subscribe();
        let asking = tokio::spawn(async move {
            tokio::select! {
                asked = models.carry_out(ask, audience) => asked,
                _ = ending.wait_for(|ending| *ending) => Err(Error::new(OfFace::ShuttingDown, "the server is ending")),
            }
        });
        let failed = |_| Error::new(OfFace::ServerFailed, "a call of a model failed in a way that nobody foresaw");
        asking.await.map_err(failed)?
    }

    async fn carry_out(&self, ask: Ask, mut audience: Audience) -> Result<Asked, Error> {
        if ask.request.is_empty() || ask.request.len() > REQUEST_BYTES_MAX {
            return Err(ModelError::new(Code::ModelRefused, "the id of the step is empty or too long").into());
        }
        if let Some(known) = self.0.store.model_request(&ask.request).await? {
            return self.known(known, &mut audience).await;
        }
        let rules = self.rules(&ask).await?;
        let asked_for = ask.profile.as_ref().map(std::slice::from_ref);
        let models = chain::resolve(asked_for.or(rules.chain.as_deref()), &rules.providers)?;
        if models.is_empty() {
            let message = "no model is set up; add one with `steward providers add`, or start Ollama on this machine and \
                           look at `steward providers list`";
            return Err(ModelError::new(Code::ModelNone, message).into());
        }
        let mut refusals = Vec::new();
        let mut goes_on = false;
        for (provider, profile) in models {
            let one = One { models: self, rules: &rules, provider, profile, ask: &ask };
            match one.ask(&mut goes_on, &mut audience).await? {
                Tried::Answered(asked) => return Ok(*asked),
                Tried::Not(code, why) => refusals.push((code, why)),
            }
            if refusals.last().is_some_and(|(code, _)| *code == Code::ModelStopped) {
                break;
            }
        }
        let words: Vec<_> = refusals.iter().map(|(_, why)| why.as_str()).collect();
        let code = refusals.last().filter(|(code, _)| *code == Code::ModelStopped).or(refusals.first());
        let code = code.map_or(Code::ModelNone, |(code, _)| *code);
        Err(ModelError::new(code, words.join("; then ")).into())
    }

    /// What is in force now.
    async fn rules(&self, ask: &Ask) -> Result<Rules, Error> {
        let settings = self.0.store.settings().await?;
        let chain = named(&settings, MODEL_CHAIN).map(|value| serde_json::from_value(value.clone()));
        let chain = chain.transpose().map_err(|error| {
            let message = format!("the setting `{MODEL_CHAIN}` cannot be read: {error}");
            ModelError::new(Code::ModelNone, message)
        })?;
        let limits = Limits {
            day: Some(budget(&settings, MODEL_BUDGET_DAY, BUDGET_DAY)),
            month: Some(budget(&settings, MODEL_BUDGET_MONTH, BUDGET_MONTH)),
            automation: ask.automation.and(ask.automation_budget),
            call: ask.budget,
        };
        let private_hosts = private_hosts(&settings);
        Ok(Rules { providers: self.providers().await?, chain, limits, private_hosts })
    }

    /// What a request came to before.
    async fn known(&self, known: Reserving, audience: &mut Audience) -> Result<Asked, Error> {
        let error = match known {
            Reserving::Answered(stored) => {
                let answer: Answer = serde_json::from_value(stored.answer).map_err(|error| {
                    crate::store::Error::Unreadable { what: "answer of a model", reason: error.to_string() }
                })?;
                audience.tell(vec![Delta::Text(answer.text.clone())]).await;
                return Ok(Asked { answer, call: stored.call, repeated: true });
            }
            Reserving::UnderWay => ModelError::new(
                Code::ModelUnderWay,
                "the same call is under way; wait for it, and ask again for its answer",
            ),
            Reserving::Unanswered => ModelError::new(
                Code::ModelUnanswered,
                "the call was made before, and its answer never came; it counts as paid. Ask again to make another call",
            ),
            Reserving::Over(over) => ModelError::over(&over),
            Reserving::Reserved(_) => unreachable!("a reservation is no earlier call"),
        };
        Err(error.into())
    }

    /// All providers, in the order in which they were added.
    pub async fn providers(&self) -> Result<Vec<Provider>, Error> {
        let stored = self.0.store.providers().await?;
        Ok(stored.into_iter().map(Provider::read).collect::<Result<_, _>>()?)
    }

    /// Whether the vault has a key for a provider.
    pub fn has_key(&self, provider: &str) -> bool {
        self.0.vault.names().contains(&key_name(provider))
    }

    /// A local Ollama that nobody has added.
    pub async fn offer(&self) -> Result<Option<Offer>, Error> {
        let here = host_of(&self.0.ollama);
        let added = self.providers().await?.into_iter().any(|provider| match provider.kind {
            Kind::Endpoint(url) => is_here(&url) && host_of(&url).port() == here.port(),
            Kind::Recorded(_) => false,
        });
        Ok(if added { None } else { ollama::look(&self.0.egress, &self.0.ollama).await })
    }

    /// Adds a provider. Its key goes into the vault.
    pub async fn add(&self, new: NewProvider, by: &str) -> Result<Provider, Error> {
        new.check(&private_hosts(&self.0.store.settings().await?))?;
        if let Kind::Recorded(file) = new.body.kind()? {
            Recording::read(&file).await?;
        }
        let body = serde_json::to_value(&new.body).expect("what is said of a provider is plain data");
        // The row first: a name that is taken keeps its key.
        let stored = self.0.store.add_provider(&new.name, body, by).await?;
        if let Some(key) = new.key {
            let (vault, name) = (Arc::clone(&self.0.vault), key_name(&new.name));
            if let Err(error) = in_background(move || vault.set(&name, &key)).await {
                self.0.store.remove_provider(&new.name, by).await?;
                return Err(error);
            }
        }
        Ok(Provider::read(stored)?)
    }

    /// Takes a provider away, with its key. What it was asked for stays known.
    pub async fn remove(&self, name: &str, by: &str) -> Result<(), Error> {
        self.0.store.remove_provider(name, by).await?;
        let (vault, key) = (Arc::clone(&self.0.vault), key_name(name));
        in_background(move || vault.remove(&key)).await.map(drop)
    }

    /// Asks a model for one word, to see whether it answers.
    pub async fn test(&self, which: ProfileName) -> Result<Asked, Error> {
        let request = format!("test/{}", self.0.env.model_call_id());
        let mut ask = Ask::new(request, Purpose::Test, vec![Message::user(TEST_WORDS)]);
        (ask.profile, ask.tokens_out_max, ask.within) = (Some(which), Some(TEST_TOKENS), Some(TEST_WITHIN));
        self.ask(ask).await
    }

    /// The budgets in force, and what is spent of them.
    pub async fn budgets(&self) -> Result<(Limits, Spent), Error> {
        let settings = self.0.store.settings().await?;
        let limits = Limits {
            day: Some(budget(&settings, MODEL_BUDGET_DAY, BUDGET_DAY)),
            month: Some(budget(&settings, MODEL_BUDGET_MONTH, BUDGET_MONTH)),
            ..Limits::default()
        };
        Ok((limits, self.0.store.model_spent(None).await?))
    }

    fn pace_of(&self, provider: &Provider) -> Option<Arc<DefaultDirectRateLimiter>> {
        let quota = Quota::per_minute(provider.requests_per_minute?);
        let mut paces = self.0.paces.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(paces.entry(provider.id).or_insert_with(|| Arc::new(RateLimiter::direct(quota)))))
    }

    /// Takes the next answer of a recording.
    async fn take_recorded(&self, provider: &Provider, recording: &Recording, ask: &Ask) -> Result<u32, Error> {
        let before = self.0.store.recordings_given(&provider.name, provider.created_at).await?;
        let mut given = self.0.given.lock().unwrap_or_else(PoisonError::into_inner);
        let given = given.entry(provider.id).or_default();
        given.extend(before);
        let index = recording.choose(ask, given)?;
        given.insert(index);
        Ok(index)
    }

    fn give_back(&self, provider: &Provider, index: u32) {
        let mut given = self.0.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.entry(provider.id).or_default().remove(&index);
    }
}

/// The private hosts that the settings grant to everybody.
fn private_hosts(settings: &[Setting]) -> Vec<HostPort> {
    let hosts = named(settings, ALLOW_PRIVATE).and_then(|value| value.as_array()).into_iter().flatten();
    hosts.filter_map(|host| host.as_str()?.parse().ok()).collect()
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, connectors::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| Error::new(OfFace::ServerFailed, "the vault was not reached"))??)
}

/// One model of the chain, and what it is asked.
struct One<'m> {
    models: &'m Models,
    rules: &'m Rules,
    provider: &'m Provider,
    profile: &'m Profile,
    ask: &'m Ask,
}

impl One<'_> {
    /// Asks the model, again where that can help.
    async fn ask(&self, goes_on: &mut bool, audience: &mut Audience) -> Result<Tried, Error> {
        let made = match request(self.ask, self.profile) {
            Ok(made) => made,
            Err(error) => return Ok(Tried::Not(error.code(), error.to_string())),
        };
        let env = &self.models.0.env;
        let whole = self.ask.within.unwrap_or(Duration::MAX).min(self.profile.whole());
        let (began, mut waits) = (env.now(), RETRY.waits());
        for tries in 1.. {
            let left = whole.saturating_sub(env.now().since(began));
            let fault = match self.ask_once(&made, left, *goes_on, audience).await? {
                Ok(tried) => return Ok(tried),
                Err(fault) => fault,
            };
            *goes_on |= ended(fault.problem) == Ended::Unknown;
            audience.tell(vec![Delta::Restart]).await;
            let left = whole.saturating_sub(env.now().since(began));
            let wait = waits.next().unwrap_or(RETRY.longest);
            match next(fault.problem, tries, wait, fault.retry_after, left) {
                Next::Again(wait) => tokio::select! {
                    () = env.sleep(wait) => {}
                    () = audience.stopped() => {
                        return Ok(self.refusal(&CallFault::new(Problem::Stopped, "it was stopped")));
                    }
                },
                Next::Fallback | Next::GiveUp => return Ok(self.refusal(&fault)),
            }
        }
        unreachable!("the tries of a model have a bound")
    }

    fn refusal(&self, fault: &CallFault) -> Tried {
        let (provider, profile) = (&self.provider.name, &self.profile.name);
        let what = code_of(fault.problem);
        let message = format!("`{provider}/{profile}`: {} ({}); {}", what.meaning(), fault.says, advice(fault.problem));
        Tried::Not(what, message)
    }

    /// Pays for one call, makes it, and settles it.
    async fn ask_once(
        &self,
        made: &Request,
        left: Duration,
        goes_on: bool,
        audience: &mut Audience,
    ) -> Result<Result<Tried, CallFault>, Error> {
        if let Some(pace) = self.models.pace_of(self.provider) {
            tokio::select! {
                () = pace.until_ready() => {}
                () = self.models.0.env.sleep(left) => {
                    return Ok(Err(CallFault::new(Problem::Busy, "it may not be called more often, as it was set up")));
                }
                () = audience.stopped() => return Ok(Err(CallFault::new(Problem::Stopped, "it was stopped"))),
            }
        }
        let recorded = match &self.provider.kind {
            Kind::Endpoint(_) => None,
            Kind::Recorded(file) => match Recording::read(file).await {
                Ok(recording) => {
                    let index = self.models.take_recorded(self.provider, &recording, self.ask).await;
                    match index {
                        Ok(index) => Some((recording, index)),
                        Err(Error::Model(error)) => return Ok(Ok(Tried::Not(error.code(), error.to_string()))),
                        Err(error) => return Err(error),
                    }
                }
                Err(error) => return Ok(Ok(Tried::Not(error.code(), error.to_string()))),
            },
        };
        let way = match &self.provider.kind {
            Kind::Endpoint(base) => Some((base, self.way(base)?)),
            Kind::Recorded(_) => None,
        };
        let new = self.new_call(made, recorded.as_ref().map(|(_, index)| *index));
        let reserved = self.models.0.store.reserve_model_call(new, goes_on).await;
        let id = match reserved {
            Ok(Reserving::Reserved(id)) => id,
            other => {
                if let Some((_, index)) = recorded {
                    self.models.give_back(self.provider, index);
                }
                let asked = self.models.known(other?, audience).await?;
                return Ok(Ok(Tried::Answered(Box::new(asked))));
            }
        };
        let result = match (way, &recorded) {
            (Some((base, way)), _) => {
                let call = endpoint::Call { base, profile: self.profile, ask: self.ask, body: made.body.clone(), left };
                endpoint::call(&self.models.0.env, way, call, audience).await
            }
            (None, Some((recording, index))) => recording.play(*index, self.ask, audience).await,
            (None, None) => unreachable!("what is no endpoint is a recording"),
        };
        match result {
            Ok(whole) => self.answered(id, whole, recorded.is_some()).await.map(Ok),
            Err(fault) => {
                if let Some((_, index)) = recorded {
                    self.models.give_back(self.provider, index);
                }
                let code = code_of(fault.problem).as_str();
                let end = match ended(fault.problem) {
                    Ended::NothingDone => ModelCallEnd::Failed { code },
                    Ended::Unknown => ModelCallEnd::Unknown { code },
                };
                self.models.0.store.settle_model_call(id, end).await?;
                Ok(Err(fault))
            }
        }
    }

    fn new_call(&self, made: &Request, recording: Option<u32>) -> NewModelCall {
        let ask = self.ask;
        NewModelCall {
            request: ask.request.clone(),
            provider: self.provider.name.clone(),
            profile: self.profile.name.clone(),
            model: self.profile.model.clone(),
            purpose: ask.purpose,
            room: ask.room,
            automation: ask.automation,
            run: ask.run,
            worst: made.worst,
            limits: self.rules.limits,
            recording,
        }
    }

    fn way(&self, base: &Url) -> Result<Way, Error> {
        let inner = &self.models.0;
        let mut private_hosts = self.rules.private_hosts.clone();
        if is_here(base) {
            private_hosts.push(host_of(base));
        }
        let key = inner.vault.get(&key_name(&self.provider.name))?;
        Ok(Way { egress: Arc::clone(&inner.egress), key, private_hosts })
    }

    /// Stores an answer, and only then gives it.
    async fn answered(&self, id: ModelCallId, whole: Whole, recorded: bool) -> Result<Tried, Error> {
        let tokens = whole.tokens;
        let answer = Answer {
            text: whole.text,
            calls: whole.calls,
            finish: whole.finish,
            provider: self.provider.name.clone(),
            profile: self.profile.name.clone(),
            model: whole.model.unwrap_or_else(|| self.profile.model.clone()),
            recorded,
        };
        let stored = serde_json::to_value(&answer).expect("an answer is plain data");
        let cost = tokens.map(|tokens| self.profile.prices().cost(tokens)).unwrap_or_default();
        let end = ModelCallEnd::Answered { tokens, cost, answer: stored };
        let call = self.models.0.store.settle_model_call(id, end).await?;
        Ok(Tried::Answered(Box::new(Asked { answer, call, repeated: false })))
    }
}
