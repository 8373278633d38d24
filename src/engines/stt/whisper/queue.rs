//! What waits for a thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::engines::Full;

/// How the queue treats a job.
pub(super) trait Ranked {
    /// Nobody wants it any more.
    fn dropped(&self) -> bool;
    /// It goes before those that are not.
    fn first(&self) -> bool;
}

/// Bounded, closable, for plain threads.
#[derive(Debug)]
pub(super) struct Queue<J> {
    room: usize,
    /// How long a job may take in all, in milliseconds.
    pub(super) deadline_ms: u64,
    state: Mutex<State<J>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<J> {
    jobs: VecDeque<J>,
    closed: bool,
}

impl<J: Ranked> Queue<J> {
    pub(super) fn new(room: usize, deadline_ms: u64) -> Self {
        let state = Mutex::new(State { jobs: VecDeque::new(), closed: false });
        Self { room, deadline_ms, state, changed: Condvar::new() }
    }

    /// Takes a job without waiting. Jobs that nobody wants make room.
    pub(super) fn push(&self, job: J) -> Result<(), Full> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.jobs.len() >= self.room {
            state.jobs.retain(|job| !job.dropped());
        }
        if state.jobs.len() >= self.room || state.closed {
            return Err(Full);
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for a job that is still wanted; none once the queue is closed.
    pub(super) fn pop(&self) -> Option<J> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.closed {
                return None;
            }
            state.jobs.retain(|job| !job.dropped());
            let first = state.jobs.iter().position(Ranked::first).unwrap_or(0);
            if let Some(job) = state.jobs.remove(first) {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the threads go; what waits is dropped.
    pub(super) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.jobs.clear();
        drop(state);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Job(u32, bool, bool);

    impl Ranked for Job {
        fn dropped(&self) -> bool {
            self.1
        }
        fn first(&self) -> bool {
            self.2
        }
    }

    #[test]
    fn a_finished_turn_goes_before_one_that_still_grows_and_the_unwanted_are_skipped() {
        let queue = Queue::new(3, 0);
        assert!(queue.push(Job(1, true, false)).is_ok());
        assert!(queue.push(Job(2, false, false)).is_ok());
        assert!(queue.push(Job(3, false, true)).is_ok());
        assert!(queue.push(Job(4, false, false)).is_ok(), "the unwanted one made room");
        assert_eq!(queue.push(Job(5, false, false)), Err(Full));
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()].map(|j| j.map(|j| j.0)),
            [Some(3), Some(2), Some(4)]
        );
        queue.close();
        assert_eq!(queue.pop(), None);
        assert_eq!(queue.push(Job(6, false, false)), Err(Full));
    }
}
