//! Taking a delivery in.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use intents::canonical::Digest;
use intents::contract::{Contract, Source, Trigger};
use intents::id::TriggerId;
use intents::label::Label;
use intents::schedule::Overlap;
use intents::tool::Definition;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::signature;
use crate::api::body::in_time;
use crate::api::faces::Faces;
use crate::api::problem::Problem;
use crate::error::{Code, Error};
use crate::store::{self, AnsweredRequest, Automation, Delivered, Delivery};

/// What a delivery may hold; more belongs into a file.
const BODY_BYTES_MAX: usize = 1 << 20;
/// A sender that takes longer for one mebibyte holds a place that others want.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// Says which trace the sender is in (W3C trace context).
const TRACE_PARENT: &str = "traceparent";
/// Longer names of deliveries are data.
const DELIVERY_BYTES_MAX: usize = 256;

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::api) struct DeliveryView {
    /// The inbox item.
    item: String,
    /// Its run, unless it was left out because another one is under way.
    run: Option<String>,
    /// Whether it was here before.
    duplicate: bool,
}

/// A webhook with what belongs to it.
struct Hook {
    automation: Automation,
    id: TriggerId,
    trigger: Trigger,
}

/// Takes a signed request in. Answered, it is on the disk; the same delivery again changes nothing.
#[utoipa::path(tag = "webhooks", security(()), params(
    ("automation" = String, Path, description = "Its id or name"),
    ("name" = String, Path, description = "The webhook's name in the contract"),
), request_body(content = Value, description = "JSON or text, 1 MiB at most"), responses(
    (status = 202, description = "It was taken in", body = DeliveryView),
    (status = 200, description = "It was here before", body = DeliveryView),
    (status = 401, description = "It is not signed with the secret of the webhook", body = Problem, content_type = "application/problem+json"),
))]
#[post("/hooks/{automation}/{name}")]
pub(in crate::api) async fn deliver(
    faces: Data<Faces>,
    request: HttpRequest,
    place: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Error> {
    let (automation, name) = place.into_inner();
    let trace = faces.app.tracer.webhook(trace_parent(&request));
    let hook = find(&faces, &automation, &name).await?;
    let Source::Webhook { secret, signature: scheme, dedupe_header, .. } = &hook.trigger.source else {
        return Err(unknown(&automation, &name));
    };
    signature::announced(*scheme, request.headers())?;
    let busy = |_| Error::new(Code::WebhookBusy, "too many deliveries come at once; send it again in a moment");
    let _place = faces.deliveries.try_acquire().map_err(busy)?;
    let arriving = payload.to_bytes_limited(BODY_BYTES_MAX);
    let body = in_time(BODY_WITHIN, arriving).await?;
    let too_large = |_| Error::new(Code::BodyTooLarge, format!("a delivery has at most {BODY_BYTES_MAX} bytes"));
    let broken = |_| Error::new(Code::BodyMalformed, "the body of the request broke off");
    let body = body.map_err(too_large)?.map_err(broken)?;

    let now = faces.app.env.now();
    let secret = faces.app.vault.require(secret.as_str())?;
    let tag = signature::check(*scheme, &secret, request.headers(), &body, now)?;
    let header = dedupe_header.as_ref().map_or(scheme.delivery_header(), |header| header.as_str());
    let delivery = delivery_name(&request, header, &body)?;
    let data = read(&request, &body)?;
    refuse_replay(&faces, &hook, &tag, &delivery).await?;

    let delivery = Delivery {
        automation: hook.automation.id,
        trigger: Some(hook.id),
        dedupe_key: format!("webhook:{name}:{delivery}"),
        input: json!({ "trigger": "webhook", "webhook": name, "data": data }),
        labels: BTreeSet::from([Label(format!("webhook:{name}"))]),
        useful_until: hook.trigger.useful_for.map(|span| now + span.duration()),
        skip_if_busy: hook.trigger.overlap == Overlap::Skip,
    };
    let delivered = match trace.clone() {
        None => faces.app.store.deliver(delivery).await?,
        Some(trace) => faces.app.store.deliver_telling(delivery, move |run| trace.leads_to(run)).await?,
    };
    let (status, item, run) = match delivered {
        Delivered::New { item, run } => (StatusCode::ACCEPTED, item, Some(run)),
        Delivered::Skipped { item } => (StatusCode::ACCEPTED, item, None),
        Delivered::Known { item, run } => (StatusCode::OK, item, run),
    };
    let duplicate = status == StatusCode::OK;
    if let Some(trace) = trace {
        trace.taken(run.filter(|_| !duplicate));
    }
    let run = run.map(|run| run.to_string());
    Ok(HttpResponse::build(status).json(DeliveryView { item: item.to_string(), run, duplicate }))
}

/// The trace that the sender is in, if it says so in the one way that there is.
fn trace_parent(request: &HttpRequest) -> Option<&str> {
    let mut values = request.headers().get_all(TRACE_PARENT);
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

fn unknown(automation: &str, name: &str) -> Error {
    let shown = |text: &str| text.chars().take(64).collect::<String>();
    Error::new(Code::WebhookUnknown, format!("there is no webhook `{}/{}`", shown(automation), shown(name)))
}

async fn find(faces: &Faces, automation: &str, name: &str) -> Result<Hook, Error> {
    let store = &faces.app.store;
    let automation = match store.automation(automation).await {
        Ok(found) if found.mode != store::Mode::Removed => found,
        Ok(_) | Err(store::Error::NotFound { .. }) => return Err(unknown(automation, name)),
        Err(error) => return Err(error.into()),
    };
    let body = store.contract(automation.contract).await?.body;
    let vocabulary: Vec<Definition> = faces.app.catalogue.definitions().cloned().collect();
    let contract = Contract::parse(&body, &vocabulary).map_err(Error::Contract)?;
    // The store keeps the triggers in the order of the contract.
    let stored = store.triggers_of(automation.id).await?;
    let found = contract.triggers().iter().zip(stored).find(|(trigger, _)| match &trigger.source {
        Source::Webhook { name: own, .. } => own.as_str() == name,
        Source::Schedule { .. } | Source::File { .. } | Source::Event { .. } | Source::Manual => false,
    });
    match found {
        Some((trigger, stored)) => Ok(Hook { trigger: trigger.clone(), id: stored.id, automation }),
        None => Err(unknown(&automation.name, name)),
    }
}

/// What tells this delivery from others: the sender's own name for it, else what it holds.
fn delivery_name(request: &HttpRequest, header: &str, body: &[u8]) -> Result<String, Error> {
    let Some(value) = request.headers().get(header) else { return Ok(format!("body:{}", Digest::of(body))) };
    let sound = value.to_str().ok().filter(|name| (1..=DELIVERY_BYTES_MAX).contains(&name.len()));
    let message = || format!("the header `{header}` has 1 to {DELIVERY_BYTES_MAX} ASCII characters");
    sound.map(|name| format!("name:{name}")).ok_or_else(|| Error::new(Code::BodyMalformed, message()))
}

fn read(request: &HttpRequest, body: &[u8]) -> Result<Value, Error> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let malformed = |what: &str| Error::new(Code::BodyMalformed, format!("the body of the delivery is not {what}"));
    let text = std::str::from_utf8(body).map_err(|_| malformed("UTF-8 text"))?;
    if kind == "application/json" || kind.ends_with("+json") {
        return serde_json::from_str(text).map_err(|_| malformed("JSON"));
    }
    if kind.starts_with("text/") {
        return Ok(text.into());
    }
    Err(Error::new(Code::ContentType, "a delivery is `application/json` or text"))
}

/// The name of a delivery is not signed. So one signature is good for one delivery: sent again under another name, it was
/// recorded by somebody.
async fn refuse_replay(faces: &Faces, hook: &Hook, tag: &[u8], delivery: &str) -> Result<(), Error> {
    let key = format!("signature:{}", Digest::of_parts("steward webhook 1", &[hook.id.to_string().as_bytes(), tag]));
    let seen = AnsweredRequest { digest: Digest::of(delivery.as_bytes()).to_string(), status: 202, body: Vec::new() };
    let store = &faces.app.store;
    let known = match store.answered_request(&key).await? {
        Some(known) => Some(known),
        None => {
            // The first to write wins, and is read back.
            store.remember_request(&key, seen.clone()).await?;
            store.answered_request(&key).await?
        }
    };
    if known.is_some_and(|known| known.digest != seen.digest) {
        let message = "the signature was used for another delivery; sign each delivery anew";
        return Err(Error::new(Code::WebhookReplayed, message));
    }
    Ok(())
}
