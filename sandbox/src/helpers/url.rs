//! URLs, as browsers read them.

use url::{Url, form_urlencoded, quirks};

/// The parts of a URL, `href` first, in the order in which the prelude names them. None when it is no URL.
pub(crate) fn parse(text: &str, base: Option<&str>) -> Option<Vec<String>> {
    let url = match base {
        Some(base) => Url::parse(base).ok()?.join(text).ok()?,
        None => Url::parse(text).ok()?,
    };
    Some(parts(&url))
}

fn parts(url: &Url) -> Vec<String> {
    [
        quirks::href(url),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Sets one part. A value that the part cannot have changes nothing, as the standard says.
pub(crate) fn set(href: &str, part: &str, value: &str) -> Option<Vec<String>> {
    let mut url = Url::parse(href).ok()?;
    let _refused = match part {
        "protocol" => quirks::set_protocol(&mut url, value),
        "username" => quirks::set_username(&mut url, value),
        "password" => quirks::set_password(&mut url, value),
        "host" => quirks::set_host(&mut url, value),
        "hostname" => quirks::set_hostname(&mut url, value),
        "port" => quirks::set_port(&mut url, value),
        "pathname" => {
            quirks::set_pathname(&mut url, value);
            Ok(())
        }
        "search" => {
            quirks::set_search(&mut url, value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(&mut url, value);
            Ok(())
        }
        _ => return None,
    };
    Some(parts(&url))
}

/// The origin.
pub(crate) fn origin(href: &str) -> String {
    Url::parse(href).map_or_else(|_| "null".to_owned(), |url| quirks::origin(&url))
}

/// The pairs of a query.
pub(crate) fn pairs(query: &str) -> Vec<Vec<String>> {
    let query = query.strip_prefix('?').unwrap_or(query);
    form_urlencoded::parse(query.as_bytes()).map(|(name, value)| vec![name.into_owned(), value.into_owned()]).collect()
}

/// The query of pairs.
pub(crate) fn query(pairs: &[Vec<String>]) -> String {
    let mut serializer = form_urlencoded::Serializer::new(String::new());
    for pair in pairs {
        if let [name, value] = pair.as_slice() {
            serializer.append_pair(name, value);
        }
    }
    serializer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_falls_into_its_parts() {
        let parts = parse("../x?q=1#h", Some("https://u:p@Example.com:8443/a/b/")).unwrap();
        assert_eq!(
            parts,
            [
                "https://u:p@example.com:8443/a/x?q=1#h",
                "https:",
                "u",
                "p",
                "example.com:8443",
                "example.com",
                "8443",
                "/a/x",
                "?q=1",
                "#h"
            ]
        );
        assert_eq!(parse("nowhere", None), None);
        assert_eq!(set("https://a.b/c", "pathname", "/d e").unwrap()[0], "https://a.b/d%20e");
        assert_eq!(origin("https://a.b:443/c"), "https://a.b");
        assert_eq!(query(&pairs("?a=1+2&b=%26")), "a=1+2&b=%26");
    }
}
