//! Which hosts and origins are ours. A page that has its own name resolved to this machine speaks to us under that
//! name, and is refused by it.

use std::net::IpAddr;

/// The hosts under which the server may be called.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    port: u16,
    named: Vec<String>,
}

/// The port that a browser leaves out.
const PORT_LEFT_OUT: u16 = 80;

impl Hosts {
    pub(crate) fn new(port: u16, named: &[String]) -> Self {
        Self { port, named: named.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// The port under which the server is known.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether the value of a `Host` header is ours.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        self.is_named(host) || self.is_loopback(host)
    }

    /// Whether the value of an `Origin` header is that of our own pages, given the host that was called.
    pub(super) fn is_origin(&self, origin: &str, host: &str) -> bool {
        let own = |scheme: &str| origin.strip_prefix(scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(host));
        // We speak no TLS ourselves; only something in front of a named host does.
        own("http://") || (self.is_named(host) && own("https://"))
    }

    fn is_named(&self, host: &str) -> bool {
        self.named.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    fn is_loopback(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            // An address of version 6 without a port ends with its bracket.
            Some((name, port)) if !port.ends_with(']') => match port.parse() {
                Ok(port) => (name, port),
                Err(_) => return false,
            },
            Some(_) | None => (host, PORT_LEFT_OUT),
        };
        if port != self.port {
            return false;
        }
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
            None => {
                name.eq_ignore_ascii_case("localhost")
                    || name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4() && address.is_loopback())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_named_hosts_are_ours() {
        let hosts = Hosts::new(7777, &["steward.home:8443".to_owned()]);
        for host in
            ["127.0.0.1:7777", "localhost:7777", "LOCALHOST:7777", "[::1]:7777", "127.8.8.8:7777", "Steward.home:8443"]
        {
            assert!(hosts.is_host(host), "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:7778",
            "evil.example:7777",
            "localhost.evil.example:7777",
            "[::2]:7777",
            "[::1]",
            "::1:7777",
            "10.0.0.1:7777",
            "127.0.0.1:7777:7777",
            "steward.home",
            "localhost:",
            "0.0.0.0:7777",
            "127.1:7777",
        ] {
            assert!(!hosts.is_host(host), "{host}");
        }
        assert!(Hosts::new(80, &[]).is_host("localhost"));
    }

    #[test]
    fn only_our_own_pages_are_our_origin() {
        let hosts = Hosts::new(7777, &["steward.home".to_owned()]);
        assert!(hosts.is_origin("http://localhost:7777", "localhost:7777"));
        assert!(hosts.is_origin("https://steward.home", "steward.home"));
        for (origin, host) in [
            ("null", "localhost:7777"),
            ("http://127.0.0.1:7777", "localhost:7777"),
            ("https://localhost:7777", "localhost:7777"),
            ("http://localhost:8080", "localhost:7777"),
            ("http://evil.example", "localhost:7777"),
            ("", "localhost:7777"),
        ] {
            assert!(!hosts.is_origin(origin, host), "{origin}");
        }
    }
}
