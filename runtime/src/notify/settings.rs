//! The settings that say how the user is told.

use std::net::IpAddr;
use std::time::Duration;

use connectors::egress::HostPort;
use connectors::email::is_address;
use intents::Timestamp;
use intents::notify::{Channel, Daily, GROUP_DEFAULT, Rules};
use intents::schedule::{QuietHours, TimeOfDay, Zone};
use intents::time::Span;
use serde_json::{Value, json};
use url::Url;

use crate::error::{Code, Error};
use crate::store::Setting;

const MAIL_TO: &str = "notifications.mail_to";
const FROM: &str = "notifications.from";
const WEBHOOK: &str = "notifications.webhook";
const WEBHOOK_SECRET: &str = "notifications.webhook_secret";
const BASE_URL: &str = "notifications.base_url";
const DIGEST_AT: &str = "notifications.digest_at";
const TZ: &str = "notifications.tz";
const QUIET: &str = "notifications.quiet";
const GROUP_FOR: &str = "notifications.group_for";

/// Every setting of notifications.
pub const NAMES: [&str; 9] = [MAIL_TO, FROM, WEBHOOK, WEBHOOK_SECRET, BASE_URL, DIGEST_AT, TZ, QUIET, GROUP_FOR];

/// More people than this are a mailing list, which has an address of its own.
const ADDRESSES_MAX: usize = 5;
/// A longer address is none that anybody typed.
const URL_BYTES_MAX: usize = 2000;
/// What waits for others for longer is a digest.
const GROUP_MAX: Duration = Duration::from_secs(3600);
/// The name of the webhook's secret in the vault, unless said.
const SECRET_DEFAULT: &str = "notifications-webhook";

/// How the user wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// By mail, and since when.
    pub mail: Option<(MailTo, Timestamp)>,
    /// By a webhook, and since when.
    pub webhook: Option<(Hook, Timestamp)>,
    /// Where links lead, without a slash at the end.
    pub base_url: Option<String>,
    /// When what is told.
    pub rules: Rules,
    /// Since when there is a digest.
    pub digest_since: Timestamp,
    /// On which clock times are shown.
    pub zone: Zone,
}

/// Who gets mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTo {
    /// Their addresses.
    pub to: Vec<String>,
    /// Who it is from, where that is not the mail account.
    pub from: Option<String>,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The address.
    pub url: Url,
    /// The name of the secret in the vault with which they are signed.
    pub secret: String,
}

fn utc() -> Zone {
    "UTC".parse().expect("there is such a zone")
}

fn find<'s>(settings: &'s [Setting], name: &str) -> Option<&'s Setting> {
    settings.iter().find(|setting| setting.name == name)
}

fn text(settings: &[Setting], name: &str) -> Option<String> {
    find(settings, name).and_then(|setting| setting.value.as_str()).map(str::to_owned)
}

fn quiet_times(text: &str) -> Option<(TimeOfDay, TimeOfDay)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from != to).then_some((from, to))
}

fn addresses(value: &Value) -> Option<Vec<String>> {
    let all: Vec<String> = match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(_) => serde_json::from_value(value.clone()).ok()?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    let sound = (1..=ADDRESSES_MAX).contains(&all.len()) && all.iter().all(|address| is_address(address));
    sound.then_some(all)
}

/// An address of the web without anything in it that is nobody else's business.
fn web_address(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let sound = ["http", "https"].contains(&url.scheme())
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        && text.len() <= URL_BYTES_MAX;
    sound.then_some(url)
}

impl Wanted {
    /// Reads what the settings say. What cannot be read any more is as if it were not said.
    pub fn read(settings: &[Setting]) -> Self {
        let zone: Zone = text(settings, TZ).and_then(|name| name.parse().ok()).unwrap_or_else(utc);
        let mail = find(settings, MAIL_TO).and_then(|setting| {
            let to = addresses(&setting.value)?;
            Some((MailTo { to, from: text(settings, FROM) }, setting.updated_at))
        });
        let webhook = find(settings, WEBHOOK).and_then(|setting| {
            let url = web_address(setting.value.as_str()?)?;
            let secret = text(settings, WEBHOOK_SECRET).unwrap_or_else(|| SECRET_DEFAULT.to_owned());
            Some((Hook { url, secret }, setting.updated_at))
        });
        let quiet = text(settings, QUIET).as_deref().and_then(quiet_times);
        let digest = text(settings, DIGEST_AT).and_then(|at| at.parse().ok());
        let group = text(settings, GROUP_FOR).and_then(|span| span.parse::<Span>().ok());
        Self {
            mail,
            webhook,
            base_url: text(settings, BASE_URL),
            rules: Rules {
                quiet: quiet.map(|(from, to)| QuietHours { from, to, zone: zone.clone() }),
                group_for: group.map_or(GROUP_DEFAULT, Span::duration),
                digest: digest.map(|at| Daily { at, zone: zone.clone() }),
            },
            digest_since: find(settings, DIGEST_AT).map_or(Timestamp::EPOCH, |setting| setting.updated_at),
            zone,
        }
    }

    /// Since when a way is wanted; none where it is not.
    pub fn since(&self, channel: Channel) -> Option<Timestamp> {
        match channel {
            Channel::Mail => self.mail.as_ref().map(|(_, since)| *since),
            Channel::Webhook => self.webhook.as_ref().map(|(_, since)| *since),
        }
    }
}

