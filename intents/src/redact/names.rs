//! Names of members that hold secrets.

/// Parts of names, without separators and in lower case, that say "secret" wherever they stand.
const TELLING: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "authorization",
    "credential",
    "cookie",
    "sessionid",
    "bearer",
    "idempotencysecret",
];
/// Last words of names that do. Inside another word they say nothing: `author`, `pinned`, `passenger`.
const LAST: [&str; 10] = ["pwd", "pass", "auth", "jwt", "pin", "cvv", "cvv2", "cvc", "cvc2", "otp"];
/// Tokens that only say where a list goes on.
const HARMLESS_TOKENS: [&str; 5] = ["next", "page", "continuation", "sync", "max"];

/// Whether a member of this name holds a secret: `api_key`, `clientSecret`, `X-Auth-Token`, `userPin`.
pub(super) fn says_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let token = plain.ends_with("token") && !HARMLESS_TOKENS.iter().any(|harmless| plain.starts_with(harmless));
    token || LAST.contains(&last_word(name).as_str()) || TELLING.iter().any(|part| plain.contains(part))
}

/// The last word of `card_cvv`, `x-jwt`, `userPin` or `USER_PIN`, in lower case.
fn last_word(name: &str) -> String {
    let last = name.rsplit(|c: char| !c.is_ascii_alphanumeric()).find(|word| !word.is_empty()).unwrap_or_default();
    let is_camel = last.chars().any(|c| c.is_ascii_lowercase());
    let from = if is_camel { last.rfind(|c: char| c.is_ascii_uppercase()).unwrap_or(0) } else { 0 };
    last[from..].to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell() {
        for name in [
            "password",
            "API-Key",
            "clientSecret",
            "X-Auth-Token",
            "Set-Cookie",
            "pwd",
            "Authorization",
            "db_password_2",
            "JWT",
            "jwt",
            "userPin",
            "card_cvv",
            "X-Auth",
            "SIM_PIN",
            "otp",
        ] {
            assert!(says_secret(name), "{name}");
        }
        for name in [
            "to",
            "nextPageToken",
            "page_token",
            "key",
            "subject",
            "tokens",
            "author",
            "passenger",
            "maxToken",
            "pinned",
            "spin",
            "authenticated_at",
            "compass",
        ] {
            assert!(!says_secret(name), "{name}");
        }
    }
}
