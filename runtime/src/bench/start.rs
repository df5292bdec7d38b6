//! How soon the server is ready, and what it holds in memory while it has nothing to do.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::figures::Figure;
use super::meter::{Watch, resident_mib};
use super::world;
use crate::env::Env;

/// Starts that are measured, after the first.
const STARTS: usize = 10;
/// A server that is not ready by then does not start.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Measures starts of the real server.
pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let folder = world::folder()?;
    let mut figures = Vec::new();
    let (mut lengths, mut memory) = (Vec::new(), Vec::new());
    for number in 0..=STARTS {
        let address = free_address()?;
        let watch = Watch::start();
        let mut server = serve(&folder.path().join("data"), address)?;
        ready(&mut server, address).await?;
        let took = watch.read();
        memory.extend(server.id().and_then(resident_mib));
        server.kill().await.context("the server could not be ended")?;
        if number == 0 {
            figures.push(Figure::one("first start until ready", "ms", super::figures::millis(&took)));
        } else {
            lengths.push(took);
        }
    }
    figures.extend(Figure::lengths("later start, after a kill, until ready", &lengths));
    figures.extend(Figure::many("memory when ready", "MiB", memory));
    Ok(figures)
}

/// A port that nobody listens on.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn serve(home: &std::path::Path, address: SocketAddr) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("this program could not be found")?;
    Command::new(program)
        .arg("serve")
        .env("STEWARD_HOME", home)
        .env("STEWARD_SERVER__LISTEN", address.to_string())
        .env("STEWARD_LOG__LEVEL", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("the server could not be started")
}

/// Asks until the server says that it is ready.
async fn ready(server: &mut Child, address: SocketAddr) -> anyhow::Result<()> {
    let env = Env::real();
    let asking = async {
        while !is_ready(address).await.unwrap_or(false) {
            if let Some(status) = server.try_wait()? {
                bail!("the server ended with {status} instead of becoming ready");
            }
            env.sleep(ASK_EVERY).await;
        }
        Ok(())
    };
    tokio::time::timeout(READY_WITHIN, asking).await.context("the server does not become ready")?
}

async fn is_ready(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
