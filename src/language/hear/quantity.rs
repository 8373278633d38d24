//! How many, and which one of several.

use std::ops::Range;

use super::super::Language;
use super::super::text::words;
use super::{corrected, numerals};

/// A `комплект`, a set: the wheels of a car. What else a shop may call a set is asked for in pieces.
const SET_PIECES: u32 = 4;
/// More than this is never ordered by voice; a larger number is a size or a price.
const MOST: u64 = 99;

/// Which one of a list that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// From 1.
    Nth(usize),
    /// The last one told.
    Last,
}

/// How many pieces, when the words say that it's a quantity: `четыре шины`, `комплект`, `two sets` (8), `a pair`.
/// A correction counts (`не четыре а шесть штук`).
pub fn quantity(text: &str, language: Language) -> Option<u32> {
    quantity_among(&corrected(&words(text), language), language).map(|(pieces, _)| pieces)
}

/// How many pieces, and which of these words said it, the unit left out (it may be the product's own name).
pub fn quantity_among(words: &[String], language: Language) -> Option<(u32, Range<usize>)> {
    let numerals = numerals(words, language);
    // With a number: it stands before its unit, with at most three words between ("four winter nokian tires").
    for numeral in numerals.iter().filter(|n| !n.ordinal && (1..=MOST).contains(&n.value)) {
        let count = u32::try_from(numeral.value).ok()?;
        for (at, word) in words.iter().enumerate().skip(numeral.at.end).take(4) {
            if numerals.iter().any(|n| n.at.contains(&at)) || is_measure(word) {
                break;
            }
            if let Some(pieces) = unit(word, language) {
                return Some((count.saturating_mul(pieces), numeral.at.clone()));
            }
        }
    }
    // Without: "комплект", "пару шин", "a set", "шину".
    words.iter().enumerate().find_map(|(at, word)| {
        let before = at.checked_sub(1).map_or("", |i| words[i].as_str());
        let pieces = match (language, word.as_str()) {
            (Language::Russian, "комплект" | "набор") => SET_PIECES,
            (Language::Russian, "пару" | "пара" | "парочку") => 2,
            (Language::Russian, "шину" | "покрышку" | "камеру" | "штуку" | "запаску" | "штучку") => {
                1
            }
            (Language::English, "set")
                if matches!(before, "a" | "the" | "full" | "whole" | "complete" | "new") =>
            {
                SET_PIECES
            }
            (Language::English, "pair" | "couple") => 2,
            (Language::English, "tire" | "tyre" | "wheel")
                if words[at.saturating_sub(3)..at].iter().any(|w| w == "a") =>
            {
                1
            }
            (Language::English, "dozen") => 12,
            _ => return None,
        };
        Some((pieces, at..at))
    })
}

/// The one number of an answer to "how many": `четыре`, `just four please`, `нет, три`. None where more numbers or
/// other matters were said.
pub fn lone_number(text: &str, language: Language) -> Option<u64> {
    let words = corrected(&words(text), language);
    let numerals = numerals(&words, language);
    let [only] = numerals.as_slice() else { return None };
    let spare = |(at, word): (usize, &String)| only.at.contains(&at) || is_filler(word, language);
    (!only.ordinal && words.iter().enumerate().all(spare)).then_some(only.value)
}

/// Which one of a list: `второй`, `the first one`, `номер два`, `последний`.
pub fn pick(text: &str, language: Language) -> Option<Pick> {
    let words = corrected(&words(text), language);
    let numerals = numerals(&words, language);
    for numeral in &numerals {
        let before = numeral.at.start.checked_sub(1).map_or("", |i| words[i].as_str());
        let after = words.get(numeral.at.end).map_or("", String::as_str);
        let named = matches!(
            before,
            "номер" | "вариант" | "заказ" | "пункт" | "number" | "option" | "order" | "point"
        ) && numerals.len() == 1;
        let is_date = super::super::date::RUSSIAN_MONTHS.contains(&after)
            || super::super::date::ENGLISH_MONTHS
                .iter()
                .any(|m| m.eq_ignore_ascii_case(after) || m.eq_ignore_ascii_case(before))
            || matches!(after, "этаж" | "avenue" | "street" | "name" | "floor");
        if (numeral.ordinal && !is_date || named) && (1..=20).contains(&numeral.value) {
            return usize::try_from(numeral.value).ok().map(Pick::Nth);
        }
    }
    let last = match language {
        Language::Russian => words
            .iter()
            .any(|w| w.starts_with("последн") || w.starts_with("самый новый") || w.starts_with("новейш")),
        Language::English => {
            words.iter().any(|w| matches!(w.as_str(), "last" | "latest" | "newest"))
                && !words.iter().any(|w| w == "name")
        }
    };
    last.then_some(Pick::Last)
}

