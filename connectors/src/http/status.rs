//! What a status means for a run: the one place that decides it.

use intents::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It was done; the answer is the result.
    Done,
    /// A domain answer that the script may catch, under this code.
    Refused(&'static str),
    /// The credentials are not accepted.
    Unauthorised,
    /// The credentials are accepted and do not allow this.
    Forbidden,
    /// Come back later; nothing was done.
    Busy,
    /// The service failed. For an effect nobody knows how far it got.
    Failed,
    /// An answer that does not say whether an effect happened.
    Ambiguous,
}

/// What a status means for a read, after redirects.
pub(super) fn of_read(status: u16) -> Meaning {
    match status {
        200..=399 => Meaning::Done,
        500..=599 => Meaning::Failed,
        _ => of_rejection(status),
    }
}

/// What a status means for an effect. `retry_after` says whether the service named a time to come back at.
pub(super) fn of_effect(status: u16, retry_after: bool) -> Meaning {
    match status {
        // "See other" is how a form says that it was received.
        200..=299 | 303 => Meaning::Done,
        // "Repeat the same request there": so it was not carried out here.
        307 | 308 => Meaning::Refused("moved"),
        // A redirect that clients follow with a GET may come before or after the work.
        300..=399 => Meaning::Ambiguous,
        // A service that is able to say when to come back has turned the request away at its door.
        503 if retry_after => Meaning::Busy,
        400..=499 => of_rejection(status),
        _ => Meaning::Failed,
    }
}

fn of_rejection(status: u16) -> Meaning {
    match status {
        401 | 407 => Meaning::Unauthorised,
        403 => Meaning::Forbidden,
        404 => Meaning::Refused("not_found"),
        // The server gave up on receiving the request, or will not take it yet.
        408 | 425 | 429 => Meaning::Busy,
        409 | 412 => Meaning::Refused("conflict"),
        410 => Meaning::Refused("gone"),
        400..=499 => Meaning::Refused("rejected"),
        // 1xx never arrives here, and what is no status at all is a broken service.
        _ => Meaning::Failed,
    }
}

/// How long the service asked to wait, in milliseconds: a number of seconds, or a date.
pub(super) fn retry_after_ms(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    // HTTP dates are those of mail, but for the zone `GMT`.
    let date = jiff::fmt::rfc2822::parse(&text.replace("GMT", "+0000")).ok()?;
    let wait = Timestamp::from_jiff(date.timestamp()).since(now);
    Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_that_prove_it_say_that_an_effect_was_not_done() {
        for status in 100..=599 {
            let meaning = of_effect(status, false);
            let open = matches!(meaning, Meaning::Failed | Meaning::Ambiguous);
            assert_eq!(open, matches!(status, 100..=199 | 300..=302 | 304..=306 | 309..=399 | 500..=599), "{status}");
            assert_eq!(meaning == Meaning::Done, matches!(status, 200..=299 | 303), "{status}");
        }
        assert_eq!(of_effect(503, true), Meaning::Busy);
        assert_eq!(of_effect(500, true), Meaning::Failed);
    }

    #[test]
    fn a_wait_may_be_asked_for_in_seconds_or_until_a_date() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        for (text, wait) in [
            ("120", Some(120_000)),
            ("Mon, 21 Sep 2026 14:14:00 GMT", Some(40_000)),
            ("Mon, 21 Sep 2020 14:14:00 GMT", Some(0)),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after_ms(&headers, now), wait, "{text}");
        }
    }

    #[test]
    fn reads_are_retried_when_the_service_fails_and_answered_when_it_says_no() {
        for (status, meaning) in [
            (200, Meaning::Done),
            (304, Meaning::Done),
            (401, Meaning::Unauthorised),
            (403, Meaning::Forbidden),
            (404, Meaning::Refused("not_found")),
            (410, Meaning::Refused("gone")),
            (409, Meaning::Refused("conflict")),
            (422, Meaning::Refused("rejected")),
            (408, Meaning::Busy),
            (429, Meaning::Busy),
            (500, Meaning::Failed),
            (503, Meaning::Failed),
        ] {
            assert_eq!(of_read(status), meaning, "{status}");
        }
    }
}
