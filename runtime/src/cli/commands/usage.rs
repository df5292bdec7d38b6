//! `steward usage`.

use intents::amount::Amount;

use crate::api::{BudgetView, UsageSum, UsageView};
use crate::cli::args::Usage;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::error::Error;

fn dollars(micros: i64) -> String {
    Amount::from_millionths(micros).unwrap_or_default().to_string()
}

fn row(of: String, sum: &UsageSum) -> [String; 6] {
    let held = if sum.unsettled == 0 { "-".to_owned() } else { dollars(sum.held_micros) };
    [of, sum.calls.to_string(), sum.tokens_in.to_string(), sum.tokens_out.to_string(), dollars(sum.cost_micros), held]
}

fn budget(what: &str, budget: BudgetView) -> String {
    format!("{what}: {} of {} USD are spent or held.", dollars(budget.spent_micros), dollars(budget.max_micros))
}

/// Adds up what models cost.
pub(in crate::cli) async fn run(client: &Client, command: Usage, out: &mut Out) -> Result<Exit, Error> {
    let mut query = vec![("by", command.by.as_word().to_owned())];
    let more = [("since", command.since), ("until", command.until), ("automation", command.automation)];
    query.extend(more.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))));
    let answer = client.get_with(&["v1", "usage"], &query).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let usage: UsageView = shaped(&answer)?;
    let name = |of: &str, name: &Option<String>| match name {
        Some(name) => name.clone(),
        None if of.is_empty() => "-".to_owned(),
        None => of.to_owned(),
    };
    let mut rows: Vec<_> = usage.items.iter().map(|item| row(name(&item.of, &item.name), &item.sum)).collect();
    rows.push(row("total".to_owned(), &usage.total));
    let heading = usage.by.to_uppercase();
    out.table([heading.as_str(), "CALLS", "TOKENS IN", "TOKENS OUT", "USD", "HELD"], &rows);
    out.line(budget("In the last 24 hours", usage.budgets.day));
    out.line(budget("In the last 30 days", usage.budgets.month));
    if usage.total.unsettled > 0 {
        out.line(format!(
            "For {} calls nothing was reported: the most that they could cost is held.",
            usage.total.unsettled
        ));
    }
    Ok(Exit::Success)
}
