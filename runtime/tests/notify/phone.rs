//! A house whose owner is told by mail, and the owner's phone, which holds no token.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::mailbox::{Mail, Mailbox};
use crate::place::{Place, SOON};
use crate::support::client::{Answer, read_answer};
use crate::support::wait::until;

pub(crate) const ANN: &str = "ann@example.com";
/// What a browser sends when a button is pressed.
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A server that tells Ann by mail, soon.
pub(crate) fn told_by_mail(mailbox: &Mailbox) -> Place {
    Place::new().mailing_through(mailbox.port())
}

pub(crate) fn settle_in(place: &Place) {
    place.set("notifications.group_for", &json!("1s"));
    place.set("notifications.mail_to", &json!(ANN));
}

/// An automation that hands a file over once somebody has said yes.
pub(crate) fn invoices(place: &Place) {
    let contract = json!({
        "title": "Invoices",
        "goal": "Hand invoices over, once somebody has looked at them.",
        "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "files.move", "where": { "/folder": { "equals": "ready" }, "/to_folder": { "equals": "sent" } } }],
        "approvals": [{ "tool": "files.move" }]
    });
    let script = "export default async function run({ input, tools }) {
      try {
        return await tools.files.move({ folder: 'ready', from: input.file, to_folder: 'sent', to: input.file });
      } catch (error) {
        return { code: error.code };
      }
    }
    ";
    place.import("invoices", &contract, script, &["ready", "sent"]);
}

/// Starts a run about a file of its own.
pub(crate) fn hand_over(place: &Place, file: &str) -> String {
    std::fs::write(place.home.folder("ready").join(file), "what is owed").unwrap();
    place.run("invoices", &json!({ "file": file }))
}

/// Waits for so many mails to Ann.
pub(crate) fn mails(mailbox: &Mailbox, count: usize) -> Vec<Mail> {
    until(&format!("{count} mails come"), SOON, || {
        let mails = mailbox.accepted();
        (mails.len() >= count).then_some(mails)
    })
}

/// The path of the link in a mail that gives an answer.
pub(crate) fn link(mail: &Mail, choice: &str) -> String {
    let start = format!("{choice}: http://");
    let line = mail.text.lines().find_map(|line| line.trim().strip_prefix(&start).map(str::to_owned));
    let line = line.unwrap_or_else(|| panic!("no link to {choice} in {}", mail.text));
    line[line.find('/').expect("a link has a path")..].to_owned()
}

/// What a phone gets, without any token; the headers of the answer are in small letters.
pub(crate) fn ask(place: &Place, method: &str, path: &str, headers: &[(&str, &str)]) -> (Answer, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", place.home.port())).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: 127.0.0.1:{}\r\n", place.home.port()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    (read_answer(&bytes).unwrap_or_else(|| panic!("no whole answer: {text}")), head)
}

/// Presses the button of a link's page, as a browser does.
pub(crate) fn press(place: &Place, path: &str) -> Answer {
    let own = format!("http://127.0.0.1:{}", place.home.port());
    ask(place, "POST", path, &[FORM, ("origin", &own)]).0
}

/// The only open need.
pub(crate) fn need(place: &Place) -> Value {
    until("a need is open", SOON, || place.get("/v1/needs")["items"].as_array()?.first().cloned())
}

/// Whether something was handed over.
pub(crate) fn is_sent(place: &Place, file: &str) -> bool {
    place.home.folder("sent").join(file).exists()
}
