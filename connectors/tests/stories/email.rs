//! `email.send` against a mail server that dies at each stage, and into the outbox.

use std::time::Duration;

use connectors::Code;
use connectors::egress::{Egress, EgressSettings};
use connectors::email::{EmailSend, Mail, MailConfig, Tls};
use connectors::vault::Secret;
use intents::canonical::Digest;
use intents::tool::{Identity, Kind};
use serde_json::{Value, json};

use crate::support::mail_server::{MailServer, Misdeed, Stage};
use crate::support::{Adjust, Bench, call, ending, settled, value};

fn config(port: u16) -> MailConfig {
    MailConfig {
        host: "127.0.0.1".to_owned(),
        port,
        tls: Tls::None,
        username: Some("steward".to_owned()),
        password_secret: Some("mail".to_owned()),
        password: None,
        from: "Steward <steward@example.com>".to_owned(),
    }
}

fn bench(config: MailConfig) -> Bench {
    let bench = Bench::with(EgressSettings::default(), |_| Mail::Smtp(config));
    bench.vault.set("mail", &Secret::new("open sesame")).unwrap();
    bench
}

fn mail() -> Value {
    json!({ "to": ["Ada <ada@example.org>", "bob@example.org"], "subject": "Fällig", "text": "Guten Tag\n.\n" })
}

#[tokio::test]
async fn a_mail_arrives_once_with_a_message_id_of_ours() {
    let server = MailServer::kind().await;
    let result = value(bench(config(server.port)).perform("email.send", &call(mail())).await);
    let id = format!("steward.{}@example.com", Digest::of(b"the effect"));
    assert_eq!(result, json!({ "message_id": id, "via": "smtp" }));
    let [taken] = server.taken().try_into().unwrap();
    assert!(
        taken.contains("MAIL FROM:<steward@example.com>") && taken.contains("RCPT TO:<bob@example.org>"),
        "{taken}"
    );
    assert!(taken.contains(&format!("Message-ID: <{id}>\r\n")), "{taken}");
    assert!(taken.contains("\r\n..\r\n"), "a lone dot is no end of the mail: {taken}");
}

