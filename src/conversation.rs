//! The core of a call: a pure state machine from what happened to what to do.
//!
//! **One input, then drain.** [`Conversation::handle`] cannot fail and never waits: a bad transcript, an impossible tool
//! call or a dead engine are inputs it has a plan for. After each input, `poll` is called until it answers
//! [`Output::Idle`]; that deadline is the only thing the driver sleeps on. No socket, task, clock, ambient randomness or
//! floating point lives here (`tests/architecture.rs` checks), so the same inputs give the same outputs, byte for byte.

pub mod clock;
pub mod event;

pub use clock::CallTime;
pub use event::{Input, Output};
