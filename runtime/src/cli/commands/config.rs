//! `steward config`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::args::Configuration;
use crate::cli::exit::Exit;
use crate::cli::out::{Out, tell};
use crate::config::{self, Examined, Flags, Problem, Setting};
use crate::error::Error;

/// Carries a command out. It needs neither a server nor a configuration that makes sense.
pub(in crate::cli) fn run(command: Configuration, flags: Flags, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Configuration::Validate { file } => validate(file, flags, out),
        Configuration::Show => show(&flags, out),
        Configuration::Example => {
            out.line(config::example().trim_end());
            Ok(Exit::Success)
        }
    }
}

fn validate(file: Option<PathBuf>, flags: Flags, out: &mut Out) -> Result<Exit, Error> {
    let flags = Flags { file: file.or(flags.file), ..flags };
    let examined = config::examine(&config::variables(), &flags)?;
    let problems = problems(&examined);
    let exit = if problems.is_empty() { Exit::Success } else { Exit::Usage };
    if out.is_json() {
        out.value(&json!({
            "ok": problems.is_empty(),
            "file": examined.file,
            "problems": problems.iter().map(told).collect::<Vec<_>>(),
            "warnings": examined.warnings.iter().map(told).collect::<Vec<_>>(),
        }));
        return Ok(exit);
    }
    for problem in problems {
        out.line(format!("✗ {problem} ({})", problem.code));
    }
    tell_warnings(&examined);
    let file = examined.file.display();
    match (problems.len(), examined.file.exists()) {
        (0, true) => out.line(format!("✓ the configuration makes sense: `{file}`, the environment and the flags")),
        (0, false) => out.line(format!("✓ the configuration makes sense; there is no file `{file}`")),
        (1, _) => out.line("1 problem"),
        (several, _) => out.line(format!("{several} problems")),
    }
    Ok(exit)
}

fn show(flags: &Flags, out: &mut Out) -> Result<Exit, Error> {
    let examined = config::examine(&config::variables(), flags)?;
    if out.is_json() {
        let settings: Vec<_> = examined.settings.iter().map(shown).collect();
        out.value(&json!({ "home": examined.home, "file": examined.file, "settings": settings }));
    } else {
        out.line(format!("data folder         {}", examined.home.display()));
        out.line(format!("configuration file  {}", examined.file.display()));
        out.line("");
        let rows: Vec<_> = examined.settings.iter().map(row).collect();
        out.table(["KEY", "VALUE", "FROM"], &rows);
        tell_warnings(&examined);
    }
    match examined.config {
        Ok(_) => Ok(Exit::Success),
        Err(problems) => Err(Error::Config(problems)),
    }
}

fn problems(examined: &Examined) -> &[Problem] {
    examined.config.as_ref().err().map_or(&[], Vec::as_slice)
}

fn tell_warnings(examined: &Examined) {
    for warning in &examined.warnings {
        tell(format!("! {warning}"));
    }
}

fn told(problem: &Problem) -> Value {
    json!({ "code": problem.code.as_str(), "at": problem.at.to_string(), "message": problem.message })
}

fn shown(setting: &Setting) -> Value {
    json!({
        "key": setting.key.path,
        "value": setting.value,
        "from": setting.from.to_string(),
        "out_of": setting.out_of,
    })
}

fn row(setting: &Setting) -> [String; 3] {
    let from = match &setting.out_of {
        Some(file) => format!("{} ({})", setting.from, file.display()),
        None => setting.from.to_string(),
    };
    [setting.key.path.to_owned(), setting.value.clone().unwrap_or_else(|| "-".to_owned()), from]
}
