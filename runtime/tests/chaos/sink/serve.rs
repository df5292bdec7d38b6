//! The service's side.

use std::io::{self, BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::Kind;
use super::effects::Effects;
use super::http::{Request, answer};
use super::mood::{Fate, Mood};
use super::queue::Queue;
use super::record::{Line, Writer};
use super::remote::{CERTIFICATE, Order};
use crate::support::authority::speaking;

/// A connection on which nothing comes for this long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(20);

struct Service {
    tls: Arc<ServerConfig>,
    effects: Mutex<Effects>,
    mood: Mutex<Mood>,
    queue: Queue,
}

/// Serves until whoever started it is gone: its standard input ends then.
pub(crate) fn serve(folder: &Path, seed: u64) -> io::Result<()> {
    let service = Arc::new(Service {
        tls: certificate(folder)?,
        effects: Mutex::new(Effects::new(Writer::create(folder)?)),
        mood: Mutex::new(Mood::new(seed)),
        queue: Queue::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    say(address.port())?;
    let accepting = Arc::clone(&service);
    std::thread::spawn(move || accept(&listener, &accepting));
    for line in io::stdin().lock().lines() {
        match line?.parse() {
            Ok(Order::Barrier) => {
                let from = service.queue.next();
                let marker = TcpStream::connect(address)?;
                service.queue.wait_for_turn(marker.local_addr()?, from);
            }
            Ok(Order::Calm) => lock(&service.mood).calm_down(),
            Err(()) => return Err(io::Error::other("an order that nobody knows")),
        }
        say("done")?;
    }
    Ok(())
}

fn say(what: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{what}")?;
    out.flush()
}

/// Makes a certificate for this address, and leaves it in the folder for those who are to trust it.
fn certificate(folder: &Path) -> io::Result<Arc<ServerConfig>> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).map_err(io::Error::other)?;
    std::fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    Ok(speaking(&made.cert, &made.signing_key))
}

fn accept(listener: &TcpListener, service: &Arc<Service>) {
    for stream in listener.incoming().flatten() {
        let Ok(peer) = stream.peer_addr() else { continue };
        let number = service.queue.enter(peer);
        let service = Arc::clone(service);
        std::thread::spawn(move || {
            // A caller that was killed in the middle is what this is about.
            drop(serve_one(&service, stream));
            service.queue.leave(number);
        });
    }
}

fn serve_one(service: &Service, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(Arc::clone(&service.tls)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let Some(request) = Request::read(&mut stream)? else { return Ok(()) };
    let (fate, wait) = lock(&service.mood).next();
    let (route, rest) = request.path.trim_start_matches('/').split_once('/').unwrap_or_default();
    match (request.method.as_str(), route) {
        ("GET", "read") => read(&mut stream, fate, wait, rest),
        ("GET", "arrived") => {
            let arrived = lock(&service.effects).has(Kind::Queryable, rest);
            answered(&mut stream, fate, wait, if arrived { 200 } else { 404 }, rest)
        }
        ("POST" | "PUT", _) => match Kind::ALL.into_iter().find(|kind| kind.as_str() == route) {
            Some(kind) => effect(service, &mut stream, &request, (kind, rest), (fate, wait)),
            None => answer(&mut stream, 404, "", &json!({})),
        },
        _ => answer(&mut stream, 404, "", &json!({})),
    }?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn effect(
    service: &Service,
    stream: &mut (impl Read + Write),
    request: &Request,
    (kind, effect): (Kind, &str),
    (fate, wait): (Fate, Duration),
) -> io::Result<()> {
    let header = if kind == Kind::Keyed { "idempotency-key" } else { "x-steward-effect" };
    let key = request.header(header).unwrap_or_default().to_owned();
    lock(&service.effects).note(&Line::Arrived { kind, effect: effect.to_owned(), key: key.clone(), fate })?;
    let perform = || lock(&service.effects).perform(kind, effect, &key, &request.body);
    let done = json!({ "effect": effect, "done": true });
    match fate {
        Fate::Well => {
            perform()?;
            answer(stream, 200, "", &done)
        }
        Fate::Late => {
            std::thread::sleep(wait);
            perform()?;
            answer(stream, 200, "", &done)
        }
        Fate::AnsweredLate => {
            perform()?;
            std::thread::sleep(wait);
            answer(stream, 200, "", &done)
        }
        Fate::LostAfter => {
            perform()?;
            Err(lost())
        }
        Fate::LostBefore => Err(lost()),
        Fate::FailedAfter => {
            perform()?;
            answer(stream, 500, "", &json!({ "error": "something broke" }))
        }
        Fate::Busy => answer(stream, 503, "retry-after: 1\r\n", &json!({ "error": "come back" })),
        Fate::TooMany => answer(stream, 429, "retry-after: 1\r\n", &json!({ "error": "not so fast" })),
    }
}

fn read(stream: &mut (impl Read + Write), fate: Fate, wait: Duration, what: &str) -> io::Result<()> {
    answered(stream, fate, wait, 200, what)
}

/// Answers a request that changes nothing.
fn answered(stream: &mut (impl Read + Write), fate: Fate, wait: Duration, status: u16, what: &str) -> io::Result<()> {
    match fate {
        Fate::Well => {}
        Fate::Late | Fate::AnsweredLate => std::thread::sleep(wait),
        Fate::LostAfter | Fate::LostBefore => return Err(lost()),
        Fate::FailedAfter => return answer(stream, 500, "", &json!({})),
        Fate::Busy => return answer(stream, 503, "retry-after: 1\r\n", &json!({})),
        Fate::TooMany => return answer(stream, 429, "retry-after: 1\r\n", &json!({})),
    }
    answer(stream, status, "", &json!({ "about": what, "length": what.len() }))
}

/// The connection is closed without a word.
fn lost() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
