//! What people write into configurations, and what they get.

use super::*;

fn with_file(text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("steward.toml"), text).unwrap();
    home
}

fn read(
    home: &tempfile::TempDir,
    variables: &[(&str, &str)],
    flags: &[Override],
) -> Result<Config, crate::error::Error> {
    let mut all = vec![("STEWARD_HOME".to_owned(), home.path().display().to_string())];
    all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::read(&all, flags)
}

fn listen(value: &str) -> Override {
    Override { section: "server", name: "listen", value: value.to_owned() }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let home = with_file("[server]\nlisten = \"127.0.0.1:1111\"\n");
    let variable = [("STEWARD_SERVER__LISTEN", "127.0.0.1:2222")];
    let port = |config: Config| config.server.listen.port();
    assert_eq!(port(read(&with_file(""), &[], &[]).unwrap()), 7777);
    assert_eq!(port(read(&home, &[], &[]).unwrap()), 1111);
    assert_eq!(port(read(&home, &variable, &[]).unwrap()), 2222);
    assert_eq!(port(read(&home, &variable, &[listen("127.0.0.1:3333")]).unwrap()), 3333);
}

#[test]
fn a_misspelt_key_is_refused_with_the_nearest_known_one() {
    let told = |result: Result<Config, crate::error::Error>| {
        let error = result.err().unwrap();
        (error.code().to_owned(), error.to_string())
    };
    for text in ["[server]\nlisen = \"x\"\n", "[serverr]\nlisten = \"x\"\n"] {
        let (code, message) = told(read(&with_file(text), &[], &[]));
        assert_eq!(code, "CONFIG_UNKNOWN_KEY");
        assert!(message.contains("did you mean `server.listen`?"), "{message}");
    }
    let (code, message) = told(read(&with_file(""), &[("STEWARD_SERVER__LISEN", "x")], &[]));
    assert_eq!(code, "CONFIG_UNKNOWN_KEY");
    assert!(message.contains("did you mean `STEWARD_SERVER__LISTEN`?"), "{message}");
    let (code, _) = told(read(&with_file("x = 1"), &[], &[]));
    assert_eq!(code, "CONFIG_UNKNOWN_KEY");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (text, code) in [
        ("[server\n", "CONFIG_SYNTAX"),
        ("[server]\nlisten = \"nowhere\"\n", "CONFIG_VALUE"),
        ("[server]\nlisteners = 0\n", "CONFIG_VALUE"),
        ("[mail]\nfrom = \"a@b.example\"\n", "CONFIG_VALUE"),
        ("[mail]\nhost = \"mail.example\"\n", "CONFIG_VALUE"),
        ("[retention]\npayload_days = -1\n", "CONFIG_VALUE"),
        ("[egress]\nallow_private = [\"no port\"]\n", "CONFIG_VALUE"),
    ] {
        assert_eq!(read(&with_file(text), &[], &[]).err().unwrap().code(), code, "{text}");
    }
}

#[test]
fn every_key_can_be_set_in_the_environment() {
    for key in KEYS {
        let value = match (key.kind, key.name) {
            (Kind::Whole, _) => "3",
            (_, "listen") => "127.0.0.1:1",
            (_, "tls") => "none",
            (_, "format") => "json",
            (Kind::List, _) => "a.example:1, b.example:2",
            (Kind::Text, _) => "x",
        };
        let mut variables = vec![("STEWARD_MAIL__HOST".to_owned(), "h".to_owned())];
        variables.extend(
            [("STEWARD_MAIL__FROM", "f"), ("STEWARD_MAIL__USERNAME", "u"), ("STEWARD_MAIL__PASSWORD_SECRET", "p")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        variables.retain(|(name, _)| *name != key.variable());
        variables.push((key.variable(), value.to_owned()));
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let read = read(&with_file(""), &variables, &[]);
        assert!(read.is_ok(), "{}: {}", key.path(), read.err().map(|error| error.to_string()).unwrap_or_default());
    }
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
