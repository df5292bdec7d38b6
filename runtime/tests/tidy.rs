//! The structure of the repository: what its documents promise about it must be so.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Our crates, each with those of ours that it may depend on. A new arrow is an architecture decision.
const ARROWS: [(&str, &[&str]); 5] = [
    ("intents", &[]),
    ("sandbox", &["intents"]),
    ("connectors", &["intents"]),
    ("migrations", &[]),
    ("runtime", &["intents", "sandbox", "connectors", "migrations"]),
];

/// Where sea-orm may be named: the store, its migrations, and this file.
const KNOW_SEA_ORM: [&str; 3] = ["runtime/src/store/", "migrations/src/", "runtime/tests/tidy.rs"];

/// Texts in the form of a code that are none: variables of the environment.
const VARIABLES: [&str; 7] = ["STEWARD_", "XDG_", "CARGO_", "NOTIFY_", "WATCHDOG_", "OUT_DIR", "NO_COLOR"];

/// Folders whose files are not ours.
const FOREIGN: [&str; 4] = ["target", "node_modules", "demo", ".git"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of what is in a folder.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Every file of ours below a folder with one of these endings, as paths from the root of the workspace.
fn files(folder: &str, endings: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for name in names(&folder) {
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if root().join(&path).is_dir() {
                if !FOREIGN.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.insert(path);
            }
        }
    }
    assert!(!found.is_empty(), "there is nothing to check in `{folder}`");
    found
}

/// The pages that people read.
fn pages() -> BTreeSet<String> {
    let mut pages = files("docs", &[".md"]);
    pages.extend(files("fixtures", &[".md"]));
    pages.insert("README.md".to_owned());
    pages
}

/// The texts between backticks, outside fenced blocks.
fn code_spans(markdown: &str) -> Vec<String> {
    let mut fenced = false;
    let mut prose = String::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The targets of links and pictures that are files of ours.
fn links(markdown: &str) -> Vec<String> {
    let until = |rest: &str, end: char| rest.split(end).next().unwrap_or_default().to_owned();
    let written = markdown.split("](").skip(1).map(|rest| until(rest, ')'));
    let attributes = markdown.split("src=\"").skip(1).map(|rest| until(rest, '"'));
    written
        .chain(attributes)
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .map(|target| until(&target, '#'))
        .collect()
}

#[test]
fn every_path_in_the_architecture_exists() {
    let page = text("docs/ARCHITECTURE.md");
    let top = names("");
    let is_path = |span: &String| {
        let first = span.split('/').next().unwrap_or_default();
        span.contains('/') && !span.contains(char::is_whitespace) && top.contains(first)
    };
    let paths: Vec<_> = code_spans(&page).into_iter().filter(is_path).collect();
    assert!(paths.len() > 20, "the map is empty: {paths:?}");
    let missing: Vec<_> = paths.into_iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "docs/ARCHITECTURE.md names what does not exist: {missing:?}");
    for (name, _) in ARROWS {
        assert!(page.contains(&format!("`{name}/`")), "docs/ARCHITECTURE.md does not speak of {name}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in pages() {
        let folder = root().join(&page).parent().unwrap().to_owned();
        for link in links(&text(&page)) {
            assert!(folder.join(&link).exists(), "{page} links to `{link}`, which is not there");
        }
    }
}

#[test]
fn crates_depend_only_on_what_means_things() {
    for (name, allowed) in ARROWS {
        let manifest: toml::Table = text(&format!("{name}/Cargo.toml")).parse().unwrap();
        let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
        for table in targets.filter_map(|(_, table)| table.as_table()).chain([&manifest]) {
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let Some(dependencies) = table.get(kind).and_then(toml::Value::as_table) else { continue };
                for dependency in dependencies.keys() {
                    let ours = ARROWS.iter().any(|(ours, _)| ours == dependency);
                    assert!(!ours || allowed.contains(&dependency.as_str()), "{name} must not know {dependency}");
                    let database = dependency.starts_with("sea-orm") || dependency.starts_with("sqlx");
                    assert!(
                        !database || ["runtime", "migrations"].contains(&name),
                        "{name} must not know {dependency}"
                    );
                }
            }
        }
    }
}

#[test]
fn only_the_store_knows_sea_orm() {
    for (name, _) in ARROWS {
        for file in files(name, &[".rs"]) {
            let may = KNOW_SEA_ORM.iter().any(|place| file.starts_with(place));
            assert!(may || !text(&file).contains("sea_orm"), "{file} names sea_orm; only the store may");
        }
    }
}

