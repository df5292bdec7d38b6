//! The service, seen from the storm: started once, asked for its record.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;

use super::ARGUMENT;
use super::record::Record;

/// The name of the certificate's file.
pub(super) const CERTIFICATE: &str = "sink.pem";

/// What the service is told while it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Say so when every request that has come so far is over.
    Barrier,
    /// Misbehave no more.
    Calm,
}

impl Order {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Barrier => "barrier",
            Self::Calm => "calm",
        }
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Barrier, Self::Calm].into_iter().find(|order| order.as_str() == text).ok_or(())
    }
}

/// The service, running.
pub(crate) struct Sink {
    child: Child,
    orders: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
    port: u16,
    folder: PathBuf,
    record: Record,
}

impl Sink {
    /// Starts the service: this program in another role.
    pub(crate) fn start(folder: &Path, seed: u64) -> Self {
        let program = std::env::current_exe().expect("a program knows itself");
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .arg(folder)
            .arg(seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts again");
        let orders = child.stdin.take();
        let mut says = BufReader::new(child.stdout.take().expect("it was asked for"));
        let port = heard(&mut says).parse().expect("the sink says its port first");
        Self { child, orders, says, port, folder: folder.to_owned(), record: Record::new(folder) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The certificate that the server is to trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// What happened, once every request that has been sent so far is over: after this nothing that a dead server
    /// had sent happens any more.
    pub(crate) fn settled_record(&mut self) -> &mut Record {
        self.tell(Order::Barrier);
        &mut self.record
    }

    /// Ends the misbehaviour.
    pub(crate) fn calm_down(&mut self) {
        self.tell(Order::Calm);
    }

    fn tell(&mut self, order: Order) {
        let orders = self.orders.as_mut().expect("it is open until the end");
        writeln!(orders, "{}", order.as_str()).expect("the sink listens");
        assert_eq!(heard(&mut self.says), "done", "{order:?}");
    }
}

fn heard(says: &mut impl BufRead) -> String {
    let mut line = String::new();
    says.read_line(&mut line).expect("the sink speaks text");
    line.trim().to_owned()
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.orders.take());
        drop(self.child.wait());
    }
}
