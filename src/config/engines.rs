//! `[hearing]`, `[thinking]`, `[speaking]`: which engine, and each engine's own settings below.

use serde::Deserialize;

use crate::engines::{llm, stt, tts};

/// `[hearing]`: speech to text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Hearing {
    /// `whisper` (on this machine) or `openai` (any OpenAI-compatible transcription endpoint).
    pub engine: HearingEngine,
    /// `[hearing.whisper]`.
    pub whisper: stt::whisper::Settings,
    /// `[hearing.openai]`.
    pub openai: stt::openai::Settings,
}

/// Which engine hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HearingEngine {
    /// whisper.cpp on threads of this process.
    #[default]
    Whisper,
    /// A transcription endpoint.
    Openai,
}

/// `[thinking]`: what to say and do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Thinking {
    /// `rules` (built in, offline) or `openai` (any OpenAI-compatible model, and the rules when it fails).
    pub engine: ThinkingEngine,
    /// `[thinking.openai]`.
    pub openai: llm::openai::Settings,
}

/// Which engine thinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingEngine {
    /// The built-in rules.
    #[default]
    Rules,
    /// A language model.
    Openai,
}

/// `[speaking]`: text to speech.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Speaking {
    /// `espeak` (espeak-ng on this machine) or `openai` (any OpenAI-compatible speech endpoint).
    pub engine: SpeakingEngine,
    /// `[speaking.espeak]`.
    pub espeak: tts::espeak::Settings,
    /// `[speaking.openai]`.
    pub openai: tts::openai::Settings,
}

/// Which engine speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeakingEngine {
    /// espeak-ng, a process per clause.
    #[default]
    Espeak,
    /// A speech endpoint.
    Openai,
}

// Only the engine that is used is checked: the other's settings may be a leftover, and a key that is missing there
// keeps nobody from serving calls.

impl Hearing {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        match self.engine {
            HearingEngine::Whisper => self.whisper.problems("hearing.whisper"),
            HearingEngine::Openai => self.openai.problems("hearing.openai"),
        }
    }
}

impl Thinking {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        match self.engine {
            ThinkingEngine::Rules => Vec::new(),
            ThinkingEngine::Openai => self.openai.problems("thinking.openai"),
        }
    }
}

impl Speaking {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        match self.engine {
            SpeakingEngine::Espeak => self.espeak.problems("speaking.espeak"),
            SpeakingEngine::Openai => self.openai.problems("speaking.openai"),
        }
    }
}
