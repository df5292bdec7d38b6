//! A house that reminds clients: a real service with clients, and an automation that writes to each.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::place::Place;
use crate::support::server::run_with;

/// A service that lists clients and takes reminders.
pub(crate) struct Books {
    address: SocketAddr,
    clients: Arc<Mutex<Value>>,
}

impl Books {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let clients = Arc::new(Mutex::new(json!([
            { "id": 1, "full_name": "Ann Miller", "email": "ann.miller@example.com", "api_token": "tok-4711-secret" },
            { "id": 2, "full_name": "Carl Otto", "email": "Carl@Example.com", "api_token": "tok-4712-secret" },
        ])));
        let shared = Arc::clone(&clients);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let clients = Arc::clone(&shared);
                std::thread::spawn(move || drop(serve(stream, &clients)));
            }
        });
        Self { address, clients }
    }

    /// A client whom the script does not know how to treat.
    pub(crate) fn a_stranger_comes(&self) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let stranger = json!({ "id": 3, "full_name": "Bob Stone", "email": "bob@other.example", "api_token": "tok-9" });
        clients.as_array_mut().unwrap().push(stranger);
    }

    pub(crate) fn place(&self) -> Place {
        Place::new()
            .with("STEWARD_EGRESS__ALLOW_PRIVATE", &self.address.to_string())
            .with("STEWARD_EGRESS__REQUESTS_PER_SECOND", "10000")
    }

    /// Brings in the automation under this name, with this text of its reminders.
    pub(crate) fn import(&self, place: &Place, name: &str, text: &str) {
        self.import_script(place, name, &self.script(text));
    }

    pub(crate) fn import_script(&self, place: &Place, name: &str, script: &str) {
        let prefix = format!("http://{}/", self.address);
        let contract = json!({
            "title": "Reminders",
            "goal": "Remind each client.",
            "triggers": [{ "manual": true }],
            "capabilities": [
                { "tool": "http.get", "where": { "/url": { "prefix": prefix } } },
                { "tool": "http.request", "where": { "/url": { "prefix": prefix } } },
            ],
            "once": [{ "tool": "http.request", "per": ["client"] }]
        });
        place.import(name, &contract, script, &[]);
    }

    /// The script: it compares, splits and lowers addresses, as scripts do.
    pub(crate) fn script(&self, text: &str) -> String {
        format!(
            "export default async function run({{ tools }}) {{
  const answer = await tools.http.get({{ url: 'http://{address}/clients' }});
  for (const client of answer.json?.items ?? []) {{
    const email = String(client.email).toLowerCase();
    if (!email.endsWith('@example.com')) throw new Error('a stranger: ' + email);
    const first = String(client.full_name).split(' ')[0];
    await tools.http.request(
      {{ method: 'POST', url: 'http://{address}/remind', json: {{ to: email, text: `{text} ${{first}}` }} }},
      {{ key: {{ client: email }} }},
    );
  }}
  return 'done';
}}
",
            address = self.address
        )
    }

    /// The same, forgiving strangers.
    pub(crate) fn mended(&self) -> String {
        self.script("Dear").replace("throw new Error('a stranger: ' + email)", "continue")
    }
}

fn serve(mut stream: TcpStream, clients: &Mutex<Value>) -> std::io::Result<()> {
    let mut request = Vec::new();
    let text = loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&chunk[..count]),
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_ascii_lowercase();
        let length = length.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break text;
        }
    };
    let body = if text.starts_with("GET ") {
        json!({ "items": *clients.lock().unwrap_or_else(PoisonError::into_inner) }).to_string()
    } else {
        json!({ "taken": true }).to_string()
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Runs the command line, and gives what it said.
pub(crate) fn steward(place: &Place, arguments: &[&str]) -> (i32, String) {
    let output: Output = run_with(&place.home, arguments, &[]);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), said)
}

/// A run that ends well.
pub(crate) fn good_run(place: &Place, name: &str) -> String {
    let run = place.run(name, &json!({}));
    place.run_is(&run, "succeeded");
    run
}
