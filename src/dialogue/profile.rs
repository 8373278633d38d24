//! What the agent knows of a shop: words for its goods, units, questions, cities, answers to everyday questions. A value
//! read from one TOML file; nothing of any trade stands in code.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::language::Language;

mod check;

pub use check::{Problem, opening};

/// A shop's profile. Every part may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// What goods are counted by.
    pub units: Vec<Unit>,
    /// What goods have, in the order in which it is asked for.
    pub attributes: Vec<Attribute>,
    /// More words for values of attributes: value to the forms in which callers say it, separated by spaces. A form of
    /// several words is joined by `_`. The same as `[forms]` of the reference store's seed.
    pub forms: BTreeMap<String, String>,
    /// Cities that are served, with what callers call them.
    pub cities: Vec<City>,
    /// Everyday questions and their answers.
    pub answers: Vec<Answer>,
    /// When the shop is open.
    pub hours: Hours,
    /// What is asked besides what every order needs.
    pub extras: Vec<Extra>,
    /// How much may be ordered by telephone.
    pub limits: Limits,
}

/// A text in each language; one left out is not said in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Text {
    pub ru: String,
    pub en: String,
}

impl Text {
    /// In this language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Russian => &self.ru,
            Language::English => &self.en,
        }
    }
}

/// Several texts in each language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Texts {
    pub ru: Vec<String>,
    pub en: Vec<String>,
}

impl Texts {
    /// In this language.
    pub fn get(&self, language: Language) -> &[String] {
        match language {
            Language::Russian => &self.ru,
            Language::English => &self.en,
        }
    }
}

/// A noun that goods are counted by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Unit {
    /// Its forms in both languages, separated by spaces.
    pub forms: String,
    /// Pieces in one, from 1.
    pub pieces: u32,
    /// The kinds of goods (values of the attribute `kind`) that it counts so; none: all.
    pub of: Vec<String>,
}

/// What goods have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attribute {
    /// As the catalogue names it; or a name of one's own for one that is made of `parts`.
    pub key: String,
    /// The attributes that are said in one breath, in the order in which they are said (a tyre's width, profile, diameter).
    pub parts: Vec<String>,
    /// What the caller is asked for it; one that has none is never asked for.
    pub ask: Text,
    /// Words for the attribute itself ("размер размера size"), as in "того же размера".
    pub words: String,
    /// Words that stand by one of its numbers ("радиус радиуса r rim дюймов inch"), by the part or the key.
    pub marks: BTreeMap<String, String>,
}

/// A city.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct City {
    /// As the shop writes it.
    pub name: String,
    /// Its name in the other language, and what else callers call it; several words are joined by `_`.
    pub forms: String,
}

/// An everyday question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// Its name, for the log and the expectations of scripts.
    pub key: String,
    /// How it is asked: patterns of words. `|` between choices, `( )` around what may be missing, `*` after a stem.
    pub asked: Texts,
    /// What is answered. `{hours}` is the week's hours in words, `{today}` today's.
    pub say: Text,
}

/// When the shop is open, as `9:00-20:00`; `closed` and an empty text are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hours {
    pub mon: String,
    pub tue: String,
    pub wed: String,
    pub thu: String,
    pub fri: String,
    pub sat: String,
    pub sun: String,
    /// Days that are different.
    pub days: BTreeMap<NaiveDate, String>,
}

/// Something that is asked besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Extra {
    /// Its name (`recipient`, `note`, `time`).
    pub slot: String,
    /// What the caller is asked.
    pub ask: Text,
    /// Words that lead it in wherever it is said ("записка", "текст открытки").
    pub leads: Texts,
    /// The methods of delivery it is asked with; none: both.
    pub with: Vec<super::act::Method>,
}

/// How much may be ordered by telephone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Pieces of one line, from 1 to 99; default 99. For more a person is offered.
    pub pieces: u32,
    /// Lines of one order, from 1 to 20; default 10.
    pub lines: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pieces: 99, lines: 10 }
    }
}
