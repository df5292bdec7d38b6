//! What a model that has seen private data may still ask of the web.
//!
//! A read takes data out of the machine as well as in: what was read in a folder can be written into the address of the
//! next page. A model may be talked into that by a page. So once a conversation has read a folder or an account, a web
//! address must be one that was there before: the person wrote it, or it was read earlier. Data of an account may go back to
//! where it came from.

use serde_json::{Value, json};
use url::Url;

use super::named::Named;
use crate::label::{Label, Labels};

/// Something that was read in a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// What it was asked for with: address, query, headers and all.
    pub arguments: Value,
    /// Where the data came from.
    pub labels: Labels,
}

/// Whether something may be asked of the web after all that was read before, oldest first.
///
/// The whole of the arguments counts: a query or a header takes as much out as an address does.
pub fn may_leave(seen: &[Seen], arguments: &Value, named: &Named) -> bool {
    let Some(first) = seen.iter().position(is_private) else { return true };
    let address = arguments["url"].as_str().and_then(|address| address.parse::<Url>().ok());
    let host = address.as_ref().and_then(|url| Some(Label(format!("http:{}", url.host_str()?))));
    let goes_back = |seen: &Seen| host.as_ref().is_some_and(|host| seen.labels.contains(host));
    let was_written = address.is_some_and(|url| named.addresses.contains(url.as_str()))
        && *arguments == json!({ "url": arguments["url"] });
    was_written
        || seen[..first].iter().any(|seen| seen.arguments == *arguments)
        || seen.iter().filter(|seen| is_private(seen)).all(goes_back)
}

fn is_private(seen: &Seen) -> bool {
    seen.labels.iter().any(|label| ["folder:", "conn:"].iter().any(|kind| label.0.starts_with(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Surroundings;

    fn seen(arguments: Value, labels: &[&str]) -> Seen {
        let labels = labels.iter().map(|label| Label((*label).to_owned())).collect();
        Seen { arguments, labels }
    }

    #[test]
    fn what_a_folder_holds_does_not_leave_in_a_request() {
        let named = Named::of(["Compare bills with https://shop.example/prices"], &Surroundings::default());
        let first = json!({ "url": "https://shop.example/list", "query": { "page": 1 } });
        let page = seen(first.clone(), &["http:shop.example"]);
        let folder = seen(json!({ "folder": "bills", "path": "a.csv" }), &["folder:bills"]);
        let second = json!({ "url": "https://shop.example/list", "query": { "page": 2 } });
        assert!(may_leave(std::slice::from_ref(&page), &second, &named), "nothing private was read");
        let after = [page, folder];
        assert!(may_leave(&after, &first, &named), "it was read before");
        assert!(may_leave(&after, &json!({ "url": "https://shop.example/prices" }), &named), "the person wrote it");
        for arguments in [
            second,
            json!({ "url": "https://shop.example/prices?stolen=IBAN" }),
            json!({ "url": "https://shop.example/prices", "query": { "stolen": "IBAN" } }),
            json!({ "url": "https://shop.example/prices", "headers": { "x-stolen": "IBAN" } }),
        ] {
            assert!(!may_leave(&after, &arguments, &named), "{arguments}");
        }
    }

    #[test]
    fn what_an_account_gave_may_go_back_to_it_alone() {
        let named = Named::default();
        let account = [seen(json!({ "url": "https://books.example/a" }), &["http:books.example", "conn:books"])];
        assert!(may_leave(&account, &json!({ "url": "https://books.example/a", "query": { "page": 2 } }), &named));
        assert!(!may_leave(&account, &json!({ "url": "https://other.example/" }), &named));
    }
}
