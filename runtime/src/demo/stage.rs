//! Everything that the demonstration happens on, set up and taken down.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use connectors::email::{Mail, MailConfig, Tls};
use connectors::vault::MasterKeySource;
use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::fixtures;
use super::mail::MailServer;
use super::site::Site;
use crate::api::{self, Serving};
use crate::config::{Config, Log};
use crate::env::Env;
use crate::server::{self, Parts, Server};
use crate::telemetry::log;

/// A whole Steward, a mail server and a site, in a folder that is thrown away.
pub struct Stage {
    /// The server's configuration.
    pub config: Config,
    /// What came by mail.
    pub mail: MailServer,
    /// The folder for the copies.
    pub folder: PathBuf,
    /// The file with the recorded answers.
    pub recording: PathBuf,
    site: Site,
    env: Env,
    home: TempDir,
    server: Server,
    serving: Serving,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("home", &self.home).finish_non_exhaustive()
    }
}

/// The data folder of the server, in the folder that is thrown away.
const DATA: &str = "data";
/// Where mails are kept.
const MAIL: &str = "mail";

impl Stage {
    /// Sets everything up. Called on an actix system.
    pub async fn set(env: &Env) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("steward-demo-").tempdir().context("no folder could be made")?;
        let mail = MailServer::start(env).await.context("no mail server could be started")?;
        let site = Site::start(env).await.context("no site could be started")?;
        let folder = home.path().join(fixtures::FOLDER);
        std::fs::create_dir(&folder)?;
        let address = format!("http://{}", site.address);
        let zone = TimeZone::system().iana_name().unwrap_or("UTC").to_owned();
        let recording = home.path().join("answers.json");
        std::fs::write(&recording, format!("{:#}\n", fixtures::recording(&address, &zone)))?;
        site.publish(fixtures::feed(&address, env.now(), false));

        let config = configured(home.path(), &mail, &site)?;
        // Started twice in one process the log stays as it was.
        drop(log::Log::start(&config.log, Arc::clone(&env.clock)));
        let listener = api::bind(config.server.listen)?;
        let server = server::start(config.clone(), env.clone(), Parts { triggers: true }, &|_| false).await?;
        let serving = api::serve(server.app.clone(), server.hub.clone(), listener)?;
        Ok(Self { config, mail, folder, recording, site, env: env.clone(), home, server, serving })
    }

    /// The HTTP server.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// The address of the site.
    pub fn site(&self) -> String {
        format!("http://{}", self.site.address)
    }

    /// Something new happens on the site.
    pub fn publish_news(&self) {
        self.site.publish(fixtures::feed(&self.site(), self.env.now(), true));
    }

    /// Takes everything down and throws it away, but for the folder if it is to be kept, with what came by mail.
    pub async fn take_down(self, keep: bool) -> anyhow::Result<Option<PathBuf>> {
        self.serving.stop().await;
        self.server.shutdown().await;
        if !keep {
            self.home.close().context("the folder is still there")?;
            return Ok(None);
        }
        let home = self.home.keep();
        std::fs::create_dir_all(home.join(MAIL))?;
        for (number, letter) in (1..).zip(self.mail.letters()) {
            std::fs::write(home.join(MAIL).join(format!("{number}.eml")), letter.text)?;
        }
        Ok(Some(home))
    }

    /// The data folder, for `STEWARD_HOME`.
    pub fn data(home: &Path) -> PathBuf {
        home.join(DATA)
    }
}

fn configured(home: &Path, mail: &MailServer, site: &Site) -> anyhow::Result<Config> {
    let data = home.join(DATA);
    let mut config = Config::in_folder(&data);
    config.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.mail = Mail::Smtp(MailConfig {
        host: mail.address.ip().to_string(),
        port: mail.address.port(),
        tls: Tls::None,
        username: None,
        password_secret: None,
        password: None,
        from: "Steward <steward@demo.invalid>".to_owned(),
    });
    config.egress.allow_private = vec![site.address.to_string().parse().context("the site has an address")?];
    config.log = Log { level: log::QUIET.to_owned(), file: Some(home.join("steward.log")), ..config.log };
    // What is thrown away leaves nothing in the keychain.
    config.master_key = MasterKeySource::KeyFile(data.join("master.key"));
    Ok(config)
}