#[tokio::test]
async fn what_a_broken_conversation_means_depends_on_its_stage() {
    use Misdeed::{Die, Say, Silence};
    use Stage::{Auth, Content, Data, Dot, Ehlo, Greeting, Mail, Rcpt};
    let table = [
        (Greeting, Die, "transient MAIL_UNREACHABLE"),
        (Greeting, Silence, "transient MAIL_UNREACHABLE"),
        (Greeting, Say("421 not now"), "transient MAIL_BUSY"),
        (Greeting, Say("554 not you"), "refused rejected"),
        (Greeting, Say("hello?"), "transient MAIL_UNREACHABLE"),
        (Ehlo, Die, "transient MAIL_UNREACHABLE"),
        (Auth, Die, "transient MAIL_UNREACHABLE"),
        (Auth, Say("535 wrong"), "auth MAIL_AUTH"),
        (Auth, Say("454 later"), "transient MAIL_BUSY"),
        (Mail, Die, "transient MAIL_UNREACHABLE"),
        (Mail, Say("452 full"), "transient MAIL_BUSY"),
        (Mail, Say("530 log in"), "auth MAIL_AUTH"),
        (Mail, Say("550 no"), "refused rejected"),
        (Rcpt, Die, "transient MAIL_UNREACHABLE"),
        (Rcpt, Silence, "transient MAIL_UNREACHABLE"),
        (Rcpt, Say("451 greylisted"), "transient MAIL_BUSY"),
        (Rcpt, Say("550 nobody here"), "refused rejected"),
        (Data, Die, "transient MAIL_UNREACHABLE"),
        (Data, Say("451 later"), "transient MAIL_BUSY"),
        (Data, Say("554 no"), "refused rejected"),
        (Content, Die, "uncertain MAIL_UNCERTAIN"),
        (Dot, Die, "uncertain MAIL_UNCERTAIN"),
        (Dot, Silence, "uncertain MAIL_UNCERTAIN"),
        (Dot, Say("what?"), "uncertain MAIL_UNCERTAIN"),
        (Dot, Say("421 shutting down"), "transient MAIL_BUSY"),
        (Dot, Say("451 disk full"), "transient MAIL_BUSY"),
        (Dot, Say("554 spam"), "refused rejected"),
    ];
    for (stage, misdeed, expected) in table {
        let server = MailServer::that(misdeed, stage).await;
        let deadline = if misdeed == Silence { Duration::from_millis(200) } else { Duration::from_secs(20) };
        let performed = bench(config(server.port)).perform("email.send", &call(mail()).within(deadline)).await;
        assert_eq!(ending(&performed), expected, "{stage:?} {misdeed:?}");
        assert!(!format!("{performed:?}").contains("sesame"), "{stage:?} {misdeed:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_encrypt_is_refused_and_one_that_is_not_there_is_waited_for() {
    let server = MailServer::kind().await;
    let starttls = MailConfig { tls: Tls::Starttls, ..config(server.port) };
    assert_eq!(ending(&bench(starttls).perform("email.send", &call(mail())).await), "permission MAIL_TLS");
    let tls = MailConfig { tls: Tls::Tls, ..config(server.port) };
    assert_eq!(ending(&bench(tls).perform("email.send", &call(mail())).await), "transient EGRESS_UNREACHABLE");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(ending(&bench(config(gone)).perform("email.send", &call(mail())).await), "transient EGRESS_UNREACHABLE");
    assert_eq!(server.taken(), Vec::<String>::new());
}

#[tokio::test]
async fn without_its_password_no_mail_is_sent() {
    let server = MailServer::kind().await;
    let bench = bench(config(server.port));
    bench.vault.remove("mail").unwrap();
    assert_eq!(ending(&bench.perform("email.send", &call(mail())).await), "auth SECRET_MISSING");
    assert_eq!(settled(&bench.settle("email.send", &call(mail())).await), "unknown");
}

#[tokio::test]
async fn bad_addresses_are_told_before_anybody_is_called() {
    let server = MailServer::kind().await;
    let mut smuggled = mail();
    smuggled["subject"] = json!("Hello\r\nBcc: eve@example.org");
    assert_eq!(ending(&bench(config(server.port)).perform("email.send", &call(smuggled)).await), "logic MAIL_ADDRESS");
    let mut foreign = mail();
    foreign["to"] = json!("zoë@example.org");
    assert_eq!(ending(&bench(config(server.port)).perform("email.send", &call(foreign)).await), "logic MAIL_ADDRESS");
}

#[tokio::test]
async fn the_outbox_holds_each_mail_once() {
    let bench = Bench::new();
    let outbox = bench.home.path().join("outbox");
    let call = call(mail());
    assert_eq!(settled(&bench.settle("email.send", &call).await), "not applied");
    let first = value(bench.perform("email.send", &call).await);
    assert_eq!(value(bench.perform("email.send", &call).await), first);
    assert_eq!(settled(&bench.settle("email.send", &call).await), "applied");
    let files: Vec<_> = std::fs::read_dir(&outbox).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!(file.extension().unwrap(), "eml");
    assert!(std::fs::read_to_string(file).unwrap().contains("Subject: "));
}

#[tokio::test]
async fn an_outbox_that_cannot_be_written_leaves_a_doubt_that_asking_settles() {
    let bench = Bench::new();
    let outbox = bench.home.path().join("outbox");
    std::fs::write(&outbox, "in the way").unwrap();
    assert_eq!(ending(&bench.perform("email.send", &call(mail())).await), "uncertain MAIL_UNCERTAIN");
    std::fs::remove_file(&outbox).unwrap();
    assert_eq!(settled(&bench.settle("email.send", &call(mail())).await), "not applied");
}

#[test]
fn the_way_decides_the_identity_and_bad_settings_are_told_at_the_start() {
    let bench = Bench::new();
    let queryable = matches!(bench.tool("email.send").definition().kind, Kind::Effect(Identity::Queryable { .. }));
    assert!(queryable);
    let egress = std::sync::Arc::new(Egress::new(EgressSettings::default()).unwrap());
    let make = |config| EmailSend::new(egress.clone(), bench.vault.clone(), Mail::Smtp(config));
    assert_eq!(connectors::Tool::definition(&make(config(25)).unwrap()).kind, Kind::Effect(Identity::Blind));
    for wrong in [
        MailConfig { from: "nobody".to_owned(), ..config(25) },
        MailConfig { host: String::new(), ..config(25) },
        MailConfig { password_secret: None, ..config(25) },
        config(0),
    ] {
        assert_eq!(make(wrong).err().unwrap().code(), Code::SettingsInvalid);
    }
}
