//! How callers speak of goods: descriptions, numbers that agree, spoken sizes.

use std::collections::BTreeMap;

use crate::language::{self, Case, Gender, Language};

use super::dice::Dice;
use super::market::Item;
use super::reading::Reading;
use super::template::Template;

/// How the goods of a shop are spoken of in one language.
#[derive(Clone, Debug, Default)]
pub struct Goods {
    /// Whole descriptions, with a number or without.
    pub describe: Vec<Template>,
    /// Descriptions that leave something open.
    pub hint: Vec<Template>,
    /// How something that is in the basket is referred to.
    pub short: Vec<Template>,
    /// Nouns by the attribute `kind`.
    pub noun: BTreeMap<String, Vec<Noun>>,
    /// Words for a number of pieces (a pair, a set).
    pub sets: BTreeMap<u32, Vec<String>>,
    /// Attributes said in one breath: a name of one's own and how it is made of others.
    pub made: BTreeMap<String, Vec<Template>>,
    /// The same as a recogniser that writes digits has it.
    pub digits: BTreeMap<String, Vec<Template>>,
    /// Spoken forms of an attribute's value.
    pub values: BTreeMap<(String, String), Vec<Forms>>,
    /// Stems by which the agent's question for an attribute is known.
    pub ask: BTreeMap<String, Vec<String>>,
}

/// A word after one, after two to four, after five and more, and without a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forms([String; 4]);

impl Forms {
    /// `шину|шины|шин|шины`; fewer than four stand for the rest by the last.
    pub fn of(text: &str) -> Self {
        let forms: Vec<&str> = text.split('|').map(str::trim).collect();
        let at = |n: usize| forms.get(n).or(forms.last()).map_or(String::new(), |form| (*form).to_owned());
        Self([at(0), at(1), at(2), at(3)])
    }

    fn after(&self, n: Option<u32>, language: Language) -> &str {
        let at = match (n, language) {
            (None, _) => 3,
            (Some(1), Language::English) => 0,
            (Some(_), Language::English) => 2,
            (Some(n), Language::Russian) => match (n % 100, n % 10) {
                (11..=14, _) => 2,
                (_, 1) => 0,
                (_, 2..=4) => 1,
                _ => 2,
            },
        };
        &self.0[at]
    }
}

/// A noun for goods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noun {
    gender: Gender,
    forms: Forms,
}

impl Noun {
    /// `f: шину|шины|шин|шины`.
    pub fn of(text: &str) -> Self {
        let (gender, forms) = match text.split_once(':') {
            Some(("f", forms)) => (Gender::Feminine, forms),
            Some(("n", forms)) => (Gender::Neuter, forms),
            Some((_, forms)) => (Gender::Masculine, forms),
            None => (Gender::Masculine, text),
        };
        Self { gender, forms: Forms::of(forms) }
    }
}

/// How one caller's words come out of the recogniser.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub language: Language,
    /// Numbers are written in digits.
    pub digits: bool,
    /// With capitals and punctuation.
    pub written: bool,
}

impl Style {
    /// A number that counts, in the accusative.
    pub fn count(&self, n: u32, gender: Gender) -> String {
        if self.digits && n > 2 {
            return n.to_string();
        }
        language::cardinal_in(u64::from(n), gender, Case::Accusative, self.language)
    }

    /// A number that names: a size, a house.
    pub fn number(&self, text: &str, dice: &mut Dice) -> String {
        let Ok(n) = text.parse::<u64>() else { return text.to_lowercase() };
        if self.digits {
            return text.to_owned();
        }
        if self.language == Language::English && (101..1000).contains(&n) && dice.chance(750) {
            let word = |n| language::cardinal(n, Language::English);
            return match n % 100 {
                0 => format!("{} hundred", word(n / 100)),
                rest @ 1..10 => format!("{} oh {}", word(n / 100), word(rest)),
                rest => format!("{} {}", word(n / 100), word(rest)),
            };
        }
        language::cardinal(n, self.language)
    }
}

/// Which kind of description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Whole,
    Hint,
    Short,
}

impl Goods {
    pub(super) fn join(&mut self, more: Self) {
        self.describe.extend(more.describe);
        self.hint.extend(more.hint);
        self.short.extend(more.short);
        self.noun.extend(more.noun);
        self.sets.extend(more.sets);
        self.made.extend(more.made);
        self.digits.extend(more.digits);
        self.values.extend(more.values);
        self.ask.extend(more.ask);
    }

    pub(super) fn check(&self, reading: &mut Reading<'_>, at: usize) {
        let keys =
            self.values.keys().map(|(key, _)| key.as_str()).chain(self.made.keys().map(String::as_str));
        let known: Vec<&str> = ["n", "pieces", "noun", "name"].into_iter().chain(keys).collect();
        for template in self.describe.iter().chain(&self.hint).chain(&self.short) {
            if let Some(slot) = template.slots().into_iter().find(|slot| !known.contains(slot)) {
                let mut known = known.clone();
                known.dedup();
                reading.mistake(at, &format!("expected {} in goods, found {{{slot}}}", known.join(", ")));
            }
        }
        if let Some(key) = self.digits.keys().find(|key| !self.made.contains_key(*key)) {
            reading.mistake(at, &format!("expected [made] {key} beside [digits] {key}"));
        }
    }

