//! The proof sheet as it is kept and shown.

use intents::trial::{Counts, Finding, Ratio, Sheet};
use serde::{Deserialize, Serialize};

/// The version of this shape.
const VERSION: u32 = 1;

/// A proof sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SheetV1 {
    /// The version of this shape: 1.
    pub version: u32,
    /// `proven`, `incomplete` or `refuted`.
    pub verdict: String,
    /// All of it in one line.
    pub line: String,
    /// All of it as text.
    pub text: String,
    /// What was tried.
    pub counts: CountsV1,
    /// What was found.
    pub findings: Vec<FindingV1>,
}

/// What was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CountsV1 {
    /// Recorded or made cases.
    pub cases: u32,
    /// Those in which the script came to its end on recorded data alone.
    pub proven_cases: u32,
    /// Executions in all.
    pub executions: u32,
    /// Places to die.
    pub crash_points: RatioV1,
    /// Failures of calls.
    pub faults: RatioV1,
    /// Executions with hostile strings.
    pub hostile: RatioV1,
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

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RatioV1 {
    /// So many were tried.
    pub tried: u32,
    /// So many there are.
    pub of: u32,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FindingV1 {
    /// A stable code with a page in `docs/errors`.
    pub code: String,
    /// The check that found it: `shape`, `determinism`, `once`, `crash`, `fault`, `contract` or `history`.
    pub check: String,
    /// Whether a script with this finding does not go live.
    pub refutes: bool,
    /// What happened, in plain words.
    pub words: String,
}

impl From<Ratio> for RatioV1 {
    fn from(Ratio { tried, of }: Ratio) -> Self {
        Self { tried, of }
    }
}

impl From<&Counts> for CountsV1 {
    fn from(counts: &Counts) -> Self {
        Self {
            cases: counts.cases,
            proven_cases: counts.proven_cases,
            executions: counts.executions,
            crash_points: counts.crash_points.into(),
            faults: counts.faults.into(),
            hostile: counts.hostile.into(),
            unexplored: counts.unexplored,
            first_run_effects: counts.first_run_effects,
            suppressions: counts.suppressions,
            key_conflicts: counts.key_conflicts,
            duplicates: counts.duplicates,
            violations: counts.violations,
            past_runs: counts.past_runs,
            not_comparable: counts.not_comparable,
            differences: counts.differences,
        }
    }
}

impl From<&Finding> for FindingV1 {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.to_string(),
            check: finding.check.as_str().to_owned(),
            refutes: finding.refutes(),
            words: finding.words.clone(),
        }
    }
}

impl From<&Sheet> for SheetV1 {
    fn from(sheet: &Sheet) -> Self {
        Self {
            version: VERSION,
            verdict: sheet.verdict().to_string(),
            line: sheet.line(),
            text: sheet.to_string(),
            counts: (&sheet.counts).into(),
            findings: sheet.findings.iter().map(Into::into).collect(),
        }
    }
}
