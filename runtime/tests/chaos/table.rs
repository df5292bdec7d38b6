//! The figures, as a table.

use std::fmt::Display;
use std::io::{self, Write};

/// Lines of a name and a figure.
#[derive(Default)]
pub(crate) struct Table(Vec<(String, String)>);

impl Table {
    pub(crate) fn row(&mut self, name: impl Display, figure: impl Display) {
        self.0.push((name.to_string(), figure.to_string()));
    }

    pub(crate) fn print(&self, title: &str) {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = format!("\n{title}\n");
        for (name, figure) in &self.0 {
            text.push_str(&format!("  {name:<width$}  {figure:>12}\n"));
        }
        // A closed output is no reason to fail.
        drop(io::stdout().lock().write_all(text.as_bytes()));
    }
}
