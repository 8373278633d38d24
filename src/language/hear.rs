//! Number words to values, in running text.
//!
//! What was dictated is ambiguous by nature: "сорок пять двадцать один" is 45 and 21, or the order 4521. So
//! [`numerals`] gives each number as the language builds it, and [`dictated`] the digits of each unbroken run of them;
//! whoever knows what was asked takes the one that fits.

use std::ops::Range;

use super::Language;
use super::text::words;

mod atom;
mod correction;
mod quantity;

use atom::{Atom, atom};
pub use correction::corrected;
pub use quantity::{Pick, lone_number, pick, quantity, quantity_among};

/// A number that was said, as one grammatical whole: `двести пять`, `two oh five`, `twenty third`, `205`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numeral {
    pub value: u64,
    /// As it would be typed when dictated: `double five` is `55`, a written `007` stays so.
    pub digits: String,
    /// It says which, not how many.
    pub ordinal: bool,
    /// Where it stands among [`words`].
    pub at: Range<usize>,
}

/// The numbers said, in order.
pub fn numbers(text: &str, language: Language) -> Vec<u64> {
    numerals(&words(text), language).into_iter().map(|n| n.value).collect()
}

/// The numerals among folded words.
pub fn numerals(words: &[String], language: Language) -> Vec<Numeral> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let found = match language {
            Language::Russian => russian(words, at),
            Language::English => english(words, at),
        };
        match found {
            Some(numeral) => {
                at = numeral.at.end;
                out.push(numeral);
            }
            None => at += 1,
        }
    }
    out
}

/// The digits of every unbroken run of numbers, longest first: what was dictated, if anything was. Ordinals are no part
/// of a run; a dash said between groups does not break it.
pub fn dictated(text: &str, language: Language) -> Vec<String> {
    let words = words(text);
    let mut runs: Vec<(String, usize)> = Vec::new();
    for numeral in numerals(&words, language).iter().filter(|n| !n.ordinal) {
        let start = numeral.at.start;
        match runs.last_mut() {
            Some((digits, end))
                if words[*end..start]
                    .iter()
                    .all(|w| matches!(w.as_str(), "тире" | "дефис" | "dash" | "hyphen")) =>
            {
                digits.push_str(&numeral.digits);
                *end = numeral.at.end;
            }
            _ => runs.push((numeral.digits.clone(), numeral.at.end)),
        }
    }
    // A stable sort: of equals the one said first stays first.
    runs.sort_by_key(|(digits, _)| std::cmp::Reverse(digits.len()));
    runs.into_iter().map(|(digits, _)| digits).collect()
}

/// The digits of a telephone number that was said, without any plus: at least seven of them.
pub fn heard_phone(text: &str, language: Language) -> Option<String> {
    dictated(text, language).into_iter().next().filter(|digits| (7..=15).contains(&digits.len()))
}

/// The folded text with its numbers as digits, ordinals left in words: `размер 205 на 55 на 16`.
pub fn in_digits(text: &str, language: Language) -> String {
    let words = words(text);
    let mut out: Vec<&str> = Vec::new();
    let numerals = numerals(&words, language);
    let mut at = 0;
    for numeral in numerals.iter().filter(|n| !n.ordinal) {
        out.extend(words[at..numeral.at.start].iter().map(String::as_str));
        out.push(&numeral.digits);
        at = numeral.at.end;
    }
    out.extend(words[at..].iter().map(String::as_str));
    out.join(" ")
}

fn typed(words: &[String], at: usize) -> Option<&str> {
    words.get(at).map(String::as_str).filter(|w| w.bytes().all(|b| b.is_ascii_digit()) && !w.is_empty())
}

fn numeral(value: u64, ordinal: bool, at: Range<usize>) -> Numeral {
    Numeral { value, digits: value.to_string(), ordinal, at }
}

/// A number of digits as written; too long to be a value, it still has its digits.
fn written(digits: &str, at: Range<usize>) -> Numeral {
    Numeral { value: digits.parse().unwrap_or(u64::MAX), digits: digits.to_owned(), ordinal: false, at }
}

// === Russian ===

