//! Links in mails: a page that says what is asked, with one button that answers it. To look at it answers nothing, since
//! programs that look through mail follow every link.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, post};
use intents::Timestamp;
use intents::need::{Choice, DeadLink};
use intents::redact::{Policy, redact_text};

use super::faces::Faces;
use super::reference::escaped;
use crate::error::Error;
use crate::notify::{Asked, Wanted, clock, in_lines};
use crate::store::{self, Link, Need};

/// Of what is known about a need on its page.
const EVIDENCE_CHARS_MAX: usize = 8000;

/// The whole look of the page: it loads nothing, and is read on a phone at night.
const STYLE: &str = ":root{color-scheme:light dark;--ink:#1c1b1a;--paper:#fbfaf8;--line:#d9d5ce;--deed:#1f5f4a;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#ece9e4;--paper:#171615;--line:#3b3835;--deed:#7fd1b3;--on:#10201a}}\
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:40rem;margin:0 auto;padding:1.5rem 1rem 3rem}h1{font-size:1.25rem;line-height:1.35;margin:0 0 .5rem;\
overflow-wrap:anywhere}p{margin:.5rem 0}small{opacity:.75}pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid \
var(--line);border-radius:.5rem;padding:.75rem;font:13px/1.5 ui-monospace,monospace}button{width:100%;min-height:3rem;\
border:0;border-radius:.5rem;background:var(--deed);color:var(--on);font:600 1rem system-ui,sans-serif;padding:.75rem}\
button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}";

/// A page under a policy of its own: this style and this form, and nothing else.
fn page(faces: &Faces, status: StatusCode, title: &str, body: &str) -> HttpResponse {
    let nonce: String = faces.app.env.random_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
         <style nonce=\"{nonce}\">{STYLE}</style></head><body><main>{body}</main></body></html>",
        title = escaped(title),
    );
    HttpResponse::build(status)
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        // The form says where it comes from, which is checked; nobody else learns the address.
        .insert_header((REFERRER_POLICY, "same-origin"))
        .content_type("text/html; charset=utf-8")
        .body(html)
}

/// A page that tells how it is.
fn told(faces: &Faces, status: StatusCode, title: &str, text: &str) -> HttpResponse {
    let body = format!(
        "<h1>{}</h1><p>{}</p><p><small><code>steward inbox list</code> shows what waits for you.</small></p>",
        escaped(title),
        escaped(text)
    );
    page(faces, status, title, &body)
}

/// What a choice does, on its button.
fn deed(need: &Need, choice: Choice) -> String {
    match named(choice) {
        Some(name) => name.to_owned(),
        None => need.said(choice),
    }
}

fn named(choice: Choice) -> Option<&'static str> {
    Some(match choice {
        Choice::ItHappened => "It happened",
        Choice::ItDidNot => "It did not happen",
        Choice::Continue => "Go on",
        Choice::RunAgain => "Run again",
        Choice::Repair => "Repair",
        Choice::Approve => "Approve",
        Choice::Refuse => "Refuse",
        Choice::Stop => "Stop",
        Choice::Dismiss => "Dismiss",
        Choice::Chosen(_) => return None,
    })
}

fn dead(faces: &Faces, link: &Link, why: DeadLink) -> HttpResponse {
    let title = redact_text(&link.need.title, Policy::Secrets);
    match why {
        DeadLink::Used => {
            told(faces, StatusCode::GONE, "This link was used already", &format!("{title} — what it answered stands."))
        }
        DeadLink::Expired => {
            told(faces, StatusCode::GONE, "This link is too old", &format!("{title} — answer it in the inbox."))
        }
        DeadLink::Settled => {
            let how = match (&link.need.answer, &link.need.answered_by) {
                (Some(answer), Some(by)) => format!("it was answered with {}, by {by}", link.need.said(*answer)),
                (Some(answer), None) => format!("it was answered with {}", link.need.said(*answer)),
                (None, _) => "its cause has gone".to_owned(),
            };
            told(faces, StatusCode::CONFLICT, "Nobody waits for this any more", &format!("{title} — {how}."))
        }
    }
}

