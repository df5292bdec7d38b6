//! Web addresses that can be read in one way only.
//!
//! Two programs that read the same address differently are how a call leaves its contract. So an argument is compared
//! only when it is already written in the one form that the URL standard gives it, and holds nothing that a server
//! behind it could read in another way. Everything else fails the condition; no address is repaired.

use url::Url;

/// A web address in its one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Why an address cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeAddress {
    /// No web address at all.
    #[error("it is no address that starts with `http://` or `https://`")]
    NotWeb,
    /// Written otherwise than the standard writes it: capitals, dot segments, backslashes, an explicit default port...
    #[error("it is not written in its one plain form")]
    NotCanonical,
    /// A name or password before the host.
    #[error("it has a user name or password before the host")]
    UserInfo,
    /// A host that ends in a dot is another name for the same host.
    #[error("its host ends in a dot")]
    TrailingDot,
    /// A separator or dot behind percent signs, which a server may read as one.
    #[error(
        "its path hides a separator, dot or control character behind percent signs, or has an empty or dotted part"
    )]
    HiddenPath,
    /// A fragment is never sent, so it has no business in a call.
    #[error("it has a fragment")]
    Fragment,
}

impl Address {
    /// Reads an address that is written in its one form. `https://host` may stand for `https://host/`.
    pub fn parse(text: &str) -> Result<Self, UnsafeAddress> {
        let url = Url::parse(text).map_err(|_| UnsafeAddress::NotWeb)?;
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err(UnsafeAddress::NotWeb);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UnsafeAddress::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(UnsafeAddress::Fragment);
        }
        let without_slash = url.path() == "/" && url.query().is_none() && url.as_str().strip_suffix('/') == Some(text);
        if url.as_str() != text && !without_slash {
            return Err(UnsafeAddress::NotCanonical);
        }
        let host = url.host_str().ok_or(UnsafeAddress::NotWeb)?;
        if host.ends_with('.') || host.contains('%') {
            return Err(UnsafeAddress::TrailingDot);
        }
        if hides_something(url.path()) {
            return Err(UnsafeAddress::HiddenPath);
        }
        Ok(Self(url))
    }

    /// The address in its one form.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    fn same_origin(&self, other: &Self) -> bool {
        self.0.scheme() == other.0.scheme()
            && self.0.host_str() == other.0.host_str()
            && self.0.port_or_known_default() == other.0.port_or_known_default()
    }
}

/// Whether a path has a part that some server reads as a step to elsewhere: `%2e`, `%2f`, `%5c`, controls, a percent
/// sign encoded once more, a backslash, an empty part inside, or dots before a `;`.
fn hides_something(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let encoded = ["%2e", "%2f", "%5c", "%25", "%3b"].iter().any(|hidden| lower.contains(hidden))
        || lower.as_bytes().windows(3).any(|w| w[0] == b'%' && matches!(w[1], b'0' | b'1') || w == b"%7f");
    let dotted = lower.split('/').any(|part| {
        let name = part.split(';').next().unwrap_or_default();
        name == "." || name == ".."
    });
    encoded || dotted || lower.contains('\\') || lower.contains("//")
}

/// The start of the addresses that a capability covers: origin, path up to a boundary, and perhaps a query's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPrefix {
    written: String,
    start: Address,
}

impl AddressPrefix {
    /// Reads a prefix; it is held to the same form as the addresses it is compared with.
    pub fn parse(text: &str) -> Result<Self, UnsafeAddress> {
        Ok(Self { written: text.to_owned(), start: Address::parse(text)? })
    }

    /// The prefix as the contract writes it.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether the prefix says how the query starts.
    pub fn has_query(&self) -> bool {
        self.start.0.query().is_some()
    }

    /// Whether every address under `narrower` lies under this prefix.
    pub fn includes(&self, narrower: &Self) -> bool {
        self.covers(&narrower.start)
    }

