//! What people write into configurations, and what they get.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::error::Error;

fn with_file(text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    private(&home.path().join("steward.toml"), text);
    home
}

fn private(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn looked_over(home: &tempfile::TempDir, variables: &[(&str, &str)], flags: &[Override]) -> Examined {
    let mut all = vec![("STEWARD_HOME".to_owned(), home.path().display().to_string())];
    all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    examine(&all, &Flags { file: None, overrides: flags.to_vec() }).unwrap()
}

fn read(home: &tempfile::TempDir, variables: &[(&str, &str)], flags: &[Override]) -> Result<Config, Error> {
    looked_over(home, variables, flags).config.map_err(Error::Config)
}

/// Every problem in a line, without the folder of the test.
fn problems(home: &tempfile::TempDir, variables: &[(&str, &str)], flags: &[Override]) -> Vec<String> {
    let folder = format!("{}/", home.path().display());
    let told = looked_over(home, variables, flags).config.err().unwrap_or_default();
    told.iter().map(|problem| format!("{problem} ({})", problem.code).replace(&folder, "")).collect()
}

fn listen(value: &str) -> Override {
    Override::named("listen", "server.listen", value)
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let home = with_file("[server]\nlisten = \"127.0.0.1:1111\"\n");
    let variable = [("STEWARD_SERVER__LISTEN", "127.0.0.1:2222")];
    let port = |config: Config| config.server.listen.port();
    assert_eq!(port(read(&with_file(""), &[], &[]).unwrap()), 7777);
    assert_eq!(port(read(&home, &[], &[]).unwrap()), 1111);
    assert_eq!(port(read(&home, &variable, &[]).unwrap()), 2222);
    let set = Override::set("server.listen=127.0.0.1:3333");
    assert_eq!(port(read(&home, &variable, std::slice::from_ref(&set)).unwrap()), 3333);
    assert_eq!(port(read(&home, &variable, &[set, listen("127.0.0.1:4444")]).unwrap()), 4444);
    let nothing = [("STEWARD_SERVER__LISTEN", " ")];
    assert_eq!(port(read(&home, &nothing, &[]).unwrap()), 1111, "set to nothing is not set");
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let home = with_file(
        "[server]\nlisen = \"x\"\nlisteners = 0\n\n[mail]\nport = 25\n\n[telemetry.otlp]\nendpoint = \"here\"\n\
         sample_ratio = 2.5\n[retenshun]\npayload_days = 3\n",
    );
    let variables =
        [("STEWARD_LOG__LEVEL", "a=b=c"), ("STEWARD_LIMITS__HEAP_MIB", "much"), ("STEWARD_SERVER_HOSTS", "x")];
    let told = problems(&home, &variables, &[Override::set("egress.burts=3")]);
    let expected = [
        "steward.toml:2: there is no key `server.lisen`; did you mean `server.listen`? (CONFIG_UNKNOWN_KEY)",
        "steward.toml:3: `server.listeners`: ",
        "steward.toml:6: `mail.port` needs `mail.host`; set that, or leave this out (CONFIG_VALUE)",
        "steward.toml:9: `telemetry.otlp.endpoint`: ",
        "steward.toml:10: `telemetry.otlp.sample_ratio` lies between 0 and 1, and 2.5 does not (CONFIG_VALUE)",
        "steward.toml:11: there is no key `retenshun.payload_days`; did you mean `retention.payload_days`? (CONFIG_UNKNOWN_KEY)",
        "STEWARD_LOG__LEVEL: `log.level`: ",
        "STEWARD_LIMITS__HEAP_MIB: `limits.heap_mib` must be a whole number, and `much` is none (CONFIG_VALUE)",
        "STEWARD_SERVER_HOSTS: there is no key `STEWARD_SERVER_HOSTS`; did you mean `STEWARD_SERVER__HOSTS`? (CONFIG_UNKNOWN_KEY)",
        "--set egress.burts: there is no key `egress.burts`; did you mean `egress.burst`? (CONFIG_UNKNOWN_KEY)",
    ];
    for line in expected {
        assert!(told.iter().any(|problem| problem.starts_with(line)), "{line}\nis not among {told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn every_slip_in_the_form_of_the_file_is_told_with_its_line() {
    let told = problems(&with_file("[server\nlisten = 1\n\n[log]\nlevel = info\n"), &[], &[]);
    assert!(told.len() >= 2, "{told:?}");
    assert!(told[0].starts_with("steward.toml:1: ") && told[0].ends_with("(CONFIG_SYNTAX)"), "{told:?}");
    assert!(told.iter().any(|problem| problem.starts_with("steward.toml:5: ")), "{told:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (text, code) in [
        ("[server\n", "CONFIG_SYNTAX"),
        ("x = 1", "CONFIG_UNKNOWN_KEY"),
        ("server = 1", "CONFIG_UNKNOWN_KEY"),
        ("[server]\nlisten = \"nowhere\"\n", "CONFIG_VALUE"),
        ("[server]\nlisten = {}\n", "CONFIG_VALUE"),
        ("[server]\nlisteners = 0\n", "CONFIG_VALUE"),
        ("[store]\nurl = \"mysql://a/b\"\n", "CONFIG_VALUE"),
        ("[mail]\nfrom = \"a@b.example\"\n", "CONFIG_VALUE"),
        ("[mail]\nhost = \"mail.example\"\n", "CONFIG_VALUE"),
        ("[mail]\nhost = \"mail.example\"\nfrom = \"a@b\"\nusername = \"u\"\n", "CONFIG_VALUE"),
        (
            "[mail]\nhost = \"h\"\nfrom = \"a@b\"\nusername = \"u\"\npassword = \"p\"\npassword_secret = \"s\"\n",
            "CONFIG_VALUE",
        ),
        ("[metrics]\ntoken = \"short\"\n", "CONFIG_VALUE"),
        ("[telemetry.otlp]\nheaders = [\"no header\"]\n", "CONFIG_VALUE"),
        ("[telemetry.otlp]\nendpoint = \"file:///tmp\"\n", "CONFIG_VALUE"),
        ("[retention]\npayload_days = -1\n", "CONFIG_VALUE"),
        ("[egress]\nallow_private = [\"no port\"]\n", "CONFIG_VALUE"),
        ("[mail]\npassword_file = \"not-there\"\n", "CONFIG_UNREADABLE"),
        ("[mail]\nhost_file = \"not-a-secret\"\n", "CONFIG_UNKNOWN_KEY"),
    ] {
        assert_eq!(read(&with_file(text), &[], &[]).err().unwrap().code(), code, "{text}");
    }
}

#[test]
fn variables_of_others_are_none_of_ours() {
    let theirs =
        [("STEWARD_PORT", "tcp://10.0.0.1:7777"), ("STEWARD_SERVICE_HOST", "10.0.0.1"), ("STEWARD_TEST_X", "1")];
    assert!(read(&with_file(""), &theirs, &[]).is_ok());
}

#[test]
fn a_secret_may_lie_in_a_file_of_its_own_and_is_never_shown() {
    let home = with_file("[mail]\nhost = \"h\"\nfrom = \"f@h\"\nusername = \"u\"\npassword_file = \"mail.txt\"\n");
    private(&home.path().join("mail.txt"), "  hunter2 \n");
    let other = home.path().join("other.txt");
    private(&other, "other\n");
    let password = |variables: &[(&str, &str)]| match read(&home, variables, &[]).unwrap().mail {
        Mail::Smtp(config) => config.password.unwrap().expose().to_owned(),
        Mail::Outbox(_) => String::new(),
    };
    assert_eq!(password(&[]), "hunter2");
    assert_eq!(password(&[("STEWARD_MAIL__PASSWORD", "direct")]), "direct", "the environment goes before the file");
    assert_eq!(password(&[("STEWARD_MAIL__PASSWORD_FILE", other.to_str().unwrap())]), "other");
    let both = [("STEWARD_MAIL__PASSWORD", "direct"), ("STEWARD_MAIL__PASSWORD_FILE", other.to_str().unwrap())];
    let told = problems(&home, &both, &[]);
    assert!(told[0].contains("both `mail.password` and `mail.password_file` are set"), "{told:?}");

    let examined = looked_over(&home, &[("STEWARD_STORE__URL", "postgres://u:hunter3@h/d")], &[]);
    assert!(examined.warnings.is_empty(), "{:?}", examined.warnings);
    let shown = format!("{examined:?}");
    assert!(!shown.contains("hunter"), "{shown}");
    let value = |path: &str| {
        let setting = examined.settings.iter().find(|setting| setting.key.path == path).unwrap();
        (setting.value.clone(), setting.from.to_string().replace(&home.path().display().to_string(), ""))
    };
    assert_eq!(value("mail.password"), (Some("[set]".to_owned()), "/steward.toml:5".to_owned()));
    assert_eq!(value("store.url"), (Some("[set]".to_owned()), "STEWARD_STORE__URL".to_owned()));
    assert_eq!(value("log.level"), (Some("\"warn,runtime=info\"".to_owned()), "default".to_owned()));
    assert_eq!(value("metrics.token").0, None);
}

#[test]
fn a_wrong_secret_is_not_repeated() {
    let home = with_file("[store]\nurl = 4711\n[metrics]\ntoken = \"4711\"\n[telemetry.otlp]\nheaders = [\"4711\"]\n");
    let told = problems(&home, &[("STEWARD_STORE__URL", "mysql://4711")], &[]);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|problem| !problem.contains("4711")), "{told:?}");
    let told = problems(&with_file("[store]\nurl = 4711\n"), &[], &[]);
    assert!(told.len() == 1 && !told[0].contains("4711"), "{told:?}");
}

#[test]
fn a_secret_that_others_can_read_is_warned_of() {
    let home = with_file("[mail]\npassword_file = \"open.txt\"\nhost = \"h\"\nfrom = \"f@h\"\nusername = \"u\"\n");
    let open = |name: &str| {
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(home.path().join(name), mode).unwrap();
    };
    private(&home.path().join("open.txt"), "hunter2");
    open("open.txt");
    let warnings = looked_over(&home, &[], &[]).warnings;
    assert!(warnings.len() == 1 && warnings[0].message.contains("everybody can read the secret"), "{warnings:?}");
    open("steward.toml");
    assert_eq!(looked_over(&home, &[], &[]).warnings.len(), 1, "a file that only names others holds no secret");
    private(&home.path().join("steward.toml"), "[metrics]\ntoken = \"0123456789abcdef\"\n");
    open("steward.toml");
    let warnings = looked_over(&home, &[], &[]).warnings;
    assert!(warnings.len() == 1 && warnings[0].message.contains("chmod 600"), "{warnings:?}");
    for (text, reason) in [("", "is empty"), (&"x".repeat(70_000), "is longer")] {
        private(&home.path().join("odd.txt"), text);
        let told = problems(&home, &[("STEWARD_METRICS__TOKEN_FILE", "odd.txt")], &[]);
        assert!(told[0].contains(reason), "{told:?}");
    }
}

#[test]
fn every_key_can_be_set_in_the_environment_and_by_a_flag() {
    let whole = [
        ("STEWARD_MAIL__HOST", "h"),
        ("STEWARD_MAIL__FROM", "f"),
        ("STEWARD_MAIL__USERNAME", "u"),
        ("STEWARD_MAIL__PASSWORD_SECRET", "p"),
    ];
    for key in KEYS {
        let value = match (key.kind, key.path) {
            (Kind::Whole, _) => "3",
            (Kind::Fraction, _) => "0.5",
            (Kind::Switch, _) => "true",
            (_, "server.listen") => "127.0.0.1:1",
            (_, "store.url") => "postgres://u:p@h/d",
            (_, "mail.tls") => "none",
            (_, "log.format") => "json",
            (_, "backup.every") => "6h",
            (_, "metrics.token") => "0123456789abcdef",
            (_, "telemetry.otlp.endpoint") => "http://h:4318",
            (_, "telemetry.otlp.headers") => "a=b,c=d",
            (Kind::List, _) => "a.example:1, b.example:2",
            (Kind::Text, _) => "x",
        };
        let variable = key.variable();
        let mut variables: Vec<_> = whole.into_iter().filter(|(name, _)| *name != variable).collect();
        if key.path == "mail.password" {
            variables.pop();
        }
        let flag = Override::set(&format!("{}={value}", key.path));
        let told = problems(&with_file(""), &variables, &[flag]);
        assert!(told.is_empty(), "{}: {told:?}", key.path);
        variables.push((&variable, value));
        let told = problems(&with_file(""), &variables, &[]);
        assert!(told.is_empty(), "{}: {told:?}", key.path);
    }
}

/// A file with the values of some keys, as the example shows them.
fn file_of(wanted: impl Fn(&Key) -> bool) -> tempfile::TempDir {
    let mut text = String::new();
    for key in KEYS.iter().filter(|key| wanted(key)) {
        let (Unsaid::Default(value) | Unsaid::Nothing(value)) = key.unsaid;
        let value = if key.path == "metrics.token" { "\"0123456789abcdef\"" } else { value };
        text.push_str(&format!("{} = {value}\n", key.path));
    }
    with_file(&text)
}

#[test]
fn the_example_makes_sense_and_says_the_defaults() {
    let debug = |home: &tempfile::TempDir| {
        let config = read(home, &[], &[]).unwrap();
        format!("{config:?}").replace(&home.path().display().to_string(), "")
    };
    let plain = debug(&with_file(""));
    assert_eq!(debug(&with_file(&example())), plain, "everything in the example is commented out");
    let defaults = file_of(|key| matches!(key.unsaid, Unsaid::Default(_)));
    assert_eq!(debug(&defaults), plain, "a default that is written out changes nothing");
    assert_ne!(debug(&file_of(|key| key.path != "mail.password")), plain, "and every example can be taken in");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let home = with_file("");
    let named = [("STEWARD_CONFIG", "/nowhere/steward.toml")];
    assert!(
        problems(&home, &named, &[])[0].starts_with("/nowhere/steward.toml: "),
        "{:?}",
        problems(&home, &named, &[])
    );
    let other = with_file("[server]\nlisteners = 7\n");
    let path = other.path().join("steward.toml");
    let found = read(&home, &[("STEWARD_CONFIG", path.to_str().unwrap())], &[]).unwrap();
    assert_eq!((found.server.listeners.get(), found.file), (7, path));
}

#[test]
fn the_data_folder_is_where_the_platform_keeps_data() {
    let variables = |pairs: &'static [(&'static str, &'static str)]| {
        move |wanted: &str| pairs.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
    };
    assert_eq!(data_folder(variables(&[("STEWARD_HOME", "/s"), ("HOME", "/h")])).unwrap().to_str(), Some("/s"));
    assert_eq!(data_folder(variables(&[])).err().unwrap().code(), "CONFIG_HOME");
    if cfg!(target_os = "linux") {
        let pairs = variables(&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")]);
        assert_eq!(data_folder(pairs).unwrap().to_str(), Some("/x/steward"));
        let pairs = variables(&[("XDG_DATA_HOME", "relative"), ("HOME", "/h")]);
        assert_eq!(data_folder(pairs).unwrap().to_str(), Some("/h/.local/share/steward"));
    }
}
