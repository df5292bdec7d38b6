//! What a model that has seen private data may still ask of the web.
//!
//! A read takes data out of the machine as well as in: what was read in a folder can be written into the address of the
//! next page. A model may be talked into that by a page. So once a conversation has read a folder or an account, a web
//! address must be one that was there before: the person wrote it, or it was read earlier. Data of an account may go back to
//! where it came from.

use std::collections::BTreeSet;

use url::Url;

use super::named::Named;
use crate::label::{Label, Labels};

/// Something that was read in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The web address, where it was one.
    pub address: Option<String>,
    /// Where the data came from.
    pub labels: Labels,
}

/// Whether a web address may be read after all that was read before, oldest first.
pub fn may_leave(seen: &[Seen], address: &str, named: &Named) -> bool {
    let Some(first) = seen.iter().position(is_private) else { return true };
    let before = seen[..first].iter().filter_map(|seen| seen.address.as_deref());
    let known: BTreeSet<_> = before.map(normal).chain(named.addresses.iter().map(|address| normal(address))).collect();
    let host = address.parse::<Url>().ok().and_then(|url| Some(Label(format!("http:{}", url.host_str()?))));
    let goes_back = |seen: &Seen| host.as_ref().is_some_and(|host| seen.labels.contains(host));
    known.contains(&normal(address)) || seen.iter().filter(|seen| is_private(seen)).all(goes_back)
}

fn is_private(seen: &Seen) -> bool {
    seen.labels.iter().any(|label| ["folder:", "conn:"].iter().any(|kind| label.0.starts_with(kind)))
}

fn normal(address: &str) -> String {
    address.parse::<Url>().map_or_else(|_| address.to_owned(), |url| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Surroundings;

    fn seen(address: Option<&str>, labels: &[&str]) -> Seen {
        let labels = labels.iter().map(|label| Label((*label).to_owned())).collect();
        Seen { address: address.map(str::to_owned), labels }
    }

    #[test]
    fn what_a_folder_holds_does_not_leave_in_an_address() {
        let named = Named::of(["Compare bills with https://shop.example/prices"], &Surroundings::default());
        let page = seen(Some("https://shop.example/list?page=1"), &["http:shop.example"]);
        let folder = seen(None, &["folder:bills"]);
        let may = |seen: &[Seen], address: &str| may_leave(seen, address, &named);
        assert!(may(std::slice::from_ref(&page), "https://shop.example/list?page=2"), "nothing private was read");
        let after = [page, folder];
        assert!(!may(&after, "https://shop.example/list?page=2"));
        assert!(!may(&after, "https://shop.example/prices?stolen=IBAN"));
        assert!(may(&after, "https://shop.example/list?page=1"), "it was read before");
        assert!(may(&after, "https://shop.example/prices"), "the person wrote it");
    }

    #[test]
    fn what_an_account_gave_may_go_back_to_it_alone() {
        let named = Named::default();
        let account = [seen(Some("https://books.example/a"), &["http:books.example", "conn:books"])];
        assert!(may_leave(&account, "https://books.example/a?page=2", &named));
        assert!(!may_leave(&account, "https://other.example/", &named));
    }
}