    /// Goods in a caller's words.
    pub fn say(&self, which: Which, item: &Item, n: Option<u32>, style: Style, dice: &mut Dice) -> String {
        let templates = match which {
            Which::Whole => &self.describe,
            Which::Hint => &self.hint,
            Which::Short => &self.short,
        };
        // A template that names what this product has not is passed over.
        for _ in 0..12 {
            let Some(template) = dice.pick(templates) else { break };
            if let Some(said) = self.fill(template, item, n, style, dice) {
                return said;
            }
        }
        let name = item.spoken_name(style.language);
        match n.filter(|_| which != Which::Short) {
            Some(n) => format!("{} {name}", style.count(n, Gender::Feminine)),
            None => name,
        }
    }

    /// Every short reference to a product that can be made, the shortest first.
    pub fn shorts(&self, item: &Item, style: Style, dice: &mut Dice) -> Vec<String> {
        let mut all: Vec<String> =
            self.short.iter().filter_map(|template| self.fill(template, item, None, style, dice)).collect();
        all.push(item.spoken_name(style.language));
        all
    }

    fn fill(
        &self,
        template: &Template,
        item: &Item,
        n: Option<u32>,
        style: Style,
        dice: &mut Dice,
    ) -> Option<String> {
        let kind = item.attributes.get("kind").map_or("", String::as_str);
        let noun = self.noun.get(kind).and_then(|nouns| dice.pick(nouns)).cloned();
        let slots = template.slots();
        let counts_noun = slots.first() == Some(&"n") && slots.contains(&"noun");
        let set = n
            .filter(|_| counts_noun && dice.chance(120))
            .and_then(|n| self.sets.get(&n))
            .and_then(|words| dice.pick(words));
        // "комплект шин" takes the form of many.
        let forms_for = if set.is_some() { Some(5) } else { n };
        let mut chance = Dice::new(dice.roll());
        let mut value = |slot: &str| match slot {
            "n" => Some(match (n, set) {
                (None, _) => String::new(),
                (_, Some(set)) => set.clone(),
                (Some(n), None) => style.count(n, noun.as_ref().map_or(Gender::Feminine, |noun| noun.gender)),
            }),
            "pieces" => Some(n.map_or(String::new(), |n| self.pieces(n, kind, style, &mut chance))),
            "noun" => noun.as_ref().map(|noun| noun.forms.after(forms_for, style.language).to_owned()),
            "name" => Some(item.spoken_name(style.language)),
            slot => self.attribute(item, slot, forms_for, style, &mut chance),
        };
        template.say(dice, &mut value).filter(|said| !said.is_empty())
    }

    /// An attribute of a product, or what is made of several.
    pub fn attribute(
        &self,
        item: &Item,
        key: &str,
        n: Option<u32>,
        style: Style,
        dice: &mut Dice,
    ) -> Option<String> {
        let made =
            if style.digits { self.digits.get(key).or(self.made.get(key)) } else { self.made.get(key) };
        if let Some(made) = made {
            let mut chance = Dice::new(dice.roll());
            let template = dice.pick(made)?.clone();
            return template.say(dice, &mut |slot| self.attribute(item, slot, None, style, &mut chance));
        }
        let value = item.attributes.get(key)?;
        if let Some(forms) = self.values.get(&(key.to_owned(), value.clone())) {
            return dice.pick(forms).map(|forms| forms.after(n, style.language).to_owned());
        }
        Some(style.number(value, dice))
    }

    /// So many pieces: `четыре штуки`, `четыре шины`, `комплект`.
    pub fn pieces(&self, n: u32, kind: &str, style: Style, dice: &mut Dice) -> String {
        if let Some(set) = self.sets.get(&n).filter(|_| dice.chance(120)).and_then(|words| dice.pick(words)) {
            return set.trim_end_matches(" of").to_owned();
        }
        let piece = match style.language {
            Language::Russian => Noun::of("f:штуку|штуки|штук|штуки"),
            Language::English => Noun::of("piece|pieces"),
        };
        let noun = self.noun.get(kind).and_then(|nouns| dice.pick(nouns)).filter(|_| dice.chance(400));
        let noun = noun.unwrap_or(&piece);
        format!("{} {}", style.count(n, noun.gender), noun.forms.after(Some(n), style.language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_with_what_they_count() {
        let noun = Noun::of("f: шину|шины|шин|шины");
        for (n, said) in [(1, "шину"), (2, "шины"), (5, "шин"), (11, "шин"), (21, "шину"), (22, "шины")]
        {
            assert_eq!(noun.forms.after(Some(n), Language::Russian), said, "{n}");
        }
        let style = Style { language: Language::Russian, digits: false, written: false };
        assert_eq!(style.count(1, Gender::Feminine), "одну");
        assert_eq!(style.count(2, Gender::Neuter), "два");
        let style = Style { language: Language::English, ..style };
        let said: Vec<String> = (0..20).map(|seed| style.number("205", &mut Dice::new(seed))).collect();
        assert!(said.iter().any(|said| said == "two oh five"), "{said:?}");
    }
}
