//! Russian and English as people speak them on the telephone: numbers, money, dates and telephone digits both ways,
//! and the few words that steer a call (yes, no, cancel, a person please). Pure; imports nothing of the project.
//!
//! Speaking: [`cardinal()`], [`count`], [`money()`], [`date()`], [`days`], [`digits()`], [`phone`], [`order_number`],
//! and [`spoken()`] for text that somebody else wrote; [`ClauseSplitter`] cuts it. What they give is for a voice, so Russian
//! is written with ё where it is heard.
//!
//! Hearing: [`numbers`], [`dictated`], [`quantity`], [`pick`], [`answer()`], [`wants_cancel`] and its like. It works on
//! [`text::fold`]ed text, where ё is е: recognisers write both.

use serde::{Deserialize, Serialize};

mod answer;
mod artefact;
mod card;
mod cardinal;
mod claim;
mod clause;
mod date;
mod digits;
mod hear;
mod money;
mod noun;
mod ordinal;
mod phrase;
mod reply;
mod spoken;
mod steer;
pub mod text;
mod unfinished;

pub use answer::{Answer, answer};
pub use artefact::is_artefact;
pub use card::{CardEar, dictates, without_digits};
pub use cardinal::{Case, Gender, cardinal, cardinal_in};
pub use claim::claims_placed;
pub use clause::{ClauseSplitter, clauses};
pub use date::{date, days, weekday};
pub use digits::{digits, house, order_number, phone};
pub use hear::{
    Numeral, Pick, corrected, dictated, heard_phone, in_digits, lone_number, numbers, numerals, pick,
    quantity, quantity_among,
};
pub use money::{money, money_in};
pub use noun::{Noun, count, count_in};
pub use ordinal::{ordinal, ordinal_in};
pub use reply::{Reply, is_echo, reply};
pub use spoken::spoken;
pub use steer::{
    asks_repeat, asks_wait, cancels_this, greets, is_backchannel, refuses_recording, says_goodbye,
    says_thanks, wants_cancel, wants_operator,
};
pub use unfinished::is_unfinished;

/// Whether words have this sense in either language: who is spoken to in one says "stop" in the other.
pub fn in_either(sense: fn(&str, Language) -> bool, text: &str) -> bool {
    Language::ALL.into_iter().any(|language| sense(text, language))
}

/// A language that Orderline speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    /// Russian, `ru`.
    #[default]
    #[serde(rename = "ru")]
    Russian,
    /// English, `en`.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Russian, Self::English];

    /// ISO 639-1: `ru` or `en`; what whisper and the speech endpoints are told.
    pub fn code(self) -> &'static str {
        match self {
            Self::Russian => "ru",
            Self::English => "en",
        }
    }

    /// The language that a text is written in, by its letters; none where it has none or as many of each.
    pub fn of(text: &str) -> Option<Self> {
        let cyrillic = text.chars().filter(|c| matches!(c, 'а'..='я' | 'А'..='Я' | 'ё' | 'Ё')).count();
        let latin = text.chars().filter(char::is_ascii_alphabetic).count();
        match cyrillic.cmp(&latin) {
            std::cmp::Ordering::Greater => Some(Self::Russian),
            std::cmp::Ordering::Less => Some(Self::English),
            std::cmp::Ordering::Equal => None,
        }
    }
}
