//! A server with an automation that an engine outside executes, and a service that it may call.

use std::time::Duration;

use serde_json::{Value, json};

use crate::holder::Engine;
use crate::service::Service;
use crate::support::chance::Chance;
use crate::support::client::{Answer, Client};
use crate::support::home::Home;
use crate::support::server::Server;
use crate::support::wait::until;

/// What is to happen happens within seconds; a machine that builds something at the same time needs more. Longer than
/// a lease, so that what ends with one is seen.
pub(crate) const SOON: Duration = Duration::from_secs(120);
/// The name of the engine.
pub(crate) const ENGINE: &str = "worker";
/// The name of the automation.
pub(crate) const NAME: &str = "orders";

pub(crate) struct World {
    pub(crate) home: Home,
    pub(crate) service: Service,
    client: Client,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let home = Home::new(&mut Chance::new(seed));
        let client = Client::new(home.port(), &home.data());
        Self { client, home, service: Service::start() }
    }

    /// Starts the server.
    pub(crate) fn start(&self) -> Server<'_> {
        let more = [
            ("STEWARD_LOG__LEVEL".to_owned(), "warn".to_owned()),
            ("STEWARD_EGRESS__ALLOW_PRIVATE".to_owned(), self.service.address().to_string()),
        ];
        Server::start(&self.home, &more)
    }

    /// What the engine may do: look things up, and send each order once.
    pub(crate) fn contract(&self) -> Value {
        let address = self.service.address();
        json!({
            "title": "Orders",
            "goal": "Send each order once.",
            "triggers": [{ "manual": true }],
            "capabilities": [
                { "tool": "http.get", "where": { "/url": { "prefix": format!("http://{address}/look/") } } },
                { "tool": "http.request", "where": { "/url": { "prefix": format!("http://{address}/send/") } } },
                { "tool": "notify.user" }
            ],
            "once": [{ "tool": "http.request", "per": ["order"] }]
        })
    }

    /// Brings the automation in.
    pub(crate) fn import(&self) -> Value {
        let body =
            json!({ "name": NAME, "contract": self.contract(), "engine": { "outside": ENGINE }, "confirm": true });
        let imported = self.post("/v1/automations", &body);
        assert_eq!(imported.status, 200, "{}", imported.body);
        imported.json()
    }

    /// A token for the engine, and what can be done with it.
    pub(crate) fn engine(&self) -> Engine {
        let made = self.post("/v1/engines/tokens", &json!({ "engine": ENGINE }));
        assert_eq!(made.status, 201, "{}", made.body);
        Engine::new(self.home.port(), made.json()["secret"].as_str().unwrap())
    }

    /// Starts a run and gives its id.
    pub(crate) fn run(&self, input: &Value) -> String {
        let answer = self.post(&format!("/v1/automations/{NAME}/runs"), &json!({ "input": input }));
        assert!(answer.is_success(), "{}", answer.body);
        answer.json()["run"]["id"].as_str().unwrap().to_owned()
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

    /// The effect of an order, as the service is asked for it.
    pub(crate) fn order(&self, order: &str) -> Value {
        let url = format!("http://{}/send/{order}", self.service.address());
        json!({
            "id": format!("send-{order}"), "tool": "http.request", "key": { "order": order },
            "arguments": { "method": "POST", "url": url, "json": { "order": order } }
        })
    }

    /// A look at the service.
    pub(crate) fn look(&self, id: &str, what: &str) -> Value {
        let url = format!("http://{}/look/{what}", self.service.address());
        json!({ "id": id, "tool": "http.get", "arguments": { "url": url } })
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.client.get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert!(answer.is_success(), "GET {path}: {}", answer.body);
        answer.json()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.client.post(path, body).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}
