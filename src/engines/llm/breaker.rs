//! Keeps a dead language model from being waited for on every turn.
//!
//! ```text
//!            3 failures in a row            10 s
//!   closed ----------------------> open ----------> one probe
//!     ^                              ^                 |
//!     |            it answered       |   it failed     |
//!     +------------------------------+-----------------+
//! ```

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which it is not asked. Chosen: callers wait through three deadlines at most.
const FAILURES: u32 = 3;
/// How long it is not asked. Chosen: a restarted server is found again within a turn or two.
const REST: Duration = Duration::from_secs(10);

/// The state, shared by all calls.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Not asked before this; a probe that is out moves it on, so that one caller at a time finds out.
    rests_until: Option<Instant>,
}

impl Breaker {
    /// Whether it may be asked now.
    pub(super) fn admits(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.rests_until {
            None => true,
            Some(until) if Instant::now() < until => false,
            Some(_) => {
                state.rests_until = Some(Instant::now() + REST);
                true
            }
        }
    }

    /// It gave a whole answer.
    pub(super) fn answered(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// It did not.
    pub(super) fn failed(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.rests_until = Some(Instant::now() + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_three_failures_it_rests_and_one_probe_at_a_time_finds_out() {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert!(breaker.admits());
            breaker.failed();
        }
        assert!(!breaker.admits());
        tokio::time::advance(REST).await;
        assert!(breaker.admits());
        assert!(!breaker.admits(), "one probe is out");
        breaker.failed();
        assert!(!breaker.admits());
        tokio::time::advance(REST).await;
        assert!(breaker.admits());
        breaker.answered();
        assert!(breaker.admits() && breaker.admits());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_between_answers_do_not_add_up() {
        let breaker = Breaker::default();
        for _ in 0..10 {
            breaker.failed();
            breaker.answered();
        }
        assert!(breaker.admits());
    }
}
