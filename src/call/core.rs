//! The core as the driver sees it: what happened goes in, what to do comes out.

use std::fmt;
use std::sync::Arc;

use crate::call::echo::Echo;
use crate::conversation::{CallTime, Conversation, Input, Output, Responder, Settings};

/// A call's mind. One `handle`, then `poll` until it answers [`Output::Idle`].
pub trait Core: Send + fmt::Debug {
    /// Takes one input; cannot fail and never waits.
    fn handle(&mut self, at: CallTime, input: Input);
    /// The next thing to do.
    fn poll(&mut self) -> Output;
    /// What it is to be told of the caller's sound.
    fn hears(&self) -> Hears {
        Hears::Judged
    }
}

/// What a core is told of the caller's sound. Either way in frames of 20 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// At 16 kHz, with the voice-activity detector's verdict.
    Judged,
    /// As it comes off the wire.
    Wire,
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

impl Core for Responder {
    fn handle(&mut self, at: CallTime, input: Input) {
        Self::handle(self, at, input);
    }

    fn poll(&mut self) -> Output {
        Self::poll(self)
    }
}

/// Makes cores that answer every turn with one sound.
pub fn responders(settings: Settings) -> NewCore {
    Arc::new(move || Box::new(Responder::new(&settings)))
}

/// Makes cores that give the caller's sound back.
pub fn echoes() -> NewCore {
    Arc::new(|| Box::new(Echo::new()))
}
