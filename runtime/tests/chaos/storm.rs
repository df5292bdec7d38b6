//! The storm: start, deliver, kill, and again.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::automation;
use crate::items::Items;
use crate::plan::Plan;
use crate::sink::{Kind, Sink};
use crate::steward::Steward;
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server::{self, Server};
use crate::support::wait::{now, within};
use crate::support::{client::Client, processes};
use crate::table::Table;
use crate::verdict;

/// Runs that are to be under way or waiting, so that a kill always hits some.
const UNFINISHED: usize = 10;
/// When a server that is ready is killed.
const KILL_AFTER_MILLIS: (u64, u64) = (20, 600);
/// Of a hundred kills, so many hit a server that is still starting.
const KILLS_IN_START_PERCENT: u64 = 15;
/// Of a hundred lives, so many begin with answering what the person was asked.
const ANSWERS_PERCENT: u64 = 25;
/// Of a hundred lives, so many see an item that was acknowledged before once more.
const REPEATS_PERCENT: u64 = 20;
/// When a first start is killed: the folder, the keys and the tables are made in this time.
const FIRST_START_MILLIS: (u64, u64) = (0, 250);
/// After the last kill, something must come to its end within this time, again and again.
const PROGRESS_WITHIN: Duration = Duration::from_secs(90);

/// What is counted on the way.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) kills: u64,
    pub(crate) kills_in_start: u64,
    pub(crate) stops: u64,
    pub(crate) starts: u64,
    pub(crate) restarts: Vec<Duration>,
    pub(crate) repeated: u64,
}

/// Kills first starts while folder, keys and tables are being made. The next start must find its way.
pub(crate) fn kill_first_starts(plan: &Plan) {
    let mut chance = Chance::new(plan.seed);
    let mut table = Table::default();
    for _ in 0..plan.first_starts() {
        let home = Home::new(&mut chance);
        let server = Server::spawn(&home, &[]);
        wait(chance.millis(FIRST_START_MILLIS.0, FIRST_START_MILLIS.1));
        server.kill();
        let server = Server::start(&home, &[]);
        assert!(server.end().success(), "a server that was asked to end says that all is well");
        audit(&home, &[]);
    }
    table.row("first starts killed", plan.first_starts());
    table.row("that could not be made again", 0);
    table.print(&format!("First starts (SEED={})", plan.seed));
}

/// Kills the server at any moment; then sees that nothing was lost and nothing done twice.
pub(crate) fn kill_at_any_moment(plan: &Plan) {
    let mut storm = Storm::new(plan.seed.rotate_left(32), Vec::new());
    storm.set_up();
    let since = now();
    while storm.figures.kills < plan.in_the_storm() {
        storm.live_and_die();
    }
    let storm_lasted = since.elapsed();
    storm.drain();
    let title = format!("Chaos (KILLS={} SEED={})", plan.kills, plan.seed);
    verdict::check(&mut storm, &title, storm_lasted);
}

/// Everything that a storm is made of.
pub(crate) struct Storm {
    pub(crate) home: Arc<Home>,
    pub(crate) service: Sink,
    pub(crate) items: Items,
    pub(crate) figures: Figures,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) chance: Chance,
    client: Client,
}

/// What the server must know to reach the service.
fn environment(service: &Sink) -> Vec<(String, String)> {
    vec![
        ("STEWARD_EGRESS__ALLOW_PRIVATE".to_owned(), format!("127.0.0.1:{}", service.port())),
        ("SSL_CERT_FILE".to_owned(), service.certificate().display().to_string()),
        ("STEWARD_LOG__LEVEL".to_owned(), "warn".to_owned()),
    ]
}

impl Storm {
    /// The calm before it. The server is told more by its environment.
    pub(crate) fn new(seed: u64, more: Vec<(String, String)>) -> Self {
        let mut chance = Chance::new(seed);
        let home = Arc::new(Home::new(&mut chance));
        let service = Sink::start(&home.folder("sink"), chance.next());
        Self {
            environment: environment(&service).into_iter().chain(more).collect(),
            client: Client::new(home.port(), &home.data()),
            home,
            service,
            chance,
            items: Items::default(),
            figures: Figures::default(),
        }
    }

    /// Makes the automation known.
    pub(crate) fn set_up(&mut self) {
        let folder = self.home.folder("automation");
        automation::write(&folder, &self.service.url());
        let server = Server::start(&self.home, &self.environment);
        self.figures.starts += 1;
        Steward::new(self.client.clone()).set_up(&self.home.folder(automation::FOLDER), &folder);
        assert!(server.end().success(), "a server that was asked to end says that all is well");
    }

