//! What a shop may choose about the talk, each with its unit, default and consequence.

use serde::{Deserialize, Serialize};

use crate::language::Language;

/// The `[conversation]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The shop's name as the agent says it in Russian ("магазин шин").
    pub shop_ru: String,
    /// The shop's name as the agent says it in English.
    pub shop_en: String,
    /// The first sentence in Russian; `{shop}` stands for the name.
    pub greeting_ru: String,
    /// The first sentence in English.
    pub greeting_en: String,
    /// The language of a call about which nothing else is known: `ru` (default) or `en`.
    pub language: Language,
    /// Whether the caller's first words may switch the language. Off by default: a dialled number or the dialplan says
    /// it more surely than three seconds of speech.
    pub detect_language: bool,
    /// Quiet after which a turn is over, in milliseconds; 200 to 3000, default 440. Lower answers faster and cuts
    /// slow speakers off. (Chosen: pauses inside the sample callers' sentences stay under 300 ms.)
    pub end_of_turn_ms: u32,
    /// Quiet after which a turn is over when its words already answer a closed question, in milliseconds; at most
    /// `end_of_turn_ms`, default 280.
    pub end_of_answer_ms: u32,
    /// Quiet granted when the words so far are clearly unfinished (a hanging preposition, a number being dictated), in
    /// milliseconds; default 900.
    pub end_of_dictation_ms: u32,
    /// Caller speech that cuts the agent off, in milliseconds; default 300. Lower lets a cough interrupt.
    pub barge_in_ms: u32,
    /// Silence of both sides after which the caller is asked whether they are there, in milliseconds; default 12000.
    /// After a read-back its own question is asked again instead. The second such silence ends the call.
    pub caller_silence_ms: u32,
    /// The longest call, in milliseconds; default 1,800,000 (30 minutes).
    pub maximum_call_ms: u32,
    /// A filler ("one moment") is said when an order action takes longer than this, in milliseconds; default 900.
    pub filler_after_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shop_ru: "магазин шин".into(),
            shop_en: "the tire shop".into(),
            greeting_ru: "Здравствуйте! Это {shop}. Чем могу помочь?".into(),
            greeting_en: "Hello! This is {shop}. How can I help you?".into(),
            language: Language::Russian,
            detect_language: false,
            end_of_turn_ms: 440,
            end_of_answer_ms: 280,
            end_of_dictation_ms: 900,
            barge_in_ms: 300,
            caller_silence_ms: 12_000,
            maximum_call_ms: 1_800_000,
            filler_after_ms: 900,
        }
    }
}

impl Settings {
    /// What is wrong with these settings, each as a sentence that names the key, what was expected and what was found.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut within = |key: &str, value: u32, low: u32, high: u32| {
            if !(low..=high).contains(&value) {
                problems.push(format!(
                    "conversation.{key}: expected {low} to {high} milliseconds, found {value}"
                ));
            }
        };
        within("end_of_turn_ms", self.end_of_turn_ms, 200, 3000);
        within("end_of_answer_ms", self.end_of_answer_ms, 100, self.end_of_turn_ms.max(100));
        within("end_of_dictation_ms", self.end_of_dictation_ms, 200, 5000);
        within("barge_in_ms", self.barge_in_ms, 60, 2000);
        within("caller_silence_ms", self.caller_silence_ms, 3000, 120_000);
        within("maximum_call_ms", self.maximum_call_ms, 10_000, 14_400_000);
        within("filler_after_ms", self.filler_after_ms, 200, 10_000);
        problems
    }

    /// The greeting in this language.
    pub fn greeting(&self, language: Language) -> String {
        match language {
            Language::Russian => self.greeting_ru.replace("{shop}", &self.shop_ru),
            Language::English => self.greeting_en.replace("{shop}", &self.shop_en),
        }
    }
}
