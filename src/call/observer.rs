//! What happens in calls, for whoever watches: the console, the demo, tests.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::conversation::event::{HangupCause, Identity, Leave, Note};
use crate::ids::CallId;

/// One thing that happened in one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    /// Which call.
    pub call: CallId,
    /// Milliseconds since the call was accepted.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// The UUID is known and the call is taken.
    Began {
        /// The rate of the wire, in hertz.
        rate_hz: u32,
    },
    /// It was found out, or given up, who calls.
    Identified {
        /// Who; the console shows it to those who hold its token.
        caller: Identity,
    },
    /// A milestone of the conversation.
    Noted {
        /// Which.
        note: Note,
    },
    /// The call is over and all its order actions are settled.
    Ended {
        /// How it went.
        summary: Summary,
    },
}

/// How a call went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How the caller's leg ended; none if the server gave up waiting.
    pub cause: Option<HangupCause>,
    /// How the agent left, where it did.
    pub left: Option<Leave>,
    /// From accept to the end of the leg, in milliseconds.
    pub duration_ms: u64,
    /// Turns of the caller that were understood.
    pub turns: u32,
    /// Order actions that were carried out or tried.
    pub actions: u32,
    /// Frames sent, silence included.
    pub frames_played: u64,
    /// Frames heard, in 20 ms of 16 kHz.
    pub frames_heard: u64,
    /// Frames that went out later than their place in the schedule by more than three frames' time.
    pub schedule_moves: u32,
    /// Frames dropped because the peer did not read.
    pub frames_dropped: u64,
    /// Messages of unknown kinds or with impossible payloads that were passed over.
    pub odd_messages: u32,
    /// Requests that an engine's full queue refused.
    pub lagged: u32,
}

/// Where events are told. Cheap to clone; a listener that is slower than the calls loses the oldest events.
#[derive(Clone, Debug)]
pub struct Observer(broadcast::Sender<Arc<CallEvent>>);

impl Observer {
    /// Events that a slow listener may be behind: about a minute of ten busy calls (chosen).
    const CAPACITY: usize = 4096;

    /// An observer without listeners.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(Self::CAPACITY))
    }

    /// Tells whoever listens.
    pub fn tell(&self, event: CallEvent) {
        // Nobody listening is no error.
        let _ = self.0.send(Arc::new(event));
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<CallEvent>> {
        self.0.subscribe()
    }
}

impl Default for Observer {
    fn default() -> Self {
        Self::new()
    }
}