/// Whether links to a host lead here: the server answers under its own names alone.
fn leads_here(url: &Url, hosts: &[String]) -> bool {
    let name = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let with_port = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        || hosts.iter().any(|host| host.eq_ignore_ascii_case(&with_port))
}

/// Checks a setting, and says how it is stored; none where it is not one of these.
pub fn check(hosts: &[String], name: &str, value: &Value) -> Option<Result<Value, Error>> {
    let wrong = |what: &str| Err(Error::new(Code::SettingValue, format!("`{name}` is {what}")));
    let text = value.as_str().map(str::trim);
    let checked = match name {
        MAIL_TO => match addresses(value) {
            Some(to) => Ok(json!(to)),
            None => wrong("a mail address such as \"ann@example.com\", or a list of at most 5"),
        },
        FROM => match text.filter(|text| is_address(text)) {
            Some(from) => Ok(json!(from)),
            None => wrong("a sender such as \"Steward <steward@example.com>\""),
        },
        WEBHOOK => match text.and_then(web_address) {
            Some(url) => Ok(json!(url.as_str())),
            None => wrong("an address such as \"https://hooks.example.com/steward\", without a password in it"),
        },
        WEBHOOK_SECRET => match text.filter(|text| connectors::vault::is_name(text)) {
            Some(secret) => Ok(json!(secret)),
            None => wrong("the name of a secret in the vault, such as \"notifications-webhook\""),
        },
        BASE_URL => match text.and_then(web_address).filter(|url| url.query().is_none()) {
            Some(url) if leads_here(&url, hosts) => Ok(json!(url.as_str().trim_end_matches('/'))),
            Some(url) => {
                let host = HostPort::new(url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
                let what = format!(
                    "an address under which this server answers, and `{host}` is none; name it in `server.hosts` first"
                );
                wrong(&what)
            }
            None => wrong("the address under which links in mails lead here, such as \"https://steward.example.com\""),
        },
        DIGEST_AT => match text.and_then(|text| text.parse::<TimeOfDay>().ok()) {
            Some(at) => Ok(json!(at.to_string())),
            None => wrong("a time of the day such as \"08:00\""),
        },
        TZ => match text.and_then(|text| text.parse::<Zone>().ok()) {
            Some(zone) => Ok(json!(zone.name())),
            None => wrong("a time zone such as \"Europe/Rome\""),
        },
        QUIET => match text.and_then(quiet_times) {
            Some((from, to)) => Ok(json!(format!("{from}-{to}"))),
            None => wrong("a stretch of the day such as \"22:00-07:00\""),
        },
        GROUP_FOR => {
            match text.and_then(|text| text.parse::<Span>().ok()).filter(|span| span.duration() <= GROUP_MAX) {
                Some(span) => Ok(json!(span)),
                None => wrong("a length of time of at most an hour, such as \"30s\""),
            }
        }
        _ => return None,
    };
    Some(checked)
}

#[cfg(test)]
mod unit {
    use super::*;

    fn checked(name: &str, value: Value) -> Option<Value> {
        check(&["steward.home:8443".to_owned()], name, &value).expect("it is a setting").ok()
    }

    #[test]
    fn only_what_makes_sense_is_taken() {
        for (name, good) in [
            (MAIL_TO, json!("ann@example.com")),
            (MAIL_TO, json!(["Ann <ann@example.com>", "bob@example.com"])),
            (FROM, json!("Steward <s@example.com>")),
            (WEBHOOK, json!("https://hooks.example/steward?room=1")),
            (WEBHOOK_SECRET, json!("hook")),
            (BASE_URL, json!("http://127.0.0.1:7777/")),
            (BASE_URL, json!("https://steward.home:8443")),
            (DIGEST_AT, json!("08:00")),
            (TZ, json!("Europe/Rome")),
            (QUIET, json!("22:00-07:00")),
            (GROUP_FOR, json!("30s")),
        ] {
            assert!(checked(name, good.clone()).is_some(), "{name} {good}");
        }
        for (name, bad) in [
            (MAIL_TO, json!("nobody")),
            (MAIL_TO, json!([])),
            (MAIL_TO, json!("a@example.com\r\nBcc: b@example.com")),
            (FROM, json!(7)),
            (WEBHOOK, json!("ftp://hooks.example")),
            (WEBHOOK, json!("https://user:word@hooks.example/")),
            (WEBHOOK_SECRET, json!("a b")),
            (BASE_URL, json!("https://elsewhere.example")),
            (BASE_URL, json!("http://127.0.0.1:7777/?a=b")),
            (DIGEST_AT, json!("8 o'clock")),
            (TZ, json!("Rome")),
            (QUIET, json!("22:00-22:00")),
            (QUIET, json!("22:00")),
            (GROUP_FOR, json!("2h")),
        ] {
            assert_eq!(checked(name, bad.clone()), None, "{name} {bad}");
        }
        assert!(check(&[], "notifications.mailto", &json!("")).is_none());
        assert_eq!(checked(BASE_URL, json!("http://localhost:7777/")), Some(json!("http://localhost:7777")));
    }
}