    /// Whether an address lies under this prefix: same origin, and the path goes on at a `/` or ends. Where the
    /// prefix has a query, the path is the same and the query starts as written.
    pub fn covers(&self, address: &Address) -> bool {
        if !self.start.same_origin(address) {
            return false;
        }
        let (prefix, path) = (self.start.0.path(), address.0.path());
        match self.start.0.query() {
            Some(query) => path == prefix && address.0.query().is_some_and(|full| full.starts_with(query)),
            None => match path.strip_prefix(prefix) {
                Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
                None => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(prefix: &str, address: &str) -> bool {
        let prefix = AddressPrefix::parse(prefix).unwrap();
        Address::parse(address).is_ok_and(|address| prefix.covers(&address))
    }

    #[test]
    fn what_lies_under_the_prefix_is_covered() {
        for address in [
            "https://books.example/api/invoices",
            "https://books.example/api/invoices/17",
            "https://books.example/api/invoices?page=2",
            "https://books.example/api/invoices/17?x=https://evil.example/..",
        ] {
            assert!(covers("https://books.example/api/invoices", address), "{address}");
        }
        assert!(covers("https://books.example", "https://books.example/anything"));
        assert!(covers("https://books.example", "https://books.example"));
        assert!(covers("https://books.example/a/", "https://books.example/a/b"));
        assert!(covers("https://books.example/a?id=", "https://books.example/a?id=7"));
        assert!(covers("http://localhost:8080/a", "http://localhost:8080/a/b"));
    }

    #[test]
    fn what_only_looks_as_if_is_not() {
        for address in [
            "https://books.example.evil.example/api/invoices",
            "https://books.example@evil.example/api/invoices",
            "https://user:pw@books.example/api/invoices",
            "https://books.example:8443/api/invoices",
            "https://books.example:443/api/invoices",
            "http://books.example/api/invoices",
            "HTTPS://books.example/api/invoices",
            "https://Books.example/api/invoices",
            "https://books.example./api/invoices",
            "https://books.example/api/invoices/../users",
            "https://books.example/api/invoices/%2e%2e/users",
            "https://books.example/api/invoices/%2E%2E/users",
            "https://books.example/api/invoices/..%2fusers",
            "https://books.example/api/invoices/%252e%252e/users",
            "https://books.example/api/invoices/..;/users",
            "https://books.example/api/invoices\\..\\users",
            "https:\\\\books.example/api/invoices",
            "https:/books.example/api/invoices",
            "https://books.example//api/invoices",
            "https://books.example/api/invoices//x",
            "https://books.example/api/invoicesx",
            "https://books.example/API/invoices",
            "https://books.example/api/invoices#x",
            "https://books.example/api/invoices/%00",
            " https://books.example/api/invoices",
            "https://books.example/api/invoices\n",
            "https://bo\toks.example/api/invoices",
            "https://boöks.example/api/invoices",
            "https://ｂooks.example/api/invoices",
            "https://books。example/api/invoices",
            "https://evil.example/https://books.example/api/invoices",
            "//books.example/api/invoices",
            "javascript:https://books.example/api/invoices",
            "",
        ] {
            assert!(!covers("https://books.example/api/invoices", address), "{address}");
        }
        assert!(!covers("https://books.example/a?id=", "https://books.example/a/b?id=7"));
    }

    const HOSTS: [&str; 6] = [
        "books.example",
        "books.example.",
        "Books.Example",
        "books%2eexample",
        "evil.example",
        "books.example.evil.example",
    ];
    const PARTS: [&str; 19] = [
        "/", "//", "\\", "api", "v1", "..", ".", "%2e", "%2E.", "%2f", "%5c", "%252e", ";", "?", "#", "@", "\t", "é",
        "%00",
    ];

    fn origins() -> impl Strategy<Value = String> {
        let tampered = (
            "(https|http|HTTPS)",
            "[/\\\\]{0,3}",
            "([a-z:.]{0,5}@)?",
            prop::sample::select(HOSTS.to_vec()),
            "(:(443|80|8443|0443)?)?",
        );
        prop_oneof![
            3 => Just("https://books.example".to_owned()),
            1 => tampered.prop_map(|(scheme, slashes, user, host, port)| format!("{scheme}:{slashes}{user}{host}{port}")),
        ]
    }

    proptest! {
        #[test]
        fn a_covered_address_leads_to_that_origin_and_path_for_any_reader(
            origin in origins(), path in prop::collection::vec(prop::sample::select(PARTS.to_vec()), 0..6),
        ) {
            let address = format!("{origin}/api{}", path.concat());
            if covers("https://books.example/api", &address) {
                // Read by hand, as the simplest of all readers would.
                let rest = address.strip_prefix("https://books.example/api").unwrap_or("//");
                prop_assert!(rest.is_empty() || rest.starts_with(['/', '?']), "{}", address);
                let path = rest.split('?').next().unwrap();
                // An `@` after the first `/` names no user: the host is written out before it.
                prop_assert!(!path.contains(['\\', '#', '\t']) && !path.contains("//"), "{}", address);
                prop_assert!(path.split('/').all(|part| part != ".." && part != "."), "{}", address);
            }
        }

        #[test]
        fn no_text_at_all_breaks_the_reader(text in "\\PC*") {
            drop(Address::parse(&text));
        }
    }
}
