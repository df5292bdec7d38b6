//! Who asks: a holder of the token, or a browser that has logged in with it.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use connectors::vault::Key;
use intents::Timestamp;

use crate::api::token::Token;
use crate::error::{Code, Error};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A holder of the token.
    Token,
    /// The command line, which holds the token.
    CommandLine,
    /// A browser that has logged in.
    Session,
}

impl Caller {
    /// The name that events keep.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "api",
            Self::CommandLine => "cli",
            Self::Session => "web",
        }
    }
}

/// The guard has noted who asks; a handler that is behind no lock cannot ask for it.
impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get().copied();
        ready(caller.ok_or_else(|| Error::new(Code::TokenMissing, "the request has no token")))
    }
}

/// A month: then the login link is needed again.
const SESSION_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// The name of the cookie. Cookies of a host are shared by its ports, so the port is a part of the name.
pub(crate) fn cookie_name(port: u16) -> String {
    format!("steward_session_{port}")
}

/// The cookie of a new session.
pub(crate) fn cookie(key: &Key, token: &Token, port: u16, now: Timestamp) -> Cookie<'static> {
    let expires = now + SESSION_MAX;
    let age = i64::try_from(SESSION_MAX.as_secs()).unwrap_or(i64::MAX);
    Cookie::build(cookie_name(port), format!("{}.{}", expires.as_millis(), seal(key, token, expires)))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .max_age(actix_web::cookie::time::Duration::seconds(age))
        .finish()
}

/// Whether the value of a cookie is that of a session which still lasts. With another token all sessions end.
pub(super) fn is_valid(key: &Key, token: &Token, value: &str, now: Timestamp) -> bool {
    let Some((expires, mac)) = value.split_once('.') else { return false };
    let Ok(expires) = expires.parse().map(Timestamp::from_millis) else { return false };
    let Ok(mac) = blake3::Hash::from_hex(mac) else { return false };
    // Hashes compare in constant time.
    seal(key, token, expires) == mac && now < expires
}

fn seal(key: &Key, token: &Token, expires: Timestamp) -> blake3::Hash {
    let text = format!("steward session 1\0{}\0{}", expires.as_millis(), token.expose());
    blake3::keyed_hash(key.as_bytes(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Env;

    #[test]
    fn a_session_ends_by_time_by_tampering_and_with_its_token() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let token = Token::of(one.path(), &Env::real()).unwrap();
        let another = Token::of(other.path(), &Env::real()).unwrap();
        let key = Key::new([3; 32]);
        let now = Timestamp::from_millis(1_000);
        let cookie = cookie(&key, &token, 7777, now);
        let value = cookie.value();
        assert!(is_valid(&key, &token, value, now));
        assert!(!is_valid(&key, &token, value, now + SESSION_MAX));
        assert!(!is_valid(&key, &another, value, now));
        assert!(!is_valid(&Key::new([4; 32]), &token, value, now));
        let (_, mac) = value.split_once('.').unwrap();
        assert!(!is_valid(&key, &token, &format!("{}.{mac}", i64::MAX), now));
        for text in ["", ".", "1.", "x.y", mac] {
            assert!(!is_valid(&key, &token, text, now), "{text}");
        }
        assert!(cookie.http_only() == Some(true) && cookie.same_site() == Some(SameSite::Strict));
    }
}
