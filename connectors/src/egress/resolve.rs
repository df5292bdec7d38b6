//! Names become addresses here, and only those that may be reached come out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{embedded, is_public};
use super::reach::{Cidr, Reach};
use crate::{Code, Error};

/// Turns a name into addresses.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// The addresses of a host.
    async fn addresses(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn addresses(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Which addresses may be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admitted {
    /// Public ones, and private ones in these networks.
    Public(Arc<[Cidr]>),
    /// All: somebody named this very host and port.
    All,
}

impl Admitted {
    pub(super) fn public(allow_private: &[Reach]) -> Self {
        let networks = allow_private.iter().filter_map(|reach| match reach {
            Reach::Network(network) => Some(*network),
            Reach::Host(_) => None,
        });
        Self::Public(networks.collect())
    }

    /// Refuses an address that may not be connected to.
    pub(super) fn check(&self, host: &str, address: IpAddr) -> Result<(), Error> {
        let admitted = match self {
            Self::All => true,
            Self::Public(networks) => {
                let inner = match address {
                    IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
                    IpAddr::V4(_) => address,
                };
                is_public(address)
                    || networks.iter().any(|network| network.contains(address) || network.contains(inner))
            }
        };
        if admitted { Ok(()) } else { Err(private(host)) }
    }
}

fn private(host: &str) -> Error {
    Error::new(
        Code::EgressPrivateAddress,
        format!("`{host}` has a private, local or reserved address, and no setting allows it"),
    )
}

/// Resolves a host. One address that may not be reached spoils all: a name that answers with both is an attack
/// or a mistake.
pub(super) async fn resolve(lookup: &dyn Lookup, admitted: &Admitted, host: &str) -> Result<Vec<IpAddr>, Error> {
    let addresses = lookup.addresses(host).await.map_err(|error| {
        Error::new(Code::EgressUnresolved, format!("the name `{host}` could not be resolved")).caused_by(error)
    })?;
    if addresses.is_empty() {
        return Err(Error::new(Code::EgressUnresolved, format!("the name `{host}` has no address")));
    }
    addresses.iter().try_for_each(|address| admitted.check(host, *address))?;
    Ok(addresses)
}

/// The resolver that the HTTP client is given, so that the check is made on the very addresses it connects to.
pub(super) struct Guarded {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) admitted: Admitted,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, admitted) = (Arc::clone(&self.lookup), self.admitted.clone());
        Box::pin(async move {
            let addresses = resolve(lookup.as_ref(), &admitted, name.as_str()).await?;
            let sockets: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(sockets)
        })
    }
}
