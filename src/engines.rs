//! The world's engines behind three ports: hearing, thinking, speaking.
//!
//! A port takes a request without waiting: it is queued on the engine's own bounded queue or refused ([`Full`]). The
//! answers come as core inputs through the call's bounded channel, each carrying its request's id. Dropping out is
//! cooperative: the driver cancels the token when the core abandons a request or the call ends.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::conversation::Input;
use crate::conversation::event::{Completion, Recognition, Synthesis};

mod build;
mod endpoint;
mod error;
pub mod llm;
pub mod plain;
mod port;
mod settings;
pub mod stt;
pub mod tts;

pub use build::{Engines, build};
pub use error::EngineError;
use settings::Ranges;

/// Where an engine's answers go: the call's inbox. Engines await room in it; the audio path never does.
pub type Inbox = mpsc::Sender<Input>;

/// The engine's queue is full; the request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine's queue is full")]
pub struct Full;

/// Speech to text.
pub trait Hearing: Send + Sync + std::fmt::Debug {
    /// Answers with one [`Input::Transcribed`], unless cancelled first.
    ///
    /// # Errors
    /// [`Full`] when the bounded queue has no room.
    fn recognize(&self, job: Recognition, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full>;
}

/// What to say and do next.
pub trait Thinking: Send + Sync + std::fmt::Debug {
    /// Answers with [`Input::Completed`] pieces, the last of which is `Done` or `Failed`, unless cancelled first.
    ///
    /// # Errors
    /// [`Full`] when the bounded queue has no room.
    fn complete(&self, request: Completion, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full>;
}

/// Text to speech.
pub trait Speaking: Send + Sync + std::fmt::Debug {
    /// Answers with [`Input::Synthesized`] pieces, the last of which is `Done` or `Failed`, unless cancelled first.
    ///
    /// # Errors
    /// [`Full`] when the bounded queue has no room.
    fn synthesize(&self, request: Synthesis, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full>;
}
