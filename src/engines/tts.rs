//! Speaking engines.

mod cache;
pub mod espeak;
mod pcm;
