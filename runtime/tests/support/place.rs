//! A server with its folders, and the short ways to work with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::authority;
use super::chance::Chance;
use super::client::{Answer, Client};
use super::home::Home;
use super::server::Server;
use super::wait::until;

/// What is to happen happens within seconds; a machine that builds something at the same time needs more.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// A home and what talks to the server in it. The server itself is started by the story.
pub(crate) struct Place {
    pub(crate) home: Home,
    pub(crate) client: Client,
    environment: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let mut chance = Chance::new(Chance::seed(7));
        let home = Home::new(&mut chance);
        let client = Client::new(home.port(), &home.data());
        Self { home, client, environment: vec![("STEWARD_LOG__LEVEL".to_owned(), "warn".to_owned())] }
    }

    /// Sets a variable for the server.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has mail leave through a server of the test's own.
    pub(crate) fn mailing_through(self, port: u16) -> Self {
        self.with("STEWARD_MAIL__HOST", "127.0.0.1")
            .with("STEWARD_MAIL__PORT", &port.to_string())
            .with("STEWARD_MAIL__TLS", "none")
            .with("STEWARD_MAIL__FROM", "Steward <steward@home.example>")
    }

    /// Has the server trust what the authority of the tests vouches for.
    pub(crate) fn trusting_the_authority(self) -> Self {
        let file = self.home.folder("trusted").join("authority.pem");
        std::fs::write(&file, authority::authority()).expect("a file can be written");
        self.with("SSL_CERT_FILE", &file.display().to_string())
    }

    /// What the server has in its environment.
    pub(crate) fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(&self) -> Server<'_> {
        Server::start(&self.home, &self.environment)
    }

    /// Brings an automation in, with folders of these names beside the data folder.
    pub(crate) fn import(
        &self,
        name: &str,
        contract: &Value,
        script: &str,
        folders: &[&str],
    ) -> BTreeMap<String, PathBuf> {
        let paths: BTreeMap<_, _> = folders.iter().map(|name| ((*name).to_owned(), self.home.folder(name))).collect();
        let grants: BTreeMap<_, _> = paths.iter().map(|(name, path)| (name, json!({ "path": path }))).collect();
        let body = json!({ "name": name, "contract": contract, "script": script, "folders": grants, "confirm": true });
        let imported = self.post("/v1/automations", &body);
        assert_eq!(imported.status, 200, "{}", imported.body);
        paths
    }

    /// Brings an automation in that runs by hand and uses no tool.
    pub(crate) fn import_script(&self, name: &str, body: &str) {
        let contract = json!({ "title": name, "goal": "See what becomes of it.", "triggers": [{ "manual": true }], "capabilities": [] });
        let script = format!("export default async function run({{ input, tools, steward, state }}) {{\n{body}\n}}\n");
        self.import(name, &contract, &script, &[]);
    }

    /// Starts a run and gives its id.
    pub(crate) fn run(&self, name: &str, input: &Value) -> String {
        let answer = self.post(&format!("/v1/automations/{name}/runs"), &json!({ "input": input }));
        assert!(answer.is_success(), "{}", answer.body);
        answer.json()["run"]["id"].as_str().expect("a run has an id").to_owned()
    }

    /// Waits until a run is in a phase, and gives the run.
    pub(crate) fn run_is(&self, id: &str, phase: &str) -> Value {
        until(&format!("the run is {phase}"), SOON, || {
            let detail = self.get(&format!("/v1/runs/{id}"));
            let now = detail["run"]["phase"].as_str().unwrap_or_default().to_owned();
            let over = ["succeeded", "failed", "stopped"];
            assert!(now == phase || !over.contains(&now.as_str()), "the run is {now}: {detail}");
            (now == phase).then_some(detail)
        })
    }

    /// Waits for a need with a code in its evidence.
    pub(crate) fn need(&self, code: &str) -> Value {
        until(&format!("a need says {code}"), SOON, || {
            let needs = self.get("/v1/needs");
            let items = needs["items"].as_array().cloned().unwrap_or_default();
            items.into_iter().find(|need| {
                [&need["evidence"]["failure"]["code"], &need["evidence"]["code"]].iter().any(|found| **found == code)
            })
        })
    }

    /// Changes a setting.
    pub(crate) fn set(&self, name: &str, value: &Value) {
        let put = self.client.put(&format!("/v1/settings/{name}"), &json!({ "value": value }));
        let put = put.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(put.is_success(), "{name}: {}", put.body);
    }

    /// Grants a folder beside the data folder, and gives its path.
    pub(crate) fn grant(&self, folder: &str) -> PathBuf {
        let path = self.home.folder(folder);
        self.set(&format!("folders.{folder}"), &json!({ "path": path }));
        path
    }

    /// What is at an address; the server must be there.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.client.get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert!(answer.is_success(), "GET {path}: {}", answer.body);
        answer.json()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.client.post(path, body).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }
}
