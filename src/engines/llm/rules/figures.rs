//! Numbers in a caller's words: of an order, of a size.

use crate::language::{self, Language, numerals};

use super::heard::Context;
use super::intent::Said;
use super::phrases::Ask;

/// The digits of an order's number: the longest run said. A written `ORD-20260214-017` gives its last group.
pub(super) fn order_digits(said: &Said, language: Language) -> Option<String> {
    let numbers = numerals(said.words(), language);
    let mut runs: Vec<(String, usize)> = Vec::new();
    for number in numbers.iter().filter(|n| !n.ordinal) {
        let is_date = |digits: &str| digits.len() == 8 && digits.starts_with("20");
        match runs.last_mut() {
            Some((digits, end)) if *end == number.at.start && !is_date(digits) => {
                digits.push_str(&number.digits);
                *end = number.at.end;
            }
            _ => runs.push((number.digits.clone(), number.at.end)),
        }
    }
    runs.retain(|(digits, _)| digits.len() != 8 || runs_alone(&numbers));
    runs.into_iter().map(|(digits, _)| digits).rev().max_by_key(String::len).filter(|d| d.len() <= 16)
}

fn runs_alone(numbers: &[language::Numeral]) -> bool {
    numbers.len() != 2
}

/// The numbers of a size, and a quantity that English runs into one ("four fifteen inch tires").
pub(super) fn sizes(words: &[String], context: &Context<'_>) -> (Vec<String>, Option<u32>) {
    let numbers: Vec<_> = numerals(words, context.language).into_iter().filter(|n| !n.ordinal).collect();
    let word = |at: Option<usize>| at.and_then(|at| words.get(at)).map_or("", String::as_str);
    let mut groups: Vec<(Vec<String>, bool, usize)> = Vec::new();
    let mut pieces = None;
    for number in &numbers {
        let before = word(number.at.start.checked_sub(1));
        let after = word(Some(number.at.end));
        if MEASURES.iter().any(|m| after.starts_with(m)) {
            continue;
        }
        let inches = after.starts_with("inch") || after.starts_with("дюйм");
        let mut digits = number.digits.clone();
        if inches && number.value > 100 && (10..=30).contains(&(number.value % 100)) {
            pieces = u32::try_from(number.value / 100).ok();
            digits = (number.value % 100).to_string();
        }
        let marked =
            inches || RIMS.contains(&before) || matches!(before, "размер" | "size" | "диаметр" | "радиус");
        let linked = groups.last().is_some_and(|(_, _, end)| {
            words[*end..number.at.start]
                .iter()
                .all(|w| LINKS.contains(&w.as_str()) || RIMS.contains(&w.as_str()))
        });
        match groups.last_mut() {
            Some((group, mark, end)) if linked => {
                group.push(digits);
                *mark |= marked;
                *end = number.at.end;
            }
            _ => groups.push((vec![digits], marked, number.at.end)),
        }
    }
    let asked = matches!(context.asked, Some(Ask::Size));
    let fits = |(group, marked, _): &(Vec<String>, bool, usize)| {
        let large = group.iter().any(|d| d.len() == 3 && d != "000");
        *marked
            || large && group.len() > 1
            || asked && group.iter().all(|d| (2..=3).contains(&d.len()))
            || asked && large
            || group.concat().len() == 7 && group.len() > 3
    };
    let Some((group, _, _)) = groups.into_iter().find(fits) else { return (Vec::new(), pieces) };
    let joined = group.concat();
    // "two oh five five five one six": dictated digit by digit.
    let size = if joined.len() == 7 && group.len() != 3 && joined.is_ascii() {
        vec![joined[..3].to_owned(), joined[3..5].to_owned(), joined[5..].to_owned()]
    } else {
        group
    };
    (size, pieces)
}

const LINKS: &[&str] = &["на", "дробь", "by", "slash", "x", "х", "and", "размер", "inch"];
const RIMS: &[&str] = &["эр", "р", "r", "zr", "радиус", "диаметр"];
const MEASURES: &[&str] = &["рубл", "тысяч", "доллар", "dollar", "литр", "час", "дн", "день"];
