//! Two servers on one database: the active one is killed, or stopped and goes on when it is too late.

use std::sync::Arc;
use std::time::Duration;

use crate::plan::Plan;
use crate::steward::Steward;
use crate::storm::{Storm, wait};
use crate::support::client::Client;
use crate::support::home::Home;
use crate::support::server::{self, Server};
use crate::support::wait::{now, within};
use crate::support::{postgres, processes};
use crate::verdict;

/// What becomes of the active server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Killed,
    /// As by a machine that sleeps: it goes on later, and knows nothing of the time between.
    Stopped,
}

/// How long things take: short for every day, and as long as a person would choose for `make soak`.
struct Times {
    lease: Duration,
    /// Longer than the lease, so that another one is active when the stopped one goes on.
    stopped: Duration,
}

impl Times {
    fn from_environment() -> Self {
        let seconds = Duration::from_secs;
        if std::env::var_os("SOAK").is_some() {
            Self { lease: seconds(10), stopped: seconds(60) }
        } else {
            Self { lease: seconds(3), stopped: seconds(8) }
        }
    }
}

/// Runs are under way for so long before the active server ends.
const ACTIVE_MILLIS: (u64, u64) = (300, 1500);
/// A stopped server answers nobody; whoever asks goes on to the next one.
const PATIENCE: Duration = Duration::from_secs(2);
/// A server that was overtaken ends at once; this machine may be busy.
const END_WITHIN: Duration = Duration::from_secs(20);
/// What a server exits with that was overtaken.
const OVERTAKEN: i32 = 8;

/// Ends the active server again and again while another one stands by; then sees that nothing was lost or done twice.
pub(crate) fn take_over(plan: &Plan, postgres: &str) {
    let times = Times::from_environment();
    let system = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a system can be made");
    let url = system.block_on(postgres::fresh_schema(postgres));
    let more = vec![
        ("STEWARD_STORE__URL".to_owned(), url),
        ("STEWARD_STORE__LEASE_SECONDS".to_owned(), times.lease.as_secs().to_string()),
    ];
    let mut storm = Storm::new(plan.seed.rotate_left(16), more);
    storm.set_up();
    let homes = [Arc::clone(&storm.home), Arc::new(storm.home.beside(&mut storm.chance))];
    let environment = storm.environment.clone();
    let since = now();
    let mut active = Server::start(&homes[0], &environment);
    storm.figures.starts += 1;
    for round in 0..2 * plan.takeovers() {
        let fate = if round % 2 == 0 { Fate::Killed } else { Fate::Stopped };
        let home = &homes[usize::try_from(round + 1).expect("a small number") % 2];
        let mut standby = Server::spawn(home, &environment);
        storm.figures.starts += 1;
        standby.wait_standing_by();
        if round == 0 {
            faces(home, &environment);
        }
        end(&mut storm, fate, active, &mut standby, &times);
        active = standby;
    }
    let lasted = since.elapsed();
    assert!(active.end().success(), "a server that was asked to end says that all is well");
    storm.drain();
    let title = format!("Takeovers (KILLS={} SEED={}, a lease of {:?})", plan.kills, plan.seed, times.lease);
    verdict::check(&mut storm, &title, lasted);
}

/// Ends the active server in the middle of its work, and has the other one take over.
fn end(storm: &mut Storm, fate: Fate, mut active: Server<'_>, standby: &mut Server<'_>, times: &Times) {
    let of = |server: &Server<'_>| Steward::new(server.client().with_less_patience(PATIENCE));
    let (old, new) = (of(&active), of(standby));
    let (from, to) = ACTIVE_MILLIS;
    let after = storm.chance.millis(from, to);
    let pid = active.pid();
    let ended = std::thread::scope(|scope| {
        let enemy = scope.spawn(move || {
            wait(after);
            processes::signal(pid, if fate == Fate::Killed { libc::SIGKILL } else { libc::SIGSTOP });
            now()
        });
        while !enemy.is_finished() {
            storm.keep_busy(&old);
        }
        enemy.join().expect("the enemy does not fail")
    });
    standby.wait_ready();
    storm.figures.restarts.push(ended.elapsed());
    match fate {
        Fate::Killed => {
            active.gone();
            storm.figures.kills += 1;
            storm.keep_busy(&new);
        }
        Fate::Stopped => {
            while ended.elapsed() < times.stopped {
                storm.keep_busy(&new);
            }
            // It is given something to do in the moment in which it goes on, before it can know.
            storm.items.invent();
            let late = storm.items.all().last().expect("it was just invented").clone();
            let acknowledged = std::thread::scope(|scope| {
                let asked = scope.spawn(|| old.deliver(&late));
                processes::signal(pid, libc::SIGCONT);
                asked.join().expect("a refusal is an answer")
            });
            assert!(!matches!(acknowledged, Ok(Some(_))), "a server that was overtaken acknowledged something");
            let status = within(END_WITHIN, || active.has_ended());
            let status = status.unwrap_or_else(|| panic!("the overtaken server goes on\n{}", active.said()));
            assert_eq!(status.code(), Some(OVERTAKEN), "{}", active.said());
            active.gone();
            storm.figures.stops += 1;
        }
    }
}

/// What a server says that stands by.
fn faces(home: &Home, environment: &[(String, String)]) {
    let client = Client::new(home.port(), &home.data());
    let ask = |path: &str| client.get(path).expect("a server that stands by answers");
    assert!(ask("/healthz").is_success());
    let figures = ask("/metrics");
    assert!(figures.is_success() && figures.body.contains("\nsteward_active 0\n"), "{}", figures.body);
    let refused = ask("/v1/runs");
    assert_eq!((refused.status, refused.code().as_str()), (503, "STORE_STANDBY"));
    let health = server::run_with(home, &["health", "--json"], environment);
    let said: serde_json::Value = serde_json::from_slice(&health.stdout).expect("it was asked for JSON");
    assert!(health.status.success(), "to stand by is to be alive");
    assert_eq!(said, serde_json::json!({ "alive": true, "ready": false }));
    assert!(!server::run_with(home, &["health", "--ready"], environment).status.success());
}
