//! What became of a call that brought no answer, and what to do next.

use std::time::Duration;

/// Tries of one model of the chain. A provider that is busy longer is left for the next one.
pub const TRIES_MAX: u32 = 4;

/// What went wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Problem {
    /// No connection could be made.
    Unreachable,
    /// Private, local, or otherwise not to be called.
    NotAllowed,
    /// The key was refused.
    Auth,
    /// There is no such model.
    UnknownModel,
    /// Nothing is left of what was paid for.
    Quota,
    /// Too many calls at this moment.
    Busy,
    /// The endpoint failed.
    Failed,
    /// The endpoint takes no such request.
    Refused,
    /// It did not answer in time.
    Timeout,
    /// What it answered makes no sense, or broke off.
    Broken,
    /// The person who waited does not want it any more.
    Stopped,
}

/// What is known of a call that is over without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The endpoint did nothing, and nothing is owed.
    NothingDone,
    /// It may have answered, and something may be owed: the reservation stands.
    Unknown,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same model again, after this wait.
    Again(Duration),
    /// The next model of the chain.
    Fallback,
    /// Nothing: whoever asked decides.
    GiveUp,
}

/// Reads the status of an answer that is none, and the code that came with it.
pub fn judge(status: u16, code: &str) -> Problem {
    let says = |words: &[&str]| words.iter().any(|word| code.contains(word));
    match status {
        401 | 403 => Problem::Auth,
        402 => Problem::Quota,
        404 => Problem::UnknownModel,
        429 if says(&["insufficient_quota", "billing", "credit"]) => Problem::Quota,
        408 | 429 | 503 | 529 => Problem::Busy,
        400 | 422 if says(&["model_not_found", "unknown_model", "invalid_model"]) => Problem::UnknownModel,
        500..=599 => Problem::Failed,
        _ => Problem::Refused,
    }
}

/// Whether something is owed for a call that ended so.
pub fn ended(problem: Problem) -> Ended {
    match problem {
        Problem::Unreachable
        | Problem::NotAllowed
        | Problem::Auth
        | Problem::UnknownModel
        | Problem::Quota
        | Problem::Busy
        | Problem::Failed
        | Problem::Refused => Ended::NothingDone,
        Problem::Timeout | Problem::Broken | Problem::Stopped => Ended::Unknown,
    }
}

/// Decides what to do after a call of a model failed for the `tries`th time. `wait` is the wait that our own policy
/// wants, `asked` the one that the endpoint asked for, and `left` the time that there is for the whole.
pub fn next(problem: Problem, tries: u32, wait: Duration, asked: Option<Duration>, left: Duration) -> Next {
    match problem {
        Problem::Unreachable | Problem::Busy | Problem::Failed => {
            let wait = wait.max(asked.unwrap_or_default());
            if tries < TRIES_MAX && wait < left { Next::Again(wait) } else { Next::Fallback }
        }
        // A call that may have been answered is not made again of this model; another one may still help.
        Problem::NotAllowed
        | Problem::Auth
        | Problem::UnknownModel
        | Problem::Quota
        | Problem::Refused
        | Problem::Timeout
        | Problem::Broken => Next::Fallback,
        Problem::Stopped => Next::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_status_is_judged_with_the_code_beside_it() {
        assert_eq!(judge(401, "invalid_api_key"), Problem::Auth);
        assert_eq!(judge(404, ""), Problem::UnknownModel);
        assert_eq!(judge(400, "model_not_found"), Problem::UnknownModel);
        assert_eq!(judge(400, "context_length_exceeded"), Problem::Refused);
        assert_eq!(judge(429, "rate_limit_exceeded"), Problem::Busy);
        assert_eq!(judge(429, "insufficient_quota"), Problem::Quota);
        assert_eq!(judge(500, ""), Problem::Failed);
        assert_eq!(judge(302, ""), Problem::Refused);
    }

    #[test]
    fn a_busy_endpoint_is_asked_again_when_it_says_and_not_for_ever() {
        let minute = 60 * SECOND;
        assert_eq!(next(Problem::Busy, 1, SECOND, Some(7 * SECOND), minute), Next::Again(7 * SECOND));
        assert_eq!(next(Problem::Busy, 1, SECOND, None, minute), Next::Again(SECOND));
        assert_eq!(next(Problem::Busy, 1, SECOND, Some(minute), minute), Next::Fallback);
        assert_eq!(next(Problem::Busy, TRIES_MAX, SECOND, None, minute), Next::Fallback);
    }

    #[test]
    fn a_call_that_may_have_been_answered_is_owed_and_not_made_again() {
        for problem in [Problem::Timeout, Problem::Broken, Problem::Stopped] {
            assert_eq!(ended(problem), Ended::Unknown);
            assert!(!matches!(next(problem, 1, SECOND, None, 60 * SECOND), Next::Again(_)), "{problem:?}");
        }
    }
}
