//! What a person named in a conversation: services, mail addresses, folders, accounts.
//!
//! A model may look only at what stands here. So it is read from the person's own words alone, and generously: a name that
//! leads nowhere does no harm.

use std::collections::BTreeSet;

use url::Url;

use crate::contract::bare_address;

/// Names of each kind that are kept; who names more means none of them in particular.
const NAMES_MAX: usize = 64;

/// What there is on this machine that a person can name in a word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The granted folders.
    pub folders: Vec<String>,
    /// The accounts in the vault: `conn_books`.
    pub connections: Vec<String>,
}

/// What a person named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Web services, as origins: `https://books.example`.
    pub origins: BTreeSet<String>,
    /// Web addresses as they were written.
    pub addresses: BTreeSet<String>,
    /// Their hosts.
    pub hosts: BTreeSet<String>,
    /// Mail addresses, without names before them.
    pub mail: BTreeSet<String>,
    /// Granted folders.
    pub folders: BTreeSet<String>,
    /// Accounts.
    pub connections: BTreeSet<String>,
}

impl Named {
    /// Reads what a person wrote.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>, around: &Surroundings) -> Self {
        let mut named = Self::default();
        for text in texts {
            for word in words(text) {
                named.word(word);
            }
            for (known, into) in [(&around.folders, &mut named.folders), (&around.connections, &mut named.connections)]
            {
                into.extend(known.iter().filter(|name| says(text, name)).take(NAMES_MAX).cloned());
            }
        }
        named
    }

    fn word(&mut self, word: &str) {
        if let Some(address) = bare_address(word.trim_start_matches("mailto:")) {
            if self.mail.len() < NAMES_MAX {
                self.mail.insert(address);
            }
            return;
        }
        let written: Vec<String> = if word.contains("://") {
            // Who writes `http` often means the service that has moved on to `https`.
            let secure = word.strip_prefix("http://").map(|rest| format!("https://{rest}"));
            let has_port = word.parse::<Url>().is_ok_and(|url| url.port().is_some());
            std::iter::once(word.to_owned()).chain(secure.filter(|_| !has_port)).collect()
        } else if looks_like_host(word) {
            vec![format!("https://{word}"), format!("http://{word}")]
        } else {
            return;
        };
        for url in written.iter().filter_map(|text| text.parse::<Url>().ok()) {
            let web = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
            if let (true, Some(host)) = (web, url.host_str())
                && self.origins.len() < 2 * NAMES_MAX
            {
                self.hosts.insert(host.trim_matches(['[', ']']).to_owned());
                self.origins.insert(url.origin().ascii_serialization());
                self.addresses.insert(url.to_string());
            }
        }
    }
}

/// The words of a text, without the marks around them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let between = |c: char| c.is_whitespace() || "<>()\"'`“”„‚‘’«»,;|".contains(c);
    text.split(between).map(|word| word.trim_matches(['.', '!', '?', ':', '*', '_']).trim_end_matches(['[', ']']))
}

/// Whether a word looks like a host, perhaps with a port and a path behind it: `books.example/api`.
fn looks_like_host(word: &str) -> bool {
    let authority = word.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let labels: Vec<_> = host.split('.').collect();
    let plain = |label: &&str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
    };
    let is_named = labels.len() > 1 && labels.last().is_some_and(|last| last.chars().any(char::is_alphabetic));
    let is_number = labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    // A time of day is no host with a port.
    let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
    let is_short = has_port && host.chars().any(char::is_alphabetic);
    labels.iter().all(plain)
        && port.is_none_or(|_| has_port)
        && (is_named || is_number || host == "localhost" || is_short)
}

/// Whether a text says a name as a word of its own.
fn says(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let text = text.to_lowercase();
    let mut from = 0;
    while let Some(at) = text[from..].find(name) {
        let (start, end) = (from + at, from + at + name.len());
        if !text[..start].ends_with(part) && !text[end..].starts_with(part) {
            return true;
        }
        from = end;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Named {
        let around = Surroundings {
            folders: vec!["statements".to_owned(), "briefs".to_owned()],
            connections: vec!["conn_books".to_owned()],
        };
        Named::of([text], &around)
    }

    fn origins(text: &str) -> Vec<String> {
        named(text).origins.into_iter().collect()
    }

    #[test]
    fn services_are_named_by_addresses_and_by_hosts() {
        assert_eq!(origins("Watch <https://shop.example/item?id=7>, please."), ["https://shop.example"]);
        assert_eq!(origins("see http://127.0.0.1:8080/feed.xml."), ["http://127.0.0.1:8080"]);
        assert_eq!(origins("ask books.example/api for it"), ["http://books.example", "https://books.example"]);
        assert_eq!(origins("the router at 192.168.1.1"), ["http://192.168.1.1", "https://192.168.1.1"]);
        assert_eq!(origins("http://old.example"), ["http://old.example", "https://old.example"]);
        assert_eq!(
            origins("on nas:8443 and localhost"),
            ["http://localhost", "http://nas:8443", "https://localhost", "https://nas:8443"]
        );
    }

    #[test]
    fn ordinary_words_name_no_service() {
        for text in
            ["At 7:30, or 12.5 percent; and/or a to-do.", "Above 5,000 € ask me...", "v1.2", "file:///etc/passwd"]
        {
            assert_eq!(origins(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn nobody_hides_behind_a_user_name() {
        assert_eq!(origins("https://books.example@evil.example/"), Vec::<String>::new());
    }

    #[test]
    fn mail_addresses_name_nobody_but_themselves() {
        let named = named("Send it to Ann@Example.com and <mailto:bob@b.example>.");
        assert_eq!(Vec::from_iter(named.mail), ["Ann@example.com", "bob@b.example"]);
        assert_eq!(named.hosts.len(), 0);
    }

    #[test]
    fn folders_and_accounts_are_named_by_words_of_their_own() {
        let named = named("Read my Statements through conn_books; debriefs do not count.");
        assert_eq!(Vec::from_iter(named.folders), ["statements"]);
        assert_eq!(Vec::from_iter(named.connections), ["conn_books"]);
    }
}
