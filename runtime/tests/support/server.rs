//! The real server, as a process that can be killed.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use super::client::Client;
use super::home::Home;
use super::processes;
use super::wait::{now, until, within};

/// A start takes tens of milliseconds; on a machine that builds something at the same time, more.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(60);
/// The processes of a server that was killed are gone at once; the system may take its time to say so.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// A server that is asked to end lets what has left come to its end first.
const END_WITHIN: Duration = Duration::from_secs(60);

/// A server that runs.
pub(crate) struct Server<'home> {
    home: &'home Home,
    child: Child,
}

/// A command line with the environment of a home: nothing of ours leaks into it.
pub(crate) fn command(home: &Home, arguments: &[&str], more: &[(String, String)]) -> Command {
    let mut command = Command::new(home.program());
    command.args(arguments).env_clear();
    for kept in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command.env("STEWARD_HOME", home.data());
    command.env("STEWARD_SERVER__LISTEN", format!("127.0.0.1:{}", home.port()));
    command.envs(more.iter().cloned());
    command
}

/// Runs a command line to its end.
pub(crate) fn run(home: &Home, arguments: &[&str]) -> Output {
    run_with(home, arguments, &[])
}

/// Runs a command line to its end, with more in its environment.
pub(crate) fn run_with(home: &Home, arguments: &[&str], more: &[(String, String)]) -> Output {
    command(home, arguments, more).stdin(Stdio::null()).output().expect("the program starts")
}

impl<'home> Server<'home> {
    /// Starts the server; it may not be ready yet. What it says goes to `log` in the folder beside its data.
    pub(crate) fn spawn(home: &'home Home, more: &[(String, String)]) -> Self {
        let log = log(&home.folder("log").join("server.log"));
        let errors = log.try_clone().expect("a file can be shared");
        let child = command(home, &["serve"], more)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("the program starts");
        Self { home, child }
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(home: &'home Home, more: &[(String, String)]) -> Self {
        let mut server = Self::spawn(home, more);
        server.wait_ready();
        server
    }

    /// Waits until the server is ready, and says how long that took.
    pub(crate) fn wait_ready(&mut self) -> Duration {
        let since = now();
        let client = self.client();
        let ready = within(READY_WITHIN, || {
            if let Some(status) = self.child.try_wait().expect("a child can be asked for") {
                panic!("the server ended with {status} instead of becoming ready\n{}", self.said());
            }
            client.get("/readyz").ok().filter(super::client::Answer::is_success)
        });
        assert!(ready.is_some(), "the server was not ready within {READY_WITHIN:?}\n{}", self.said());
        since.elapsed()
    }

    /// Waits until the server stands by for another one.
    pub(crate) fn wait_standing_by(&mut self) {
        let client = self.client();
        let stands_by = within(READY_WITHIN, || {
            if let Some(status) = self.child.try_wait().expect("a child can be asked for") {
                panic!("the server ended with {status} instead of standing by\n{}", self.said());
            }
            client.get("/readyz").ok().filter(|answer| answer.status == 503 && answer.code() == "STORE_STANDBY")
        });
        assert!(stands_by.is_some(), "the server did not stand by within {READY_WITHIN:?}\n{}", self.said());
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.home.port(), &self.home.data())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server, and sees that nothing of it goes on.
    pub(crate) fn kill(mut self) {
        processes::signal(self.child.id(), libc::SIGKILL);
        self.gone();
    }

    /// Collects a server that was killed, and sees that nothing of it goes on.
    pub(crate) fn gone(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("a child can be waited for");
        let left = || processes::running(self.home.program());
        within(GONE_WITHIN, || left().is_empty().then_some(()))
            .unwrap_or_else(|| panic!("the server is gone and left processes behind: {:?}", left()));
        status
    }

    /// Asks the server to end, as a system that shuts down does.
    pub(crate) fn end(mut self) -> ExitStatus {
        processes::signal(self.child.id(), libc::SIGTERM);
        let status = until("the server ends when it is asked to", END_WITHIN, || {
            self.child.try_wait().expect("a child can be asked for")
        });
        self.gone();
        status
    }

    /// How the server ended, when it has.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked for")
    }

    /// Waits until the server ends by itself.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        until("the server ends by itself", END_WITHIN, || self.child.try_wait().expect("a child can be asked for"))
    }

    /// The end of what the server has said.
    pub(crate) fn said(&self) -> String {
        const BYTES_SHOWN: usize = 8000;
        let text = std::fs::read(self.home.folder("log").join("server.log")).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(BYTES_SHOWN)..]).into_owned()
    }
}

/// A test that fails leaves no server behind.
impl Drop for Server<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            processes::signal(self.child.id(), libc::SIGKILL);
            drop(self.child.wait());
        }
    }
}

fn log(path: &Path) -> File {
    File::options().create(true).append(true).open(path).expect("a log can be written")
}