/// Says why a link does nothing, as a page; what is nobody's fault but ours stays an error.
fn refused(faces: &Faces, error: store::Error) -> Result<HttpResponse, Error> {
    match error.code() {
        "LINK_UNKNOWN" => {
            let text = "Look at the mail again: the whole address belongs to the link. Or the need is long gone.";
            Ok(told(faces, StatusCode::NOT_FOUND, "There is no such link", text))
        }
        "LINK_USED" => Ok(told(faces, StatusCode::GONE, "This link was used already", "What it answered stands.")),
        "LINK_EXPIRED" => Ok(told(faces, StatusCode::GONE, "This link is too old", "Answer in the inbox.")),
        _ => {
            if let store::Error::Conflict { reason, .. } = &error {
                return Ok(told(faces, StatusCode::CONFLICT, "Nobody waits for this any more", reason));
            }
            Err(error.into())
        }
    }
}

/// Shows what a link in a mail would answer. Nothing is answered by looking.
#[utoipa::path(tag = "inbox", security(()), params(("token" = String, Path, description = "The end of the link")), responses(
    (status = 200, description = "What is asked, with one button", content_type = "text/html", body = String),
    (status = 404, description = "There is no such link", content_type = "text/html", body = String),
    (status = 409, description = "The need is not open any more", content_type = "text/html", body = String),
    (status = 410, description = "The link was used, or is too old", content_type = "text/html", body = String),
))]
#[get("/answer/{token}")]
pub(super) async fn show(faces: Data<Faces>, token: Path<String>) -> Result<HttpResponse, Error> {
    let store = &faces.app.store;
    let link = match store.link(&token).await {
        Ok(link) => link,
        Err(error) => return refused(&faces, error),
    };
    if let Some(why) = link.dead {
        return Ok(dead(&faces, &link, why));
    }
    let choice = link.choice;
    let asked = Asked::of(store, link.need).await?;
    let known = in_lines(&asked.evidence, EVIDENCE_CHARS_MAX).join("\n");
    let known = if known.is_empty() { String::new() } else { format!("<pre>{}</pre>", escaped(&known)) };
    let zone = Wanted::read(&store.settings().await?).zone;
    let time = |at: Timestamp| format!("{} ({})", clock(at, &zone), escaped(zone.name()));
    let default = match (asked.expires_at, asked.default) {
        (Some(at), Some(default)) => {
            let default = escaped(&deed(&asked.need, default));
            format!(" Unanswered, it becomes <b>{default}</b> at {}.", time(at))
        }
        (Some(_), None) | (None, Some(_)) | (None, None) => String::new(),
    };
    let body = format!(
        "<h1>{title}</h1><p><small>{kind}, asked at {since}.{default}</small></p>{known}\
         <form method=\"post\" action=\"/answer/{token}\"><button type=\"submit\">{deed}</button></form>\
         <p><small>This answers once. The link works until {until}.</small></p>",
        title = escaped(&asked.title),
        kind = asked.need.kind,
        since = time(asked.need.created_at),
        token = escaped(&token),
        deed = escaped(&deed(&asked.need, choice)),
        until = time(link.expires_at),
    );
    Ok(page(&faces, StatusCode::OK, &format!("{}: {}", deed(&asked.need, choice), asked.title), &body))
}

/// Gives the answer of a link in a mail, once.
#[utoipa::path(tag = "inbox", security(()), params(("token" = String, Path, description = "The end of the link")), responses(
    (status = 200, description = "It is answered", content_type = "text/html", body = String),
    (status = 404, description = "There is no such link", content_type = "text/html", body = String),
    (status = 409, description = "The need is not open any more", content_type = "text/html", body = String),
    (status = 410, description = "The link was used, or is too old", content_type = "text/html", body = String),
))]
#[post("/answer/{token}")]
pub(super) async fn give(faces: Data<Faces>, token: Path<String>) -> Result<HttpResponse, Error> {
    match faces.app.store.use_link(&token).await {
        Ok(need) => {
            let title = redact_text(&need.title, Policy::Secrets);
            let answer = need.answer.map(|answer| deed(&need, answer)).unwrap_or_default();
            Ok(told(
                &faces,
                StatusCode::OK,
                &format!("Answered: {answer}"),
                &format!("{title} — what waited for it goes on."),
            ))
        }
        Err(error) => refused(&faces, error),
    }
}
