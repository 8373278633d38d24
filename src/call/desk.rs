//! The order desk of a call: order actions, journaled before they leave and before their outcome is told.
//!
//! An action runs in a task of its own that outlives the call: neither a barge-in nor a hang-up nor a drain cancels it.

use std::fmt;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::call::observer::Summary;
use crate::conversation::event::Identity;
use crate::ids::CallId;
use crate::orders::{ActionOutcome, ActionRequest};

/// Where order actions go.
pub trait Desk: Send + Sync + fmt::Debug {
    /// A call has begun. Must not wait.
    fn began(&self, call: CallId);

    /// It became known who calls. Must not wait.
    fn identified(&self, call: CallId, caller: &Identity);

    /// Carries out one action of a call that was accepted then, to its end. The future is run in a task of its own and never dropped early.
    fn carry_out(
        &self,
        call: CallId,
        accepted: Instant,
        request: ActionRequest,
    ) -> BoxFuture<'static, ActionOutcome>;

    /// A call is over and all its actions are settled.
    fn ended(&self, call: CallId, summary: &Summary) -> BoxFuture<'static, ()>;
}
