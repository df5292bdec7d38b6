//! Who is let in: every route, those that are nowhere included, against every way of not being one of us.

use std::collections::BTreeSet;

use crate::raw::{Answer, Request};
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server::Server;

/// Routes that need no token: they say that the server is there, or what they say anywhere, or take the token, a
/// signature or a link themselves.
const OPEN: [&str; 7] = [
    "/healthz",
    "/readyz",
    "/login",
    "/hooks/{automation}/{name}",
    "/errors/{code}",
    "/reference.css",
    "/answer/{token}",
];
/// What a session may not read: whole payloads, and what is an engine's.
const NO_SESSION: [&str; 2] = ["/v1/runs/{run}/artifacts/{artifact}", "/v1/engines/runs/{run}/calls/{call}"];

/// A server with its token.
struct House<'home> {
    port: u16,
    token: String,
    _server: Server<'home>,
}

impl<'home> House<'home> {
    fn new(home: &'home Home) -> Self {
        let server = Server::start(home, &[]);
        let token = std::fs::read_to_string(home.data().join("token")).expect("a server that is ready has its token");
        Self { port: home.port(), token, _server: server }
    }

    /// A request of the holder of the token. What changes something has no sensible body, so that nothing happens.
    fn good(&self, method: &str, path: &str) -> Request {
        let path = path.replace('{', "x").replace('}', "");
        let request =
            Request::bare(self.port, method, &path).with("authorization", Some(&format!("Bearer {}", self.token)));
        if method == "GET" { request } else { request.with("content-type", Some("application/json")).saying("[]") }
    }

    fn session(&self) -> String {
        let login = Request::bare(self.port, "GET", &format!("/login?token={}", self.token)).send(self.port);
        assert_eq!((login.status, login.header("location")), (303, Some("/")));
        let cookie = login.header("set-cookie").expect("a session is a cookie");
        assert!(cookie.contains("httponly") && cookie.contains("samesite=strict"), "{cookie}");
        // Header names were made small, and the value has none but small letters.
        cookie.split(';').next().unwrap_or_default().to_owned()
    }

    fn check(&self, request: &Request, status: u16, code: &str) {
        let answer = request.send(self.port);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{request:?}");
        is_guarded(&answer, request);
    }
}

/// Every answer has the headers that keep a browser from doing what it should not.
fn is_guarded(answer: &Answer, request: &Request) {
    for (name, part) in [
        ("content-security-policy", "default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "deny"),
        ("cache-control", "no-store"),
    ] {
        assert!(answer.header(name).is_some_and(|value| value.contains(part)), "{request:?} lacks {name}");
    }
}

/// Every route of the document, and some that are nowhere.
fn routes() -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    for (path, item) in runtime::api::document()["paths"].as_object().expect("the document has paths") {
        for method in item.as_object().expect("a path has methods").keys() {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    assert!(routes.len() > 40, "the document has lost its routes");
    for (method, path) in
        [("GET", "/nowhere"), ("GET", "/v1/nowhere"), ("POST", "/"), ("PATCH", "/v1/runs"), ("GET", "/../token")]
    {
        routes.insert((method.to_owned(), path.to_owned()));
    }
    routes
}

#[test]
fn every_route_refuses_other_hosts_pages_and_whoever_has_no_token() {
    let home = Home::new(&mut Chance::new(1));
    let house = House::new(&home);
    let session = house.session();
    let own = format!("http://127.0.0.1:{}", house.port);
    for (method, path) in routes() {
        let good = house.good(&method, &path);
        for host in ["evil.example", &format!("evil.example:{}", house.port), "127.0.0.1:1", "localhost"] {
            house.check(&good.clone().with("host", Some(host)), 421, "HOST_REFUSED");
        }
        for origin in ["https://evil.example", "null", "http://localhost:1"] {
            house.check(&good.clone().with("origin", Some(origin)), 403, "ORIGIN_REFUSED");
        }
        if OPEN.contains(&path.as_str()) {
            continue;
        }
        house.check(&good.clone().with("authorization", None), 401, "TOKEN_MISSING");
        for wrong in ["Bearer x", "Bearer ", "Basic dXNlcjpwdw==", &house.token] {
            house.check(&good.clone().with("authorization", Some(wrong)), 401, "TOKEN_WRONG");
        }
        let by_cookie = good.clone().with("authorization", None).with("cookie", Some(&session));
        let forged = format!("{}0", &session[..session.len() - 1]);
        if forged != session {
            house.check(&by_cookie.clone().with("cookie", Some(&forged)), 401, "TOKEN_WRONG");
        }
        if method == "GET" {
            let seen = by_cookie.clone().with("origin", Some(&own)).head(house.port);
            let refused = [401, 403, 421].contains(&seen.status);
            assert_eq!(refused, NO_SESSION.contains(&path.as_str()), "{by_cookie:?} got {}", seen.status);
            is_guarded(&seen, &by_cookie);
        } else {
            house.check(&by_cookie, 403, "ORIGIN_REFUSED");
            for kind in
                [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("multipart/form-data")]
            {
                house.check(&good.clone().with("content-type", kind), 415, "CONTENT_TYPE");
            }
        }
    }
}

#[test]
fn a_session_does_what_a_token_does_from_our_own_pages() {
    let home = Home::new(&mut Chance::new(2));
    let house = House::new(&home);
    let session = house.session();
    let own = format!("http://127.0.0.1:{}", house.port);
    let stop = house.good("POST", "/v1/stop").with("authorization", None).with("cookie", Some(&session)).saying("{}");
    let stopped = stop.with("origin", Some(&own)).send(house.port);
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    let page = house.good("GET", "/reference").with("authorization", None).with("cookie", Some(&session));
    let page = page.send(house.port);
    assert!(page.status == 200 && page.body.contains("/v1/automations") && !page.body.contains("<script"));
    let full = "/v1/runs/run_00000000000000000000000000/calls?payloads=full";
    let refused = house.good("GET", full).with("authorization", None).with("cookie", Some(&session)).send(house.port);
    assert_eq!((refused.status, refused.code().as_str()), (403, "PAYLOADS_REFUSED"));
    let wrong = Request::bare(house.port, "GET", "/login?token=wrong").send(house.port);
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
}
