//! `steward backup` and `steward restore`: they work on files, and need no server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use connectors::vault::{MasterKeySource, RecoveryKey, Secret, Vault};
use serde_json::json;

use super::secrets;
use crate::backup::{self, Kept, Lock, Manifest, Restore as Bringing, Series, Taken};
use crate::cli::args::{Backup, Backups, Restore};
use crate::cli::exit::Exit;
use crate::cli::out::{Out, tell};
use crate::cli::progress::Progress;
use crate::cli::time::local;
use crate::config::Config;
use crate::env::Env;
use crate::error::{Code, Error};

/// The recovery code, or a file with it, from the environment: a command line is seen by others.
const CODE: &str = "STEWARD_RECOVERY_CODE";
const CODE_FILE: &str = "STEWARD_RECOVERY_CODE_FILE";

/// Does what the command says.
pub(in crate::cli) async fn run(config: &Config, command: Backup, env: &Env, out: &mut Out) -> Result<Exit, Error> {
    match command.command {
        None => take(config, &command, env, out).await,
        Some(Backups::Verify { files }) => verify(config, &files, out).await,
        Some(Backups::List { folder }) => list(config, folder, out),
        Some(Backups::Key) => key(config, out),
    }
}

/// The vault of this installation. None is made.
pub(super) fn vault(config: &Config) -> Result<Vault, Error> {
    if !config.home.join("vault.json").exists() {
        let message = format!("there is no installation in `{}`", config.home.display());
        return Err(Error::new(Code::BackupUnreadable, message));
    }
    Ok(Vault::open(&config.home, &config.master_key)?)
}

async fn take(config: &Config, command: &Backup, env: &Env, out: &mut Out) -> Result<Exit, Error> {
    backup::refuse_unfinished(&config.home)?;
    let vault = vault(config)?;
    let configured = config.backup.as_ref().map(|plan| plan.folder.clone());
    let to = command.file.clone().or_else(|| command.to.clone()).or(configured).unwrap_or_else(|| PathBuf::from("."));
    if let Some(folder) = &command.to
        && !folder.is_dir()
    {
        let message = format!("`{}` is no folder; make it first", folder.display());
        return Err(Error::new(Code::BackupFailed, message));
    }
    let progress = Progress::begin("Taking a backup …");
    let taken = backup::take(config, &vault, env, &to, command.since.as_deref()).await;
    drop(progress);
    let taken: Taken = taken?;
    if out.is_json() {
        out.value(&taken);
        return Ok(Exit::Success);
    }
    let based = taken.manifest.base.as_ref().map(|base| format!(", based on {base}")).unwrap_or_default();
    out.line(format!(
        "{} ({} KiB): {} rows, events up to {}, taken in {} ms{based}.",
        taken.file.display(),
        taken.bytes.div_ceil(1024),
        taken.rows,
        taken.manifest.position,
        taken.took_ms
    ));
    tell(match taken.manifest.recipe {
        Some(_) => "It opens with the passphrase of this installation.",
        None => "It opens with the recovery code alone: `steward backup key` prints it. Keep it apart from the backup.",
    });
    Ok(Exit::Success)
}

async fn verify(config: &Config, files: &[PathBuf], out: &mut Out) -> Result<Exit, Error> {
    let lock = lock(config, files)?;
    let series = Series::open(files, &lock)?;
    let progress = Progress::begin("Looking through the backup …");
    let verified = tokio::task::spawn_blocking(move || series.verify(|_| {})).await;
    drop(progress);
    let verified = verified.map_err(|_| Error::new(Code::ServerFailed, "looking through the backup broke off"))??;
    if out.is_json() {
        out.value(&json!({
            "ok": true, "manifest": verified.manifest, "rows": verified.rows, "files": verified.files,
            "bytes": verified.bytes,
        }));
    } else {
        out.line(format!(
            "✓ Sound: taken {}, {} rows, {} files, events up to {}.",
            local(&verified.manifest.at.to_string()),
            verified.rows,
            verified.files,
            verified.manifest.position
        ));
    }
    Ok(Exit::Success)
}

