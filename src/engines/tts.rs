//! Speaking engines.

use serde::Deserialize;

mod cache;
pub mod espeak;
mod head;
pub mod openai;
mod pcm;

/// `[speaking]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Which engine speaks: `espeak` (default, on this machine) or `openai` (a server).
    pub engine: Engine,
    /// `[speaking.espeak]`, read when it is the engine.
    pub espeak: espeak::Settings,
    /// `[speaking.openai]`, read when it is the engine.
    pub openai: openai::Settings,
}

/// The speaking engines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// espeak-ng on this machine.
    #[default]
    Espeak,
    /// An OpenAI-compatible server.
    OpenAi,
}

impl Settings {
    /// What is wrong with these settings, one sentence each.
    pub fn problems(&self) -> Vec<String> {
        match self.engine {
            Engine::Espeak => self.espeak.problems("espeak"),
            Engine::OpenAi => self.openai.problems("openai"),
        }
    }
}
