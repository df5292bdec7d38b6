//! The gateway itself.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response};
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use tokio::net::TcpStream;
use url::Url;

use super::classify::{broken, connect_error, send_fault, unreachable};
use super::hop::{add_credential, bad_redirect, for_strangers, redirect, target};
use super::presented::{self, Presented};
use super::reach::{EgressSettings, HostPort, Reach};
use super::request::{Answer, Body, Manner, Outgoing, SendFault};
use super::resolve::{Admitted, Guarded, Lookup, SystemLookup, resolve};
use super::stream::{Stream, TlsStart};
use crate::{Code, Error};

/// A host that does not shake hands by then is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A chain of redirects that is longer goes in circles.
const REDIRECTS_MAX: usize = 5;
/// The rate limiter forgets hosts that were not called lately once it knows more than this.
const HOSTS_REMEMBERED: usize = 10_000;
/// Connections to one host that wait to be used again.
const IDLE_MAX: usize = 8;
/// How long a connection for reads waits; a read that meets a closed one is made again.
const READ_IDLE_FOR: Duration = Duration::from_secs(60);
/// How long a connection for keyed effects waits. Services close idle ones after five seconds and more, and one that is
/// closed just as it is used costs a retry with the same key.
const KEYED_IDLE_FOR: Duration = Duration::from_secs(2);
/// Carries the place of a request in a trace (W3C trace context).
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// What services see of us.
const USER_AGENT: &str = concat!("steward/", env!("CARGO_PKG_VERSION"));

/// The one way out.
pub struct Egress {
    settings: EgressSettings,
    lookup: Arc<dyn Lookup>,
    tls: Arc<ClientConfig>,
    /// Those who vouch for certificates; nobody, where the system trusts nobody.
    vouching: Option<Arc<dyn ServerCertVerifier>>,
    pub(super) clients: Clients,
    rates: DefaultKeyedRateLimiter<String>,
}

/// Reads share connections, and so do effects that the service knows again by their keys. Any other effect gets one of
/// its own, since a connection that the service closes just as it is used again would make an effect uncertain for
/// nothing. Hosts that were named as private have clients of their own, so that nobody else's name can lead to a
/// connection of theirs.
pub(super) struct Clients {
    pub(super) public: Kinds,
    pub(super) named: Kinds,
}

pub(super) struct Kinds {
    read: Client,
    pub(super) effect: Client,
    keyed: Client,
}

impl Egress {
    /// Opens the gateway with the resolver of the operating system.
    pub fn new(settings: EgressSettings) -> Result<Self, Error> {
        Self::with_lookup(settings, Arc::new(SystemLookup))
    }

    /// Opens the gateway with another resolver.
    pub fn with_lookup(settings: EgressSettings, lookup: Arc<dyn Lookup>) -> Result<Self, Error> {
        let (tls, vouching) = trust()?;
        let public = Admitted::public(&settings.allow_private);
        let kinds = |admitted: &Admitted| {
            Ok(Kinds {
                read: client(&tls, &lookup, admitted, IDLE_MAX, READ_IDLE_FOR)?,
                effect: client(&tls, &lookup, admitted, 0, Duration::ZERO)?,
                keyed: client(&tls, &lookup, admitted, IDLE_MAX, KEYED_IDLE_FOR)?,
            })
        };
        let clients = Clients { public: kinds(&public)?, named: kinds(&Admitted::All)? };
        let quota = Quota::per_second(settings.requests_per_second).allow_burst(settings.burst);
        Ok(Self { settings, lookup, tls: Arc::new(tls), vouching, clients, rates: RateLimiter::keyed(quota) })
    }

