//! An older run under two contracts: it may do only what both allow.

use super::reason::{Reason, TOOL_NOT_GRANTED};
use super::verdict::{Passed, Verdict};

/// Joins what the run's own contract says about a call with what the contract in force says.
///
/// The stricter wins: refused by either is refused, stale under either is stale, and what both let pass counts against
/// the counters of both and needs the approvals of both.
pub fn join(own: Verdict, current: Verdict) -> Verdict {
    use Verdict::{Deny, NeedsFreshRead, Pass, Stale};
    match (own, current) {
        (Deny { mut reasons }, Deny { reasons: more }) => {
            for reason in more {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
            Deny { reasons }
        }
        (deny @ Deny { .. }, Stale { .. } | NeedsFreshRead { .. } | Pass(_))
        | (Stale { .. } | NeedsFreshRead { .. } | Pass(_), deny @ Deny { .. }) => deny,
        (stale @ Stale { .. }, Stale { .. } | NeedsFreshRead { .. } | Pass(_))
        | (NeedsFreshRead { .. } | Pass(_), stale @ Stale { .. }) => stale,
        (read @ NeedsFreshRead { .. }, NeedsFreshRead { .. } | Pass(_)) | (Pass(_), read @ NeedsFreshRead { .. }) => {
            read
        }
        (Pass(own), Pass(current)) => both(*own, *current),
    }
}

fn both(own: Passed, current: Passed) -> Verdict {
    if own.connection != current.connection {
        let words = "The contract in force grants this through another account than the run began with.".to_owned();
        return Verdict::Deny { reasons: vec![Reason { code: TOOL_NOT_GRANTED, words }] };
    }
    let mut joined = own;
    if joined.clause.words != current.clause.words {
        joined.clause.words = format!("{} {}", joined.clause.words, current.clause.words);
    }
    add(&mut joined.rows, current.rows);
    add(&mut joined.counters, current.counters);
    add(&mut joined.held, current.held);
    add(&mut joined.grounds, current.grounds);
    Verdict::Pass(Box::new(joined))
}

fn add<T: PartialEq>(to: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !to.contains(&item) {
            to.push(item);
        }
    }
}
