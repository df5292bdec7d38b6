//! `steward doctor`.

use crate::api::{CheckView, DoctorView, Problem};
use crate::cli::client::shaped;
use crate::cli::connect::Link;
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::config::Config;
use crate::env::Env;
use crate::error::Error;

/// Looks the installation over. What keeps the server from starting is the first finding.
pub(in crate::cli) async fn doctor(config: &Config, env: &Env, out: &mut Out) -> Result<Exit, Error> {
    let looking = Progress::begin("Looking the installation over …");
    let view = look(config, env).await?;
    drop(looking);
    if out.is_json() {
        out.value(&view);
    } else {
        for check in &view.checks {
            out.line(format!("{} {}: {}", if check.ok { "✓" } else { "✗" }, check.name, check.found));
            if let Some(advice) = &check.advice {
                out.line(format!("    {advice}"));
            }
        }
    }
    Ok(if view.ok { Exit::Success } else { Exit::Failure })
}

async fn look(config: &Config, env: &Env) -> Result<DoctorView, Error> {
    let file = &config.file;
    let found = if file.exists() { format!("`{}` makes sense", file.display()) } else { "all defaults".to_owned() };
    let mut checks = vec![CheckView { name: "configuration".to_owned(), ok: true, found, advice: None }];
    let link = match Link::open(config, env).await {
        Ok(link) => link,
        Err(error) => {
            let problem = Problem::from(&error);
            let advice = Some(format!("see docs/errors/{}.md", problem.code));
            checks.push(CheckView { name: "server".to_owned(), ok: false, found: problem.detail, advice });
            return Ok(DoctorView { ok: false, checks });
        }
    };
    let answer = link.client.get(&["v1", "doctor"]).await;
    link.close().await;
    let view: DoctorView = shaped(&answer?)?;
    checks.extend(view.checks);
    Ok(DoctorView { ok: view.ok, checks })
}
