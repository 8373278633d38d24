//! What the handles ask of the writer, and how they wait for its answer.

use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::{APPEND_DEADLINE, JournalError, Receipt};
use crate::audit::entry::Entry;
use crate::ids::{CallId, PhoneNumber};

/// What the writer answers.
pub(super) type Answer = Result<Receipt, JournalError>;

/// What the handles ask of the writer.
pub(super) enum Command {
    Open {
        call: CallId,
        caller: Option<PhoneNumber>,
        started_at: DateTime<Utc>,
        /// An administrative act, no call.
        office: bool,
        ack: oneshot::Sender<Answer>,
    },
    Append {
        call: CallId,
        entry: Box<Entry>,
        ack: Option<oneshot::Sender<Answer>>,
    },
    Close {
        call: CallId,
        ack: oneshot::Sender<Answer>,
    },
    /// Close what an earlier run left open, each call once its intents are settled.
    CloseInterrupted,
    /// Make a head over everything before.
    Head {
        ack: oneshot::Sender<Answer>,
    },
    Stop {
        ack: oneshot::Sender<Answer>,
    },
}

/// Waits for the writer by the real clock: under a paused one Tokio jumps to the deadline whenever the disk works.
pub(super) async fn wait(mut answer: oneshot::Receiver<Answer>) -> Answer {
    let began = Instant::now();
    loop {
        match tokio::time::timeout(APPEND_DEADLINE, &mut answer).await {
            Ok(Ok(answer)) => return answer,
            // The writer dropped the question: it has stopped.
            Ok(Err(_)) => return Err(JournalError::Stopped),
            Err(_) if began.elapsed() >= APPEND_DEADLINE => return give_up(answer),
            Err(_) => {}
        }
    }
}

/// From here on either the writer finds that nobody waits, and withdraws an intent, or its answer is here and counts.
fn give_up(mut answer: oneshot::Receiver<Answer>) -> Answer {
    answer.close();
    answer.try_recv().unwrap_or(Err(JournalError::Stalled))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::super::writer::NOBODYS;
    use super::*;

    #[test]
    fn an_answer_that_comes_at_the_last_moment_counts_and_a_later_one_finds_nobody() {
        let (ack, answer) = oneshot::channel();
        ack.send(Ok(NOBODYS)).unwrap();
        assert_eq!(give_up(answer).unwrap(), NOBODYS);
        let (ack, answer) = oneshot::channel();
        assert!(matches!(give_up(answer), Err(JournalError::Stalled)));
        assert!(ack.is_closed() && ack.send(Ok(NOBODYS)).is_err(), "an intent is withdrawn then");
    }
}