    /// Sends a request once and reads its answer. For a read, redirects are followed.
    pub async fn send(&self, outgoing: Outgoing<'_>) -> Result<Answer, SendFault> {
        let deadline = outgoing.deadline;
        let left = AtomicBool::new(false);
        match tokio::time::timeout(deadline, self.follow(outgoing, &left)).await {
            Ok(result) => result,
            Err(_) if left.load(Ordering::Relaxed) => {
                let late = Error::new(Code::HttpTimeout, format!("no answer within {} ms", deadline.as_millis()));
                Err(SendFault { error: late, left: true })
            }
            // It never got past the rate limit.
            Err(_) => {
                Err(SendFault::before(Error::new(Code::EgressRateLimited, "too many requests to this host at once")))
            }
        }
    }

    /// Connects to a host for a protocol other than HTTP.
    pub async fn connect(&self, to: &HostPort, tls: TlsStart, private_hosts: &[HostPort]) -> Result<Stream, Error> {
        let stream = self.reach(to, private_hosts).await?;
        self.secure(stream, to, tls).await
    }

    async fn reach(&self, to: &HostPort, private_hosts: &[HostPort]) -> Result<TcpStream, Error> {
        let admitted = self.admitted(to, private_hosts);
        let addresses = match to.host().parse::<IpAddr>() {
            Ok(address) => {
                admitted.check(to.host(), address)?;
                vec![address]
            }
            Err(_) => resolve(self.lookup.as_ref(), &admitted, to.host()).await?,
        };
        self.pace(to).await;
        let mut last = unreachable(to);
        for address in addresses {
            let connecting = TcpStream::connect(SocketAddr::new(address, to.port()));
            match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = unreachable(to).caused_by(error),
                Err(_) => {}
            }
        }
        Err(last)
    }

    /// Looks at the certificate that a host presents; none when it does not speak TLS.
    pub async fn certificate(&self, of: &HostPort, private_hosts: &[HostPort]) -> Result<Option<Presented>, Error> {
        let stream = self.reach(of, private_hosts).await?;
        let look = presented::look(self.vouching.as_ref(), stream, of);
        tokio::time::timeout(CONNECT_TIMEOUT, look).await.unwrap_or(Ok(None))
    }

    async fn secure(&self, stream: TcpStream, to: &HostPort, tls: TlsStart) -> Result<Stream, Error> {
        match tls {
            TlsStart::Plain => Ok(Stream::Plain(stream)),
            TlsStart::Immediate => {
                let name = rustls::pki_types::ServerName::try_from(to.host().to_owned())
                    .map_err(|error| Error::new(Code::EgressUrl, format!("`{to}` is no host")).caused_by(error))?;
                let encrypting = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream);
                match tokio::time::timeout(CONNECT_TIMEOUT, encrypting).await {
                    Ok(Ok(stream)) => Ok(Stream::Encrypted(Box::new(stream))),
                    Ok(Err(error)) => Err(connect_error(to, error)),
                    Err(_) => Err(unreachable(to)),
                }
            }
        }
    }

    async fn follow(&self, outgoing: Outgoing<'_>, left: &AtomicBool) -> Result<Answer, SendFault> {
        let mut url = outgoing.url.clone();
        let mut headers = outgoing.headers.clone();
        for _ in 0..=REDIRECTS_MAX {
            let response = self.hop(&outgoing, &url, &headers, left).await?;
            let Manner::Read(allowed) = outgoing.manner else { return Ok(read(response, url, &outgoing).await) };
            let Some(next) = redirect(&response, &url)? else { return Ok(read(response, url, &outgoing).await) };
            if !allowed(&next) {
                let host = next.host_str().unwrap_or_default();
                return Err(bad_redirect(format!("the answer redirects to `{host}`, where this call may not go")));
            }
            if next.origin() != url.origin() {
                headers = for_strangers(&headers);
            }
            url = next;
        }
        Err(bad_redirect(format!("more than {REDIRECTS_MAX} redirects")))
    }

    async fn hop(
        &self,
        outgoing: &Outgoing<'_>,
        url: &Url,
        headers: &HeaderMap,
        left: &AtomicBool,
    ) -> Result<Response, SendFault> {
        let to = target(url).map_err(SendFault::before)?;
        let admitted = self.admitted(&to, outgoing.private_hosts);
        // A name is checked when it is resolved; an address in the URL is connected to as it is.
        if let Ok(address) = to.host().parse::<IpAddr>() {
            admitted.check(to.host(), address).map_err(SendFault::before)?;
        }
        self.pace(&to).await;
        let kinds = match &admitted {
            Admitted::Public(_) => &self.clients.public,
            Admitted::All => &self.clients.named,
        };
        let client = match outgoing.manner {
            Manner::Read(_) => &kinds.read,
            Manner::Effect => &kinds.effect,
            Manner::KeyedEffect => &kinds.keyed,
        };
        let mut headers = headers.clone();
        if let Some(credential) = outgoing.credential {
            add_credential(&mut headers, credential, url).map_err(SendFault::before)?;
        }
        if let Some(trace_parent) = outgoing.trace_parent.filter(|_| self.settings.trace.reaches(&to))
            && let Ok(value) = HeaderValue::from_str(trace_parent)
        {
            headers.entry(TRACE_PARENT).or_insert(value);
        }
        let mut request =
            client.request(outgoing.method.clone(), url.clone()).headers(headers).timeout(outgoing.deadline);
        if let Some(body) = &outgoing.body {
            request = request.body(body.clone());
        }
        left.store(true, Ordering::Relaxed);
        request.send().await.map_err(|error| send_fault(&to, error))
    }

    pub(super) fn admitted(&self, to: &HostPort, private_hosts: &[HostPort]) -> Admitted {
        let by_setting = self.settings.allow_private.iter().any(|reach| match reach {
            Reach::Host(host) => host == to,
            Reach::Network(_) => false,
        });
        if by_setting || private_hosts.contains(to) {
            Admitted::All
        } else {
            Admitted::public(&self.settings.allow_private)
        }
    }

    /// Waits until the host may be called again.
    pub(super) async fn pace(&self, to: &HostPort) {
        if self.rates.len() > HOSTS_REMEMBERED {
            self.rates.retain_recent();
        }
        self.rates.until_key_ready(&to.to_string()).await;
    }
}

