//! The service's own record: one line for each thing that happened, in order.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Kind;
use super::mood::Fate;

/// The name of the file.
const FILE: &str = "record.jsonl";

/// One thing that happened. An effect is named as the script names it: `item/step`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// A request came.
    Arrived { kind: Kind, effect: String, key: String, fate: Fate },
    /// It was performed.
    Performed { kind: Kind, effect: String, key: String, body: String },
}

/// Writes the record.
pub(super) struct Writer(File);

impl Writer {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        File::options().create_new(true).append(true).open(folder.join(FILE)).map(Self)
    }

    /// Writes a line; when this returns, it is on the disk.
    pub(super) fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line).map_err(io::Error::other)?;
        text.push('\n');
        self.0.write_all(text.as_bytes())?;
        self.0.sync_data()
    }
}

/// Reads the record as it grows.
pub(crate) struct Record {
    path: PathBuf,
    read: u64,
    lines: Vec<Line>,
}

impl Record {
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), read: 0, lines: Vec::new() }
    }

    /// Everything that happened so far.
    pub(crate) fn lines(&mut self) -> &[Line] {
        let mut file = File::open(&self.path).expect("the record is there");
        file.seek(SeekFrom::Start(self.read)).expect("the record only grows");
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        // A line without its end is being written.
        while reader.read_line(&mut line).expect("the record is text") > 0 && line.ends_with('\n') {
            self.lines.push(serde_json::from_str(&line).expect("the record is JSON"));
            self.read += line.len() as u64;
            line.clear();
        }
        &self.lines
    }

    /// How often an effect was performed.
    pub(crate) fn performed(&mut self, kind: Kind, wanted: &str) -> usize {
        let counts = |line: &&Line| match line {
            Line::Performed { kind: of, effect, .. } => *of == kind && effect == wanted,
            Line::Arrived { .. } => false,
        };
        self.lines().iter().filter(counts).count()
    }
}
