//! The core as the driver sees it: what happened goes in, what to do comes out.

use std::fmt;
use std::sync::Arc;

use crate::conversation::{CallTime, Conversation, Input, Output, Settings};

/// A call's mind. One `handle`, then `poll` until it answers [`Output::Idle`].
pub trait Core: Send + fmt::Debug {
    /// Takes one input; cannot fail and never waits.
    fn handle(&mut self, at: CallTime, input: Input);
    /// The next thing to do.
    fn poll(&mut self) -> Output;
}

/// Makes the core of a new call.
pub type NewCore = Arc<dyn Fn() -> Box<dyn Core> + Send + Sync>;

impl Core for Conversation {
    fn handle(&mut self, at: CallTime, input: Input) {
        Self::handle(self, at, input);
    }

    fn poll(&mut self) -> Output {
        Self::poll(self)
    }
}

/// Makes order-taking cores with these settings.
pub fn conversations(settings: Settings) -> NewCore {
    let settings = Arc::new(settings);
    Arc::new(move || Box::new(Conversation::new(settings.clone())))
}
