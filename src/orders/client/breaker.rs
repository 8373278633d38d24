//! The circuit breaker before the store: a dead store is not asked again at every caller's expense.
//!
//! A state machine of its own rather than a crate's, because of two rules that the crates at hand do not have together:
//! both triggers at once (three in a row, or half of at least five within 30 s), and a half-open state that admits one
//! read and never a mutation. What it counts is whole exchanges, with their retries, so one unlucky request cannot open it
//! for everybody.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

// Specified: three failures in a row, or at least half of at least five within 30 s; an answer after more than 2 s counts
// as a failure, since a caller is waiting for it.
const CONSECUTIVE: u32 = 3;
const WINDOW: Duration = Duration::from_secs(30);
const WINDOW_LEAST: usize = 5;
pub(super) const SLOW: Duration = Duration::from_secs(2);
// Specified: open for 5 s, doubled with every failed probe up to 60 s.
const OPEN_LEAST: Duration = Duration::from_secs(5);
const OPEN_MOST: Duration = Duration::from_secs(60);
// Chosen: bounds the memory; at this many exchanges in 30 s the older ones say nothing new.
const WINDOW_MOST: usize = 512;

/// Whether the store is asked, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is asked.
    Closed,
    /// It is not asked.
    Open,
    /// Its time has come: the next read goes as the probe, or one is under way.
    HalfOpen,
}

#[derive(Debug)]
pub(super) struct Breaker {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    standing: Standing,
    /// How long it was or will next be open.
    backoff: Duration,
    consecutive: u32,
    /// When each exchange of the window ended, and whether it failed.
    window: VecDeque<(Instant, bool)>,
}

#[derive(Clone, Copy, Debug)]
enum Standing {
    Closed,
    Open { until: Instant },
    Probing,
}

/// Leave to ask the store once. Dropped without a verdict (the asker gave up), it counts as nothing.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
    settled: bool,
}

impl Breaker {
    pub(super) fn new() -> Self {
        let inner = Inner {
            standing: Standing::Closed,
            backoff: OPEN_LEAST,
            consecutive: 0,
            window: VecDeque::new(),
        };
        Self { inner: Mutex::new(inner) }
    }

    /// Leave for one exchange, or none. A mutation gets it only from a closed breaker; the first read after the open time
    /// becomes the one probe.
    pub(super) fn admit(&self, mutates: bool) -> Option<Permit<'_>> {
        let mut inner = self.lock();
        let probe = match inner.standing {
            Standing::Closed => false,
            Standing::Open { until } if Instant::now() >= until && !mutates => {
                inner.standing = Standing::Probing;
                true
            }
            Standing::Open { .. } | Standing::Probing => return None,
        };
        Some(Permit { breaker: self, probe, settled: false })
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.lock().standing {
            Standing::Closed => BreakerState::Closed,
            Standing::Open { until } if Instant::now() < until => BreakerState::Open,
            Standing::Open { .. } | Standing::Probing => BreakerState::HalfOpen,
        }
    }

    fn settle(&self, probe: bool, failed: bool) {
        let now = Instant::now();
        let mut inner = self.lock();
        match (inner.standing, probe) {
            (Standing::Probing, true) if failed => {
                inner.backoff = (inner.backoff * 2).min(OPEN_MOST);
                inner.standing = Standing::Open { until: now + inner.backoff };
            }
            (Standing::Probing, true) => {
                inner.standing = Standing::Closed;
                inner.backoff = OPEN_LEAST;
                inner.consecutive = 0;
                inner.window.clear();
                tracing::info!("the store answers again");
            }
            (Standing::Closed, false) => {
                inner.count(now, failed);
                if inner.tripped() {
                    inner.standing = Standing::Open { until: now + inner.backoff };
                    tracing::warn!(open_ms = inner.backoff.as_millis(), "the store is not asked for a while");
                }
            }
            // A verdict on what was asked before the breaker opened: too late to matter.
            _ => {}
        }
    }

    fn give_back(&self, probe: bool) {
        let mut inner = self.lock();
        if probe && matches!(inner.standing, Standing::Probing) {
            inner.standing = Standing::Open { until: Instant::now() };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock can panic half-way, so a poisoned one still holds a whole state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn count(&mut self, now: Instant, failed: bool) {
        self.consecutive = if failed { self.consecutive.saturating_add(1) } else { 0 };
        self.window.push_back((now, failed));
        while self.window.len() > WINDOW_MOST
            || self.window.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.window.pop_front();
        }
    }

    fn tripped(&self) -> bool {
        let failures = self.window.iter().filter(|(_, failed)| *failed).count();
        self.consecutive >= CONSECUTIVE
            || (self.window.len() >= WINDOW_LEAST && failures * 2 >= self.window.len())
    }
}

