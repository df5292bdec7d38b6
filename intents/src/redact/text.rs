//! Masking in free text.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::Policy;
use super::check_digits::{iban_at_start, is_card};

/// What stands where something was.
pub const MASK: &str = "[redacted]";

/// Longer texts are masked as a whole: nobody reads them in a log.
const TEXT_MAX: usize = 1024 * 1024;
/// A mask can bring two parts together that look like a secret only then. Each round masks more, so few are needed.
const ROUNDS_MAX: usize = 8;

/// Expressions with what each leaves standing. All are linear in the text.
static SECRETS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        // Private keys, also when the end is cut off.
        (
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)",
            MASK,
        ),
        // Header lines that hold credentials.
        (r#"(?im)\b((?:proxy-)?authorization|cookie|set-cookie)\b("?\s*[:=]\s*)[^\r\n]+"#, "${1}${2}[redacted]"),
        // Scheme and credentials, as they stand in such a header.
        (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", "${1} [redacted]"),
        // Names that say it, with a value behind them.
        (
            concat!(
                r"(?i)([a-z0-9_.-]*(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key|",
                r"(?:access|refresh|auth|id|session)[_-]?token|\bpwd|\btoken)",
                r#"["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"'&,;<>\[\]{}]+)"#,
            ),
            "${1}[redacted]",
        ),
        // Short names, which say it only where they stand as a word.
        (
            concat!(
                r"(?i)((?:\b|_)(?:pwd|auth|jwt|pin|cvv2?|cvc2?|otp)",
                r#"["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"'&,;<>\[\]{}]+)"#,
            ),
            "${1}[redacted]",
        ),
        // Signed addresses: whoever has one may use it.
        (r#"(?i)([?&](?:[a-z0-9_.-]*[_.-])?(?:sig|signature)=)[^\s"'&#<>\[\]{}]+"#, "${1}[redacted]"),
        // Name and password before the host.
        (r"(://)[^/\s@\[\]]+@", "${1}[redacted]@"),
        // Tokens that say what they are.
        (
            concat!(
                r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|",
                r"xox[abeprs]-[A-Za-z0-9-]{10,}|(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|whsec_[A-Za-z0-9+/=_-]{16,}|",
                r"(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{20,}|",
                r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)",
            ),
            MASK,
        ),
    ]
    .into_iter()
    .map(|(pattern, left)| (Regex::new(pattern).expect("the expression is a constant"), left))
    .collect()
});

/// A name that says it, and the word behind it, as people write: "the password is hunter2".
static SPOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)\b((?:password|passwd|passphrase|pwd|pin|cvv|jwt)\s+(?:(?:is|was|are|now)\s+)*)([^\s"'&,;<>\[\]{}]+)"#,
    )
    .expect("the expression is a constant")
});
/// Words that follow such a name where people write about it, and not it.
const ABOUT: [&str; 55] = [
    "a",
    "after",
    "again",
    "an",
    "and",
    "are",
    "as",
    "at",
    "before",
    "by",
    "cannot",
    "change",
    "changed",
    "did",
    "does",
    "expired",
    "expires",
    "field",
    "file",
    "for",
    "from",
    "has",
    "here",
    "if",
    "in",
    "invalid",
    "is",
    "manager",
    "may",
    "missing",
    "must",
    "needed",
    "no",
    "not",
    "now",
    "of",
    "on",
    "or",
    "policy",
    "protected",
    "required",
    "reset",
    "set",
    "should",
    "that",
    "the",
    "there",
    "to",
    "too",
    "unknown",
    "was",
    "will",
    "with",
    "works",
    "wrong",
];
static DIGITS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[0-9](?:[ -]?[0-9]){13,18}\b").expect("the expression is a constant"));
static ACCOUNT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){11,64}\b").expect("the expression is a constant")
});
static MAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"[^\s@<>"',;:()\[\]{}=/\\]+@[^\s@<>"',;:()\[\]{}=/\\]+\.[^\s@<>"',;:()\[\]{}=/\\.]+"#)
        .expect("the expression is a constant")
});

