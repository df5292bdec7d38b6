//! A way to the database that can be cut, at once or right behind a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// Turns when every connection is cut.
    cuts: watch::Sender<u32>,
    /// Whether anybody gets through.
    open: Arc<AtomicBool>,
    /// Commits whose answers are still to be lost.
    answers_to_lose: Arc<AtomicU32>,
}

impl Proxy {
    pub(crate) async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cuts, cut) = watch::channel(0);
        let open = Arc::new(AtomicBool::new(true));
        let answers_to_lose = Arc::new(AtomicU32::new(0));
        let (gate, loses) = (Arc::clone(&open), Arc::clone(&answers_to_lose));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if gate.load(Ordering::SeqCst) {
                    let there = TcpStream::connect(&server).await.unwrap();
                    tokio::spawn(carry(client, there, cut.clone(), Arc::clone(&loses)));
                }
            }
        });
        Self { port, cuts, open, answers_to_lose }
    }

    /// Cuts every connection; new ones get through.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Lets nobody through, or everybody again.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
        if !open {
            self.cut();
        }
    }

    /// The next commits are carried out, and nobody is told.
    pub(crate) fn lose_answers(&self, count: u32) {
        self.answers_to_lose.store(count, Ordering::SeqCst);
    }
}

async fn carry(mut client: TcpStream, mut there: TcpStream, mut cut: watch::Receiver<u32>, loses: Arc<AtomicU32>) {
    cut.mark_unchanged();
    let (mut asked, mut answered) = ([0; 65536], [0; 65536]);
    loop {
        tokio::select! {
            _ = cut.changed() => return,
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let commits = asked[..length].windows(6).any(|window| window == b"COMMIT");
                if there.write_all(&asked[..length]).await.is_err() {
                    return;
                }
                let lose = |left: u32| left.checked_sub(1);
                if commits && loses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose).is_ok() {
                    // The database has answered: so it has committed. The answer goes nowhere.
                    drop(there.read(&mut answered).await);
                    return;
                }
            }
            read = there.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