fn unit(word: &str, language: Language) -> Option<u32> {
    let stems: &[(&str, u32)] = match language {
        Language::Russian => &[
            ("комплект", SET_PIECES),
            ("набор", SET_PIECES),
            ("пары", 2),
            ("пару", 2),
            ("пар", 2),
            ("штук", 1),
            ("штуч", 1),
            ("шт", 1),
            ("шин", 1),
            ("колес", 1),
            ("покрыш", 1),
            ("баллон", 1),
            ("камер", 1),
            ("диск", 1),
            ("аккумулятор", 1),
            ("единиц", 1),
            ("товар", 1),
            ("коробк", 1),
            ("упаков", 1),
            ("экземпляр", 1),
        ],
        Language::English => &[
            ("set", SET_PIECES),
            ("pair", 2),
            ("dozen", 12),
            ("piece", 1),
            ("pcs", 1),
            ("pc", 1),
            ("tire", 1),
            ("tyre", 1),
            ("wheel", 1),
            ("rim", 1),
            ("unit", 1),
            ("item", 1),
            ("box", 1),
            ("pack", 1),
            ("of", 1),
            ("batter", 1),
        ],
    };
    stems
        .iter()
        .find(|(stem, _)| {
            word.starts_with(stem)
                && (*stem != "of" || word == "of")
                && (*stem != "шт" || word == "шт")
                && (*stem != "пар" || word == "пар")
        })
        .map(|(_, pieces)| *pieces)
}

/// A word after which the number before was no count of goods.
fn is_measure(word: &str) -> bool {
    [
        "тысяч",
        "рубл",
        "час",
        "дюйм",
        "литр",
        "дн",
        "день",
        "процент",
        "год",
        "inch",
        "dollar",
        "o'clock",
        "day",
        "percent",
        "thousand",
        "hour",
        "year",
        "r",
        "эр",
        "дробь",
        "на",
        "by",
        "slash",
        "для",
        "for",
        "or",
        "или",
        "и",
        "and",
    ]
    .iter()
    .any(|stem| if stem.chars().count() <= 3 { word == *stem } else { word.starts_with(stem) })
}

fn is_filler(word: &str, language: Language) -> bool {
    match language {
        Language::Russian => matches!(
            word,
            "давайте"
                | "давай"
                | "мне"
                | "нужно"
                | "надо"
                | "нужны"
                | "нужна"
                | "всего"
                | "пожалуйста"
                | "нет"
                | "да"
                | "хочу"
                | "лучше"
                | "только"
                | "ну"
                | "пусть"
                | "будет"
                | "будут"
                | "возьму"
                | "беру"
                | "наверное"
                | "ровно"
                | "а"
                | "их"
                | "все"
                | "тогда"
                | "вот"
                | "номер"
                | "это"
                | "заказ"
                | "заказа"
                | "я"
        ),
        Language::English => matches!(
            word,
            "please"
                | "just"
                | "i"
                | "need"
                | "only"
                | "make"
                | "it"
                | "no"
                | "yes"
                | "want"
                | "i'll"
                | "take"
                | "we"
                | "actually"
                | "let's"
                | "say"
                | "give"
                | "me"
                | "the"
                | "number"
                | "is"
                | "it's"
                | "would"
                | "like"
                | "okay"
                | "ok"
                | "order"
                | "my"
                | "that's"
                | "all"
        ),
    }
}