/// A copy of a text without what looks like a secret.
pub fn redact_text(text: &str, policy: Policy) -> String {
    if text.len() > TEXT_MAX {
        return MASK.to_owned();
    }
    let mut current = text.to_owned();
    for _ in 0..ROUNDS_MAX {
        let next = one_round(&current, policy);
        if next == current {
            return current;
        }
        current = next;
    }
    // It does not come to rest: there is nothing worth reading in it.
    MASK.to_owned()
}

fn one_round(text: &str, policy: Policy) -> String {
    let mut current = text.to_owned();
    let mut apply = |change: &dyn Fn(&str) -> Option<String>| {
        if let Some(next) = change(&current) {
            current = next;
        }
    };
    for (pattern, left) in SECRETS.iter() {
        apply(&|text| owned(pattern.replace_all(text, *left)));
    }
    apply(&|text| owned(SPOKEN.replace_all(text, spoken)));
    apply(&|text| owned(DIGITS.replace_all(text, |found: &Captures<'_>| masked_if(is_card(&found[0]), &found[0]))));
    match policy {
        Policy::Secrets => {}
        Policy::People => {
            apply(&|text| owned(ACCOUNT.replace_all(text, |found: &Captures<'_>| without_account(&found[0]))));
            apply(&|text| owned(MAIL.replace_all(text, MASK)));
        }
    }
    current
}

/// Where a text holds what looks like a secret, in no order; parts may overlap.
pub(super) fn secret_spans(text: &str, policy: Policy) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let of = |(pattern, left): &(Regex, &'static str)| -> Vec<Range<usize>> {
        let behind = left.rsplit_once(MASK).map_or(0, |(_, behind)| behind.len());
        let kept = left.matches("${").count();
        let secret = |found: Captures<'_>| {
            let all = found.get(0)?;
            let start = (1..=kept).filter_map(|group| found.get(group)).map(|group| group.end()).max();
            Some(start.unwrap_or(all.start())..all.end() - behind)
        };
        pattern.captures_iter(text).filter_map(secret).collect()
    };
    let (before_host, others): (Vec<_>, Vec<_>) = SECRETS.iter().partition(|(_, left)| left.ends_with('@'));
    found.extend(before_host.into_iter().flat_map(of));
    let mut add = |start: usize, end: usize| found.push(start..end);
    // Those that are known by what they look like first: they are the secret and nothing beside it.
    match policy {
        Policy::Secrets => {}
        Policy::People => {
            MAIL.find_iter(text).for_each(|found| add(found.start(), found.end()));
            for found in ACCOUNT.find_iter(text) {
                if let Some(end) = iban_at_start(found.as_str()) {
                    add(found.start(), found.start() + end);
                }
            }
        }
    }
    DIGITS.find_iter(text).filter(|found| is_card(found.as_str())).for_each(|found| add(found.start(), found.end()));
    found.extend(others.into_iter().rev().flat_map(of));
    for spoken_of in SPOKEN.captures_iter(text) {
        if let (Some(word), true) = (spoken_of.get(2), spoken(&spoken_of).ends_with(MASK)) {
            found.push(word.range());
        }
    }
    found
}

fn owned(text: Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    }
}

fn spoken(found: &Captures<'_>) -> String {
    let word: String = found[2].chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if word.is_empty() || ABOUT.contains(&word.as_str()) { found[0].to_owned() } else { format!("{}{MASK}", &found[1]) }
}

fn masked_if(secret: bool, found: &str) -> String {
    if secret { MASK.to_owned() } else { found.to_owned() }
}

fn without_account(found: &str) -> String {
    iban_at_start(found).map_or_else(|| found.to_owned(), |end| format!("{MASK}{}", &found[end..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_masked_and_the_rest_is_kept() {
        for (text, expected) in [
            ("GET /a Authorization: Bearer abc.def-123456\nHost: x", "GET /a Authorization: [redacted]\nHost: x"),
            ("sent with bearer abcdefgh12345678 today", "sent with bearer [redacted] today"),
            ("smtp://bot:hunter2@mail.example:25", "smtp://[redacted]@mail.example:25"),
            ("password=hunter2&user=bob", "password=[redacted]&user=bob"),
            (r#"{"api_key": "a b", "n": 1}"#, r#"{"api_key": [redacted], "n": 1}"#),
            ("token ghp_0123456789abcdefghij leaked", "token [redacted] leaked"),
            ("card 4111 1111 1111 1111.", "card [redacted]."),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc", "[redacted]"),
            ("the password is hunter2, she said", "the password is [redacted], she said"),
            ("log in with password hunter2.", "log in with password [redacted]"),
            ("Password: a; PIN 1234", "Password: [redacted]; PIN [redacted]"),
            ("the password for the shop is wrong", "the password for the shop is wrong"),
            (
                "jwt=abc.def&user_pin=12&cvv: 123, auth = x",
                "jwt=[redacted]&user_pin=[redacted]&cvv: [redacted], auth = [redacted]",
            ),
            ("https://store.example/a?sv=1&sig=abc%2Bdef&n=2", "https://store.example/a?sv=1&sig=[redacted]&n=2"),
            ("https://s3.example/a?X-Amz-Signature=0a1b#top", "https://s3.example/a?X-Amz-Signature=[redacted]#top"),
            ("a spin=3, pinned=4, author: Ann", "a spin=3, pinned=4, author: Ann"),
            ("order 1763630000000 of ann@example.com", "order 1763630000000 of ann@example.com"),
        ] {
            assert_eq!(redact_text(text, Policy::Secrets), expected);
        }
    }

    #[test]
    fn people_are_masked_where_the_policy_says_so() {
        for (text, expected) in [
            ("mail to Ann <ann.b+c@example.co.uk>, thanks", "mail to Ann <[redacted]>, thanks"),
            ("pay GB82 WEST 1234 5698 7654 32 today", "pay [redacted] today"),
            ("ref AB12 is no account at all, just words", "ref AB12 is no account at all, just words"),
        ] {
            assert_eq!(redact_text(text, Policy::People), expected);
        }
    }

    #[test]
    fn a_text_that_nobody_reads_is_masked_whole() {
        assert_eq!(redact_text(&"x".repeat(TEXT_MAX + 1), Policy::Secrets), MASK);
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "\\PC{0,6}",
            prop::sample::select(vec![
                "password=",
                "password ",
                "pin is ",
                "?sig=",
                "jwt: ",
                "token: ",
                "Authorization: ",
                "Bearer ",
                "abcdefgh12345678",
                "\"",
                "'",
                "a@b.c",
                "@",
                "://",
                "/",
                " ",
                "\n",
                "=",
                "4111111111111111",
                "GB82WEST12345698765432",
                "ghp_0123456789abcdefghij",
                MASK,
                "[",
                "]",
                "redacted",
                "sk-",
                "-----BEGIN PRIVATE KEY-----",
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn twice_is_once(text in pieces(), policy in prop::sample::select(vec![Policy::Secrets, Policy::People])) {
            let once = redact_text(&text, policy);
            prop_assert_eq!(redact_text(&once, policy), once);
        }

        #[test]
        fn a_secret_behind_its_name_never_stays(
            before in "[a-z ]{0,10}", secret in "zq[A-Z0-9]{10,20}", after in "( [a-z]{0,5})?",
            name in prop::sample::select(vec!["password", "client_secret", "API-Key", "access_token"]),
        ) {
            let copy = redact_text(&format!("{before} {name}={secret}{after}"), Policy::Secrets);
            prop_assert!(!copy.contains(&secret), "{}", copy);
        }
    }
}
