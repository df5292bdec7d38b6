//! CSV: rows as objects by the names of the first row, or as arrays.

use std::collections::BTreeSet;

use intents::canonical::write_string;
use serde::Deserialize;

use crate::helpers::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// One character between the cells.
    #[serde(default = "comma")]
    delimiter: String,
    /// Whether the first row names the columns.
    #[serde(default = "yes")]
    header: bool,
}

fn comma() -> String {
    ",".to_owned()
}

fn yes() -> bool {
    true
}

/// Reads CSV. All rows have the same number of cells, and each cell is a text.
pub(crate) fn parse(text: &str, options: &str) -> Result<String, Problem> {
    let options: Options = serde_json::from_str(options).map_err(|_| {
        Problem::new("the options of `csv` are `delimiter` (one character) and `header` (true or false)")
    })?;
    let [delimiter] = options.delimiter.as_bytes() else {
        return Err(Problem::new("the delimiter is one character such as \",\" or \";\""));
    };
    // Spreadsheets put a mark in front, which belongs to no name.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(*delimiter).has_headers(options.header).from_reader(text.as_bytes());
    let names: Vec<String> = if options.header { names(&mut reader)? } else { Vec::new() };
    let mut out = String::from("[");
    let mut row = csv::StringRecord::new();
    while reader.read_record(&mut row).map_err(|error| problem(&error))? {
        if out.len() > 1 {
            out.push(',');
        }
        out.push(if options.header { '{' } else { '[' });
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            if let Some(name) = names.get(index) {
                write_string(name, &mut out);
                out.push(':');
            }
            write_string(cell, &mut out);
        }
        out.push(if options.header { '}' } else { ']' });
    }
    out.push(']');
    Ok(out)
}

fn names(reader: &mut csv::Reader<&[u8]>) -> Result<Vec<String>, Problem> {
    let names: Vec<String> =
        reader.headers().map_err(|error| problem(&error))?.iter().map(|name| name.trim().to_owned()).collect();
    let mut seen = BTreeSet::new();
    for name in &names {
        if !seen.insert(name) {
            return Err(Problem::at(1_u32, format!("two columns are called `{name}`")));
        }
    }
    Ok(names)
}

fn problem(error: &csv::Error) -> Problem {
    let line = error.position().map(csv::Position::line);
    let message = if let csv::ErrorKind::UnequalLengths { expected_len, len, .. } = error.kind() {
        format!("a row has {len} cells, and the first one has {expected_len}")
    } else {
        "the text is no CSV".to_owned()
    };
    match line {
        Some(line) => Problem::at(line, message),
        None => Problem::new(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_objects_by_the_names_of_the_first() {
        let rows = parse("\u{feff}date; amount\n2026-01-02;\"1,50\"\n", "{\"delimiter\":\";\"}").unwrap();
        assert_eq!(rows, r#"[{"date":"2026-01-02","amount":"1,50"}]"#);
        assert_eq!(parse("a,b\n1,2\n", "{\"header\":false}").unwrap(), r#"[["a","b"],["1","2"]]"#);
        assert_eq!(parse("", "{}").unwrap(), "[]");
    }

    #[test]
    fn a_broken_file_says_where() {
        let problem = parse("a,b\n1,2\n3\n", "{}").unwrap_err();
        assert_eq!(problem.to_string(), "a row has 1 cells, and the first one has 2 (line 3)");
        assert!(parse("a,a\n", "{}").unwrap_err().to_string().contains("two columns"));
        assert!(parse("a\n", "{\"delimiter\":\"::\"}").is_err());
        assert!(parse("a\n", "{\"delimeter\":\",\"}").is_err());
    }
}