impl Permit<'_> {
    /// Whether this is the one probe of a half-open breaker: it gets a single attempt.
    pub(super) fn is_probe(&self) -> bool {
        self.probe
    }

    /// How the exchange went.
    pub(super) fn settle(mut self, failed: bool) {
        self.settled = true;
        self.breaker.settle(self.probe, failed);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.breaker.give_back(self.probe);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const READ: bool = false;
    const MUTATION: bool = true;

    fn ask(breaker: &Breaker, failed: bool) {
        breaker.admit(READ).expect("the breaker admits").settle(failed);
    }

    fn opened() -> Breaker {
        let breaker = Breaker::new();
        for _ in 0..3 {
            ask(&breaker, true);
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn the_third_failure_in_a_row_opens_it() {
        let breaker = Breaker::new();
        for failed in [true, true, false, true, true] {
            assert_eq!(breaker.state(), BreakerState::Closed);
            ask(&breaker, failed);
            advance(Duration::from_secs(20)).await;
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        ask(&breaker, true);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.admit(READ).is_none() && breaker.admit(MUTATION).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_at_least_five_opens_it() {
        let breaker = Breaker::new();
        for failed in [false, true, false, true] {
            ask(&breaker, failed);
        }
        assert_eq!(breaker.state(), BreakerState::Closed, "four are too few");
        ask(&breaker, true);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_older_than_the_window_are_forgotten() {
        let breaker = Breaker::new();
        for failed in [true, true, false, false] {
            ask(&breaker, failed);
        }
        advance(Duration::from_secs(31)).await;
        for failed in [false, false, false, true, true] {
            ask(&breaker, failed);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn after_its_time_exactly_one_read_is_the_probe() {
        let breaker = opened();
        advance(Duration::from_millis(4_999)).await;
        assert!(breaker.admit(READ).is_none());
        advance(Duration::from_millis(1)).await;
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.admit(MUTATION).is_none(), "a mutation never probes");
        let probe = breaker.admit(READ).expect("the probe");
        assert!(probe.is_probe());
        for _ in 0..100 {
            assert!(breaker.admit(READ).is_none() && breaker.admit(MUTATION).is_none());
        }
        probe.settle(false);
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(breaker.admit(MUTATION).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn every_failed_probe_doubles_the_wait_up_to_a_minute() {
        let breaker = opened();
        for wait in [5, 10, 20, 40, 60, 60] {
            advance(Duration::from_millis(wait * 1000 - 1)).await;
            assert!(breaker.admit(READ).is_none(), "{wait} s");
            advance(Duration::from_millis(1)).await;
            breaker.admit(READ).expect("the probe").settle(true);
        }
        advance(Duration::from_secs(60)).await;
        ask(&breaker, false);
        for _ in 0..3 {
            ask(&breaker, true);
        }
        advance(Duration::from_secs(5)).await;
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "a recovery starts again from 5 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_makes_room_for_the_next() {
        let breaker = opened();
        advance(Duration::from_secs(5)).await;
        drop(breaker.admit(READ).expect("the probe"));
        assert!(breaker.admit(READ).expect("the next").is_probe());
    }

    #[tokio::test(start_paused = true)]
    async fn late_answers_from_before_the_opening_change_nothing() {
        let breaker = Breaker::new();
        let late = breaker.admit(READ).expect("closed");
        for _ in 0..3 {
            ask(&breaker, true);
        }
        late.settle(false);
        assert_eq!(breaker.state(), BreakerState::Open);
    }
}
