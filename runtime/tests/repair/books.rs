//! The service of the suite, which changes as a fixture says, and the automation that uses it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::authority::{Certificate, showing};
use crate::support::place::Place;
use crate::support::recorder::{Meets, Recorder, Reply};

/// Runs before the change: what is proven with fewer is not firm.
const GOOD_RUNS: usize = 5;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/drift")
}

fn read(path: &Path, name: &str, books: &str) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Each automation has clients of its own, so that their mails can be told apart.
    let text = text.replace("http://{{books}}", books).replace("clients.example", &format!("{name}.example"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the fixtures in a folder of the suite.
pub(crate) fn names(within: &str) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder().join(within))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_string_lossy().strip_suffix(".json").map(str::to_owned))
        .filter(|name| name != "baseline")
        .collect();
    names.sort();
    names
}

/// What the service says at each address.
#[derive(Default)]
struct Says {
    pages: Value,
    /// How often each address was asked since it says this.
    asked: BTreeMap<String, usize>,
    /// How it is encrypted, where it is.
    tls: Option<Tls>,
}

/// How the service is encrypted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tls {
    shows: Certificate,
    /// So many that call are shut out before a word is said.
    shuts_out: usize,
}

impl Default for Tls {
    fn default() -> Self {
        Self { shows: Certificate::Good, shuts_out: 0 }
    }
}

impl Says {
    /// How the next that calls is met.
    fn meets(&mut self) -> Meets {
        let Some(tls) = &mut self.tls else { return Meets::Plainly };
        if tls.shuts_out > 0 {
            tls.shuts_out -= 1;
            return Meets::Shut;
        }
        Meets::Showing(showing(tls.shows))
    }
}

/// A service with the automation that uses it.
pub(crate) struct Books {
    pub(crate) name: String,
    pub(crate) fixture: Value,
    service: Recorder,
    says: Arc<Mutex<Says>>,
}

impl Books {
    /// Starts the service as it was, for a fixture of the suite.
    pub(crate) fn open(within: &str, fixture: &str, name: &str) -> Self {
        let says = Arc::new(Mutex::new(Says::default()));
        let (meeting, shared) = (Arc::clone(&says), Arc::clone(&says));
        let meets = move || meeting.lock().unwrap().meets();
        let service = Recorder::meeting(meets, move |came| {
            let reply = {
                let mut says = shared.lock().unwrap();
                let target = came.target().to_owned();
                let asked = says.asked.entry(target.clone()).or_insert(0);
                let nth = *asked;
                *asked += 1;
                let page = &says.pages[&target];
                page["first"].get(nth).unwrap_or(page).clone()
            };
            if reply.is_null() {
                return Reply::Says(404, "application/json", "{}".to_owned());
            }
            std::thread::sleep(Duration::from_millis(reply["delay_ms"].as_u64().unwrap_or(0)));
            let status = u16::try_from(reply["status"].as_u64().unwrap_or(200)).unwrap();
            let html = reply["type"] == "text/html";
            let body = if html { reply["body"].as_str().unwrap().to_owned() } else { reply["body"].to_string() };
            let headers = reply["headers"].as_object().into_iter().flatten();
            let headers = headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
            Reply::Tells(status, if html { "text/html" } else { "application/json" }, headers, body)
        });
        let file = folder().join(within).join(format!("{fixture}.json"));
        let fixture = read(&file, name, &format!("http://{}", service.address()));
        // What is encrypted was so from the beginning.
        says.lock().unwrap().tls = fixture.get("tls").map(|_| Tls::default());
        let open = Self { name: name.to_owned(), fixture, service, says };
        open.say(&open.baseline()["service"]);
        open
    }

    pub(crate) fn address(&self) -> String {
        self.service.address().to_string()
    }

    pub(crate) fn baseline(&self) -> Value {
        self.read("baseline")
    }

    fn read(&self, fixture: &str) -> Value {
        let scheme = if self.says.lock().unwrap().tls.is_some() { "https" } else { "http" };
        read(&folder().join(format!("{fixture}.json")), &self.name, &format!("{scheme}://{}", self.address()))
    }

    /// Says this from now on.
    pub(crate) fn say(&self, pages: &Value) {
        let mut says = self.says.lock().unwrap();
        (says.pages, says.asked) = (pages.clone(), BTreeMap::new());
    }

    /// Is as the fixture says.
    pub(crate) fn change(&self) {
        self.say(&self.fixture["service"]);
        if let Some(tls) = self.fixture.get("tls") {
            self.says.lock().unwrap().tls = Some(Tls::deserialize(tls).unwrap());
        }
    }

    /// How often it was asked something since it says what it says.
    pub(crate) fn asked(&self) -> usize {
        self.says.lock().unwrap().asked.values().sum()
    }

    /// The service is as it was, with one invoice more.
    pub(crate) fn is_mended(&self) {
        self.say(&self.read("more")["service"]);
        let tls = &mut self.says.lock().unwrap().tls;
        *tls = tls.map(|_| Tls::default());
    }

    /// Brings the automation in.
    pub(crate) fn delegate(&self, place: &Place) {
        let baseline = self.baseline();
        place.import(&self.name, &baseline["contract"], baseline["script"].as_str().unwrap(), &[]);
    }

    /// The runs before the change.
    pub(crate) fn run_before(&self, place: &Place) {
        for _ in 0..GOOD_RUNS {
            let run = place.run(&self.name, &json!({}));
            place.run_is(&run, "succeeded");
        }
    }

    /// What the model answers about this automation, one after the other.
    pub(crate) fn answers(&self) -> Vec<Value> {
        let answers = self.fixture["answers"].as_array().cloned().unwrap_or_default();
        let about = json!({ "user_contains": format!("A run of `{}` failed", self.name) });
        answers
            .into_iter()
            .map(|mut answer| {
                answer["when"] = about.clone();
                answer
            })
            .collect()
    }

    pub(crate) fn expects(&self, name: &str) -> &Value {
        &self.fixture["expect"][name]
    }
}

/// Adds a provider that answers as it was recorded.
pub(crate) fn model(place: &Place, answers: &[Value]) {
    let file = place.home.folder("recordings").join("answers.json");
    std::fs::write(&file, json!({ "version": 1, "answers": answers }).to_string()).unwrap();
    let profile = json!({ "model": "recorded", "price_in": 1_000_000, "price_out": 4_000_000 });
    let body = json!({ "name": "recorded", "recording": file, "profiles": [profile] });
    let added = place.post("/v1/providers", &body);
    assert_eq!(added.status, 201, "{}", added.body);
}

/// Lets the automations of these services call them.
pub(crate) fn allow(place: &Place, books: &[&Books]) {
    let addresses: Vec<_> = books.iter().map(|books| books.address()).collect();
    place.set("egress.allow_private", &json!(addresses));
}
