//! `tls.certificate`.

use std::sync::Arc;

use async_trait::async_trait;
use intents::Timestamp;
use intents::tool::{Definition, Kind};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Value, json};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::egress::{Doubt, Egress, HostPort};
use crate::schema::{answer, definition, failure, object};
use crate::{Call, Code, Fault, Performed, Tool};

/// The port on which services speak TLS, where nothing else is said.
const PORT: u16 = 443;
const DAY_MS: i64 = 86_400_000;
/// A certificate with more names is one of a whole hosting company; the rest of them tells nobody anything.
const NAMES_MAX: usize = 200;

/// Looks at the certificate of a host.
pub struct TlsCertificate {
    definition: Definition,
    egress: Arc<Egress>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    host: String,
    port: Option<u16>,
}

impl TlsCertificate {
    /// Makes the tool.
    pub fn new(egress: Arc<Egress>) -> Self {
        let text = json!({ "type": "string" });
        let time = json!({ "type": "string", "format": "date-time" });
        let definition = Definition {
            arguments: object(
                json!({
                    "host": { "type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[A-Za-z0-9._:-]+$", "description": "A host name or an address, without a port." },
                    "port": { "type": "integer", "minimum": 1, "maximum": 65535, "description": "443 where nothing is said." }
                }),
                &["host"],
            ),
            result: object(
                json!({
                    "subject": text,
                    "issuer": text,
                    "names": { "type": "array", "items": text, "maxItems": NAMES_MAX, "description": "The hosts that it is for." },
                    "not_before": time,
                    "not_after": time,
                    "days_left": { "type": "integer", "description": "Whole days until `not_after`; below zero when it is over." },
                    "trusted": { "type": "boolean", "description": "Whether this host may be believed now." },
                    "doubt": { "type": ["string", "null"], "enum": ["expired", "not_yet_valid", "other_name", "unknown_issuer", "revoked", "unusable", null], "description": "Why it is not trusted." },
                    "fingerprint": { "type": "string", "description": "SHA-256 of the certificate, as hexadecimal digits." }
                }),
                &[
                    "subject",
                    "issuer",
                    "names",
                    "not_before",
                    "not_after",
                    "days_left",
                    "trusted",
                    "doubt",
                    "fingerprint",
                ],
            ),
            errors: [
                vec![
                    answer("no_tls", "something answers there, and does not speak TLS"),
                    answer("malformed", "what it presents is no certificate"),
                ],
                [
                    Code::ArgumentsInvalid,
                    Code::EgressUrl,
                    Code::EgressPrivateAddress,
                    Code::EgressUnresolved,
                    Code::EgressUnreachable,
                    Code::ConnectorInternal,
                ]
                .map(failure)
                .to_vec(),
            ]
            .concat(),
            label: Some("http:{/host}".to_owned()),
            leaves_machine: true,
            sink: Some("http:{/host}".to_owned()),
            example: json!({ "host": "books.example" }),
            ..definition(
                "tls.certificate",
                "Looks at the certificate of a host: who issued it, for how long it is good, and whether it is trusted.",
                Kind::Read,
            )
        };
        Self { definition, egress }
    }
}

#[async_trait]
impl Tool for TlsCertificate {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        let arguments: Arguments = call.parse()?;
        let host = HostPort::new(&arguments.host, arguments.port.unwrap_or(PORT));
        let Some(presented) = self.egress.certificate(&host, &call.grants.private_hosts).await? else {
            return Ok(Performed::refused("no_tls", format!("`{host}` does not speak TLS"), json!({})));
        };
        let Some(mut result) = read(&presented.certificate, call.now) else {
            return Ok(Performed::refused("malformed", format!("`{host}` presents no certificate"), json!({})));
        };
        result["trusted"] = json!(presented.doubt.is_none());
        result["doubt"] = json!(presented.doubt.map(in_words));
        Ok(Performed::value(result).labelled(format!("http:{}", host.host())))
    }
}

const fn in_words(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Expired => "expired",
        Doubt::NotYetValid => "not_yet_valid",
        Doubt::OtherName => "other_name",
        Doubt::UnknownIssuer => "unknown_issuer",
        Doubt::Revoked => "revoked",
        Doubt::Unusable => "unusable",
    }
}

fn read(der: &[u8], now: Timestamp) -> Option<Value> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let time = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    let validity = certificate.validity();
    let (from, until) = (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
    let names = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<_> =
        names.iter().flat_map(|names| &names.value.general_names).filter_map(name).take(NAMES_MAX).collect();
    Some(json!({
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "names": names,
        "not_before": from.to_string(),
        "not_after": until.to_string(),
        "days_left": until.as_millis().saturating_sub(now.as_millis()).div_euclid(DAY_MS),
        "fingerprint": digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
    }))
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}