/// Trusts whom the operating system trusts. Where it trusts nobody, plain connections still work, and each encrypted
/// one fails with its own error, which is better than a server that does not start.
fn trust() -> Result<(ClientConfig, Option<Arc<dyn ServerCertVerifier>>), Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| internal("encryption could not be set up").caused_by(error))?;
    match rustls_platform_verifier::Verifier::new(provider) {
        Ok(verifier) => {
            let vouching: Arc<dyn ServerCertVerifier> = Arc::new(verifier);
            let builder = builder.dangerous().with_custom_certificate_verifier(Arc::clone(&vouching));
            Ok((builder.with_no_client_auth(), Some(vouching)))
        }
        Err(error) => {
            tracing::warn!(%error, "no trusted certificates were found: encrypted connections will fail");
            let nobody = rustls::RootCertStore::empty();
            Ok((builder.with_root_certificates(nobody).with_no_client_auth(), None))
        }
    }
}

fn client(
    tls: &ClientConfig,
    lookup: &Arc<dyn Lookup>,
    admitted: &Admitted,
    idle_per_host_max: usize,
    idle_for: Duration,
) -> Result<Client, Error> {
    Client::builder()
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls.clone())
        .dns_resolver(Arc::new(Guarded { lookup: Arc::clone(lookup), admitted: admitted.clone() }))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(idle_per_host_max)
        .pool_idle_timeout(idle_for)
        .build()
        .map_err(|error| internal("the HTTP client could not be made").caused_by(error))
}

async fn read(mut response: Response, url: Url, outgoing: &Outgoing<'_>) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut bytes = Vec::new();
    let body = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > outgoing.answer_bytes_max => break Body::TooLarge,
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break Body::Whole(bytes.into()),
            Err(error) => break Body::Broken(broken(&error)),
        }
    };
    Answer { status, url, headers, body }
}

fn internal(message: &str) -> Error {
    Error::new(Code::ConnectorInternal, message)
}
