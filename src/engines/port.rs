//! What every engine has behind its port: a bounded entrance and a way for its answers out.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{Full, Inbox};
use crate::conversation::Input;

/// The entrance: so many requests run, so many wait, the next is refused.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    held: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Gate {
    /// `running` at once, `waiting` behind them.
    pub(super) fn new(running: usize, waiting: usize) -> Self {
        let running = running.max(1);
        Self { held: Arc::new(Semaphore::new(running + waiting)), running: Arc::new(Semaphore::new(running)) }
    }

    /// Takes a place without waiting.
    pub(super) fn enter(&self) -> Result<Ticket, Full> {
        let held = Arc::clone(&self.held).try_acquire_owned().map_err(|_| Full)?;
        Ok(Ticket { _held: held, running: Arc::clone(&self.running) })
    }
}

/// A place at the entrance.
#[derive(Debug)]
pub(super) struct Ticket {
    _held: OwnedSemaphorePermit,
    running: Arc<Semaphore>,
}

impl Ticket {
    /// Waits for its turn to run; both places are free again when the answer is dropped.
    pub(super) async fn turn(self) -> Running {
        // The semaphore is never closed, so there is nothing to do about an error but to run.
        let running = Arc::clone(&self.running).acquire_owned().await.ok();
        Running { _ticket: self, _running: running }
    }
}

/// A request that runs.
#[derive(Debug)]
pub(super) struct Running {
    _ticket: Ticket,
    _running: Option<OwnedSemaphorePermit>,
}

/// Nobody waits for the answer any more: cancelled, or the call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unwanted;

/// Hands one answer over, waiting for room in the inbox for as long as the request is wanted.
pub(super) async fn deliver(inbox: &Inbox, cancel: &CancellationToken, input: Input) -> Result<(), Unwanted> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Unwanted),
        sent = inbox.send(input) => sent.map_err(|_| Unwanted),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn the_request_after_the_last_place_is_refused_and_a_freed_place_is_taken_again() {
        let gate = Gate::new(1, 1);
        let first = gate.enter().unwrap().turn().await;
        let second = gate.enter().unwrap();
        assert_eq!(gate.enter().unwrap_err(), Full);
        drop(first);
        let third = gate.enter().unwrap();
        drop((second.turn().await, third));
    }

    #[tokio::test]
    async fn a_cancelled_request_does_not_wait_for_room_in_the_inbox() {
        let (inbox, _outbox) = tokio::sync::mpsc::channel(1);
        let cancel = CancellationToken::new();
        assert_eq!(deliver(&inbox, &cancel, Input::Woken).await, Ok(()));
        cancel.cancel();
        assert_eq!(deliver(&inbox, &cancel, Input::Woken).await, Err(Unwanted));
    }
}
