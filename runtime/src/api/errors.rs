//! The pages of the errors: where the `type` of a problem leads.

use actix_web::web::Path;
use actix_web::{HttpResponse, get};

use super::problem::Problem;
use super::reference::escaped;
use crate::error::{Code, Error};

/// Each code with its page, in the order of the codes.
static PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/error_pages.rs"));

/// What an error means, what Steward did, and what to do about it: for people, and without a token, since some errors
/// are about the token.
#[utoipa::path(tag = "health", security(()), params(("code" = String, Path, description = "Its code")), responses(
    (status = 200, description = "The page", content_type = "text/html", body = String),
    (status = 404, description = "There is no such error", body = Problem, content_type = "application/problem+json"),
))]
#[get("/errors/{code}")]
pub(super) async fn show(code: Path<String>) -> Result<HttpResponse, Error> {
    let found = PAGES.binary_search_by_key(&code.as_str(), |(known, _)| known);
    let missing = |_| Error::new(Code::RouteUnknown, "there is no error with this code");
    let (code, page) = PAGES[found.map_err(missing)?];
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html(code, page)))
}

fn html(code: &str, page: &str) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{code}</title><link rel=\"stylesheet\" href=\"/reference.css\"></head>\
         <body><main>"
    );
    for block in page.split("\n\n").map(str::trim) {
        let (element, text) = match (block.strip_prefix("# "), block.strip_prefix("## ")) {
            (Some(title), _) => ("h1", title),
            (None, Some(heading)) => ("h2", heading),
            (None, None) => ("p", block),
        };
        out.push_str(&format!("<{element}>{}</{element}>", in_line(text)));
    }
    out.push_str("</main></body></html>");
    out
}

/// Code stands between backticks. A link leads to a page that is not served here, so its words remain.
fn in_line(text: &str) -> String {
    let mut out = String::new();
    for (number, part) in text.split('`').enumerate() {
        match number % 2 {
            0 => out.push_str(&escaped(&without_links(part))),
            _ => out.push_str(&format!("<code>{}</code>", escaped(part))),
        }
    }
    out
}

fn without_links(text: &str) -> String {
    let mut parts = text.split("](");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(open) = out.rfind('[') {
            out.remove(open);
        }
        out.push_str(part.split_once(')').map_or(part, |(_, after)| after));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_and_shown_whole() {
        assert!(PAGES.is_sorted_by(|one, next| one.0 < next.0));
        for (code, page) in PAGES {
            let shown = html(code, page);
            assert!(shown.contains(&format!("<h1>{code}</h1>")) && shown.contains("<h2>What to do</h2>"), "{shown}");
            let marks = ["`", "](", "\n#", "<script"];
            assert!(marks.iter().all(|mark| !shown.contains(mark)), "{shown}");
            assert_eq!(page.matches('`').count() % 2, 0, "{code}");
        }
    }

    #[test]
    fn what_looks_like_markup_is_text() {
        assert_eq!(in_line("a <b> `<c>` [d](e.md)."), "a &lt;b&gt; <code>&lt;c&gt;</code> d.");
    }
}
