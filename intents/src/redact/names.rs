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
/// Whole names that do.
const WHOLE: [&str; 6] = ["pwd", "pass", "auth", "jwt", "pin", "cvv"];
/// Tokens that only say where a list goes on.
const HARMLESS_TOKENS: [&str; 5] = ["next", "page", "continuation", "sync", "max"];

/// Whether a member of this name holds a secret: `api_key`, `clientSecret`, `X-Auth-Token`.
pub(super) fn says_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let token = plain.ends_with("token") && !HARMLESS_TOKENS.iter().any(|harmless| plain.starts_with(harmless));
    token || WHOLE.contains(&plain.as_str()) || TELLING.iter().any(|part| plain.contains(part))
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
        ] {
            assert!(says_secret(name), "{name}");
        }
        for name in ["to", "nextPageToken", "page_token", "key", "subject", "tokens", "author", "passenger", "maxToken"]
        {
            assert!(!says_secret(name), "{name}");
        }
    }
}
