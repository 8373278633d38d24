//! Hearing engines.

pub mod model;
pub mod wer;
pub mod whisper;