#[test]
fn words_and_decisions_touch_nothing() {
    for file in files("intents/src", &[".rs"]) {
        let source = text(&file);
        for forbidden in ["async fn", "std::fs", "std::net", "std::env", "SystemTime", "Instant::now", "tokio::"] {
            assert!(!source.contains(forbidden), "{file} holds `{forbidden}`, and intents is pure");
        }
    }
}

/// The texts in a source that have the form of a code, outside tests and comments.
fn codes_in(source: &str) -> BTreeSet<String> {
    let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_code = |text: &&str| {
        text.contains('_')
            && text.split('_').all(|word| !word.is_empty())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(letters)
            && !VARIABLES.iter().any(|prefix| text.starts_with(prefix))
    };
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1))
        .filter(is_code)
        .map(str::to_owned)
        .collect()
}

/// Every stable code, with a place where it is said.
fn codes() -> BTreeMap<String, String> {
    // The codes of contracts are put together by a macro; all others stand in the source as they are.
    let contract = intents::contract::CODES.iter().map(|(code, _)| (*code).to_owned());
    let mut codes: BTreeMap<_, _> = contract.map(|code| (code, "intents/src/contract".to_owned())).collect();
    for (name, _) in ARROWS {
        for file in files(&format!("{name}/src"), &[".rs"]) {
            if !file.contains("/tests") {
                codes.extend(codes_in(&text(&file)).into_iter().map(|code| (code, file.clone())));
            }
        }
    }
    codes
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let codes = codes();
    let pages: BTreeSet<String> =
        names("docs/errors").iter().filter_map(|name| name.strip_suffix(".md")).map(str::to_owned).collect();
    let missing: Vec<_> = codes.iter().filter(|(code, _)| !pages.contains(*code)).collect();
    assert!(missing.is_empty(), "codes without a page in docs/errors: {missing:#?}");
    let idle: Vec<_> = pages.iter().filter(|page| !codes.contains_key(*page)).collect();
    assert!(idle.is_empty(), "pages in docs/errors that no code leads to: {idle:#?}");
    for page in pages {
        let body = text(&format!("docs/errors/{page}.md"));
        assert!(body.starts_with(&format!("# {page}\n")), "docs/errors/{page}.md begins with another title");
        for heading in ["\n## What Steward did\n", "\n## What to do\n"] {
            assert!(body.contains(heading), "docs/errors/{page}.md lacks `{}`", heading.trim());
        }
    }
}

#[test]
fn commands_in_the_pages_exist() {
    let makefile = text("Makefile");
    let starts = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase());
    let targets: BTreeSet<_> =
        makefile.lines().filter(starts).filter_map(|line| line.split_once(':').map(|(target, _)| target)).collect();
    for wanted in ["run", "test", "check", "bench", "chaos", "soak"] {
        assert!(targets.contains(wanted), "the Makefile lacks `{wanted}`");
    }
    let word = |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '.').collect::<String>();
    for page in pages() {
        let body = text(&page);
        for target in body.split("`make ").skip(1).map(word) {
            assert!(targets.contains(target.as_str()), "{page} says `make {target}`, which the Makefile does not know");
        }
        for script in body.split("scripts/").skip(1).map(word) {
            let script = script.trim_end_matches('.');
            let there = script.is_empty() || root().join("scripts").join(script).is_file();
            assert!(there, "{page} names scripts/{script}, which is not there");
        }
    }
}

#[test]
fn pages_and_decisions_have_numbers_of_their_own() {
    for folder in ["docs", "docs/adr"] {
        let mut numbers = BTreeMap::new();
        for name in names(folder) {
            let number: String = name.chars().take_while(char::is_ascii_digit).collect();
            if !number.is_empty() {
                let other = numbers.insert(number, name.clone());
                assert_eq!(other, None, "{folder}/{name} has the number of another");
            }
        }
    }
    for file in files("docs/adr", &[".md"]) {
        let body = text(&file);
        for part in ["Status: ", "## Context", "## Decision", "## Consequences"] {
            assert!(body.contains(part), "{file} lacks `{}`", part.trim());
        }
    }
}

#[test]
fn nothing_speaks_of_one_machine() {
    let places = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
    for file in files("", &[".rs", ".js", ".md", ".toml", ".sh", ".json", ".svg", "Makefile"]) {
        let body = text(&file);
        for place in places {
            assert!(!body.contains(place), "{file} names a place on one machine: {place}");
        }
    }
}
