//! Thinking engines.

use crate::language::Language;

mod breaker;
pub mod fallback;
pub mod openai;

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