fn russian(words: &[String], start: usize) -> Option<Numeral> {
    let mut end = start;
    let mut total = 0;
    let mut ordinal = false;
    let mut any = false;
    // Each scale must be smaller than the one before: "две тысячи пять" is one number, "пять две тысячи" two.
    let mut ceiling = u64::MAX;
    loop {
        let typed_here = typed(words, end);
        let (group, group_end, is_ordinal) = match typed_here {
            Some(digits) if !any => {
                // "4 тысячи"; otherwise what is written stands for itself.
                if !matches!(scale(words, end + 1), Some(s) if s > 1) {
                    return Some(written(digits, end..end + 1));
                }
                (digits.parse().ok()?, end + 1, false)
            }
            _ => russian_below_thousand(words, end).unwrap_or((0, end, false)),
        };
        let scale = if is_ordinal { None } else { scale(words, group_end).filter(|s| *s < ceiling) };
        match scale {
            Some(scale) => {
                let group = if group_end == end { 1 } else { group };
                total += u64::saturating_mul(group, scale);
                end = group_end + 1;
                ceiling = scale;
                any = true;
                if is_half(words, end) {
                    return Some(numeral(total + scale / 2, false, start..end + 2));
                }
                if scale == 1 {
                    break;
                }
            }
            None => {
                if group_end > end && (group < ceiling) {
                    total += group;
                    end = group_end;
                    ordinal = is_ordinal;
                    any = true;
                }
                break;
            }
        }
    }
    // "две с половиной тысячи".
    if any && !ordinal && is_half(words, end) {
        let (scale, used) = scale(words, end + 2).map_or((1, 0), |s| (s, 1));
        if scale > 1 {
            return Some(numeral(total * scale + scale / 2, false, start..end + 2 + used));
        }
    }
    any.then(|| numeral(total, ordinal, start..end))
}

fn is_half(words: &[String], at: usize) -> bool {
    matches!(words.get(at..at + 2), Some([with, half]) if with == "с" && half == "половиной")
}

fn scale(words: &[String], at: usize) -> Option<u64> {
    match atom(words.get(at)?, Language::Russian)? {
        (Atom::Scale(scale), false) => Some(scale),
        _ => None,
    }
}

/// Up to three words that make a number below a thousand; where it ends; whether its last word is an ordinal.
fn russian_below_thousand(words: &[String], start: usize) -> Option<(u64, usize, bool)> {
    let at = |i: usize| words.get(i).and_then(|w| atom(w, Language::Russian));
    let (first, mut ordinal) = at(start)?;
    if let Atom::OneAndHalf = first {
        let scale = scale(words, start + 1)?;
        // Given back as a group of its own: "полторы тысячи" is 1500.
        return (scale > 1)
            .then_some((scale + scale / 2, start + 2, true))
            .map(|(v, end, _)| (v, end, false));
    }
    let mut value = first.value()?;
    let mut rank = first.rank();
    let mut end = start + 1;
    while !ordinal && rank > 0 {
        match at(end) {
            Some((next, is_ordinal)) if next.rank() < rank && next.fits_after(rank) => {
                value += next.value()?;
                rank = next.rank();
                ordinal = is_ordinal;
                end += 1;
            }
            _ => break,
        }
    }
    Some((value, end, ordinal))
}

// === English ===

fn english(words: &[String], start: usize) -> Option<Numeral> {
    let at = |i: usize| words.get(i).and_then(|w| atom(w, Language::English));
    let word = words[start].as_str();
    if let Some(times) = match word {
        "double" => Some(2),
        "triple" => Some(3),
        _ => None,
    } {
        let digit = match at(start + 1)? {
            (Atom::Zero | Atom::Oh, false) => 0,
            (Atom::Unit(n), false) => n,
            _ => return None,
        };
        return Some(written(&digit.to_string().repeat(times), start..start + 2));
    }
    if let Some(digits) = typed(words, start) {
        let suffix = words.get(start + 1).map(String::as_str);
        if let (Some("st" | "nd" | "rd" | "th"), Ok(value)) = (suffix, digits.parse()) {
            return Some(numeral(value, true, start..start + 2));
        }
        if at(start + 1).is_none_or(|(a, _)| !matches!(a, Atom::Scale(_))) {
            return Some(written(digits, start..start + 1));
        }
    }
    if is_pronoun(words, start) {
        return None;
    }
    let mut end = start;
    let mut total = 0;
    let mut ordinal = false;
    let mut any = false;
    let mut ceiling = u64::MAX;
    loop {
        let group = match typed(words, end) {
            Some(digits) if !any => Some((digits.parse().ok()?, end + 1, false)),
            _ => english_below_thousand(words, end, any),
        };
        let (value, group_end, is_ordinal) = group.unwrap_or((1, end, false));
        match at(group_end) {
            Some((Atom::Scale(scale), false)) if scale < ceiling && !is_ordinal => {
                total += u64::saturating_mul(value, scale);
                end = group_end + 1;
                ceiling = scale;
                any = true;
                let and = words.get(end).is_some_and(|w| w == "and");
                if and && english_below_thousand(words, end + 1, true).is_some() {
                    end += 1;
                }
            }
            _ => {
                if group_end > end && value < ceiling {
                    total += value;
                    end = group_end;
                    ordinal = is_ordinal;
                    any = true;
                }
                break;
            }
        }
    }
    // A trailing "and" was taken only before a number.
    any.then(|| numeral(total, ordinal, start..end))
}

