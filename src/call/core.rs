//! The core as the driver sees it: what happened goes in, what to do comes out.

use std::fmt;
use std::sync::Arc;

use crate::conversation::{CallTime, Input, Output};

/// A call's mind. One `handle`, then `poll` until it answers [`Output::Idle`].
pub trait Core: Send + fmt::Debug {
    /// Takes one input; cannot fail and never waits.
    fn handle(&mut self, at: CallTime, input: Input);
    /// The next thing to do.
    fn poll(&mut self) -> Output;
}

/// Makes the core of a new call.
pub type NewCore = Arc<dyn Fn() -> Box<dyn Core> + Send + Sync>;
