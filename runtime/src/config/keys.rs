//! Every key that the configuration has.

/// What a key's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Whole,
    /// Several texts; in the environment separated by commas.
    List,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its section.
    pub section: &'static str,
    /// Its name in the section.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What it is for, in one line.
    pub meaning: &'static str,
}

const fn key(section: &'static str, name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key { section, name, kind, meaning }
}

/// Every key.
pub const KEYS: &[Key] = &[
    key("server", "listen", Kind::Text, "where the server listens: `127.0.0.1:7777`"),
    key("server", "hosts", Kind::List, "names beside the loopback ones under which the server may be called"),
    key("server", "listeners", Kind::Whole, "how many event streams may be open at once"),
    key("mail", "host", Kind::Text, "the mail server; without one, mail goes to the outbox folder"),
    key("mail", "port", Kind::Whole, "its port; 465 for `tls`, 587 for `starttls` unless said"),
    key("mail", "tls", Kind::Text, "`tls`, `starttls`, or `none` for a server on this machine"),
    key("mail", "username", Kind::Text, "the account, if the server wants one"),
    key("mail", "password_secret", Kind::Text, "the name of the account's password in the vault"),
    key("mail", "from", Kind::Text, "the sender: `Steward <steward@example.com>`"),
    key("mail", "outbox_folder", Kind::Text, "where mail goes without a server, as .eml files"),
    key("log", "format", Kind::Text, "`text` or `json`"),
    key("log", "level", Kind::Text, "what is logged: `warn`, `info`, `runtime=debug`"),
    key("egress", "allow_private", Kind::List, "private hosts and networks that automations may call"),
    key("egress", "requests_per_second", Kind::Whole, "requests to one host in a second, on average"),
    key("egress", "burst", Kind::Whole, "requests to one host that may come at once"),
    key("retention", "payload_days", Kind::Whole, "how long journals and inputs of runs that are over are kept"),
    key("retention", "message_days", Kind::Whole, "how long notices and emitted events are kept"),
    key("limits", "runs_at_once", Kind::Whole, "how many runs may be under way at once"),
    key("limits", "turn_seconds", Kind::Whole, "how long a script may compute without waiting for anything"),
    key("limits", "heap_mib", Kind::Whole, "how much memory a script may use"),
];

/// Names this unlike each other are not confused.
const LIKENESS_MIN: f64 = 0.8;

/// The known name that is nearest to a text, if one is near.
pub(crate) fn nearest(text: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(text, &candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Finds a key, or says which one is nearest.
pub(super) fn find(section: &str, name: &str) -> Result<&'static Key, Option<String>> {
    KEYS.iter()
        .find(|key| key.section == section && key.name == name)
        .ok_or_else(|| nearest(&format!("{section}.{name}"), KEYS.iter().map(Key::path)))
}

impl Key {
    /// The key as one text: `server.listen`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The key in the environment: `STEWARD_SERVER__LISTEN`.
    pub fn variable(&self) -> String {
        format!("STEWARD_{}__{}", self.section, self.name).to_uppercase()
    }
}