/// A number below ten thousand as English builds it: `two hundred five`, `fifteen hundred`, `two oh five`,
/// `two fifteen`. After a scale (`one thousand …`) only the plain forms.
fn english_below_thousand(words: &[String], start: usize, after_scale: bool) -> Option<(u64, usize, bool)> {
    let at = |i: usize| words.get(i).and_then(|w| atom(w, Language::English));
    let below_hundred = |i: usize| -> Option<(u64, usize, bool)> {
        match at(i)? {
            (Atom::Ten(ten), false) => match at(i + 1) {
                Some((Atom::Unit(unit), ordinal)) if !is_pronoun(words, i + 1) => {
                    Some((ten + unit, i + 2, ordinal))
                }
                _ => Some((ten, i + 1, false)),
            },
            (Atom::Unit(n) | Atom::Teen(n) | Atom::Ten(n), ordinal) => Some((n, i + 1, ordinal)),
            _ => None,
        }
    };
    match at(start)? {
        (Atom::Zero, false) => return Some((0, start + 1, false)),
        (Atom::Oh, false) => {
            // "oh yes" is no zero; between digits it is.
            let near = |i: Option<usize>| {
                i.is_some_and(|i| {
                    typed(words, i).is_some()
                        || at(i).is_some_and(|(a, o)| !o && !matches!(a, Atom::Scale(_)))
                        || words.get(i).is_some_and(|w| w == "double" || w == "triple")
                })
            };
            return (near(start.checked_sub(1)) || near(Some(start + 1))).then_some((0, start + 1, false));
        }
        (Atom::Hundred(_), false) => {}
        (Atom::Scale(_) | Atom::OneAndHalf, _) => return None,
        _ => {
            let (value, end, ordinal) = below_hundred(start)?;
            if ordinal {
                return Some((value, end, true));
            }
            match at(end) {
                Some((Atom::Hundred(_), false)) => return Some(english_hundreds(words, value, end + 1)),
                // "two oh five", "two fifteen", "one ninety five": hundreds with the word left out.
                Some((Atom::Oh, false)) if value < 10 && !after_scale => {
                    if let Some((Atom::Unit(unit), false)) = at(end + 1) {
                        return Some((value * 100 + unit, end + 2, false));
                    }
                }
                Some((Atom::Ten(_) | Atom::Teen(_), false)) if value < 10 && !after_scale => {
                    let (rest, rest_end, rest_ordinal) = below_hundred(end)?;
                    if !rest_ordinal {
                        return Some((value * 100 + rest, rest_end, false));
                    }
                }
                _ => {}
            }
            return Some((value, end, false));
        }
    }
    Some(english_hundreds(words, 1, start + 1))
}

fn english_hundreds(words: &[String], hundreds: u64, mut end: usize) -> (u64, usize, bool) {
    let at = |i: usize| words.get(i).and_then(|w| atom(w, Language::English));
    let begin = if words.get(end).is_some_and(|w| w == "and") { end + 1 } else { end };
    let mut value = hundreds * 100;
    match (at(begin), at(begin + 1)) {
        (Some((Atom::Ten(ten), false)), Some((Atom::Unit(unit), false))) => {
            value += ten + unit;
            end = begin + 2;
        }
        (Some((Atom::Ten(n) | Atom::Teen(n) | Atom::Unit(n), false)), _) => {
            value += n;
            end = begin + 1;
        }
        _ => {}
    }
    (value, end, false)
}

/// Whether this "one" or "second" counts nothing: `the first one`, `that one`, `one moment`, `just a second`.
fn is_pronoun(words: &[String], at: usize) -> bool {
    let before = at.checked_sub(1).map_or("", |i| words[i].as_str());
    let after = words.get(at + 1).map_or("", String::as_str);
    match words[at].as_str() {
        "one" => {
            matches!(
                before,
                "first"
                    | "second"
                    | "third"
                    | "fourth"
                    | "fifth"
                    | "last"
                    | "other"
                    | "this"
                    | "that"
                    | "which"
                    | "any"
                    | "the"
                    | "each"
                    | "next"
                    | "another"
                    | "expensive"
                    | "cheaper"
                    | "better"
                    | "same"
                    | "every"
                    | "no"
                    | "right"
                    | "wrong"
            ) && !matches!(after, "hundred" | "thousand")
                && !(before == "no" && atom(after, Language::English).is_some())
                || before.ends_with("est")
                || matches!(after, "moment" | "second" | "sec" | "minute")
        }
        "second" | "sec" => matches!(before, "a" | "one"),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
