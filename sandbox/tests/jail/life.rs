//! The life and death of processes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use sandbox::limits::SPARES_MAX;
use sandbox::{FromScript, Jail, Limits, Start, Which};
use serde_json::{Value, json};

use crate::world::{Answers, block_on, body, drive, fresh_jail, run, trial};

/// The argument by which this binary is a host that can be killed.
pub(crate) const HOST_ARGUMENT: &str = "__host";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_killed_host_leaves_no_process", killed_host),
        trial("a_jail_that_is_dropped_leaves_no_process", dropped_jail),
        trial("a_killed_zygote_is_replaced", killed_zygote),
        trial("an_attempt_that_is_dropped_dies", dropped_attempt),
        trial("an_attempt_that_is_given_up_while_it_opens_dies", given_up),
        #[cfg(target_os = "linux")]
        trial("a_spare_is_locked_in_and_given_to_one_attempt", spare_is_used_once),
        #[cfg(target_os = "linux")]
        trial("a_killed_spare_is_replaced_and_no_script_is_lost", killed_spares),
        #[cfg(target_os = "linux")]
        trial("spares_end_with_their_jail_and_with_their_host", spares_end),
        #[cfg(target_os = "linux")]
        trial("a_spare_keeps_to_the_limits_of_its_attempt", spare_limits),
        trial("a_waiting_script_is_never_late", waiting_script),
        trial("a_script_is_killed_though_nobody_listens", nobody_listens),
        trial("many_attempts_run_beside_each_other", many),
        trial("a_program_that_is_none_is_an_error", no_program),
    ]
}

/// Never gets anywhere.
const SPIN: &str = "for (;;);";
/// A turn that is longer than any story.
const LONG: Limits = Limits {
    turn: Duration::from_secs(600),
    heap_bytes: 64 << 20,
    ticks: u64::MAX,
    calls: 10,
    argument_bytes: 1000,
    outcome_bytes: 1000,
    result_bytes: 10_000,
    log_lines: 10,
};

/// Is a host: runs what it is told in the environment, says what came of it, and waits to be killed.
pub(crate) fn be_a_host() -> ! {
    let script = std::env::var("STORY").unwrap();
    let jail = Jail::start(&std::env::current_exe().unwrap()).unwrap();
    block_on(async {
        let mut spinning = jail.attempt(body(SPIN), LONG).await.unwrap();
        let said = if script == SPIN {
            json!([jail.zygote_pid(), spinning.pid()])
        } else {
            let attempt = jail.attempt(body(&script), LONG).await.unwrap();
            drive(attempt, Vec::new(), Answers::FirstFirst, u32::MAX).await.result()
        };
        let mut out = std::io::stdout();
        writeln!(out, "{said}").unwrap();
        out.flush().unwrap();
        spinning.next().await;
    });
    std::process::exit(1)
}

fn host(zone: &str, script: &str) -> (std::process::Child, Value) {
    let mut host = Command::new(std::env::current_exe().unwrap())
        .arg(HOST_ARGUMENT)
        .env("STORY", script)
        .env("TZ", zone)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (host, serde_json::from_str(&line).unwrap())
}

/// What a script comes to under a host with another time zone.
pub(crate) fn host_in_zone(zone: &str, script: &str) -> Value {
    let (mut host, said) = host(zone, script);
    host.kill().unwrap();
    host.wait().unwrap();
    said
}

