//! The matrix, as it is printed and as it stands in the documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use intents::failure::Class;

use crate::faults::Case;
use crate::meaning::{Known, Way};
use crate::world::Seen;

/// Everything that was played.
#[derive(Default)]
pub(crate) struct Sheet(Vec<(Case, Seen)>);

fn name(class: Option<Class>) -> String {
    class.map_or_else(|| "answer".to_owned(), |class| class.to_string())
}

impl Sheet {
    pub(crate) fn note(&mut self, case: Case, seen: Seen) {
        self.0.push((case, seen));
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Each fault that was taken for another, in words.
    pub(crate) fn confusions(&self) -> Vec<String> {
        let wrong = self.0.iter().filter(|(case, seen)| (case.class, case.way) != (seen.class, seen.way));
        wrong
            .map(|(case, seen)| {
                format!(
                    "{} {:?}: {}: meant {} and {}, seen {} and {}",
                    case.at,
                    case.known,
                    case.what,
                    name(case.class),
                    case.way.words(),
                    name(seen.class),
                    seen.way.words()
                )
            })
            .collect()
    }

    fn classes(&self) -> String {
        let all: Vec<String> = std::iter::once(None).chain(Class::ALL.map(Some)).map(name).collect();
        let pairs = self.0.iter().map(|(case, seen)| (name(case.class), name(seen.class)));
        table("class", &all, &counted(pairs))
    }

    fn ways(&self) -> String {
        let all: Vec<String> = Way::ALL.iter().map(|way| way.words().to_owned()).collect();
        let pairs = self.0.iter().map(|(case, seen)| (case.way.words().to_owned(), seen.way.words().to_owned()));
        table("done", &all, &counted(pairs))
    }

    /// For a terminal.
    pub(crate) fn printed(&self) -> String {
        format!("{} faults\n\n{}\n{}", self.count(), self.classes(), self.ways())
    }

    /// For the documentation: both matrices, and every fault with what is done about it.
    pub(crate) fn page(&self) -> String {
        let mut page = format!(
            "{} faults were played. Rows are what a fault is meant to be, columns what it turned out to be.\n\n{}\n{}\n",
            self.count(),
            self.classes(),
            self.ways()
        );
        page.push_str("| Fault | Arises in | Class | What is done |\n| --- | --- | --- | --- |\n");
        let mut rows: BTreeMap<(bool, String, String, &str), BTreeSet<String>> = BTreeMap::new();
        for (case, seen) in &self.0 {
            let is_host = case.at == "host";
            let at = match (is_host, case.known) {
                (true, Known::Read) => "a read, or no call".to_owned(),
                (false, Known::Read) => format!("`{}`", case.at),
                (true, known) => format!("a {} effect", kind(known)),
                (false, known) => format!("`{}` ({})", case.at, kind(known)),
            };
            let what = if is_host { case.what.clone() } else { format!("`{}`", case.what) };
            rows.entry((is_host, what, name(seen.class), seen.way.words())).or_default().insert(at);
        }
        for ((_, what, class, way), at) in rows {
            let at = at.into_iter().collect::<Vec<_>>().join(", ");
            let _ = writeln!(page, "| {what} | {at} | {class} | {way} |");
        }
        page
    }
}

fn kind(known: Known) -> &'static str {
    match known {
        Known::Read => "read",
        Known::Keyed => "keyed",
        Known::Queryable => "queryable",
        Known::Natural => "natural",
        Known::Blind => "blind",
    }
}

fn counted(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for pair in pairs {
        *counts.entry(pair).or_insert(0) += 1;
    }
    counts
}

/// Only the rows and columns that something stands in.
fn table(what: &str, all: &[String], counts: &BTreeMap<(String, String), usize>) -> String {
    let is_used = |name: &&String| counts.keys().any(|(meant, seen)| meant == *name || seen == *name);
    let used: Vec<_> = all.iter().filter(is_used).collect();
    let columns = used.iter().map(|name| format!(" {name} |")).collect::<String>();
    let mut table = format!("| {what}: meant \\ seen |{columns}\n| --- |{}\n", " ---: |".repeat(used.len()));
    for meant in &used {
        let cells = used.iter().map(|seen| {
            let count = counts.get(&((*meant).clone(), (*seen).clone())).copied().unwrap_or(0);
            format!(" {} |", if count == 0 { "·".to_owned() } else { count.to_string() })
        });
        let _ = writeln!(table, "| {meant} |{}", cells.collect::<String>());
    }
    table
}

/// Parts of the documentation that are written by a test.
pub(crate) mod sections {
    use std::path::Path;

    /// Compares a part with what it should be; with `UPDATE=1` writes it.
    pub(crate) fn check(page: &str, part: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(page);
        let whole = std::fs::read_to_string(&path).unwrap();
        let (begin, end) = (format!("<!-- {part}: written by a test -->\n"), format!("<!-- {part}: end -->"));
        let (before, rest) = whole.split_once(&begin).expect("the page has the part");
        let (found, after) = rest.split_once(&end).expect("the part ends");
        let wanted = format!("\n{}\n", text.trim_end());
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, format!("{before}{begin}{wanted}\n{end}{after}")).unwrap();
            return;
        }
        assert_eq!(found.trim(), wanted.trim(), "{page} is behind: UPDATE=1 writes it anew");
    }
}
