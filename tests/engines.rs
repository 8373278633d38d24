//! The engines behind OpenAI-compatible servers, against a server that misbehaves in every way seen in the field.
#![allow(clippy::unwrap_used)]

#[path = "support/openai.rs"]
mod openai;

#[path = "engines/hearing.rs"]
mod hearing;
#[path = "engines/speaking.rs"]
mod speaking;
#[path = "engines/thinking.rs"]
mod thinking;
