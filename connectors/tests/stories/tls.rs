//! `tls.certificate`, at hosts of the test's own.

use std::sync::Arc;

use connectors::egress::HostPort;
use intents::label::Label;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Adjust, Bench, call, ending, value};

/// A host that nobody vouches for, with a certificate until the first day of 2027.
async fn host() -> HostPort {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["nas.home".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    });
    HostPort::new("127.0.0.1", port)
}

#[tokio::test]
async fn a_certificate_says_whose_it_is_for_how_long_and_why_it_is_not_trusted() {
    let host = host().await;
    let look = call(json!({ "host": "127.0.0.1", "port": host.port() })).host(host);
    let performed = Bench::new().perform("tls.certificate", &look).await;
    assert!(performed.as_ref().unwrap().labels.contains(&Label("http:127.0.0.1".to_owned())));
    let result = value(performed);
    assert_eq!(result["names"], json!(["nas.home", "127.0.0.1"]));
    assert_eq!(result["not_after"], "2027-01-01T00:00:00.000Z");
    // The calls of these tests are made on 2026-09-21.
    assert_eq!(result["days_left"], 101);
    assert_eq!((&result["trusted"], &result["doubt"]), (&json!(false), &json!("unknown_issuer")));
    assert_eq!(result["fingerprint"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn who_speaks_no_tls_and_who_is_not_there_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 64];
            drop(stream.read(&mut hello).await);
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        }
    });
    let bench = Bench::new();
    let plain = call(json!({ "host": "127.0.0.1", "port": port })).host(HostPort::new("127.0.0.1", port));
    assert_eq!(ending(&bench.perform("tls.certificate", &plain).await), "refused no_tls");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gone = call(json!({ "host": "127.0.0.1", "port": closed })).host(HostPort::new("127.0.0.1", closed));
    assert_eq!(ending(&bench.perform("tls.certificate", &gone).await), "transient EGRESS_UNREACHABLE");
    let private = call(json!({ "host": "127.0.0.1", "port": port }));
    assert_eq!(ending(&bench.perform("tls.certificate", &private).await), "permission EGRESS_PRIVATE_ADDRESS");
}
