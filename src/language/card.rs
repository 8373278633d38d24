//! The number of a payment card in what a caller says, in digits or in words, at once or over several turns: nobody asked
//! for it, and it must not be kept.

use super::Language;
use super::hear::numerals;
use super::text::words;

/// Listens through a call's turns for the number of a card.
#[derive(Clone, Debug, Default)]
pub struct CardEar {
    /// Groups of digits that the turns before ended with, as each language reads them.
    before: [Vec<String>; 2],
    /// Turns without a digit since.
    idle: u32,
}

impl CardEar {
    /// Whether the caller's words, with the digits that came just before them, hold a card's number. Then the ear has
    /// forgotten it.
    pub fn hears(&mut self, text: &str) -> bool {
        let mut found = false;
        let mut any = false;
        for (language, before) in Language::ALL.into_iter().zip(&mut self.before) {
            let mut runs = runs(text, language);
            any |= !runs.is_empty();
            if let Some(first) = runs.first_mut() {
                // What parts the turns is no word of a number: a breath, "next", the agent's "yes?".
                first.splice(..0, before.drain(..));
            }
            found |= runs.iter().any(|run| holds(run));
            if let Some(last) = runs.pop() {
                let from = last.len().saturating_sub(KEPT_GROUPS);
                *before = last[from..].to_vec();
            }
        }
        self.idle = if any { 0 } else { self.idle + 1 };
        if found || self.idle > IDLE_TURNS {
            *self = Self::default();
        }
        found
    }
}

/// Whether a text holds so many digits in a row, written or in words, that they may be a part of a card's number.
pub fn dictates(text: &str) -> bool {
    let languages = Language::ALL;
    let mut runs = languages.into_iter().flat_map(|language| runs(text, language));
    runs.any(|run| run.iter().map(String::len).sum::<usize>() >= 4)
}

/// The text without its digits, for what is kept of a turn that was a part of a card's number.
pub fn without_digits(text: &str) -> String {
    let kept = |word: &&str| !word.chars().any(|c| c.is_ascii_digit()) && !is_number(word);
    text.split_whitespace().filter(kept).collect::<Vec<_>>().join(" ")
}

fn is_number(word: &str) -> bool {
    let words = words(word);
    Language::ALL.into_iter().any(|language| !numerals(&words, language).is_empty())
}

/// The groups of digits of each unbroken run of them.
fn runs(text: &str, language: Language) -> Vec<Vec<String>> {
    let words = words(text);
    let mut runs: Vec<Vec<String>> = Vec::new();
    let mut end = None;
    for numeral in numerals(&words, language).into_iter().filter(|numeral| !numeral.ordinal) {
        let goes_on = end.is_some_and(|end: usize| {
            words[end..numeral.at.start].iter().all(|word| BETWEEN.contains(&word.as_str()))
        });
        match runs.last_mut() {
            Some(run) if goes_on => run.push(numeral.digits),
            _ => runs.push(vec![numeral.digits]),
        }
        end = Some(numeral.at.end);
    }
    runs
}

/// Whether neighbouring groups make up a card's number: 13 to 19 digits (ISO/IEC 7812) that begin as cards of the schemes
/// in use do, with a right last one. A telephone number of Russia begins with 7 or 8, and few orders are that long.
fn holds(run: &[String]) -> bool {
    (0..run.len()).any(|start| {
        let mut digits = String::new();
        run[start..].iter().any(|group| {
            digits.push_str(group);
            (13..=19).contains(&digits.len())
                && digits.starts_with(['2', '3', '4', '5', '6'])
                && luhn(&digits)
        })
    })
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &str) -> bool {
    let doubled = |(n, digit): (usize, u8)| {
        let digit = u32::from(digit - b'0');
        match n % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        }
    };
    digits.bytes().all(|digit| digit.is_ascii_digit())
        && digits.bytes().rev().enumerate().map(doubled).sum::<u32>().is_multiple_of(10)
}

/// Words that a caller says between groups.
const BETWEEN: &[&str] = &[
    "тире",
    "дефис",
    "пробел",
    "потом",
    "затем",
    "дальше",
    "далее",
    "и",
    "а",
    "ну",
    "так",
    "э",
    "dash",
    "hyphen",
    "space",
    "then",
    "next",
    "and",
    "um",
    "uh",
];
/// A card's number in single digits.
const KEPT_GROUPS: usize = 19;
/// Turns ("hold on", "just a second") over which the beginning of a number is remembered.
const IDLE_TURNS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(turns: &[&str]) -> bool {
        let mut ear = CardEar::default();
        turns.iter().any(|turn| ear.hears(turn))
    }

    #[test]
    fn a_card_number_is_heard_in_digits_and_in_words_in_one_turn_or_in_several() {
        for turns in [
            &["4111111111111111"][..],
            &["запишите карту 4111 1111 1111 1111, до 12/29"],
            &["my card is 4111-1111-1111-1111"],
            &["5500 0000", "0000 0004"],
            &["моя карта 4111 1111", "секунду", "дальше 1111 1111"],
            &["four one one one, one one one one", "one one one one", "then one one one one please"],
            &["four one double one triple one one double one double one double one double one"],
            &["четыре один один один один один один один один один один один один один один один"],
            &[
                "сорок один одиннадцать одиннадцать одиннадцать",
                "одиннадцать одиннадцать одиннадцать одиннадцать",
            ],
            &[
                "четыре тысячи сто одиннадцать одиннадцать одиннадцать одиннадцать одиннадцать одиннадцать одиннадцать",
            ],
            &["2200 0000 0000 0004"],
            &["378282246310005"],
        ] {
            assert!(heard(turns), "{turns:?}");
        }
    }

    #[test]
    fn what_else_has_many_digits_is_no_card() {
        for turns in [
            &["восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь", "заказ 4521"][..],
            &["+7 916 123-45-67"],
            &["нужны четыре шины 205 55 16"],
            &["ORD-20260214-4521"],
            &["улица Ленина дом пять квартира двенадцать, индекс 220030"],
            &["4111 1111 1111 1112"],
            &["it is 4111 1111", "thank you", "that is all", "goodbye", "1111 1111"],
        ] {
            assert!(!heard(turns), "{turns:?}");
        }
    }

    #[test]
    fn of_a_turn_that_began_a_number_no_digit_stays() {
        assert_eq!(without_digits("моя карта 4111 одиннадцать 11/12"), "моя карта");
        assert_eq!(without_digits("card four one 11-11 please"), "card please");
    }
}
