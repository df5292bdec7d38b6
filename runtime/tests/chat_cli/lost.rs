//! Answers that do not come: the server is killed, or the user has had enough.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::processes::signal;
use crate::support::server::{self, Server};
use crate::support::wait::until;

const SOON: Duration = Duration::from_secs(60);

/// A home whose model takes every question and answers none.
fn silent(seed: u64) -> (Home, TcpListener) {
    let home = Home::new(&mut Chance::new(seed));
    let model = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", model.local_addr().unwrap());
    let added = server::run(&home, &["providers", "add", "silent", "--url", &url, "--model", "m"]);
    assert!(added.status.success(), "{added:?}");
    (home, model)
}

/// Says something, and waits until the model was asked.
fn say(home: &Home, model: &TcpListener) -> (Child, std::net::TcpStream) {
    let child = server::command(home, &["chat", "--say", "hello"], &[])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (asked, _) = model.accept().unwrap();
    (child, asked)
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn an_answer_is_interrupted_and_the_chat_says_so() {
    let (home, model) = silent(211);
    let server = Server::start(&home, &[]);
    let (child, _asked) = say(&home, &model);
    signal(child.id(), libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!((count(&text, "› hello"), count(&text, "interrupted")), (1, 1), "{text}");
    assert!(server.end().success());
}

#[test]
fn a_killed_server_is_waited_for_and_nothing_is_shown_twice() {
    let (home, model) = silent(212);
    let server = Server::start(&home, &[]);
    // Under a name of its own: what is left of the server is looked for by its program.
    let beside = home.beside(&mut Chance::new(213));
    let (mut child, asked) = say(&beside, &model);
    server.kill();
    drop(asked);
    let server = Server::start(&home, &[]);
    until("the chat goes on and ends", SOON, || child.try_wait().unwrap());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "an answer that was cut off is none\n{text}");
    for part in ["› hello", "The server is gone.", "It is back", "The server ended while this answer was on its way"]
    {
        let flat = text.replace('\n', " ");
        assert_eq!(count(&flat, part), 1, "{part}: {text}");
    }
    assert!(server.end().success());
}
