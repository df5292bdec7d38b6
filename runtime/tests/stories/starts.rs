//! Starts that must fail, and say why.

use std::net::TcpListener;

use crate::place::Place;
use crate::place::SOON;
use crate::support::processes;
use crate::support::server::{self, Server};
use crate::support::wait::until;

#[test]
fn a_second_server_on_the_same_data_refuses_and_says_so() {
    let place = Place::new();
    let first = place.start();
    let mut second = server::command(
        &place.home,
        &["serve", "--json"],
        &[("STEWARD_SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned())],
    );
    let second = second.output().expect("the program starts");
    let said = String::from_utf8_lossy(&second.stderr).into_owned() + &String::from_utf8_lossy(&second.stdout);
    assert_eq!(second.status.code(), Some(7), "{said}");
    assert!(said.contains("STORE_LOCKED"), "{said}");
    assert!(place.client.get("/readyz").is_ok_and(|answer| answer.is_success()), "the first one goes on");
    assert!(first.end().success());
}

#[test]
fn a_port_in_use_is_told_and_nothing_is_opened() {
    let place = Place::new();
    let _taken = TcpListener::bind(("127.0.0.1", place.home.port())).expect("the port was free");
    let refused = server::run(&place.home, &["serve", "--json"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert_eq!(refused.status.code(), Some(7), "{said}");
    assert!(said.contains("PORT_IN_USE"), "{said}");
    assert!(!place.home.data().join("steward.db").exists(), "nothing was made");
    assert_eq!(processes::running(place.home.program()), Vec::<i32>::new());
}

#[test]
fn a_newer_database_is_left_alone() {
    let place = Place::new();
    assert!(place.start().end().success());
    let file = database(&place);
    change(&file, "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_of_tomorrow', 0)");
    let before = std::fs::read(&file).expect("the database is there");
    let refused = server::run(&place.home, &["serve", "--json"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("STORE_NEWER"), "{said}");
    assert!(std::fs::read(&file).expect("it is still there") == before, "the database was changed");
}

#[test]
fn a_server_that_is_killed_while_scripts_compute_leaves_no_process_behind() {
    let place = Place::new();
    let mut server: Server<'_> = place.start();
    for number in 0..3 {
        let name = format!("busy-{number}");
        place.import_script(&name, "for (;;) {}");
        place.run(&name, &serde_json::json!({}));
    }
    // The server, its warm process, the process that guards it, and the scripts.
    until("all scripts compute", SOON, || (processes::running(place.home.program()).len() >= 5).then_some(()));
    processes::signal(server.pid(), libc::SIGKILL);
    server.gone();
    assert_eq!(processes::running(place.home.program()), Vec::<i32>::new());
}

/// The database, wherever it is in the data folder.
fn database(place: &Place) -> std::path::PathBuf {
    let mut folders = vec![place.home.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the data folder can be listed").flatten() {
            let path = entry.path();
            if path.file_name().is_some_and(|name| name == "steward.db") {
                return path;
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    panic!("there is no database in {}", place.home.data().display())
}

fn change(file: &std::path::Path, sql: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        use sqlx::{Connection, SqliteConnection};
        let address = format!("sqlite://{}", file.display());
        let mut connection = SqliteConnection::connect(&address).await.expect("the database opens");
        sqlx::query(sql).execute(&mut connection).await.expect("the database changes");
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.expect("it is written down");
        connection.close().await.expect("it closes");
    });
}
