//! A data folder with a store in it, and the real server over it, as a process of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::meter::{Watch, resident_mib};
use crate::api::Token;
use crate::config::Config;
use crate::env::Env;
use crate::server::{self, Parts, Server};

/// A server that is not ready by then does not start.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// A server that serves a data folder, until it is dropped.
pub(super) struct House {
    child: Child,
    address: SocketAddr,
    /// From its start until it said that it is ready.
    pub(super) took: Duration,
}

/// Opens a data folder in this process, without faces and without triggers, to fill it.
pub(super) async fn open(home: &Path, env: &Env) -> anyhow::Result<Server> {
    server::start(Config::in_folder(home), env.clone(), Parts { triggers: false }, &|_| false).await
}

impl House {
    /// Starts the server and waits until it is ready.
    pub(super) async fn start(home: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let address = free_address()?;
        let watch = Watch::start();
        let program = std::env::current_exe().context("this program could not be found")?;
        let child = Command::new(program)
            .arg("serve")
            .env("STEWARD_HOME", home)
            .env("STEWARD_SERVER__LISTEN", address.to_string())
            .env("STEWARD_LOG__LEVEL", "error")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("the server could not be started")?;
        let mut house = Self { child, address, took: Duration::ZERO };
        tokio::time::timeout(READY_WITHIN, house.ready()).await.context("the server does not become ready")??;
        house.took = watch.read();
        Ok(house)
    }

    /// Ends it, as a crash would.
    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the server could not be ended")
    }

    /// Its process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// The memory that it holds, in MiB.
    pub(super) fn resident_mib(&self) -> Option<f64> {
        self.pid().and_then(resident_mib)
    }

    /// Begins a request, as whoever has the token of the data folder.
    pub(super) async fn ask(&self, home: &Path, method: &str, path: &str) -> anyhow::Result<TcpStream> {
        let token = Token::read(home)?.context("the server has made no token")?;
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n",
            self.address,
            token.expose()
        );
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let env = Env::real();
        while !self.is_ready().await.unwrap_or(false) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status} instead of becoming ready");
            }
            env.sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    async fn is_ready(&self) -> std::io::Result<bool> {
        let address = self.address;
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }
}

/// A port that nobody listens on.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
