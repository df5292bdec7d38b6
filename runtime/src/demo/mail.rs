//! A mail server on this machine: strict, bounded, and good for nothing but to receive.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::env::Env;

/// The longest line of RFC 5321, with its end.
const LINE_BYTES_MAX: u64 = 1002;
/// A brief is a page of text.
const LETTER_BYTES_MAX: usize = 1 << 20;
/// Nobody here writes to more people.
const RECIPIENTS_MAX: usize = 10;
/// The demonstration has three runs.
const LETTERS_MAX: usize = 100;
/// A sender that takes longer has hung up.
const SESSION_WITHIN: Duration = Duration::from_secs(30);

/// A mail that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Who sent it, as the envelope says.
    pub from: String,
    /// Who it is for, as the envelope says.
    pub to: Vec<String>,
    /// Headers and text, with plain line ends.
    pub text: String,
}

impl Letter {
    /// What a header says.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\n\n").next().unwrap_or_default();
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The text below the headers.
    pub fn body(&self) -> &str {
        self.text.split_once("\n\n").map_or("", |(_, body)| body.trim_end())
    }
}

/// A mail server that listens until it is dropped.
#[derive(Debug)]
pub struct MailServer {
    /// Where it listens.
    pub address: SocketAddr,
    letters: watch::Receiver<Vec<Letter>>,
    serving: JoinHandle<()>,
}

impl MailServer {
    /// Starts it, on a free port.
    pub async fn start(env: &Env) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (received, letters) = watch::channel(Vec::new());
        let env = env.clone();
        // One after the other: there is one sender, and a second one can wait.
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::select! {
                    // A session that breaks off has delivered what was answered with 250, and nothing else.
                    _ = Session::serve(stream, &received) => {}
                    () = env.sleep(SESSION_WITHIN) => {}
                }
            }
        });
        Ok(Self { address, letters, serving })
    }

    /// All that was received.
    pub fn letters(&self) -> Vec<Letter> {
        self.letters.borrow().clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Session {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    from: Option<String>,
    to: Vec<String>,
}

impl Session {
    async fn serve(stream: TcpStream, received: &watch::Sender<Vec<Letter>>) -> io::Result<()> {
        let (reader, writer) = stream.into_split();
        let mut session = Self { reader: BufReader::new(reader), writer, from: None, to: Vec::new() };
        session.say("220 demo.invalid ESMTP").await?;
        loop {
            let line = session.line().await?;
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let answer = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => "250-demo.invalid\r\n250 8BITMIME",
                "HELO" | "NOOP" => "250 fine",
                "RSET" => {
                    session.forget();
                    "250 forgotten"
                }
                "MAIL" => session.mail(rest),
                "RCPT" => session.recipient(rest),
                "DATA" if session.to.is_empty() => "503 for whom?",
                "DATA" if received.borrow().len() >= LETTERS_MAX => "452 the box is full",
                "DATA" => {
                    session.say("354 go on, and end with a dot").await?;
                    let text = session.data().await?;
                    let letter = Letter {
                        from: session.from.take().unwrap_or_default(),
                        to: std::mem::take(&mut session.to),
                        text,
                    };
                    received.send_modify(|letters| letters.push(letter));
                    "250 received"
                }
                "QUIT" => return session.say("221 goodbye").await,
                _ => "502 not here",
            };
            session.say(answer).await?;
        }
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    fn mail(&mut self, rest: &str) -> &'static str {
        self.forget();
        match path(rest, "FROM:") {
            Some(from) => {
                self.from = Some(from);
                "250 fine"
            }
            None => "501 from whom?",
        }
    }

    fn recipient(&mut self, rest: &str) -> &'static str {
        match path(rest, "TO:") {
            _ if self.from.is_none() => "503 from whom?",
            _ if self.to.len() >= RECIPIENTS_MAX => "452 too many recipients",
            Some(to) if !to.is_empty() => {
                self.to.push(to);
                "250 fine"
            }
            Some(_) | None => "501 for whom?",
        }
    }

    /// The lines up to the one that is a dot alone; a dot that begins a line was doubled on its way.
    async fn data(&mut self) -> io::Result<String> {
        let mut text = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                return Ok(text);
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
            text.push('\n');
            if text.len() > LETTER_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the mail is too long"));
            }
        }
    }

    /// A line, which ends as RFC 5321 says and in no other way.
    async fn line(&mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        (&mut self.reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).await?;
        let line = bytes.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "what was sent is no line of SMTP");
        line.map(str::to_owned).ok_or_else(malformed)
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.writer.write_all(format!("{line}\r\n").as_bytes()).await
    }
}

/// The address in `FROM:<ann@example.org> BODY=8BITMIME`.
fn path(rest: &str, keyword: &str) -> Option<String> {
    let (found, rest) = rest.split_at_checked(keyword.len())?;
    let (address, _) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    found.eq_ignore_ascii_case(keyword).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(server: &MailServer, lines: &str) -> String {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(lines.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answers = String::new();
        // A sender that is cut off may be told so by the system.
        drop(stream.read_to_string(&mut answers).await);
        answers
    }

    #[tokio::test]
    async fn a_mail_is_received_whole_and_a_broken_one_not_at_all() {
        let server = MailServer::start(&Env::real()).await.unwrap();
        let whole = "EHLO me\r\nMAIL FROM:<a@b.example> BODY=8BITMIME\r\nRCPT TO:<c@d.example>\r\nDATA\r\n\
                     Subject: Hello\r\n\r\none\r\n..two\r\n.\r\nQUIT\r\n";
        assert!(said(&server, whole).await.ends_with("250 received\r\n221 goodbye\r\n"));
        let letters = server.letters();
        assert_eq!((letters.len(), letters[0].to.as_slice()), (1, ["c@d.example".to_owned()].as_slice()));
        assert_eq!((letters[0].header("subject"), letters[0].body()), (Some("Hello"), "one\n.two"));

        let long = format!("MAIL FROM:<{}>\r\n", "a".repeat(2000));
        for broken in
            ["DATA\r\n", "RCPT TO:<c@d.example>\r\n", "MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\n", &long]
        {
            assert!(!said(&server, broken).await.contains("354"), "{broken}");
        }
        let cut_off = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: Half\r\n";
        said(&server, cut_off).await;
        assert_eq!(server.letters().len(), 1, "a mail without an end is none");
    }
}
