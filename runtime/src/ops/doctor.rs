//! Looks over the whole installation and says what to do about what is wrong.

use std::path::Path;
use std::time::Duration;

use connectors::email::Mail;
use intents::Timestamp;

use super::{folder, folders};
use crate::app::App;
use crate::backup;
use crate::error::Error;
use crate::notify::ChannelState;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do, when it is not as it should be.
    pub advice: Option<String>,
}

/// Less free space than this ends badly soon.
const FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;
/// A mail server that does not answer by then is not there.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Clocks before this were never set: no version of Steward is older.
const BUILT_AFTER: Timestamp = Timestamp::from_millis(1_790_000_000_000);
/// So many that were not taken in a row are no delay.
const BACKUPS_MISSED: u32 = 2;
/// A script that shows that scripts run.
const PROBE: &str = "export default function run() { return [3, 1, 2].sort(); }";

fn good(name: &str, found: impl Into<String>) -> Check {
    Check { name: name.to_owned(), ok: true, found: found.into(), advice: None }
}

fn bad(name: &str, found: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { name: name.to_owned(), ok: false, found: found.into(), advice: Some(advice.into()) }
}

/// Looks over everything.
pub async fn doctor(app: &App) -> Result<Vec<Check>, Error> {
    let mut checks = vec![private_folder(&app.config.home), database(app).await, record(app)];
    checks.push(good("vault", format!("opens; it holds {} secrets", app.vault.names().len())));
    checks.push(jail(app).await);
    for (name, grant) in folders(app).await? {
        let what = format!("folder {name}");
        checks.push(match folder::exists(&name, &grant) {
            Ok(()) => good(&what, grant.path.display().to_string()),
            Err(_) => bad(
                &what,
                format!("`{}` is not there", grant.path.display()),
                format!("make it, or run `steward folders add {name} PATH`"),
            ),
        });
    }
    checks.push(mail(app).await);
    checks.extend(notifications(app).await?);
    checks.push(clock(app.env.now()));
    checks.push(backups(app));
    checks.push(disk(&app.config.home));
    let needs = app.store.open_needs().await?;
    checks.push(match needs {
        0 => good("inbox", "nobody waits for you"),
        // That somebody is asked is how it should be.
        some => Check {
            advice: Some("run `steward inbox list`".to_owned()),
            ..good("inbox", format!("open needs: {some}"))
        },
    });
    Ok(checks)
}

fn private_folder(home: &Path) -> Check {
    use std::os::unix::fs::PermissionsExt;
    let name = "data folder";
    match std::fs::metadata(home) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => bad(
            name,
            format!("others can look into `{}`", home.display()),
            format!("run `chmod 700 '{}'`", home.display()),
        ),
        Ok(_) => good(name, home.display().to_string()),
        Err(error) => bad(name, format!("`{}`: {error}", home.display()), "choose another one with STEWARD_HOME"),
    }
}

async fn database(app: &App) -> Check {
    match app.store.quick_check().await {
        Ok(findings) if findings.is_empty() => good("database", "sound"),
        Ok(findings) => {
            bad("database", findings.join("; "), "stop the server and bring back a backup: the file is damaged")
        }
        Err(error) => bad("database", error.to_string(), "see the page of this error in docs/errors"),
    }
}

fn record(app: &App) -> Check {
    match app.store.alarm() {
        None => good("record of events", "goes on from its anchor"),
        Some(alarm) => bad("record of events", alarm, "run `steward audit verify` to see what was changed"),
    }
}

async fn jail(app: &App) -> Check {
    match app.jail.check(PROBE, super::replay::SCRIPT_NAME).await {
        Ok(()) => good("sandbox", "starts and takes a script"),
        Err(error) => bad("sandbox", error.to_string(), "see the page of this error in docs/errors"),
    }
}

async fn mail(app: &App) -> Check {
    match &app.config.mail {
        Mail::Outbox(folder) => good("mail", format!("no server; mail goes to `{}`", folder.display())),
        Mail::Smtp(config) => {
            let address = (config.host.clone(), config.port);
            let reached = tokio::select! {
                connected = tokio::net::TcpStream::connect(address) => connected.map(drop).map_err(|error| error.to_string()),
                () = app.env.sleep(CONNECT_MAX) => Err(format!("no answer within {CONNECT_MAX:?}")),
            };
            let server = format!("{}:{}", config.host, config.port);
            let missing = config.password_secret.as_ref().filter(|name| !matches!(app.vault.get(name), Ok(Some(_))));
            match (reached, missing) {
                (Err(reason), _) => bad("mail", format!("`{server}`: {reason}"), "check `mail.host` and `mail.port`"),
                (Ok(()), Some(secret)) => {
                    bad("mail", format!("the vault holds no `{secret}`"), format!("run `steward secrets set {secret}`"))
                }
                (Ok(()), None) => good("mail", format!("`{server}` answers")),
            }
        }
    }
}

async fn notifications(app: &App) -> Result<Vec<Check>, Error> {
    let channels = app.notify.channels().await?;
    if channels.is_empty() {
        // Somebody may look by themselves.
        let advice = "set `notifications.mail_to` or `notifications.webhook` with `steward settings set`";
        return Ok(vec![Check { advice: Some(advice.to_owned()), ..good("notifications", "you are told nothing") }]);
    }
    let check = |state: ChannelState| {
        let name = format!("notifications by {}", state.channel);
        match state.failing {
            None => good(&name, format!("go to {}", state.to)),
            Some(why) => bad(&name, why, "put it right, and run `steward notifications test`"),
        }
    };
    Ok(channels.into_iter().map(check).collect())
}

fn clock(now: Timestamp) -> Check {
    if now < BUILT_AFTER {
        return bad("clock", format!("says {now}"), "set the clock: schedules and certificates depend on it");
    }
    good("clock", now.to_string())
}

fn backups(app: &App) -> Check {
    let name = "backups";
    let Some(plan) = &app.config.backup else {
        // Somebody may take them in another way.
        let advice =
            "set `backup.folder`, or run `steward backup` regularly; `steward backup key` prints the recovery code";
        return Check { advice: Some(advice.to_owned()), ..good(name, "none are taken by themselves") };
    };
    let late = |at: Timestamp| app.env.now().since(at) > plan.every * BACKUPS_MISSED;
    match backup::kept(&plan.folder) {
        Err(error) => bad(name, error.to_string(), "make the folder of `backup.folder` readable and writable"),
        Ok(kept) => match kept.last() {
            None => {
                bad(name, format!("there is none in `{}` yet", plan.folder.display()), "look at the inbox and the log")
            }
            Some(last) if late(last.manifest.at) => {
                bad(name, format!("the last one is of {}", last.manifest.at), "look at the inbox and the log")
            }
            Some(last) => good(name, format!("{} are kept; the last one is of {}", kept.len(), last.manifest.at)),
        },
    }
}

fn disk(home: &Path) -> Check {
    match free_bytes(home) {
        Some(free) if free < FREE_BYTES_MIN => {
            bad("disk", format!("{} MiB are free", free >> 20), "free some space: runs wait while the disk is full")
        }
        Some(free) => good("disk", format!("{} MiB are free", free >> 20)),
        None => bad("disk", "the free space could not be read", "check the disk of the data folder"),
    }
}

/// The space that is free for the data folder.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
