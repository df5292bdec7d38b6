//! What may be reached although its address is private, and how often a host may be called.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::Deserialize;

/// How the gateway behaves; the user's settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EgressSettings {
    /// Private hosts (`nas.home:8080`) and networks (`192.168.1.0/24`) that may be called.
    pub allow_private: Vec<Reach>,
    /// Requests to one host in a second, on average.
    pub requests_per_second: NonZeroU32,
    /// Requests to one host that may come at once.
    pub burst: NonZeroU32,
    /// Which hosts are told the place of a request in a trace.
    #[serde(skip)]
    pub trace: TraceReach,
}

/// Which hosts are told the place of a request in a trace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TraceReach {
    /// None.
    #[default]
    Nobody,
    /// Every host that is called.
    Everybody,
    /// These: a host with all its ports, or one port of it.
    Hosts(Vec<String>),
}

/// Stands for every host.
const EVERY_HOST: &str = "*";

impl TraceReach {
    /// Reads the names of hosts; `*` is every host.
    pub fn of(hosts: &[String]) -> Self {
        if hosts.iter().any(|host| host == EVERY_HOST) {
            return Self::Everybody;
        }
        if hosts.is_empty() { Self::Nobody } else { Self::Hosts(hosts.to_vec()) }
    }

    pub(super) fn reaches(&self, to: &HostPort) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Hosts(hosts) => {
                let whole = to.to_string();
                hosts.iter().any(|host| host.eq_ignore_ascii_case(to.host()) || host.eq_ignore_ascii_case(&whole))
            }
        }
    }
}

/// Polite to a small server, and no hindrance to an automation that reads a few hundred pages.
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
/// A screenful of pages may be read at once.
const BURST: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            allow_private: Vec::new(),
            requests_per_second: REQUESTS_PER_SECOND,
            burst: BURST,
            trace: TraceReach::Nobody,
        }
    }
}

/// Why a text names nothing that could be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host with its port, such as `nas.home:8080`, nor a network, such as `192.168.1.0/24`")]
pub struct Malformed(pub String);

/// A host or a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// One port of one host.
    Host(HostPort),
    /// All ports of a network.
    Network(Cidr),
}

/// One port of one host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// Names a port of a host. The host is compared without regard to case or a final dot.
    pub fn new(host: &str, port: u16) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        Self { host, port }
    }

    /// The host: a name or an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for HostPort {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let sound = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')),
        };
        let port: u16 = port.parse().map_err(|_| malformed())?;
        if sound && port > 0 { Ok(Self::new(host, port)) } else { Err(malformed()) }
    }
}

/// A network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u32,
}

impl Cidr {
    /// Whether an address belongs to the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same_start(u128::from(u32::from(network)) << 96, u128::from(u32::from(address)) << 96, self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => same_start(network.into(), address.into(), self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn same_start(one: u128, other: u128, prefix: u32) -> bool {
    prefix == 0 || (one ^ other) >> (128 - prefix) == 0
}

impl FromStr for Cidr {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed(text.to_owned());
        let (network, prefix) = text.split_once('/').ok_or_else(malformed)?;
        let network: IpAddr = network.parse().map_err(|_| malformed())?;
        let prefix: u32 = prefix.parse().map_err(|_| malformed())?;
        let bits = if network.is_ipv4() { 32 } else { 128 };
        if prefix <= bits { Ok(Self { network, prefix }) } else { Err(malformed()) }
    }
}

impl FromStr for Reach {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.contains('/') { text.parse().map(Self::Network) } else { text.parse().map(Self::Host) }
    }
}

impl<'de> Deserialize<'de> for Reach {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_networks_are_told_apart() {
        assert_eq!("NAS.home.:80".parse(), Ok(Reach::Host(HostPort::new("nas.home", 80))));
        assert_eq!("[::1]:80".parse(), Ok(Reach::Host(HostPort::new("::1", 80))));
        assert!(matches!("10.0.0.0/8".parse(), Ok(Reach::Network(_))));
        for text in ["nas", "nas:", ":80", "nas:0", "nas:99999", "10.0.0.0/33", "nas/8", "http://nas:80", "a b:80"] {
            assert!(text.parse::<Reach>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_hosts_that_were_named_are_told_of_a_trace() {
        let reach = |hosts: &[&str]| TraceReach::of(&hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>());
        let to = HostPort::new("books.example", 443);
        assert!(!reach(&[]).reaches(&to));
        assert!(reach(&["a.example", "*"]).reaches(&to));
        assert!(reach(&["Books.example"]).reaches(&to) && reach(&["books.example:443"]).reaches(&to));
        assert!(!reach(&["books.example:80"]).reaches(&to) && !reach(&["example"]).reaches(&to));
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (network, address, held) in [
            ("192.168.1.0/24", "192.168.1.77", true),
            ("192.168.1.0/24", "192.168.2.1", false),
            ("10.0.0.7/32", "10.0.0.7", true),
            ("0.0.0.0/0", "10.0.0.7", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
        ] {
            let network: Cidr = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), held, "{address}");
        }
    }
}
