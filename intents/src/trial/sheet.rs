//! The proof sheet: what was tried, what was found, and what it comes to.

use std::fmt;

use super::finding::{Check, Finding};

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ratio {
    /// So many were tried.
    pub tried: u32,
    /// So many there are.
    pub of: u32,
}

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Cases: a recorded run, or a made one.
    pub cases: u32,
    /// Cases in which the script came to its end on recorded data alone.
    pub proven_cases: u32,
    /// Executions in all.
    pub executions: u32,
    /// Places to die.
    pub crash_points: Ratio,
    /// Failures of calls.
    pub faults: Ratio,
    /// Executions with hostile strings.
    pub hostile: Ratio,
    /// Branches that needed an outcome nobody recorded.
    pub unexplored: u32,
    /// Effects of a first run.
    pub first_run_effects: u32,
    /// Effects that were asked for again and not performed.
    pub suppressions: u32,
    /// Keys that met other arguments.
    pub key_conflicts: u32,
    /// Effects that happened twice.
    pub duplicates: u32,
    /// Attempts to leave the contract.
    pub violations: u32,
    /// Past runs that were compared.
    pub past_runs: u32,
    /// Past runs that could not be compared.
    pub not_comparable: u32,
    /// Past runs with other effects.
    pub differences: u32,
}

/// What a trial comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Everything that was tried held, on recorded data.
    Proven,
    /// Nothing was found, and something was not tried: a person decides.
    Incomplete,
    /// The script does not go live.
    Refuted,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Proven, Self::Incomplete, Self::Refuted];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Incomplete => "incomplete",
            Self::Refuted => "refuted",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The proof sheet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// What was tried.
    pub counts: Counts,
    /// What was found, each once, in the order of the checks.
    pub findings: Vec<Finding>,
}

/// Findings of one code and check that are listed; more say nothing new.
const ALIKE_MAX: usize = 5;

impl Sheet {
    /// Notes a finding, unless it is there, or enough like it.
    pub fn note(&mut self, finding: Finding) {
        let alike = self.findings.iter().filter(|known| known.code == finding.code && known.check == finding.check);
        if alike.count() < ALIKE_MAX && !self.findings.contains(&finding) {
            self.findings.push(finding);
            self.findings.sort_by_key(|finding| (finding.check, !finding.refutes()));
        }
    }

    /// Whether something refutes the script.
    pub fn is_refuted(&self) -> bool {
        self.findings.iter().any(Finding::refutes)
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        if self.is_refuted() {
            Verdict::Refuted
        } else if self.counts.proven_cases == 0 || self.findings.iter().any(Finding::leaves_open) {
            Verdict::Incomplete
        } else {
            Verdict::Proven
        }
    }

    /// The first finding that refutes, of a check.
    pub fn refuted_in(&self, check: Check) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.check == check && finding.refutes())
    }

    /// The sheet in one line.
    pub fn line(&self) -> String {
        let counts = &self.counts;
        let mut parts = vec![
            counted(counts.crash_points, "crash point"),
            counted(counts.faults, "fault"),
            counted(counts.hostile, "hostile execution"),
        ];
        if counts.unexplored > 0 {
            parts.push(format!("{} unexplored", counts.unexplored));
        }
        if counts.past_runs + counts.not_comparable > 0 {
            let mut past = many(counts.past_runs, "past run");
            if counts.not_comparable > 0 {
                past = format!("{past} and {} not comparable", counts.not_comparable);
            }
            parts.push(past);
        }
        let found = [
            many(counts.duplicates, "duplicate"),
            many(counts.violations, "violation"),
            many(counts.differences, "difference"),
        ];
        format!("{}: {}: {}", self.verdict(), parts.join(", "), found.join(", "))
    }
}

/// The whole sheet in plain words.
impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(f, "{}", self.line())?;
        let cases = format!("{} ({} to its end on recorded data)", many(counts.cases, "case"), counts.proven_cases);
        writeln!(f, "{} of {cases}.", many(counts.executions, "execution"))?;
        writeln!(
            f,
            "A first run does {}. Asked for again and not done: {}.",
            many(counts.first_run_effects, "effect"),
            many(counts.suppressions, "effect")
        )?;
        for finding in &self.findings {
            let weight = if finding.refutes() { "refuted" } else { "note" };
            writeln!(f, "- {weight}, {} ({}): {}", finding.check.as_str(), finding.code, finding.words)?;
        }
        Ok(())
    }
}

fn many(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn counted(ratio: Ratio, what: &str) -> String {
    let Ratio { tried, of } = ratio;
    if tried == of { many(of, what) } else { format!("{tried} of {}", many(of, what)) }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Code;
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::default();
        sheet.counts.proven_cases = 1;
        sheet.counts.crash_points = Ratio { tried: 42, of: 42 };
        sheet.counts.faults = Ratio { tried: 3, of: 31 };
        sheet
    }

    #[test]
    fn what_refutes_weighs_more_than_what_is_open() {
        let mut sheet = sheet();
        assert_eq!(sheet.verdict(), Verdict::Proven);
        sheet.note(Finding::new(Code::FirstRun, Check::Once, "a note"));
        assert_eq!(sheet.verdict(), Verdict::Proven);
        sheet.note(Finding::new(Code::Sampled, Check::Fault, "a sample"));
        assert_eq!(sheet.verdict(), Verdict::Incomplete);
        sheet.note(Finding::new(Code::Duplicate, Check::Fault, "twice"));
        assert_eq!(sheet.verdict(), Verdict::Refuted);
        assert_eq!(sheet.refuted_in(Check::Fault).map(|finding| finding.code), Some(Code::Duplicate));
    }

    #[test]
    fn nothing_recorded_proves_nothing() {
        assert_eq!(Sheet::default().verdict(), Verdict::Incomplete);
    }

    #[test]
    fn the_line_says_what_was_tried() {
        let line =
            "proven: 42 crash points, 3 of 31 faults, 0 hostile executions: 0 duplicates, 0 violations, 0 differences";
        assert_eq!(sheet().line(), line);
    }

    #[test]
    fn the_same_is_said_once() {
        let mut sheet = sheet();
        for index in 0..20 {
            sheet.note(Finding::new(Code::Crash, Check::Crash, format!("call {}", index % 10)));
        }
        assert_eq!(sheet.findings.len(), ALIKE_MAX);
    }
}
