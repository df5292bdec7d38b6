//! What one value alone cannot tell: values that do not go together, and values that a type lets through.

use std::num::NonZeroU16;
use std::path::PathBuf;

use connectors::email::{Mail, MailConfig, Tls};
use tracing_subscriber::EnvFilter;

use super::layers::Layers;
use super::problem::Source;
use super::sections::{MailSection, Sections};
use super::{OUTBOX, StorePlace, Telemetry};
use crate::error::Code;

/// Notes what does not make sense; gives how mail leaves, where that makes sense.
pub(super) fn check(sections: &Sections, layers: &mut Layers) -> Option<Mail> {
    check_store(&sections.store, layers);
    check_log(&sections.log.level, layers);
    check_telemetry(&sections.telemetry, layers);
    check_token(sections, layers);
    mail(&sections.mail, layers)
}

/// Notes a problem where a key was said.
fn wrong(layers: &mut Layers, path: &str, message: impl Into<String>) {
    let at = layers.said.get(path).map_or(Source::Whole, |said| said.by.clone());
    layers.problem(Code::ConfigValue, at, message);
}

/// A commit may take this long on a busy disk.
const LEASE_SECONDS_MIN: u16 = 2;

fn check_store(store: &StorePlace, layers: &mut Layers) {
    if store.lease_seconds.get() < LEASE_SECONDS_MIN {
        let message =
            format!("`store.lease_seconds`: {LEASE_SECONDS_MIN} at least, or a busy moment counts as silence");
        wrong(layers, "store.lease_seconds", message);
    }
    let Some(url) = &store.url else { return };
    let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme));
    if !is_postgres || url::Url::parse(url.expose()).is_err() {
        let message = "`store.url` is no address of a database; write `postgres://user:password@host/database`";
        wrong(layers, "store.url", message);
    }
}

fn check_log(level: &str, layers: &mut Layers) {
    if let Err(error) = EnvFilter::try_new(level) {
        wrong(layers, "log.level", format!("`log.level`: {error}; write `info`, or `warn,runtime=debug`"));
    }
}

/// A token that is shorter can be guessed.
const TOKEN_CHARS_MIN: usize = 16;

fn check_token(sections: &Sections, layers: &mut Layers) {
    let short = |token: &connectors::vault::Secret| token.expose().chars().count() < TOKEN_CHARS_MIN;
    if sections.metrics.token.as_ref().is_some_and(short) {
        wrong(layers, "metrics.token", format!("`metrics.token` has less than {TOKEN_CHARS_MIN} characters"));
    }
}

fn check_telemetry(telemetry: &Telemetry, layers: &mut Layers) {
    let otlp = &telemetry.otlp;
    if let Some(endpoint) = &otlp.endpoint
        && (!["http", "https"].contains(&endpoint.scheme()) || endpoint.host_str().is_none())
    {
        let path = "telemetry.otlp.endpoint";
        wrong(layers, path, format!("`{path}` is no http or https address; write `http://127.0.0.1:4318`"));
    }
    if !(0.0..=1.0).contains(&otlp.sample_ratio) {
        let path = "telemetry.otlp.sample_ratio";
        wrong(layers, path, format!("`{path}` lies between 0 and 1, and {} does not", otlp.sample_ratio));
    }
    if otlp.headers.iter().any(|header| super::header(header).is_none()) {
        let path = "telemetry.otlp.headers";
        wrong(layers, path, format!("`{path}` holds something that is no header; write `name=value`"));
    }
}

fn mail(section: &MailSection, layers: &mut Layers) -> Option<Mail> {
    let is_sound = |layers: &Layers| {
        !layers
            .problems
            .iter()
            .any(|problem| layers.said.iter().any(|(path, said)| path.starts_with("mail.") && said.by == problem.at))
    };
    // With one value unreadable, what is said about the others would mislead.
    if !is_sound(layers) {
        return None;
    }
    let Some(host) = section.host.clone().filter(|host| !host.is_empty()) else {
        let alone = [
            ("mail.username", section.username.is_some()),
            ("mail.from", section.from.is_some()),
            ("mail.port", section.port.is_some()),
            ("mail.password", section.password.is_some()),
            ("mail.password_secret", section.password_secret.is_some()),
        ];
        for (path, _) in alone.iter().filter(|(_, said)| *said) {
            wrong(layers, path, format!("`{path}` needs `mail.host`; set that, or leave this out"));
        }
        let folder = section.outbox_folder.clone().unwrap_or_else(|| PathBuf::from(OUTBOX));
        return Some(Mail::Outbox(folder));
    };
    let has_password = section.password.is_some() || section.password_secret.is_some();
    if section.password.is_some() && section.password_secret.is_some() {
        let message = "both `mail.password` and `mail.password_secret` are set; leave one of them out";
        wrong(layers, "mail.password", message);
    }
    if section.username.is_some() && !has_password {
        let message = "a mail account needs a password: set `mail.password_secret` or `mail.password`";
        wrong(layers, "mail.username", message);
    }
    if section.username.is_none() && has_password {
        let path = if section.password.is_some() { "mail.password" } else { "mail.password_secret" };
        wrong(layers, path, format!("`{path}` needs the account that it belongs to: set `mail.username`"));
    }
    let Some(from) = section.from.clone() else {
        wrong(layers, "mail.host", "`mail.from` is missing: who shall the mail be from?");
        return None;
    };
    let default_port = match section.tls {
        Tls::None => 25,
        Tls::Starttls => 587,
        Tls::Tls => 465,
    };
    Some(Mail::Smtp(MailConfig {
        host,
        port: section.port.map_or(default_port, NonZeroU16::get),
        tls: section.tls,
        username: section.username.clone(),
        password_secret: section.password_secret.clone(),
        password: section.password.clone(),
        from,
    }))
}
