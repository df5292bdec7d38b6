//! `tls.certificate`: what a host proves who it is with, and for how long.

mod certificate;

pub use certificate::TlsCertificate;
