//! A card: what the user confirms.

use super::style::{Line, Style};
use crate::api::{ChangeLineView, ThreadCardView};

/// The left edge of a card.
const BORDER: &str = "│ ";
const PLANNER: &str = "in the planner's words; not enforced";

/// A card, line by line. What Steward enforces and what somebody only says are never mixed.
pub(in crate::cli) fn card(card: &ThreadCardView) -> Vec<Line> {
    let name = &card.automation_name;
    let what = match card.change.as_str() {
        "new" => format!("a new automation, `{name}`"),
        "contract" => format!("`{name}` gets another contract"),
        "script" => format!("`{name}` gets another script; its contract stays"),
        _ => format!("`{name}` stays as it is"),
    };
    let mut lines = vec![Line::marked(Style::Dim, "╭─ ", Style::Strong, card.title.clone())];
    lines.push(Line::new(Style::Dim, what).within(BORDER));
    if card.state != "proposed" {
        lines.push(Line::new(Style::Careful, card.state.clone()).within(BORDER));
    }
    section(&mut lines, "Steward enforces", "", &card.enforced, |text| item(Style::Good, "✓", text));
    section(&mut lines, "The script does", PLANNER, &card.script_does, |text| item(Style::Dim, "•", text));
    section(&mut lines, "Assumptions", PLANNER, &card.assumptions, |text| item(Style::Dim, "•", text));
    section(&mut lines, "What changes", "", &card.changes, change);
    section(&mut lines, "Addresses that you never named", "look twice", &card.unnamed, |text| {
        item(Style::Careful, "!", text)
    });
    let proven = card.proof.verdict == "proven";
    let (style, mark) = if proven { (Style::Good, "✓") } else { (Style::Careful, "!") };
    section(&mut lines, "The trial", "", std::slice::from_ref(&card.proof.text), |text| item(style, mark, text));
    section(&mut lines, "Runs that wait", "", card.carried_over.as_slice(), |text| item(Style::Dim, "•", text));
    lines.push(Line::new(Style::Dim, "╰─"));
    lines
}

/// Anything else in a frame.
pub(in crate::cli) fn framed(title: &str, lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
    let mut framed = vec![Line::marked(Style::Dim, "╭─ ", Style::Strong, title)];
    framed.extend(lines.into_iter().map(|line| line.within(BORDER)));
    framed.push(Line::new(Style::Dim, "╰─"));
    framed
}

fn section<T>(lines: &mut Vec<Line>, title: &str, whose: &str, items: &[T], line: impl Fn(&T) -> Line) {
    if items.is_empty() {
        return;
    }
    lines.push(Line::new(Style::Plain, "").within(BORDER));
    let mark = if whose.is_empty() { title.to_owned() } else { format!("{title} ") };
    let whose = if whose.is_empty() { String::new() } else { format!("({whose})") };
    lines.push(Line::marked(Style::Strong, mark, Style::Dim, whose).within(BORDER));
    lines.extend(items.iter().map(|item| line(item).within(BORDER)));
}

fn item(style: Style, mark: &str, text: &str) -> Line {
    Line::marked(style, format!("  {mark} "), Style::Plain, text)
}

fn change(change: &ChangeLineView) -> Line {
    match change.how.as_str() {
        "widens" => Line::marked(Style::Careful, "  ▲ widens   ", Style::Plain, change.words.clone()),
        "narrows" => Line::marked(Style::Good, "  ▼ narrows  ", Style::Plain, change.words.clone()),
        _ => Line::marked(Style::Dim, "  ◦ neutral  ", Style::Plain, change.words.clone()),
    }
}
