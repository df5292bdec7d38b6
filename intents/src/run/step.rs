//! The state machine of a run.

use super::Phase;
use crate::Timestamp;
use crate::failure::Class;
use crate::id::NeedId;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Waits for its turn; `attempts` have lived before.
    Queued {
        /// Attempts so far.
        attempts: u32,
    },
    /// An attempt is alive.
    Running {
        /// Its number, from 1.
        attempt: u32,
    },
    /// Sleeps; nothing is in memory.
    Waiting {
        /// Attempts so far.
        attempts: u32,
        /// What ends the wait.
        on: WaitsFor,
    },
    /// Ended as its script wanted.
    Succeeded,
    /// Ended otherwise.
    Failed {
        /// Why.
        class: Class,
    },
    /// Ended by a person.
    Stopped,
}

/// What ends a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitsFor {
    /// A point in time.
    Time(Timestamp),
    /// An event of this name, or a point in time, whichever comes first.
    Event {
        /// The name.
        name: String,
        /// The latest time.
        until: Option<Timestamp>,
    },
    /// An answer.
    Need(NeedId),
}

/// What moves a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An executor took it.
    Claimed,
    /// The attempt needs to sleep; its in-flight calls have settled.
    Slept(WaitsFor),
    /// What it slept on has come.
    Woken,
    /// The script returned.
    Completed,
    /// The attempt ended with a failure that no wait cures.
    Faulted(Class),
    /// The attempt's process or the server died.
    Lost,
    /// Two runs wrote the same state; the item runs afresh.
    Overtaken,
    /// A person ended it.
    StopRequested,
}

/// A move that the machine does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {} cannot take {event:?}", state.phase())]
pub struct IllegalTransition {
    /// Where it stood.
    pub state: State,
    /// What came.
    pub event: Event,
}

impl State {
    /// The state's name.
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Queued { .. } => Phase::Queued,
            Self::Running { .. } => Phase::Running,
            Self::Waiting { .. } => Phase::Waiting,
            Self::Succeeded => Phase::Succeeded,
            Self::Failed { .. } => Phase::Failed,
            Self::Stopped => Phase::Stopped,
        }
    }
}

/// A run that dies this often without getting anywhere fails closed, so that one poisonous item cannot keep a
/// server in a circle of crashes.
const ATTEMPTS_LOST_MAX: u32 = 10_000;

/// Decides the next state of a run.
pub fn step(state: State, event: Event) -> Result<State, IllegalTransition> {
    use State::{Failed, Queued, Running, Stopped, Succeeded, Waiting};
    Ok(match (state, event) {
        (Queued { attempts }, Event::Claimed) => Running { attempt: attempts + 1 },
        (Running { attempt }, Event::Slept(on)) => Waiting { attempts: attempt, on },
        (Running { .. }, Event::Completed) => Succeeded,
        (Running { .. }, Event::Faulted(class)) => Failed { class },
        (Running { attempt }, Event::Lost) if attempt >= ATTEMPTS_LOST_MAX => Failed { class: Class::Internal },
        (Running { attempt }, Event::Lost | Event::Overtaken) => Queued { attempts: attempt },
        (Waiting { attempts, .. }, Event::Woken) => Queued { attempts },
        (Queued { .. } | Running { .. } | Waiting { .. }, Event::StopRequested) => Stopped,
        // A wait that ends twice, or a report about a run that is over, is late news.
        (
            state @ (Queued { .. } | Succeeded | Failed { .. } | Stopped),
            event @ (Event::Slept(_)
            | Event::Woken
            | Event::Completed
            | Event::Faulted(_)
            | Event::Lost
            | Event::Overtaken),
        )
        | (state @ (Succeeded | Failed { .. } | Stopped), event @ (Event::Claimed | Event::StopRequested))
        | (state @ Running { .. }, event @ (Event::Claimed | Event::Woken))
        | (
            state @ Waiting { .. },
            event @ (Event::Claimed
            | Event::Slept(_)
            | Event::Completed
            | Event::Faulted(_)
            | Event::Lost
            | Event::Overtaken),
        ) => return Err(IllegalTransition { state, event }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Claimed),
            Just(Event::Slept(WaitsFor::Time(Timestamp::from_millis(5)))),
            Just(Event::Woken),
            Just(Event::Completed),
            Just(Event::Faulted(Class::Logic)),
            Just(Event::Lost),
            Just(Event::Overtaken),
            Just(Event::StopRequested),
        ]
    }

    proptest! {
        #[test]
        fn no_storm_of_events_revives_a_run_or_loses_an_attempt(storm in prop::collection::vec(events(), 0..200)) {
            let mut state = State::Queued { attempts: 0 };
            let mut claims = 0;
            for event in storm {
                let claimed = event == Event::Claimed;
                match step(state.clone(), event) {
                    Ok(next) => {
                        prop_assert!(!state.phase().is_over(), "{state:?} came back as {next:?}");
                        claims += u32::from(claimed);
                        state = next;
                    }
                    Err(refused) => prop_assert_eq!(&refused.state, &state),
                }
                match &state {
                    State::Queued { attempts } | State::Waiting { attempts, .. } => prop_assert_eq!(*attempts, claims),
                    State::Running { attempt } => prop_assert_eq!(*attempt, claims),
                    State::Succeeded | State::Failed { .. } | State::Stopped => {}
                }
            }
        }
    }
}
