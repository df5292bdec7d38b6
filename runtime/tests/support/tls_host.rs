//! A host that shows a certificate of its own making to whoever asks.

use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, ServerConnection};

use super::authority::speaking;

/// How the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presents {
    /// A certificate that is good for about so many days more.
    GoodFor(i64),
    /// Nothing: it hangs up.
    Nothing,
}

/// A host on a port of its own.
pub(crate) struct TlsHost {
    port: u16,
    presents: Arc<Mutex<Presents>>,
}

impl TlsHost {
    pub(crate) fn start(presents: Presents) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let presents = Arc::new(Mutex::new(presents));
        let shared = Arc::clone(&presents);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let presents = *shared.lock().unwrap_or_else(PoisonError::into_inner);
                let Presents::GoodFor(days) = presents else { continue };
                let Ok(mut tls) = ServerConnection::new(config(days)) else { continue };
                // The caller looks, says nothing, and goes.
                drop(rustls::Stream::new(&mut tls, &mut stream).read(&mut [0; 1]));
            }
        });
        Self { port, presents }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn now_presents(&self, presents: Presents) {
        *self.presents.lock().unwrap_or_else(PoisonError::into_inner) = presents;
    }
}

fn config(days: i64) -> Arc<ServerConfig> {
    let key = KeyPair::generate().expect("a key can be made");
    let mut params = CertificateParams::new(vec!["nas.home".to_owned()]).expect("a name is a name");
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    let day = until.to_zoned(jiff::tz::TimeZone::UTC).date();
    let (month, of_month) = (day.month().unsigned_abs(), day.day().unsigned_abs());
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(i32::from(day.year()), month, of_month);
    let certificate = params.self_signed(&key).expect("a certificate can be made");
    speaking(&certificate, &key)
}
