//! An authority that vouches for the hosts of the tests, and certificates that it, or nobody, vouches for.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;

/// The authority; a server trusts it when it is told to.
static AUTHORITY: LazyLock<CertifiedIssuer<'static, KeyPair>> = LazyLock::new(|| {
    let mut params = CertificateParams::new(Vec::new()).expect("no name is no wrong one");
    params.distinguished_name.push(DnType::CommonName, "the authority of the tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key can be made")).expect("it can be made")
});

/// What a host at `127.0.0.1` shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Certificate {
    /// One that the authority vouches for.
    Good,
    /// It has run out.
    Expired,
    /// Nobody vouches for it.
    Unvouched,
    /// It is that of another host.
    OtherHost,
}

/// The authority's own certificate, for those who are to trust it.
pub(crate) fn authority() -> String {
    AUTHORITY.pem()
}

/// How a host speaks that shows this certificate.
pub(crate) fn showing(certificate: Certificate) -> Arc<ServerConfig> {
    let name = if certificate == Certificate::OtherHost { "elsewhere.example" } else { "127.0.0.1" };
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name is a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    let until = if certificate == Certificate::Expired { 2021 } else { 2199 };
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().expect("a key can be made");
    let made = match certificate {
        Certificate::Unvouched => params.self_signed(&key),
        Certificate::Good | Certificate::Expired | Certificate::OtherHost => params.signed_by(&key, &AUTHORITY),
    };
    speaking(&made.expect("a certificate can be made"), &key)
}

/// How a host speaks that has this certificate and its key.
pub(crate) fn speaking(certificate: &rcgen::Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions are known")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .expect("the key is that of the certificate");
    Arc::new(config)
}
