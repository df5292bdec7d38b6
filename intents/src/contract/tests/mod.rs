//! What becomes of contracts, good and bad.

mod format;
mod problems;
mod words;

use serde_json::{Value, json};

/// A contract with a clause of each kind.
fn reminders() -> Value {
    json!({
        "title": "Statements",
        "goal": "Check each statement, write a report and mail it.",
        "triggers": [
            { "schedule": "0 9 * * 1-5", "tz": "Europe/Rome", "catch_up": "latest", "useful_for": "6h" },
            { "file": { "folder": "statements", "match": "*.csv" }, "overlap": "allow" },
            { "webhook": { "name": "orders", "secret": "orders_secret", "signature": "github" }, "useful_for": "1d" },
            { "event": "invoice.paid", "overlap": "skip" },
            { "manual": true }
        ],
        "capabilities": [
            { "tool": "http.get", "where": { "/url": { "prefix": "https://books.example/api/invoices" } } },
            { "tool": "email.send", "where": { "/to": { "equals": "ops@example.com" }, "/subject": { "contains": "Statement" } } },
            { "tool": "files.write", "where": { "/folder": { "one_of": ["reports", "archive"] }, "/text": { "at_most_length": 10000 } } },
            { "tool": "http.request", "identity": { "queryable": { "url": "https://pay.example/by-key/{key}", "absent_after": "5s", "window": "24h" } } },
            { "tool": "notify.user" }
        ],
        "once": [
            { "tool": "email.send", "per": ["statement"] },
            { "tool": "http.request", "per": ["invoice", "stage"] },
            { "tool": "notify.user", "per": ["statement"] }
        ],
        "limits": [
            { "rate": { "tool": "email.send", "per": "/to", "max": 1, "window": "72h" }, "else": "skip" },
            { "rate": { "tool": "email.send", "max": 40, "window": "1d" }, "else": "ask" },
            { "rate": { "tool": "http.get", "max": 10, "window": "1m" }, "else": "wait" }
        ],
        "expect": [{ "runs": { "per": "1d", "at_least": 1 } }]
    })
}

/// The contract that the design shows: every clause that the first does not have.
fn payments() -> Value {
    json!({
        "title": "Payment reminders",
        "goal": "Remind clients of unpaid invoices at 7, 14 and 30 days, stop when paid.",
        "triggers": [{ "schedule": "0 9 * * 1-5", "tz": "Europe/Rome", "catch_up": "latest", "useful_for": "6h", "overlap": "queue" }],
        "capabilities": [
            { "tool": "http.get", "where": { "/url": { "prefix": "https://books.example/api/invoices" } }, "connection": "conn_books" },
            { "tool": "email.send", "bind": { "inv": { "row_of": "http.get", "at": "/items/*" } },
              "where": { "/to": { "same_as": "inv:/client/email" }, "/subject": { "contains": "inv:/number" } }, "fresh_for": "15m" }
        ],
        "once": [{ "tool": "email.send", "per": ["invoice", "stage"] }],
        "limits": [
            { "rate": { "tool": "email.send", "per": "/to", "max": 1, "window": "72h" }, "else": "skip" },
            { "rate": { "tool": "email.send", "max": 40, "window": "1d" }, "else": "ask" },
            { "quiet_hours": { "tool": "email.send", "from": "20:00", "to": "07:00" }, "else": "wait" },
            { "flow": { "from": "books", "to": ["email.send"] } }
        ],
        "approvals": [
            { "tool": "email.send", "when": { "inv:/amount": { "greater_than": 5000 } } },
            { "tool": "email.send", "first": 3 }
        ],
        "expect": [{ "runs": { "per": "1d", "at_least": 1 } }],
        "budgets": { "model_cost_per_month": "0.20 USD", "repairs_per_week": 3 }
    })
}
