//! The gateway: where nothing may go, and what does not go along.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use connectors::egress::{Egress, EgressSettings, HostPort, Lookup, TlsStart};
use connectors::email::Mail;
use connectors::vault::Secret;
use connectors::{Connection, Grants};
use intents::label::Label;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::web_server::{WebServer, answer};
use crate::support::{Adjust, Bench, call, ending, value};

/// A name service of the test's own.
struct Names(BTreeMap<&'static str, Vec<IpAddr>>);

#[async_trait]
impl Lookup for Names {
    async fn addresses(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        self.0.get(host).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

fn bench(names: &[(&'static str, &[&str])], allow_private: &[String]) -> Bench {
    let names = names.iter().map(|(name, all)| (*name, all.iter().map(|one| one.parse().unwrap()).collect())).collect();
    let allow_private = allow_private.iter().map(|reach| reach.parse().unwrap()).collect();
    let settings = EgressSettings { allow_private, ..EgressSettings::default() };
    let egress = Egress::with_lookup(settings, Arc::new(Names(names))).unwrap();
    Bench::with_egress(egress, |home| Mail::Outbox(home.join("outbox")))
}

async fn ended(bench: &Bench, url: &str) -> String {
    ending(&bench.perform("http.get", &call(json!({ "url": url }))).await)
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_however_they_are_written() {
    let server = WebServer::answering([]).await;
    let port = server.port();
    let bench = Bench::new();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "224.0.0.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ] {
        assert_eq!(
            ended(&bench, &format!("http://{host}:{port}/")).await,
            "permission EGRESS_PRIVATE_ADDRESS",
            "{host}"
        );
    }
    assert_eq!(server.received(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_is_judged_by_every_address_it_resolves_to() {
    let server = WebServer::answering([]).await;
    let bench = bench(
        &[
            ("rebound.example", &["127.0.0.1"]),
            ("mixed.example", &["93.184.216.34", "127.0.0.1"]),
            ("none.example", &[]),
        ],
        &[],
    );
    for (host, expected) in [
        ("rebound.example", "permission EGRESS_PRIVATE_ADDRESS"),
        ("mixed.example", "permission EGRESS_PRIVATE_ADDRESS"),
        ("none.example", "transient EGRESS_UNRESOLVED"),
        ("unknown.example", "transient EGRESS_UNRESOLVED"),
    ] {
        assert_eq!(ended(&bench, &format!("http://{host}:{}/", server.port())).await, expected, "{host}");
    }
    assert_eq!(server.received(), Vec::<String>::new());
}

#[tokio::test]
async fn only_the_named_port_of_a_named_private_host_is_reached() {
    let named = WebServer::answering([answer(200, "", "")]).await;
    let neighbour = WebServer::answering([answer(200, "", "")]).await;
    let bench = bench(&[("nas.home", &["127.0.0.1"])], &[format!("nas.home:{}", named.port())]);
    assert_eq!(ended(&bench, &format!("http://nas.home:{}/", named.port())).await, "value");
    let elsewhere = format!("http://nas.home:{}/", neighbour.port());
    assert_eq!(ended(&bench, &elsewhere).await, "permission EGRESS_PRIVATE_ADDRESS");
}

#[tokio::test]
async fn a_named_network_is_reached_on_all_its_ports() {
    let server = WebServer::answering([answer(200, "", "")]).await;
    let bench = bench(&[("nas.home", &["127.0.0.1"])], &["127.0.0.0/8".to_owned()]);
    assert_eq!(ended(&bench, &format!("http://nas.home:{}/", server.port())).await, "value");
    assert_eq!(ended(&bench, "http://10.0.0.1/").await, "permission EGRESS_PRIVATE_ADDRESS");
}

#[tokio::test]
async fn only_web_addresses_without_credentials_are_called() {
    let bench = Bench::new();
    for (url, expected) in [
        ("ftp://books.example/", "logic EGRESS_SCHEME"),
        ("file:///etc/passwd", "logic EGRESS_SCHEME"),
        ("data:text/plain,x", "logic EGRESS_SCHEME"),
        ("http://user@books.example/", "logic EGRESS_URL"),
        ("http://:secret@books.example/", "logic EGRESS_URL"),
        ("books.example/api", "logic EGRESS_URL"),
        ("http://", "logic EGRESS_URL"),
        ("http://127.1/", "logic EGRESS_URL"),
        ("http://books.example/api/../admin", "logic EGRESS_URL"),
    ] {
        assert_eq!(ended(&bench, url).await, expected, "{url}");
    }
}

#[tokio::test]
async fn redirects_are_followed_only_to_where_the_call_may_go() {
    let target = WebServer::answering([answer(200, "", "there")]).await;
    let private = format!("Location: http://127.0.0.1:{}/\r\n", target.port());
    for (location, everywhere, expected) in [
        ("Location: /next\r\n", true, "value"),
        ("Location: /next\r\n", false, "permission EGRESS_REDIRECT"),
        (private.as_str(), true, "permission EGRESS_PRIVATE_ADDRESS"),
        ("Location: http://169.254.169.254/latest\r\n", true, "permission EGRESS_PRIVATE_ADDRESS"),
        ("Location: ftp://books.example/\r\n", true, "logic EGRESS_SCHEME"),
        ("Location: http://[oops\r\n", true, "permission EGRESS_REDIRECT"),
        ("", true, "value"),
    ] {
        let server = WebServer::answering([answer(302, location, ""), answer(200, "", "")]).await;
        let call = call(json!({ "url": server.url("/") }))
            .host(server.host())
            .granting(|grants: &mut Grants| grants.allows_url = Arc::new(move |_| everywhere));
        assert_eq!(ending(&Bench::new().perform("http.get", &call).await), expected, "{location}");
    }
    assert_eq!(target.received(), Vec::<String>::new());
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let around = || answer(302, "Location: /again\r\n", "");
    let server = WebServer::answering(std::iter::repeat_with(around).take(20)).await;
    let call = call(json!({ "url": server.url("/") }))
        .host(server.host())
        .granting(|grants| grants.allows_url = Arc::new(|_| true));
    assert_eq!(ending(&Bench::new().perform("http.get", &call).await), "permission EGRESS_REDIRECT");
    assert_eq!(server.received().len(), 6);
}

#[tokio::test]
async fn credentials_go_to_their_own_origin_and_not_along_to_another() {
    let stranger = WebServer::answering([answer(200, "", "")]).await;
    let location = format!("Location: {}\r\n", stranger.url("/"));
    let own = WebServer::answering([answer(302, &location, "")]).await;
    let origin = own.url("");
    let call =
        call(json!({ "url": own.url("/"), "headers": { "Authorization": "Bearer script", "Accept": "text/plain" } }))
            .host(own.host())
            .host(stranger.host())
            .granting(|grants| {
                grants.allows_url = Arc::new(|_| true);
                grants.connection = Some(Connection { name: "conn_own".parse().unwrap(), origin });
            });
    let bench = Bench::new();
    assert_eq!(ending(&bench.perform("http.get", &call).await), "auth SECRET_MISSING");
    assert!(own.received().is_empty(), "nothing leaves without what it is to carry");
    bench.vault.set("conn_own", &Secret::new("X-Api-Key: vaulted")).unwrap();
    let performed = bench.perform("http.get", &call).await;
    assert!(performed.as_ref().unwrap().labels.contains(&Label("conn:own".to_owned())));
    value(performed);
    let at_home = own.received().pop().unwrap();
    assert!(at_home.contains("x-api-key: vaulted") && at_home.contains("authorization: Bearer script"), "{at_home}");
    let abroad = stranger.received().pop().unwrap();
    assert!(!abroad.contains("vaulted") && !abroad.contains("Bearer"), "{abroad}");
    assert!(abroad.contains("accept: text/plain"), "{abroad}");
    assert!(!format!("{call:?}").contains("vaulted"));
}

#[tokio::test]
async fn a_credential_that_the_service_says_back_does_not_reach_the_script() {
    let echo = "{\"headers\": {\"authorization\": \"Bearer tok_0123456789\"}, \"note\": \"tok_0123456789 is yours\"}";
    let header = "Content-Type: application/json\r\nX-You-Sent: tok_0123456789\r\n";
    let own = WebServer::answering([answer(200, header, echo), answer(200, header, echo)]).await;
    let bench = Bench::new();
    bench.vault.set("conn_own", &Secret::new("tok_0123456789")).unwrap();
    let through = |grants: &mut Grants| {
        grants.connection = Some(Connection { name: "conn_own".parse().unwrap(), origin: own.url("") });
    };
    let get = call(json!({ "url": own.url("/") })).host(own.host()).granting(through);
    let post = call(json!({ "method": "POST", "url": own.url("/") })).host(own.host()).granting(through);
    for performed in [bench.perform("http.get", &get).await, bench.perform("http.request", &post).await] {
        let result = value(performed);
        assert!(!result.to_string().contains("0123456789"), "{result}");
        assert_eq!(result["json"]["headers"]["authorization"], "Bearer [credential]");
    }
    assert!(own.received().iter().all(|request| request.contains("Bearer tok_0123456789")));
}

#[tokio::test]
async fn a_host_is_not_called_faster_than_the_settings_say() {
    const CALLS: usize = 30;
    let server = WebServer::answering([]).await;
    let one = std::num::NonZeroU32::MIN;
    let settings = EgressSettings { requests_per_second: one, burst: one, ..EgressSettings::default() };
    let bench = Arc::new(Bench::with(settings, |home| Mail::Outbox(home.join("outbox"))));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CALLS {
        let post = call(json!({ "method": "POST", "url": server.url("/") })).host(server.host());
        let (bench, post) = (Arc::clone(&bench), post.within(std::time::Duration::from_millis(100)));
        calls.spawn(async move { ending(&bench.perform("http.request", &post).await) });
    }
    let endings = calls.join_all().await;
    let turned_away = endings.iter().filter(|ending| *ending == "transient EGRESS_RATE_LIMITED").count();
    // However slow this machine is, those who were told that nothing was done did nothing.
    assert!(turned_away > 0 && server.received().len() <= CALLS - turned_away, "{endings:?}");
}

/// Presents something that is no certificate of anybody.
#[derive(Debug)]
struct Impostor(Arc<rustls::sign::CertifiedKey>);

impl rustls::server::ResolvesServerCert for Impostor {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let pair = ring::signature::EcdsaKeyPair::generate_pkcs8(
        &ring::signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        &ring::rand::SystemRandom::new(),
    )
    .unwrap();
    let key = PrivatePkcs8KeyDer::from(pair.as_ref().to_vec()).into();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let certified = rustls::sign::CertifiedKey::new(vec![CertificateDer::from(vec![1, 2, 3])], key);
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Impostor(Arc::new(certified))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let host = HostPort::new("127.0.0.1", port);
    let read = call(json!({ "url": format!("https://127.0.0.1:{port}/") })).host(host.clone());
    assert_eq!(ending(&Bench::new().perform("http.get", &read).await), "permission EGRESS_CERTIFICATE");
    let egress = Egress::new(EgressSettings::default()).unwrap();
    let refused = egress.connect(&host, TlsStart::Immediate, std::slice::from_ref(&host)).await.unwrap_err();
    assert_eq!(refused.code(), connectors::Code::EgressCertificate);
    let refused = egress.connect(&host, TlsStart::Plain, &[]).await.unwrap_err();
    assert_eq!(refused.code(), connectors::Code::EgressPrivateAddress);
}
