//! Thinking engines.

use serde::Deserialize;

use crate::language::Language;

mod breaker;
pub mod fallback;
pub mod openai;
pub mod rules;

/// `[thinking]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Which engine thinks: `rules` (default, built in) or `openai` (a server, with the rules behind it).
    pub engine: Engine,
    /// `[thinking.rules]`: the shop's own files, for the rules and for what takes over from a model.
    pub rules: rules::Settings,
    /// `[thinking.openai]`, read when it is the engine.
    pub openai: openai::Settings,
}

/// The thinking engines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Intents and slots, without any account.
    #[default]
    Rules,
    /// A language model behind an OpenAI-compatible server.
    OpenAi,
}

impl Settings {
    /// What is wrong with these settings, one sentence each.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.rules.problems();
        if self.engine == Engine::OpenAi {
            problems.extend(self.openai.problems("openai"));
        }
        problems
    }
}

/// What the shop is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shop {
    /// In Russian.
    pub ru: String,
    /// In English.
    pub en: String,
}

impl Shop {
    /// In a language.
    pub fn name(&self, language: Language) -> &str {
        match language {
            Language::Russian => &self.ru,
            Language::English => &self.en,
        }
    }
}
