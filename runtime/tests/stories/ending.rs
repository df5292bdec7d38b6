//! The end of a server, its log, and what a service manager hears.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::{Value, json};

use crate::place::{Place, SOON};
use crate::service::Service;
use crate::support::processes;
use crate::support::wait::until;

fn hanging(place: &Place, service: &Service) -> String {
    let address = service.address();
    let contract = json!({
        "title": "Hangs",
        "goal": "Wait for a service.",
        "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "http.request", "where": { "/url": { "prefix": format!("http://{address}/") } } }],
        "once": [{ "tool": "http.request", "per": ["item"] }]
    });
    let script = format!(
        "export default async function run({{ tools }}) {{\n\
         await tools.http.request({{ method: 'POST', url: 'http://{address}/' }}, {{ key: {{ item: 'a' }} }});\n}}\n"
    );
    place.import("hangs", &contract, &script, &[]);
    let run = place.run("hangs", &json!({}));
    until("the effect hangs", SOON, || (service.came() == 1).then_some(()));
    run
}

#[test]
fn a_server_that_ends_says_so_and_an_effect_that_has_left_gets_its_answer() {
    let service = Service::start();
    let place = Place::new().with("STEWARD_EGRESS__ALLOW_PRIVATE", &service.address().to_string());
    let mut server = place.start();
    let run = hanging(&place, &service);
    let mut stream = TcpStream::connect(("127.0.0.1", place.home.port())).expect("the server listens");
    stream.set_read_timeout(Some(SOON)).expect("a timeout can be set");
    let token = std::fs::read_to_string(place.home.data().join("token")).expect("there is a token");
    write!(
        stream,
        "GET /v1/streams/rooms/all HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nauthorization: Bearer {}\r\n\r\n",
        place.home.port(),
        token.trim(),
    )
    .expect("the request is sent");
    let mut first = [0; 16];
    stream.read_exact(&mut first).expect("the stream begins");

    processes::signal(server.pid(), libc::SIGTERM);
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
    let heard = String::from_utf8_lossy(&rest);
    assert!(heard.contains("event: ending\ndata: {}"), "{heard}");
    // The end waits a little for the effect: it is still answered that the server is not ready, or not at all.
    if let Ok(answer) = place.client.get("/readyz") {
        assert_eq!((answer.status, answer.code().as_str()), (503, "SHUTTING_DOWN"), "{}", answer.body);
    }
    service.open();
    assert!(server.ends().success(), "{}", server.said());
    server.gone();

    let server = place.start();
    place.run_is(&run, "succeeded");
    assert_eq!(service.came(), 1, "the effect had its answer, and is not asked about again");
    assert!(server.end().success());
}

#[test]
fn a_second_signal_ends_a_server_at_once() {
    let service = Service::start();
    let place = Place::new().with("STEWARD_EGRESS__ALLOW_PRIVATE", &service.address().to_string());
    let mut server = place.start();
    hanging(&place, &service);
    processes::signal(server.pid(), libc::SIGTERM);
    until("the server says that it ends", SOON, || match place.client.get("/readyz") {
        Ok(answer) if answer.status == 503 => Some(()),
        Ok(_) => None,
        Err(_) => Some(()),
    });
    processes::signal(server.pid(), libc::SIGINT);
    assert_eq!(server.ends().code(), Some(1), "{}", server.said());
    server.gone();
    service.open();
}

#[test]
fn a_service_manager_hears_that_the_server_is_ready_works_and_ends() {
    let place = Place::new();
    let folder = place.home.folder("manager");
    let listening = UnixDatagram::bind(folder.join("notify")).expect("a socket can be made");
    listening.set_read_timeout(Some(SOON)).expect("a timeout can be set");
    let place = place
        .with("NOTIFY_SOCKET", &folder.join("notify").display().to_string())
        .with("WATCHDOG_USEC", &Duration::from_millis(50).as_micros().to_string());
    let mut server = place.start();
    let hear = || {
        let mut word = [0; 64];
        let length = listening.recv(&mut word).expect("the server says something");
        String::from_utf8_lossy(&word[..length]).into_owned()
    };
    assert_eq!(hear(), "READY=1");
    for _ in 0..3 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    processes::signal(server.pid(), libc::SIGTERM);
    until("the manager hears of the end", SOON, || (hear() == "STOPPING=1").then_some(()));
    assert!(server.ends().success());
    server.gone();
}

#[test]
fn a_log_file_ties_lines_to_requests_and_is_opened_anew_when_told() {
    let place = Place::new().with("STEWARD_LOG__FILE", "log/steward.log");
    std::fs::create_dir_all(place.home.data()).expect("a folder can be made");
    let settings = place.home.data().join("steward.toml");
    // The variable of the place would go before the file.
    let place = place.with("STEWARD_LOG__LEVEL", "");
    std::fs::write(&settings, "[log]\nlevel = \"warn,runtime::api=debug\"\n").expect("it can be written");
    let server = place.start();
    let answer = place.client.send("GET", "/v1/runs?secret=hunter2", &[("x-request-id", "mine-1")], "");
    assert!(answer.expect("the server answers").is_success());
    let file = place.home.data().join("log/steward.log");
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} is no JSON"))).collect()
    };
    let line = until("the request is in the log", SOON, || {
        lines().into_iter().find(|line| line["request"] == "mine-1" && line["message"] == "answered")
    });
    assert_eq!((&line["path"], &line["status"], &line["level"]), (&json!("/v1/runs"), &json!(200), &json!("debug")));
    assert!(!lines().iter().any(|line| line.to_string().contains("hunter2")));

    std::fs::rename(&file, file.with_extension("moved")).expect("it can be moved away");
    std::fs::write(&settings, "[log]\nlevel = \"warn,runtime=info\"\n").expect("it can be written");
    processes::signal(server.pid(), libc::SIGHUP);
    until("the log goes on in a new file", SOON, || {
        lines()
            .iter()
            .any(|line| line["message"].as_str().is_some_and(|text| text.contains("opened anew")))
            .then_some(())
    });
    assert!(place.client.get("/v1/runs").expect("the server answers").is_success());
    assert!(!lines().iter().any(|line| line["message"] == "answered"), "the level was read again");
    assert!(server.end().success());
}
