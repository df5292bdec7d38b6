//! The service manager that started the server: it is told when the server is ready, ends, and still works.
//!
//! The protocol of `sd_notify(3)`: datagrams to a socket that the environment names. Without one nobody is told.

use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::env::Env;
use crate::executor::Control;

/// Who listens, and how often it wants to hear that the server still works.
#[derive(Debug)]
pub(super) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

/// Twice as often as must be, so that one late word is not taken for silence.
const WORDS_PER_PERIOD: u32 = 2;

impl Manager {
    /// The manager of this process, if it has one.
    pub(super) fn of_this_process() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let for_us = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let period = variable("WATCHDOG_USEC").and_then(|text| text.parse().ok()).map(Duration::from_micros);
        Self {
            socket: variable("NOTIFY_SOCKET").and_then(|name| connect(&name)),
            watchdog: period.filter(|period| for_us && !period.is_zero()),
        }
    }

    /// Tells it something. A manager that cannot be told goes without: it has its own clock.
    pub(super) fn tell(&self, word: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(word.as_bytes(), address)
        {
            tracing::warn!(%error, word, "the service manager could not be told");
        }
    }

    fn again(&self) -> Option<Self> {
        let (socket, address) = self.socket.as_ref()?;
        Some(Self { socket: Some((socket.try_clone().ok()?, address.clone())), watchdog: self.watchdog })
    }
}

fn connect(name: &str) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(name) => of_name(name),
        None => SocketAddr::from_pathname(name).ok(),
    }?;
    Some((UnixDatagram::unbound().ok()?, address))
}

#[cfg(target_os = "linux")]
fn of_name(name: &str) -> Option<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name).ok()
}

#[cfg(not(target_os = "linux"))]
fn of_name(_: &str) -> Option<SocketAddr> {
    None
}

/// Tells the manager again and again that the server works: as long as its executor answers. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Watchdog(Option<JoinHandle<()>>);

impl Watchdog {
    pub(super) fn start(manager: &Manager, env: &Env, control: &Control) -> Self {
        let control = control.clone();
        Self::over(manager, env, move || {
            let control = control.clone();
            async move { control.is_alive().await }
        })
    }

    /// For a server that stands by: it works as long as it can say so.
    pub(super) fn waiting(manager: &Manager, env: &Env) -> Self {
        Self::over(manager, env, || std::future::ready(true))
    }

    fn over<A>(manager: &Manager, env: &Env, alive: impl Fn() -> A + Send + Sync + 'static) -> Self
    where
        A: Future<Output = bool> + Send,
    {
        let (Some(manager), Some(period)) = (manager.again(), manager.watchdog) else { return Self(None) };
        let env = env.clone();
        Self(Some(tokio::spawn(async move {
            loop {
                if alive().await {
                    manager.tell("WATCHDOG=1");
                }
                env.sleep(period / WORDS_PER_PERIOD).await;
            }
        })))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_told_through_its_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listening = UnixDatagram::bind(&path).unwrap();
        let manager = Manager { socket: connect(path.to_str().unwrap()), watchdog: None };
        manager.tell("READY=1");
        let mut heard = [0; 64];
        let length = listening.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_may_have_a_name_alone() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("steward-test-{}", std::process::id());
        let listening = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Manager { socket: connect(&format!("@{name}")), watchdog: None }.tell("STOPPING=1");
        let mut heard = [0; 64];
        let length = listening.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"STOPPING=1");
    }
}
