//! The certificate that a host presents, whether anybody vouches for it or not.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;

use super::reach::HostPort;
use crate::{Code, Error};

/// What a host has presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// Its own certificate, as DER.
    pub certificate: Vec<u8>,
    /// Why it is not trusted, if it is not.
    pub doubt: Option<Doubt>,
}

/// Why a certificate is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is for other hosts.
    OtherName,
    /// Nobody whom the system trusts has issued it.
    UnknownIssuer,
    /// Its issuer has taken it back.
    Revoked,
    /// Anything else.
    Unusable,
}

impl Doubt {
    fn of(error: &rustls::Error) -> Self {
        let rustls::Error::InvalidCertificate(error) = error else { return Self::Unusable };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the list is another's, and may grow")]
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
            // Signed by somebody who only bears the name of one whom the system trusts.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::Revoked => Self::Revoked,
            _ => Self::Unusable,
        }
    }
}

/// Shakes hands and hangs up: nothing is sent over the connection. None when the host does not speak TLS.
pub(super) async fn look(
    vouching: Option<&Arc<dyn ServerCertVerifier>>,
    stream: TcpStream,
    to: &HostPort,
) -> Result<Option<Presented>, Error> {
    let name = ServerName::try_from(to.host().to_owned())
        .map_err(|error| Error::new(Code::EgressUrl, format!("`{to}` is no host")).caused_by(error))?;
    let seen = Arc::new(Mutex::new(None));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let looker = Looker { vouching: vouching.cloned(), algorithms, seen: Arc::clone(&seen) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Code::ConnectorInternal, "encryption could not be set up").caused_by(error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(looker))
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    // Whether the host goes on after it has shown its certificate makes no difference.
    drop(tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await);
    Ok(seen.lock().unwrap_or_else(PoisonError::into_inner).take())
}

/// Notes what it is shown, and what those who vouch for certificates say of it. It lets everybody pass, so no other
/// connection may be made with it.
#[derive(Debug)]
struct Looker {
    vouching: Option<Arc<dyn ServerCertVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Arc<Mutex<Option<Presented>>>,
}

impl Looker {
    /// A certificate proves nothing when the host does not hold its key.
    fn held(
        &self,
        signed: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if signed.is_err()
            && let Some(presented) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            presented.doubt = Some(Doubt::Unusable);
        }
        signed
    }
}

impl ServerCertVerifier for Looker {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let doubt = match &self.vouching {
            None => Some(Doubt::UnknownIssuer),
            Some(vouching) => vouching
                .verify_server_cert(certificate, intermediates, name, ocsp, now)
                .err()
                .map(|error| Doubt::of(&error)),
        };
        let presented = Presented { certificate: certificate.to_vec(), doubt };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(presented);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.held(verify_tls12_signature(message, certificate, signed, &self.algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.held(verify_tls13_signature(message, certificate, signed, &self.algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    use rustls::client::WebPkiServerVerifier;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::sign::CertifiedKey;
    use rustls::{RootCertStore, ServerConfig};
    use tokio::net::TcpListener;

    use super::*;

    /// Somebody who issues certificates, and is trusted by who trusts it.
    struct Authority {
        issuer: Issuer<'static, KeyPair>,
        root: CertificateDer<'static>,
    }

    impl Authority {
        fn new() -> Self {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let root = params.self_signed(&key).unwrap().der().clone();
            Self { issuer: Issuer::new(params, key), root }
        }

        fn vouching(&self) -> Arc<dyn ServerCertVerifier> {
            let mut roots = RootCertStore::empty();
            roots.add(self.root.clone()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap()
        }

        /// A certificate for a name, good until the first day of a year, and the key of it.
        fn issue(&self, name: &str, until: i32) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(until, 1, 1);
            let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
            (certificate, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        }
    }

    /// A host on this machine that presents a certificate; the one that looks calls it by a name.
    async fn seen(
        vouching: &Arc<dyn ServerCertVerifier>,
        certificate: CertificateDer<'static>,
        key: &PrivateKeyDer<'static>,
        name: &str,
    ) -> Presented {
        #[derive(Debug)]
        struct Shows(Arc<CertifiedKey>);
        impl rustls::server::ResolvesServerCert for Shows {
            fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
                Some(Arc::clone(&self.0))
            }
        }
        let key = rustls::crypto::ring::sign::any_supported_type(key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shows(Arc::new(CertifiedKey::new(vec![certificate], key)))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            drop(acceptor.accept(stream).await);
        });
        let stream = TcpStream::connect(address).await.unwrap();
        look(Some(vouching), stream, &HostPort::new(name, 443)).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn who_is_vouched_for_is_trusted_and_who_is_not_is_doubted_for_a_reason() {
        let (known, stranger) = (Authority::new(), Authority::new());
        let vouching = known.vouching();
        for (authority, issued_for, until, called, doubt) in [
            (&known, "books.example", 2999, "books.example", None),
            (&known, "books.example", 2021, "books.example", Some(Doubt::Expired)),
            (&known, "books.example", 2999, "other.example", Some(Doubt::OtherName)),
            (&stranger, "books.example", 2999, "books.example", Some(Doubt::UnknownIssuer)),
        ] {
            let (certificate, key) = authority.issue(issued_for, until);
            let presented = seen(&vouching, certificate.clone(), &key, called).await;
            assert_eq!(presented, Presented { certificate: certificate.to_vec(), doubt }, "{called} until {until}");
        }
    }

    #[tokio::test]
    async fn a_certificate_without_its_key_proves_nothing() {
        let known = Authority::new();
        let (certificate, _) = known.issue("books.example", 2999);
        let (_, another) = known.issue("books.example", 2999);
        let presented = seen(&known.vouching(), certificate, &another, "books.example").await;
        assert_eq!(presented.doubt, Some(Doubt::Unusable));
    }
}