fn list(config: &Config, folder: Option<PathBuf>, out: &mut Out) -> Result<Exit, Error> {
    let folder = folder.or_else(|| config.backup.as_ref().map(|plan| plan.folder.clone()));
    let folder = folder.ok_or_else(|| {
        Error::new(Code::InputMalformed, "name a folder with --folder, or set `backup.folder` in the configuration")
    })?;
    let kept = backup::kept(&folder)?;
    if out.is_json() {
        let view = |kept: &Kept| json!({ "file": kept.file, "bytes": kept.bytes, "manifest": kept.manifest });
        out.value(&json!({ "items": kept.iter().map(view).collect::<Vec<_>>() }));
        return Ok(Exit::Success);
    }
    let rows: Vec<_> = kept
        .iter()
        .map(|kept| {
            let Manifest { id, base, at, position, .. } = &kept.manifest;
            let base = base.clone().unwrap_or_else(|| "-".to_owned());
            [
                id.clone(),
                local(&at.to_string()),
                base,
                position.to_string(),
                format!("{} KiB", kept.bytes.div_ceil(1024)),
            ]
        })
        .collect();
    out.table(["BACKUP", "TAKEN", "BASED ON", "EVENTS UP TO", "SIZE"], &rows);
    Ok(Exit::Success)
}

fn key(config: &Config, out: &mut Out) -> Result<Exit, Error> {
    let code = vault(config)?.recovery_key().code();
    if out.is_json() {
        out.value(&json!({ "recovery_code": code.as_str() }));
    } else {
        out.line(code.as_str());
        tell("Whoever has this code and a backup has everything. Keep it on paper or in a password manager, and not");
        tell("beside the backups. It stays the same as long as this installation does.");
    }
    Ok(Exit::Success)
}

/// What opens a backup: the code that was given, the passphrase, the installation here, or what a person types.
fn lock(config: &Config, files: &[PathBuf]) -> Result<Lock, Error> {
    if let Some(code) = given_code()? {
        return Ok(Lock::Recovery(code));
    }
    let recipe =
        files.iter().find_map(|file| backup::manifest_at(file).ok()).is_some_and(|manifest| manifest.recipe.is_some());
    match &config.master_key {
        MasterKeySource::Passphrase(passphrase) if recipe => return Ok(Lock::Passphrase(passphrase.clone())),
        MasterKeySource::PassphraseFile(path) if recipe => return Ok(Lock::Passphrase(Secret::new(first_line(path)?))),
        MasterKeySource::Passphrase(_)
        | MasterKeySource::PassphraseFile(_)
        | MasterKeySource::KeyFile(_)
        | MasterKeySource::Keychain(_) => {}
    }
    if let Ok(vault) = vault(config) {
        return Ok(Lock::Recovery(vault.recovery_key()));
    }
    if recipe {
        return Ok(Lock::Passphrase(Secret::new(secrets::read("passphrase of the installation")?)));
    }
    Ok(Lock::Recovery(secrets::read("recovery code")?.parse()?))
}

fn given_code() -> Result<Option<RecoveryKey>, Error> {
    let text = match (std::env::var(CODE_FILE), std::env::var(CODE)) {
        (Ok(file), _) => first_line(Path::new(&file))?,
        (Err(_), Ok(code)) => code,
        (Err(_), Err(_)) => return Ok(None),
    };
    Ok(Some(text.parse()?))
}

fn first_line(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::new(Code::FileUnreadable, format!("`{}`: {error}", path.display())))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Restores into the data folder.
pub(in crate::cli) async fn restore(
    config: &Config,
    command: Restore,
    env: &Env,
    out: &mut Out,
) -> Result<Exit, Error> {
    let home = command.home.unwrap_or_else(|| config.home.clone());
    let lock = lock(config, &command.files)?;
    let series = Arc::new(Series::open(&command.files, &lock)?);
    let master_key = match lock {
        Lock::Passphrase(passphrase) => MasterKeySource::Passphrase(passphrase),
        Lock::Recovery(_) => config.master_key.clone(),
    };
    let mut progress = Progress::begin("Restoring …");
    let bringing = Bringing { series, home: &home, master_key: &master_key };
    let restored = backup::restore(bringing, env, |stage| progress.say(stage)).await;
    drop(progress);
    let restored = restored?;
    let manifest = &restored.manifest;
    if out.is_json() {
        out.value(&json!({
            "home": home, "manifest": manifest, "rows": restored.rows, "files": restored.files,
            "paused": restored.after.paused, "runs_under_way": restored.after.under_way,
            "lost": { "after_position": manifest.position, "after": manifest.at },
        }));
        return Ok(Exit::Success);
    }
    out.line(format!("Restored into {}: {} rows, {} files.", home.display(), restored.rows, restored.files));
    out.line(format!("Lost: everything after {} (event {}).", local(&manifest.at.to_string()), manifest.position));
    let paused = &restored.after.paused;
    out.line(format!("Paused: {} automations; {} runs wait.", paused.len(), restored.after.under_way));
    tell(
        "Start the server, look at each automation, and resume it. Before an effect that Steward does not know it asks",
    );
    tell("the service, or you; `steward automations trust NAME` ends that for an automation of which nothing is lost.");
    Ok(Exit::Success)
}
