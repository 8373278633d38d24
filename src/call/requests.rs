//! The engine requests of one call that may still be answered, and how to call them off.

use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use crate::conversation::Input;
use crate::conversation::event::{Speech, Thought};
use crate::ids::{RequestId, TurnId};

/// Requests under way. Dropping it calls all of them off.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    call: CancellationToken,
    by_id: HashMap<RequestId, CancellationToken>,
    by_turn: HashMap<TurnId, (u32, CancellationToken)>,
}

impl Requests {
    /// Cancelled when the call is over.
    pub(crate) fn over(&self) -> CancellationToken {
        self.call.clone()
    }

    /// A completion or synthesis begins.
    pub(crate) fn begin(&mut self, id: RequestId) -> CancellationToken {
        let token = self.call.child_token();
        if let Some(earlier) = self.by_id.insert(id, token.clone()) {
            earlier.cancel();
        }
        token
    }

    /// A recognition begins; an earlier revision of the same turn is called off.
    pub(crate) fn recognize(&mut self, turn: TurnId, revision: u32) -> CancellationToken {
        let token = self.call.child_token();
        if let Some((_, earlier)) = self.by_turn.insert(turn, (revision, token.clone())) {
            earlier.cancel();
        }
        token
    }

    /// The core no longer wants the answer.
    pub(crate) fn abandon(&mut self, id: RequestId) {
        if let Some(token) = self.by_id.remove(&id) {
            token.cancel();
        }
    }

    /// The engine did not take it.
    pub(crate) fn refused(&mut self, id: RequestId) {
        self.by_id.remove(&id);
    }

    /// Forgets what this input is the last answer to.
    pub(crate) fn answered(&mut self, input: &Input) {
        match input {
            Input::Completed { id, piece: Thought::Done | Thought::Failed { .. } }
            | Input::Synthesized { id, piece: Speech::Done | Speech::Failed { .. } } => {
                self.by_id.remove(id);
            }
            Input::Transcribed { turn, revision, .. }
                if self.by_turn.get(turn).is_some_and(|(newest, _)| newest == revision) =>
            {
                self.by_turn.remove(turn);
            }
            _ => {}
        }
    }

    /// The call is over: nothing is wanted any more.
    pub(crate) fn abandon_all(&mut self) {
        self.call.cancel();
        self.by_id.clear();
        self.by_turn.clear();
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.call.cancel();
    }
}
