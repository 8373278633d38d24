//! Hearing engines.

use serde::Deserialize;

pub mod model;
pub mod openai;
pub mod wer;
pub mod whisper;

/// `[hearing]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Which engine hears: `whisper` (default, on this machine) or `openai` (a server).
    pub engine: Engine,
    /// `[hearing.whisper]`, read when it is the engine.
    pub whisper: whisper::Settings,
    /// `[hearing.openai]`, read when it is the engine.
    pub openai: openai::Settings,
}

/// The hearing engines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// whisper.cpp in this process.
    #[default]
    Whisper,
    /// An OpenAI-compatible server.
    OpenAi,
}

impl Settings {
    /// What is wrong with these settings, one sentence each.
    pub fn problems(&self) -> Vec<String> {
        match self.engine {
            Engine::Whisper => self.whisper.problems("whisper"),
            Engine::OpenAi => self.openai.problems("openai"),
        }
    }
}
