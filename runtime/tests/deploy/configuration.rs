//! The configuration: its example, its page.

use runtime::config::{example, table};

use crate::{same, text};

const PAGE: &str = "docs/16-operations.md";
const BEGIN: &str = "<!-- keys: made from the code -->\n";
const END: &str = "<!-- end of keys -->\n";

#[test]
fn the_example_is_made_from_the_keys() {
    same("deploy/steward.example.toml", &example());
}

#[test]
fn the_page_lists_every_key() {
    let page = text(PAGE);
    let (before, rest) = page.split_once(BEGIN).expect("the page marks where the keys begin");
    let (_, after) = rest.split_once(END).expect("the page marks where the keys end");
    same(PAGE, &format!("{before}{BEGIN}{}{END}{after}", table()));
}
