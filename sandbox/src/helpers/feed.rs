//! Feeds: RSS, Atom and JSON Feed in one shape.

use feed_rs::model::{Entry, Link, Text};
use feed_rs::parser::Builder;
use intents::canonical::Digest;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::helpers::Problem;

/// Reads a feed with a date once. The patterns that dates are mended with ask the system how many processors there are,
/// which no jailed process may; what was asked here is known in every fork.
pub(crate) fn warm() {
    drop(parse(WITH_A_DATE));
}

const WITH_A_DATE: &str = "<rss version='2.0'><channel><title>T</title><item><title>I</title>\
    <pubDate>Sun, 29 Mar 2026 09:00:00 +0200</pubDate></item></channel></rss>";

/// Reads a feed: `{ title, link, updated, entries: [{ id, title, link, published, updated, summary, content, .. }] }`.
pub(crate) fn parse(text: &str) -> Result<String, Problem> {
    // The library's own choice for an entry without an id draws a random one.
    let parser = Builder::new().id_generator(id).build();
    let feed = parser.parse(text.as_bytes()).map_err(|error| Problem::new(format!("the text is no feed: {error}")))?;
    let entries: Vec<Value> = feed.entries.iter().map(entry).collect();
    Ok(json!({
        "id": feed.id,
        "title": feed.title.map(|text| text.content),
        "description": feed.description.map(|text| text.content),
        "link": feed.links.first().map(|link| link.href.as_str()),
        "updated": feed.updated.or(feed.published).map(|at| point(at.timestamp_millis())),
        "entries": entries,
    })
    .to_string())
}

fn entry(entry: &Entry) -> Value {
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.content.clone());
    let authors: Vec<&str> = entry.authors.iter().filter_map(|author| author.name.as_deref()).collect();
    let categories: Vec<&str> = entry.categories.iter().map(|category| category.term.as_str()).collect();
    json!({
        "id": entry.id,
        "title": text(&entry.title),
        "link": entry.links.first().map(|link| link.href.as_str()),
        "published": entry.published.map(|at| point(at.timestamp_millis())),
        "updated": entry.updated.map(|at| point(at.timestamp_millis())),
        "summary": text(&entry.summary),
        "content": entry.content.as_ref().and_then(|content| content.body.clone()),
        "authors": authors,
        "categories": categories,
    })
}

fn id(links: &[Link], title: &Option<Text>, base: Option<&str>) -> String {
    let link = links.first().map_or("", |link| link.href.as_str());
    let title = title.as_ref().map_or("", |title| title.content.as_str());
    let digest = Digest::of_parts(
        "steward feed entry 1",
        &[link.as_bytes(), title.as_bytes(), base.unwrap_or_default().as_bytes()],
    );
    digest.to_string()
}

fn point(millis: i64) -> Option<String> {
    Timestamp::from_millisecond(millis).ok().map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rss_and_atom_have_one_shape() {
        let rss = "<rss version='2.0'><channel><title>T</title><item><title>One</title><link>https://a.b/1</link>\
                   <pubDate>Sun, 29 Mar 2026 09:00:00 +0200</pubDate></item></channel></rss>";
        let parsed: Value = serde_json::from_str(&parse(rss).unwrap()).unwrap();
        assert_eq!(parsed["entries"][0]["title"], "One");
        assert_eq!(parsed["entries"][0]["published"], "2026-03-29T07:00:00Z");
        let atom = "<feed xmlns='http://www.w3.org/2005/Atom'><title>T</title><id>x</id><updated>2026-03-29T07:00:00Z\
                    </updated><entry><title>One</title><updated>2026-03-29T07:00:00Z</updated></entry></feed>";
        let parsed: Value = serde_json::from_str(&parse(atom).unwrap()).unwrap();
        assert_eq!(parsed["entries"][0]["title"], "One");
        assert_eq!(parse(atom).unwrap(), parse(atom).unwrap());
        assert!(parse("hello").is_err());
    }
}
