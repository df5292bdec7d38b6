//! Mutants: scripts with one planted fault each. Every one is caught, and for what is wrong with it.

use std::collections::BTreeSet;

use intents::trial::{Code, Verdict};

use crate::world::{fixtures, json, text, tried};

/// Each mutant with the findings of which one at least must name its fault.
const MUTANTS: [(&str, &[Code]); 26] = [
    ("key_from_chance", &[Code::KeyChance]),
    ("key_from_new_id", &[Code::KeyChance]),
    ("key_from_clock", &[Code::KeyClock]),
    ("key_from_day", &[Code::KeyClock]),
    ("key_after_sleep", &[Code::KeyClock]),
    ("text_from_clock", &[Code::KeyClock]),
    ("key_from_row_index", &[Code::KeyOrder]),
    ("key_from_completion_order", &[Code::KeyOrder]),
    ("key_too_coarse", &[Code::KeyCoarse]),
    ("key_per_status", &[Code::KeyCoarse]),
    ("key_missing", &[Code::KeyParts]),
    ("key_of_other_parts", &[Code::KeyParts]),
    ("key_counts_runs", &[Code::NotOnce]),
    ("loop_that_restarts", &[Code::Duplicate]),
    ("retry_under_another_key", &[Code::Duplicate]),
    ("wrong_behind_an_option", &[Code::KeyChance]),
    ("wrong_behind_two_options", &[Code::KeyChance]),
    ("refusal_taken_for_success", &[Code::RefusalIgnored]),
    ("report_after_refusal", &[Code::RefusalIgnored]),
    ("state_before_effect", &[Code::EffectLost]),
    ("cursor_skips_on_failure", &[Code::EffectLost]),
    ("skip_taken_for_sent", &[Code::EffectLost]),
    ("path_from_a_stranger", &[Code::Hostile]),
    ("recipient_from_a_text", &[Code::Hostile]),
    ("tool_not_granted", &[Code::ToolUngranted]),
    ("floods_on_its_first_run", &[Code::Flood]),
];

fn check(mutant: &str, wanted: &[Code]) -> Result<(), String> {
    let (contract, recordings) = match mutant {
        "floods_on_its_first_run" => ("trial/contract-unlimited.json", "trial/old-items.json"),
        _ => ("trial/contract.json", "trial/recordings.json"),
    };
    let sheet = tried(&json(contract), &text(&format!("trial/mutants/{mutant}.js")), &json(recordings));
    let caught = sheet.findings.iter().any(|finding| finding.refutes() && wanted.contains(&finding.code));
    if caught && sheet.verdict() == Verdict::Refuted { Ok(()) } else { Err(format!("{mutant}: {sheet}")) }
}

#[test]
fn every_mutant_is_caught_for_what_is_wrong_with_it() {
    let missed: Vec<_> = MUTANTS.iter().filter_map(|(mutant, wanted)| check(mutant, wanted).err()).collect();
    assert!(missed.is_empty(), "{} are not caught:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn every_mutant_of_the_fixtures_is_tried() {
    let listed: BTreeSet<_> = MUTANTS.iter().map(|(mutant, _)| format!("{mutant}.js")).collect();
    let there = std::fs::read_dir(fixtures().join("trial/mutants")).unwrap();
    let there: BTreeSet<_> = there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, listed);
}
