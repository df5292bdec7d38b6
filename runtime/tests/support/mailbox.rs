//! A mail server that keeps what it has accepted, and may lose an answer on the way back.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A mail that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The recipients of the envelope.
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) text: String,
}

#[derive(Default)]
struct State {
    accepted: Vec<Mail>,
    /// Whose next mail is accepted without an answer.
    lost: BTreeSet<String>,
    /// Whose mails are refused.
    refused: BTreeSet<String>,
}

/// A mail server on a port of its own.
pub(crate) struct Mailbox {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Mailbox {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || drop(converse(stream, &state)));
            }
        });
        Self { port, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The mails that were accepted, in their order.
    pub(crate) fn accepted(&self) -> Vec<Mail> {
        lock(&self.state).accepted.clone()
    }

    /// The subjects of the mails that somebody got.
    pub(crate) fn subjects_to(&self, address: &str) -> Vec<String> {
        let mails = self.accepted().into_iter().filter(|mail| mail.to.iter().any(|to| to == address));
        mails.map(|mail| mail.subject).collect()
    }

    /// Accepts the next mail to an address, and hangs up before saying so.
    pub(crate) fn loses_the_answer_to(&self, address: &str) {
        lock(&self.state).lost.insert(address.to_owned());
    }

    /// Takes no mail to an address.
    pub(crate) fn refuses(&self, address: &str) {
        lock(&self.state).refused.insert(address.to_owned());
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn converse(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut say = |line: &str| answers.write_all(format!("{line}\r\n").as_bytes());
    let mut lines = BufReader::new(stream).lines();
    let mut to = Vec::new();
    say("220 mail.test")?;
    while let Some(line) = lines.next().transpose()? {
        match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say("250-mail.test\r\n250 8BITMIME")?,
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                if lock(state).refused.contains(&address) {
                    say("550 nobody here")?;
                    continue;
                }
                to.push(address);
                say("250 ok")?;
            }
            "DATA" => {
                say("354 go on")?;
                let content: Vec<String> = lines
                    .by_ref()
                    .map_while(Result::ok)
                    .take_while(|line| line != ".")
                    .map(|line| line.strip_prefix('.').unwrap_or(&line).to_owned())
                    .collect();
                let mail = read(std::mem::take(&mut to), &content);
                let mut state = lock(state);
                let lost = mail.to.iter().any(|to| state.lost.remove(to));
                state.accepted.push(mail);
                if lost {
                    return Ok(());
                }
                say("250 taken")?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 ok")?,
        }
    }
    Ok(())
}

fn read(to: Vec<String>, content: &[String]) -> Mail {
    let end = content.iter().position(String::is_empty).unwrap_or(content.len());
    let (head, body) = content.split_at(end);
    // A line that begins with a space goes on with the header before it.
    let head = head.join("\n").replace("\n ", " ");
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let body = body.get(1..).unwrap_or_default().join("\n");
    let quoted = header("Content-Transfer-Encoding: ") == "quoted-printable";
    let text = if quoted { unquoted(&body.replace("=\n", "")) } else { body };
    Mail { to, subject: header("Subject: "), text }
}

/// A text in which `=` and two digits stand for a byte.
fn unquoted(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match (first, code) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
