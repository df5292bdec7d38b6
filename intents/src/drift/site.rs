//! Call sites: calls of one tool that are about the same kind of thing.

use serde_json::Value;

use crate::tool::Name;

/// Characters of a site; what is longer is cut, and still one site.
const SITE_CHARS_MAX: usize = 300;

/// The name of the call site that a call belongs to: the tool, and of an address its host, its path with the names of
/// things left out, and the names of its query. Other arguments count by their names.
pub fn site(tool: &Name, arguments: &Value) -> String {
    let mut site = tool.to_string();
    let method = arguments["method"].as_str().map(|method| format!(" {method}")).unwrap_or_default();
    site.push_str(&method);
    match arguments["url"].as_str() {
        Some(url) => {
            let (address, query) = url.split_once('?').map_or((url, ""), |(address, query)| (address, query));
            site.push(' ');
            site.push_str(&without_things(address));
            let mut names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
            if let Some(more) = arguments["query"].as_object() {
                names.extend(more.keys().map(String::as_str));
            }
            names.retain(|name| !name.is_empty());
            names.sort_unstable();
            names.dedup();
            if !names.is_empty() {
                site.push('?');
                site.push_str(&names.join("&"));
            }
        }
        None => {
            let mut names: Vec<&str> =
                arguments.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            if !names.is_empty() {
                site.push(' ');
                site.push_str(&names.join(","));
            }
        }
    }
    site.chars().take(SITE_CHARS_MAX).collect()
}

/// An address with `*` for each part of its path that names a thing: one with digits, or a long one of letters that no
/// word has.
fn without_things(address: &str) -> String {
    let start = address.find("://").map_or(0, |at| at + 3);
    let path = address[start..].find('/').map_or(address.len(), |at| start + at);
    let (origin, path) = address.split_at(path);
    let is_version =
        |part: &str| part.len() <= 4 && part.starts_with('v') && part[1..].bytes().all(|byte| byte.is_ascii_digit());
    let parts = path.split('/').map(|part| {
        let names_a_thing = part.bytes().any(|byte| byte.is_ascii_digit()) && !is_version(part) || part.len() > 40;
        if names_a_thing { "*" } else { part }
    });
    format!("{origin}{}", parts.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn things_of_a_kind_have_one_site() {
        let get = |url: &str| site(&"http.get".parse().unwrap(), &json!({ "url": url }));
        assert_eq!(
            get("https://books.example/api/v2/invoices/A-17?page=2"),
            get("https://books.example/api/v2/invoices/B-9?page=7")
        );
        assert_eq!(
            get("https://books.example/api/v2/invoices/A-17"),
            "http.get https://books.example/api/v2/invoices/*"
        );
        assert_ne!(get("https://books.example/api/clients"), get("https://books.example/api/invoices"));
        assert_ne!(get("https://books.example/a?page=1"), get("https://books.example/a?q=1"));
        let with_query =
            site(&"http.get".parse().unwrap(), &json!({ "url": "https://books.example/a", "query": { "page": 3 } }));
        assert_eq!(with_query, get("https://books.example/a?page=1"));
        let list = site(&"files.list".parse().unwrap(), &json!({ "folder": "bills", "path": "a" }));
        assert_eq!(list, "files.list folder,path");
    }
}