    /// One life of the server: it starts, is given something to do, and is killed.
    fn live_and_die(&mut self) {
        let environment = self.environment.clone();
        let home = Arc::clone(&self.home);
        let mut server = Server::spawn(&home, &environment);
        self.figures.starts += 1;
        if self.chance.percent(KILLS_IN_START_PERCENT) {
            let usual = self.figures.restarts.last().copied().unwrap_or(Duration::from_millis(300));
            wait(usual.mul_f64(self.chance.below(100) as f64 / 100.0));
            server.kill();
            self.figures.kills += 1;
            self.figures.kills_in_start += 1;
            return;
        }
        self.figures.restarts.push(server.wait_ready());
        let (from, to) = KILL_AFTER_MILLIS;
        let after = self.chance.millis(from, to);
        let pid = server.pid();
        let steward = Steward::new(self.client.clone());
        std::thread::scope(|scope| {
            let killer = scope.spawn(move || {
                wait(after);
                processes::signal(pid, libc::SIGKILL);
            });
            self.keep_busy(&steward);
            killer.join().expect("the killer does not fail");
        });
        server.gone();
        self.figures.kills += 1;
    }

    /// After the last kill: everything that was delivered comes to its end.
    pub(crate) fn drain(&mut self) {
        self.service.calm_down();
        let environment = self.environment.clone();
        let home = Arc::clone(&self.home);
        let server = Server::start(&home, &environment);
        self.figures.starts += 1;
        let steward = Steward::new(self.client.clone());
        let mut left = usize::MAX;
        loop {
            deliver_all(&steward, &mut self.items);
            let (service, items) = (&mut self.service, &mut self.items);
            let progress = within(PROGRESS_WITHIN, || {
                answer(&steward, service, items);
                let unfinished = steward.unfinished().ok()?;
                (unfinished < left).then_some(unfinished)
            });
            left = progress.unwrap_or_else(|| {
                let unfinished = steward.unfinished();
                panic!("nothing came to its end within {PROGRESS_WITHIN:?}: {unfinished:?} are left\n{}", server.said())
            });
            if left == 0 && self.items.not_acknowledged().next().is_none() {
                break;
            }
        }
        verdict::see(self, &steward);
        assert!(server.end().success(), "a server that was asked to end says that all is well");
    }
}

impl Storm {
    /// Gives the server something to do.
    pub(crate) fn keep_busy(&mut self, steward: &Steward) {
        keep_busy(steward, &mut self.items, &mut self.service, &mut self.chance, &mut self.figures);
    }

    /// `steward audit verify` finds nothing, with the server gone.
    pub(crate) fn audit(&self) {
        audit(&self.home, &self.environment);
    }
}

/// Gives the server something to do until it dies. Errors are what a dying server answers with.
fn keep_busy(steward: &Steward, items: &mut Items, service: &mut Sink, chance: &mut Chance, figures: &mut Figures) {
    if chance.percent(ANSWERS_PERCENT) {
        answer(steward, service, items);
    }
    let Ok(unfinished) = steward.unfinished() else { return };
    let unacknowledged = items.not_acknowledged().count();
    for _ in unfinished + unacknowledged..UNFINISHED {
        items.invent();
    }
    if chance.percent(REPEATS_PERCENT)
        && let Some(item) = items.acknowledged(chance.next())
        && let Ok(Some(run)) = steward.deliver(item)
    {
        assert_eq!(item.run, Some(run), "{} was delivered again and got another run", item.name);
        figures.repeated += 1;
    }
    deliver_all(steward, items);
}

/// Delivers what was not acknowledged yet. An item without an acknowledgement is delivered again, as a sender would.
fn deliver_all(steward: &Steward, items: &mut Items) {
    for item in items.not_acknowledged() {
        item.tries += 1;
        match steward.deliver(item) {
            Ok(Some(run)) => item.run = Some(run),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

/// Answers, as the person who looks it up in the service's record would.
fn answer(steward: &Steward, service: &mut Sink, items: &mut Items) {
    let Ok(needs) = steward.needs() else { return };
    if needs.is_empty() {
        return;
    }
    let record = service.settled_record();
    for need in needs {
        assert_eq!(need.kind, "settle", "nobody expected to be asked this: {}", need.whole);
        let kind = Kind::ALL.into_iter().find(|kind| need.effect_kind == kind.as_str());
        let kind = kind.unwrap_or_else(|| panic!("which effect is meant? {}", need.whole));
        let happened = record.performed(kind, &need.effect) > 0;
        let answers = if happened { &mut items.affirmed } else { &mut items.denied };
        *answers.entry(format!("{}/{}", need.effect_kind, need.effect)).or_insert(0) += 1;
        if steward.answer(&need, if happened { "it_happened" } else { "it_did_not" }).is_err() {
            return;
        }
    }
}

fn audit(home: &Home, environment: &[(String, String)]) {
    let verified = server::run_with(home, &["audit", "verify", "--json"], environment);
    let said = String::from_utf8_lossy(&verified.stdout);
    let complained = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success(), "the record of events is broken: {said}{complained}");
}

/// Lets time pass, which is what decides where a kill hits.
pub(crate) fn wait(length: Duration) {
    let (_keep, nothing) = mpsc::channel::<()>();
    assert_eq!(nothing.recv_timeout(length), Err(RecvTimeoutError::Timeout));
}
