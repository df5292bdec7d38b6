//! A mail server that dies, refuses or falls silent at a stage of the conversation.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Where in a conversation the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Greeting,
    Ehlo,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The content has begun to arrive.
    Content,
    /// The final dot has arrived.
    Dot,
}

/// What it does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misdeed {
    Die,
    Silence,
    Say(&'static str),
}

/// A mail server on a port of its own.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// Takes every mail.
    pub(crate) async fn kind() -> Self {
        Self::start(None).await
    }

    /// Does something bad at one stage.
    pub(crate) async fn that(misdeed: Misdeed, at: Stage) -> Self {
        Self::start(Some((at, misdeed))).await
    }

    async fn start(plan: Option<(Stage, Misdeed)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let mails = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, plan, Arc::clone(&mails)));
            }
        });
        Self { port, taken }
    }

    /// The mails that it took, envelope and content as they came.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

/// Whether the conversation goes on.
async fn act(stream: &mut BufReader<TcpStream>, plan: Option<(Stage, Misdeed)>, stage: Stage, usual: &str) -> bool {
    let line = match plan {
        Some((at, Misdeed::Die)) if at == stage => return false,
        Some((at, Misdeed::Silence)) if at == stage => std::future::pending().await,
        Some((at, Misdeed::Say(line))) if at == stage => line,
        Some(_) | None => usual,
    };
    line.is_empty() || stream.write_all(format!("{line}\r\n").as_bytes()).await.is_ok()
}

async fn converse(stream: TcpStream, plan: Option<(Stage, Misdeed)>, taken: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let mut mail = String::new();
    let mut in_content = false;
    if !act(&mut stream, plan, Stage::Greeting, "220 mail.test").await {
        return;
    }
    loop {
        let mut line = String::new();
        if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
            return;
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let goes_on = match (in_content, line.as_str(), verb.as_str()) {
            (true, ".\r\n", _) => {
                in_content = false;
                let goes_on = act(&mut stream, plan, Stage::Dot, "250 taken").await;
                if !plan.is_some_and(|(stage, misdeed)| stage == Stage::Dot && matches!(misdeed, Misdeed::Say(_))) {
                    taken.lock().unwrap().push(std::mem::take(&mut mail));
                }
                goes_on
            }
            (true, content, _) => {
                mail.push_str(content);
                act(&mut stream, plan, Stage::Content, "").await
            }
            (false, _, "EHLO") => {
                act(&mut stream, plan, Stage::Ehlo, "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN").await
            }
            (false, _, "AUTH") => {
                mail.push_str(&line);
                act(&mut stream, plan, Stage::Auth, "235 welcome").await
            }
            (false, _, "MAIL") => {
                mail.push_str(&line);
                act(&mut stream, plan, Stage::Mail, "250 ok").await
            }
            (false, _, "RCPT") => {
                mail.push_str(&line);
                act(&mut stream, plan, Stage::Rcpt, "250 ok").await
            }
            (false, _, "DATA") => {
                let goes_on = act(&mut stream, plan, Stage::Data, "354 go on").await;
                in_content = !plan.is_some_and(|(stage, _)| stage == Stage::Data);
                goes_on
            }
            (false, _, _) => act(&mut stream, None, Stage::Dot, "221 bye").await,
        };
        if !goes_on {
            return;
        }
    }
}
