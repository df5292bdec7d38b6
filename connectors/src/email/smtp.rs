//! A conversation with a mail server, stage by stage.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::{Error as SmtpError, response::Response};

use super::config::{MailConfig, Tls};
use super::message::Letter;
use crate::egress::{Egress, TlsStart};
use crate::vault::Secret;
use crate::{Code, Error, Fault, Performed};

/// What the server says after a mail is done with interests nobody, so it is not waited for long.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a conversation comes to, when the server answered.
pub(super) enum Delivery {
    /// The server took the mail.
    Accepted,
    /// It never will.
    Rejected(Performed),
}

/// Why a conversation ended early.
enum Stop {
    Fault(Fault),
    Rejected(Box<Performed>),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Hands a mail to the server. Doubt is possible only once the first byte of its end may have left.
pub(super) async fn deliver(
    egress: &Egress,
    config: &MailConfig,
    password: Option<Secret>,
    letter: &Letter,
    deadline: Duration,
) -> Result<Delivery, Fault> {
    // Set before the content is sent: from then on the server may take the mail without our learning of it.
    let handed_over = AtomicBool::new(false);
    let talk = converse(egress, config, password, letter, &handed_over);
    match tokio::time::timeout(deadline, talk).await {
        Ok(Ok(())) => Ok(Delivery::Accepted),
        Ok(Err(Stop::Rejected(refusal))) => Ok(Delivery::Rejected(*refusal)),
        Ok(Err(Stop::Fault(fault))) => Err(fault),
        Err(_) => Err(silence(handed_over.load(Ordering::Relaxed))),
    }
}

async fn converse(
    egress: &Egress,
    config: &MailConfig,
    password: Option<Secret>,
    letter: &Letter,
    handed_over: &AtomicBool,
) -> Result<(), Stop> {
    let mut connection = greet(egress, config).await?;
    if let (Some(username), Some(password)) = (&config.username, password) {
        let credentials = Credentials::new(username.clone(), password.expose().to_owned());
        connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(refused_credentials)?;
    }
    let step = |answer: Result<Response, SmtpError>| answer.map_err(|error| stop(&error, false));
    let options = mail_options(&connection, letter)?;
    step(connection.command(Mail::new(letter.envelope.from().cloned(), options)).await)?;
    for recipient in letter.envelope.to() {
        // One recipient that is refused stops the mail: half of it would be neither done nor not done.
        step(connection.command(Rcpt::new(recipient.clone(), Vec::new())).await)?;
    }
    step(connection.command(Data).await)?;
    handed_over.store(true, Ordering::Relaxed);
    connection.message(&letter.bytes).await.map_err(|error| stop(&error, true))?;
    // The mail is delivered; how the server says goodbye changes nothing.
    let _ = tokio::time::timeout(GOODBYE, connection.command(Quit)).await;
    Ok(())
}

async fn greet(egress: &Egress, config: &MailConfig) -> Result<AsyncSmtpConnection, Stop> {
    let server = config.server();
    let start = match config.tls {
        Tls::Tls => TlsStart::Immediate,
        Tls::Starttls | Tls::None => TlsStart::Plain,
    };
    // The settings name this very host and port, which is the permission for a private address.
    let stream = egress.connect(&server, start, std::slice::from_ref(&server)).await?;
    // Our address as the server sees the connection: a host name would tell more than it needs.
    let hello = match stream.local_address() {
        Ok(std::net::SocketAddr::V4(address)) => ClientId::Ipv4(*address.ip()),
        Ok(std::net::SocketAddr::V6(address)) => ClientId::Ipv6(*address.ip()),
        Err(_) => ClientId::default(),
    };
    let connecting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await;
    let mut connection = connecting.map_err(|error| stop(&error, false))?;
    if config.tls == Tls::Starttls {
        let tls = |message: &str| Error::new(Code::MailTls, message);
        let parameters = TlsParameters::new(server.host().to_owned())
            .map_err(|error| tls("the trusted certificates could not be loaded").caused_by(error))?;
        if !connection.can_starttls() {
            return Err(tls("the mail server does not offer STARTTLS, which the settings ask for").into());
        }
        connection
            .starttls(parameters, &hello)
            .await
            .map_err(|error| tls("the connection to the mail server could not be encrypted").caused_by(error))?;
    }
    Ok(connection)
}

/// What the server has to be told about this mail, and whether it can take it at all.
fn mail_options(connection: &AsyncSmtpConnection, letter: &Letter) -> Result<Vec<MailParameter>, Error> {
    let mut options = Vec::new();
    let server = connection.server_info();
    let addresses = letter.envelope.to().iter().chain(letter.envelope.from());
    let needs_utf8 = !addresses.into_iter().all(|address| address.to_string().is_ascii());
    let lacks = |what: &str| Error::new(Code::MailAddress, format!("the mail server does not support {what}"));
    if needs_utf8 {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(lacks("addresses with letters beyond ASCII"));
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    if !letter.bytes.is_ascii() {
        if !server.supports_feature(Extension::EightBitMime) {
            return Err(lacks("8-bit mail"));
        }
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(options)
}

/// What an error means at its stage. An answer of the server is proof whenever it comes: a negative answer to the end
/// of the mail says that the server did not take it.
fn stop(error: &SmtpError, handed_over: bool) -> Stop {
    let Some(code) = error.status() else { return Stop::Fault(silence(handed_over)) };
    let number = code.to_string();
    if error.is_transient() {
        return Error::new(Code::MailBusy, format!("the mail server answered {number}: not now")).into();
    }
    // 530: authentication required; 534, 535, 538: not like this.
    if matches!(number.as_str(), "530" | "534" | "535" | "538") {
        return Error::new(Code::MailAuth, format!("the mail server answered {number}: it wants other credentials"))
            .into();
    }
    // The server's words are data of the outside, for the script to handle like any other.
    let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let data = serde_json::json!({ "status": number, "text": said.chars().take(1000).collect::<String>() });
    let refusal = Performed::refused("rejected", format!("the mail server answered {number}"), data);
    Stop::Rejected(Box::new(refusal))
}

fn refused_credentials(error: SmtpError) -> Stop {
    match error.status() {
        Some(_) if error.is_transient() => stop(&error, false),
        Some(code) => Error::new(Code::MailAuth, format!("the mail server answered {code} to the credentials")).into(),
        None if error.is_client() => {
            Error::new(Code::MailAuth, "the mail server offers no way to authenticate that we know").into()
        }
        None => stop(&error, false),
    }
}

/// No answer, or none that can be read.
fn silence(handed_over: bool) -> Fault {
    if handed_over {
        Fault::uncertain(Code::MailUncertain, "the mail was handed over, and the server never said whether it took it")
    } else {
        Error::new(Code::MailUnreachable, "the mail server broke off or fell silent before it had the mail").into()
    }
}