/// Ten seconds, in steps
const LOOKS: u32 = 1000;
/// of this.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The processes that come from a jail's warm one: attempts, and those that wait for one.
fn children(zygote: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{zygote}/task/{zygote}/children")).unwrap_or_default();
    children.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

/// Waits until there are so many, each of them locked in.
#[cfg(target_os = "linux")]
fn wait_for_children(zygote: u32, count: usize) -> Vec<u32> {
    for _ in 0..LOOKS {
        let children = children(zygote);
        if children.len() == count && children.iter().all(|child| is_locked_in(*child)) {
            return children;
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
    panic!("there are {:?}, and not {count}", children(zygote));
}

/// Waits until as many processes wait for a script as there ever are.
#[cfg(target_os = "linux")]
fn spares(jail: &Jail) -> Vec<u32> {
    wait_for_children(jail.zygote_pid().unwrap(), SPARES_MAX)
}

/// Whether a process has taken everything from itself that it does not need.
#[cfg(target_os = "linux")]
fn is_locked_in(pid: u32) -> bool {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let filters = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:")).unwrap_or_default().to_owned();
        line.trim().parse::<u32>().unwrap_or(0)
    };
    files.split_whitespace().nth(3) == Some("0") && filters(pid) == 3
}

/// Waits until a process is gone, or a zombie that only its parent's end removes.
fn gone(pid: u32) {
    for _ in 0..LOOKS {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        if state.is_none_or(|state| state == 'Z' || state == 'X') {
            return;
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
    panic!("process {pid} is still there");
}

fn pid_of(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn killed_host() {
    let (mut host, pids) = host("UTC", SPIN);
    for pid in [&pids[0], &pids[1]] {
        assert!(Path::new(&format!("/proc/{pid}")).exists() || !Path::new("/proc/self").exists());
    }
    host.kill().unwrap();
    host.wait().unwrap();
    gone(pid_of(&pids[0]));
    gone(pid_of(&pids[1]));
}

fn dropped_jail() {
    let jail = fresh_jail();
    let (zygote, attempt) = block_on(async {
        let attempt = jail.attempt(body(SPIN), LONG).await.unwrap();
        (jail.zygote_pid().unwrap(), attempt)
    });
    let pid = attempt.pid().unwrap();
    drop(jail);
    gone(zygote);
    gone(pid);
}

fn killed_zygote() {
    block_on(async {
        let jail = fresh_jail();
        let mut pids = Vec::new();
        for _ in 0..3 {
            // A script that has not begun would begin in another process.
            let mut running = jail.attempt(body("console.log('begun'); for (;;);"), LONG).await.unwrap();
            assert!(matches!(running.next().await, FromScript::Log { .. }));
            let zygote = jail.zygote_pid().unwrap();
            assert!(!pids.contains(&zygote));
            pids.push(zygote);
            assert!(Command::new("kill").args(["-9", &zygote.to_string()]).status().unwrap().success());
            assert!(matches!(running.next().await, FromScript::Crashed { .. }));
            let attempt = jail.attempt(body("return 1;"), Limits::default()).await.unwrap();
            assert_eq!(drive(attempt, Vec::new(), Answers::FirstFirst, 0).await.result(), json!(1));
        }
    });
}

fn dropped_attempt() {
    block_on(async {
        let mut attempt = crate::world::jail().attempt(body(SPIN), LONG).await.unwrap();
        let pid = attempt.pid().unwrap();
        drop(attempt);
        gone(pid);
        attempt = crate::world::jail().attempt(body(SPIN), LONG).await.unwrap();
        let pid = attempt.pid().unwrap();
        attempt.kill();
        assert_eq!(attempt.next().await, FromScript::Killed);
        gone(pid);
    });
}

fn given_up() {
    let jail = fresh_jail();
    block_on(async {
        for _ in 0..20 {
            let opening = jail.attempt(body(SPIN), LONG);
            drop(tokio::time::timeout(Duration::ZERO, opening).await);
        }
    });
    // What is left are the processes that wait for the next scripts.
    for _ in 0..LOOKS {
        if children(jail.zygote_pid().unwrap()).len() <= SPARES_MAX {
            break;
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
    assert!(children(jail.zygote_pid().unwrap()).len() <= SPARES_MAX);
    assert_eq!(block_on(jail.check("export default () => 1", "script.js")).map_err(|error| error.to_string()), Ok(()));
}

#[cfg(target_os = "linux")]
fn spare_is_used_once() {
    block_on(async {
        let jail = fresh_jail();
        let mut used = std::collections::BTreeSet::new();
        for round in 0..20 {
            let waiting = spares(&jail);
            let attempt =
                jail.attempt(body("globalThis.left = 1; return Math.random();"), Limits::default()).await.unwrap();
            let pid = attempt.pid().unwrap();
            assert!(waiting.contains(&pid), "{pid} did not wait: {waiting:?}");
            assert!(used.insert(pid), "{pid} was given to two attempts");
            let again = drive(attempt, Vec::new(), Answers::FirstFirst, 0).await.result();
            // A spare is reseeded by its opening: the same run, the same chance, whatever process it is in.
            let same =
                jail.attempt(body("return Math.random() + (globalThis.left ?? 0);"), Limits::default()).await.unwrap();
            let next = same.pid().unwrap();
            assert!(used.insert(next));
            assert_eq!(drive(same, Vec::new(), Answers::FirstFirst, 0).await.result(), again, "round {round}");
            gone(pid);
            gone(next);
        }
    });
}

#[cfg(target_os = "linux")]
fn killed_spares() {
    block_on(async {
        let jail = fresh_jail();
        for _ in 0..20 {
            for pid in spares(&jail) {
                // It may be the process of the last attempt, which is about to end by itself.
                Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
            }
            // They may be dead, or dying while the script is sent to them.
            let attempt = jail.attempt(body("return 1;"), Limits::default()).await.unwrap();
            assert_eq!(drive(attempt, Vec::new(), Answers::FirstFirst, 0).await.result(), json!(1));
        }
        // A spare that is stopped is late, and killed at its deadline like any other.
        let jail = fresh_jail();
        for pid in spares(&jail) {
            assert!(Command::new("kill").args(["-STOP", &pid.to_string()]).status().unwrap().success());
        }
        let limits = Limits { turn: Duration::from_millis(50), ..Limits::default() };
        let mut attempt = jail.attempt(body("return 1;"), limits).await.unwrap();
        assert_eq!(crate::attacks::which(&attempt.next().await), Some(Which::WallTime));
        gone(attempt.pid().unwrap());
    });
}

#[cfg(target_os = "linux")]
fn spares_end() {
    let jail = fresh_jail();
    let waiting = spares(&jail);
    drop(jail);
    waiting.into_iter().for_each(gone);

    let (mut host, pids) = host("UTC", SPIN);
    let children = wait_for_children(pid_of(&pids[0]), SPARES_MAX + 1);
    host.kill().unwrap();
    host.wait().unwrap();
    children.into_iter().for_each(gone);
}

#[cfg(target_os = "linux")]
fn spare_limits() {
    block_on(async {
        let jail = fresh_jail();
        spares(&jail);
        let limits = Limits { heap_bytes: 1 << 20, ..Limits::default() };
        let hog = "const all = []; for (;;) all.push('x'.repeat(1000) + all.length);";
        for _ in 0..3 {
            let mut attempt = jail.attempt(body(hog), limits.clone()).await.unwrap();
            assert_eq!(crate::attacks::which(&attempt.next().await), Some(Which::Heap));
        }
        // Garbage in circles is collected before it breaks a small heap, too.
        let circles = "for (let i = 0; i < 50_000; i++) { const a = {}; a.self = a; } return 1;";
        let attempt = jail.attempt(body(circles), limits).await.unwrap();
        assert_eq!(drive(attempt, Vec::new(), Answers::FirstFirst, 0).await.result(), json!(1));
    });
}

fn waiting_script() {
    block_on(async {
        let limits = Limits { turn: Duration::from_millis(50), ..Limits::default() };
        let mut attempt =
            crate::world::jail().attempt(body("await tools.http.get(); return 1;"), limits).await.unwrap();
        // Its words are unread for longer than it may compute.
        std::thread::park_timeout(Duration::from_millis(200));
        assert!(matches!(attempt.next().await, FromScript::Call { .. }));
        std::thread::park_timeout(Duration::from_millis(200));
        assert!(matches!(attempt.next().await, FromScript::Idle { .. }));
        std::thread::park_timeout(Duration::from_millis(200));
        attempt.answer(0, &intents::outcome::Outcome::Value(json!(1)), crate::world::START).await.unwrap();
        std::thread::park_timeout(Duration::from_millis(200));
        assert!(matches!(attempt.next().await, FromScript::Finished { .. }));
    });
}

fn nobody_listens() {
    block_on(async {
        let limits = Limits { turn: Duration::from_millis(100), ..Limits::default() };
        let script = "console.log('before'); tools.http.get(); for (;;);";
        let mut attempt = crate::world::jail().attempt(body(script), limits).await.unwrap();
        gone(attempt.pid().unwrap());
        assert!(matches!(attempt.next().await, FromScript::Log { .. }));
        let FromScript::Limit(broken) = attempt.next().await else { panic!("a limit") };
        assert_eq!(broken.which, Which::WallTime);
    });
}

fn many() {
    block_on(async {
        let jail = crate::world::jail();
        let tasks: Vec<_> = (0..100_u8)
            .map(|index| {
                let jail = jail.clone();
                tokio::spawn(async move {
                    let script = "let n = 0; for (let i = 0; i < 20; i++) n += (await tools.http.get({ i })).arguments.i; return [n, Math.random()];";
                    let start = Start { seed: [index; 32], ..body(script) };
                    let attempt = jail.attempt(start, Limits::default()).await.unwrap();
                    drive(attempt, Vec::new(), Answers::Scrambled(index.into()), u32::MAX).await.result()
                })
            })
            .collect();
        let mut numbers = Vec::new();
        for task in tasks {
            let result = task.await.unwrap();
            assert_eq!(result[0], 190);
            numbers.push(result[1].to_string());
        }
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), 100);
    });
    assert_eq!(run(body("return 1;")).result(), json!(1));
}

fn no_program() {
    assert_eq!(Jail::start(Path::new("/nonexistent/steward")).unwrap_err().code(), "SANDBOX_NOT_STARTED");
}
