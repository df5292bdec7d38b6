//! `steward demo`: from nothing to a mail, and nothing of it is left.

use std::path::Path;

use crate::recording::shown;
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::processes::signal;
use crate::support::server;
use crate::terminal::Terminal;

/// What the demonstration left in the folder for temporary things.
fn left(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().contains("steward-demo-")).collect()
}

fn inside(folder: &Path) -> [(String, String); 1] {
    [("TMPDIR".to_owned(), folder.display().to_string())]
}

#[test]
fn the_demonstration_comes_to_its_end_and_leaves_nothing() {
    let home = Home::new(&mut Chance::new(231));
    let folder = home.folder("temporary");
    let told = server::run_with(&home, &["demo"], &inside(&folder));
    let text = shown(&told);
    assert_eq!(told.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&told.stderr));
    for part in [
        "No model is asked here",
        "› Every morning, send me what is new",
        "│ Steward enforces",
        "✓ proven:",
        "│ To: ada@example.org",
        "nothing happens twice",
        "at most one a day",
        "the cost is 0 USD",
        "steward chat",
        "Its folder is gone",
    ] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(!text.contains(['\u{1b}', '\r']), "there is no terminal\n{text}");
    assert_eq!(left(&folder), Vec::<std::path::PathBuf>::new());
    assert!(!home.data().exists(), "the installation of the user is not touched");
}

#[test]
fn what_it_did_is_really_there() {
    let home = Home::new(&mut Chance::new(232));
    let folder = home.folder("temporary");
    let told = server::run_with(&home, &["demo", "--keep"], &inside(&folder));
    assert_eq!(told.status.code(), Some(0), "{}", String::from_utf8_lossy(&told.stderr));
    let [kept] = left(&folder).try_into().unwrap();
    let mail = std::fs::read_to_string(kept.join("mail/1.eml")).unwrap();
    assert!(mail.contains("Subject: Morning brief: 3 new\n") && !kept.join("mail/2.eml").exists(), "{mail}");
    let copies: Vec<_> = std::fs::read_dir(kept.join("briefs")).unwrap().collect();
    let copy = std::fs::read_to_string(copies[0].as_ref().unwrap().path()).unwrap();
    assert!(copies.len() == 1 && mail.trim_end().ends_with(copy.trim_end()), "{copy}\n{mail}");
    let data = [("STEWARD_HOME".to_owned(), kept.join("data").display().to_string())];
    let audited = server::run_with(&home, &["audit", "verify"], &data);
    assert!(audited.status.success(), "the installation that was kept can be looked into: {audited:?}");
}

#[test]
fn interrupted_it_tidies_up_and_says_so() {
    let home = Home::new(&mut Chance::new(233));
    let folder = home.folder("temporary");
    let mut terminal = Terminal::start_with(&home, &["demo", "--ask"], &inside(&folder));
    terminal.shows("confirm, or reject?");
    signal(terminal.pid(), libc::SIGINT);
    terminal.shows("Ended before its end.");
    assert_eq!(terminal.ends().code(), Some(1));
    assert_eq!(left(&folder), Vec::<std::path::PathBuf>::new());
}

#[test]
fn nothing_goes_live_without_a_yes() {
    let home = Home::new(&mut Chance::new(234));
    let folder = home.folder("temporary");
    let mut terminal = Terminal::start_with(&home, &["demo", "--ask"], &inside(&folder));
    terminal.shows("confirm, or reject?");
    terminal.shows("› ");
    terminal.types("reject\r");
    terminal.shows("Not confirmed");
    assert_eq!(terminal.ends().code(), Some(6));
    assert_eq!(left(&folder), Vec::<std::path::PathBuf>::new());
}
