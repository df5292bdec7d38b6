//! One call of one endpoint, within its times.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use intents::model::Problem;
use intents::redact::MASK;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use url::Url;

use super::ask::{Ask, Delta};
use super::assemble::{Assembly, Whole};
use super::provider::Profile;
use super::transport::{CallFault, Way};
use crate::env::Env;

/// Who listens to an answer as it comes, and who may stop it.
#[derive(Debug, Clone, Default)]
pub(super) struct Audience {
    pub(super) listener: Option<mpsc::Sender<Delta>>,
    pub(super) stop: Option<watch::Receiver<bool>>,
}

impl Audience {
    /// Tells what is new. A listener that is slow slows the reading; one that has gone is told nothing.
    pub(super) async fn tell(&mut self, deltas: Vec<Delta>) {
        for delta in deltas {
            let Some(listener) = &self.listener else { return };
            if listener.send(delta).await.is_err() {
                self.listener = None;
            }
        }
    }

    /// Ends when the call is to be stopped; never, when nobody can stop it.
    pub(super) async fn stopped(&mut self) {
        if let Some(stop) = &mut self.stop
            && stop.wait_for(|stop| *stop).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// What ends a wait for an endpoint.
enum Waited<T> {
    Came(T),
    Late,
    Stopped,
}

/// The times of one call.
struct Times<'e> {
    env: &'e Env,
    whole: Pin<Box<BoxFuture<'static, ()>>>,
}

impl Times<'_> {
    async fn wait<T>(
        &mut self,
        at_most: Duration,
        audience: &mut Audience,
        what: impl Future<Output = T>,
    ) -> Waited<T> {
        tokio::select! {
            biased;
            () = audience.stopped() => Waited::Stopped,
            came = what => Waited::Came(came),
            () = self.env.sleep(at_most) => Waited::Late,
            () = &mut self.whole => Waited::Late,
        }
    }
}

fn late(profile: &Profile, within: Duration) -> CallFault {
    let message = format!("`{}` said nothing within {} ms", profile.model, within.as_millis());
    CallFault::new(Problem::Timeout, message)
}

fn stopped() -> CallFault {
    CallFault::new(Problem::Stopped, "it was stopped")
}

/// One call: which model, and what it is asked.
pub(super) struct Call<'c> {
    pub(super) base: &'c Url,
    pub(super) profile: &'c Profile,
    pub(super) ask: &'c Ask,
    pub(super) body: Value,
    /// How long all of it may take.
    pub(super) left: Duration,
}

/// Calls a model once.
pub(super) async fn call(env: &Env, way: Way, call: Call<'_>, audience: &mut Audience) -> Result<Whole, CallFault> {
    let key = way.key.clone();
    let client = client(way, call.base);
    let answer = answer(env, &client, call, audience).await;
    // Whatever an endpoint says, the key is not repeated.
    answer.map_err(|fault| match key {
        Some(key) => CallFault { says: fault.says.replace(key.expose(), MASK), ..fault },
        None => fault,
    })
}

async fn answer(
    env: &Env,
    client: &Client<OpenAIConfig>,
    call: Call<'_>,
    audience: &mut Audience,
) -> Result<Whole, CallFault> {
    let Call { profile, ask, body, left, .. } = call;
    let mut times = Times { env, whole: Box::pin(env.clock.sleep_until(env.now() + left)) };
    let mut assembly = Assembly::default();
    if !profile.stream {
        let chat = client.chat();
        return match times.wait(left, audience, chat.create_byot::<Value, Value>(body)).await {
            Waited::Came(answer) => {
                audience.tell(assembly.take_whole(&answer.map_err(fault_of)?)?).await;
                assembly.whole(ask)
            }
            Waited::Late => Err(late(profile, left)),
            Waited::Stopped => Err(stopped()),
        };
    }
    let chat = client.chat();
    let first = profile.first_token();
    let began = env.now();
    let mut stream = match times.wait(first, audience, chat.create_stream_byot::<Value, Value>(body)).await {
        Waited::Came(stream) => stream.map_err(fault_of)?,
        Waited::Late => return Err(late(profile, first.min(left))),
        Waited::Stopped => return Err(stopped()),
    };
    // The head of an answer is no token yet.
    let mut patience = first.saturating_sub(env.now().since(began));
    while !assembly.is_cut() {
        match times.wait(patience, audience, stream.next()).await {
            Waited::Came(Some(chunk)) => audience.tell(assembly.take_chunk(&chunk.map_err(fault_of)?)?).await,
            Waited::Came(None) => break,
            Waited::Late => return Err(late(profile, patience.min(left))),
            Waited::Stopped => return Err(stopped()),
        }
        patience = profile.between_tokens();
    }
    assembly.whole(ask)
}

/// The library, over our way. What it would take from the environment is said here, so that nothing comes from there.
fn client(way: Way, base: &Url) -> Client<OpenAIConfig> {
    let config = OpenAIConfig::default()
        .with_api_base(base.as_str().trim_end_matches('/'))
        .with_api_key(way.key.as_ref().map_or("", |key| key.expose()))
        .with_org_id("")
        .with_project_id("");
    let http = way.egress.client();
    let way = Arc::new(way);
    Client::build(http, config).with_http_service(tower::service_fn(move |factory| {
        let way = Arc::clone(&way);
        async move { way.send(factory).await }
    }))
}

/// What an error of the library means. What it quotes of an answer is not repeated.
fn fault_of(error: OpenAIError) -> CallFault {
    match error {
        OpenAIError::Boxed(boxed) => match boxed.downcast::<CallFault>() {
            Ok(fault) => *fault,
            Err(_) => CallFault::new(Problem::Broken, "the call failed in a way that nobody foresaw"),
        },
        OpenAIError::Reqwest(error) if error.is_timeout() => {
            CallFault::new(Problem::Timeout, "the answer was not complete in time")
        }
        OpenAIError::Reqwest(_) | OpenAIError::StreamError(_) => {
            CallFault::new(Problem::Broken, "the connection broke in the middle of the answer")
        }
        OpenAIError::JSONDeserialize(..) => CallFault::new(Problem::Broken, "the answer is no JSON"),
        OpenAIError::ApiError(_)
        | OpenAIError::FileSaveError(_)
        | OpenAIError::FileReadError(_)
        | OpenAIError::InvalidArgument(_) => CallFault::new(Problem::Refused, "no request can be made of this"),
    }
}
