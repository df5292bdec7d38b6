//! `steward providers`.

use std::path::Path;

use intents::amount::Amount;
use intents::model::Prices;
use serde_json::json;
use url::{Host, Url};

use super::secrets;
use crate::api::{ProviderBody, ProviderList, ProviderView, TestView};
use crate::cli::args::{AddProvider, Providers};
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::error::{Code, Error};
use crate::models::{Profile, TokensOutAs, key_name};

/// What stands where a model would be named.
const RECORDED: &str = "recorded";

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Providers, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Providers::Add(new) => add(client, new, out).await,
        Providers::List => list(client, out).await,
        Providers::Test { name, profile } => test(client, &name, profile, out).await,
        Providers::Remove { name } => {
            client.delete(&["v1", "providers", &name]).await?;
            if out.is_json() {
                out.value(&json!({ "removed": name }));
            } else {
                out.line(format!("`{name}` is gone, and its key with it. What it was asked for stays known."));
            }
            Ok(Exit::Success)
        }
    }
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(Code::InputMalformed, message)
}

/// Whether an address is on this machine, where models cost nothing and mostly want no key.
fn is_here(url: &str) -> bool {
    match url.parse::<Url>().ok().and_then(|url| url.host().map(|host| host.to_owned())) {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Reads a price: dollars for a million tokens. Only what is here, or recorded, is free without saying so.
fn price(text: Option<&String>, flag: &str, free: bool) -> Result<i64, Error> {
    match text {
        Some(text) => {
            text.parse::<Amount>().map(Amount::millionths).map_err(|error| malformed(format!("{flag}: {error}")))
        }
        None if free => Ok(0),
        None => {
            Err(malformed(format!("say with {flag} what a million tokens cost, in dollars; `0` where they are free")))
        }
    }
}

async fn add(client: &Client, new: AddProvider, out: &mut Out) -> Result<Exit, Error> {
    let here = new.url.as_deref().is_some_and(is_here);
    let free = here || new.recording.is_some();
    let prices = Prices {
        input: price(new.price_in.as_ref(), "--price-in", free)?,
        output: price(new.price_out.as_ref(), "--price-out", free)?,
    };
    let mut profile = Profile::new(new.model.unwrap_or_else(|| RECORDED.to_owned()), prices);
    profile.name = new.profile;
    profile.temperature = new.temperature;
    profile.tokens_in_max = new.tokens_in.unwrap_or(profile.tokens_in_max);
    profile.tokens_out_max = new.tokens_out.unwrap_or(profile.tokens_out_max);
    if new.completion_tokens {
        profile.tokens_out_as = TokensOutAs::MaxCompletionTokens;
    }
    let recording = new.recording.as_deref().map(whole_path).transpose()?;
    let key = match (&new.key_file, new.no_key || new.recording.is_some()) {
        (Some(file), _) => Some(key_in(file)?),
        (None, true) => None,
        // Nothing is asked for where nothing is wanted.
        (None, false) if here => None,
        (None, false) => Some(secrets::read(&key_name(&new.name))?),
    };
    let body = ProviderBody {
        name: new.name,
        base_url: new.url,
        recording,
        requests_per_minute: new.requests_per_minute,
        profiles: vec![profile],
        key,
    };
    let body = serde_json::to_value(&body).expect("what was said is plain data");
    let answer = client.post(&["v1", "providers"], body).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let added: ProviderView = shaped(&answer)?;
    let name = &added.name;
    out.line(format!("`{name}` is there. Try it with `steward providers test {name}`."));
    Ok(Exit::Success)
}

fn key_in(file: &Path) -> Result<String, Error> {
    let unreadable =
        |error| Error::new(Code::FileUnreadable, format!("`{}` could not be read: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let key = text.trim();
    if key.is_empty() { Err(malformed(format!("`{}` is empty", file.display()))) } else { Ok(key.to_owned()) }
}

/// The server may live in another folder.
fn whole_path(file: &Path) -> Result<String, Error> {
    let whole = std::path::absolute(file);
    let whole = whole.map_err(|error| Error::new(Code::FileUnreadable, format!("`{}`: {error}", file.display())))?;
    whole.to_str().map(str::to_owned).ok_or_else(|| malformed("the path of the recording is no text"))
}

async fn list(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get(&["v1", "providers"]).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let list: ProviderList = shaped(&answer)?;
    let dollars = |micros: i64| Amount::from_millionths(micros).unwrap_or_default().to_string();
    let mut rows = Vec::new();
    for provider in &list.items {
        let at = provider.base_url.as_ref().or(provider.recording.as_ref()).cloned().unwrap_or_default();
        for profile in &provider.profiles {
            rows.push([
                format!("{}/{}", provider.name, profile.name),
                profile.model.clone(),
                dollars(profile.price_in),
                dollars(profile.price_out),
                if provider.has_key { "yes" } else { "no" }.to_owned(),
                at.clone(),
            ]);
        }
    }
    if rows.is_empty() {
        out.line("No model is set up.");
    } else {
        out.table(["NAME", "MODEL", "USD/M IN", "USD/M OUT", "KEY", "WHERE"], &rows);
    }
    for offer in &list.offers {
        let (name, url) = (&offer.name, &offer.base_url);
        let models = if offer.models.is_empty() { "no models yet".to_owned() } else { offer.models.join(", ") };
        out.line(format!("Found on this machine: {name} at {url} ({models})."));
        if let Some(model) = offer.models.first() {
            out.line(format!("Add it with `steward providers add {name} --url {url} --model {model}`."));
        }
    }
    Ok(Exit::Success)
}

async fn test(client: &Client, name: &str, profile: Option<String>, out: &mut Out) -> Result<Exit, Error> {
    let body = profile.map_or_else(|| json!({}), |profile| json!({ "profile": profile }));
    let answer = client.post(&["v1", "providers", name, "test"], body).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let tested: TestView = shaped(&answer)?;
    let cost = Amount::from_millionths(tested.cost_micros).unwrap_or_default();
    let kind = if tested.recorded { "answers from a recording" } else { "answers" };
    out.line(format!("`{}/{}` ({}) {kind}: {}", tested.provider, tested.profile, tested.model, tested.text.trim()));
    let tokens = match (tested.tokens_in, tested.tokens_out) {
        (Some(sent), Some(answered)) => format!("{sent} tokens in, {answered} out"),
        (Some(_) | None, None) | (None, Some(_)) => {
            "it reports no tokens, so the most that it could cost counts".to_owned()
        }
    };
    out.line(format!("It took {} ms and {cost} USD: {tokens}.", tested.took_ms));
    Ok(Exit::Success)
}
