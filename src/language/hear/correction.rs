//! Self-corrections: of two values the one that was meant last.

use std::ops::Range;

use super::super::Language;
use super::{Numeral, numerals};

/// The words without what the caller took back: `не четыре а шесть` is `шесть`, `four no six` is `six`,
/// `make it six not four` is `make it six`, `четыре шины нокиан нет шесть` is `шесть шины нокиан`.
pub fn corrected(words: &[String], language: Language) -> Vec<String> {
    let mut words = words.to_vec();
    // Each round takes something out, so it ends.
    while let Some((gone, instead)) = retracted(&words, language) {
        words.splice(gone, instead);
    }
    words
}

/// Which words are taken back, and what stands there instead: fewer words, always.
fn retracted(words: &[String], language: Language) -> Option<(Range<usize>, Vec<String>)> {
    let numerals = numerals(words, language);
    denied(words, &numerals, language).map(|range| (range, Vec::new())).or_else(|| {
        numerals.windows(2).find_map(|pair| replaced(words, &numerals, &pair[0], &pair[1], language))
    })
}

/// `не … а`, `not … but`, `а не четыре`, `not four`.
fn denied(words: &[String], numerals: &[Numeral], language: Language) -> Option<Range<usize>> {
    let (not, but) = match language {
        Language::Russian => ("не", "а"),
        Language::English => ("not", "but"),
    };
    let numeral_at = |at: usize| numerals.iter().find(|n| n.at.start == at);
    for at in (0..words.len()).filter(|i| words[*i] == not) {
        // "не мишлен а нокиан": up to three words are denied.
        let denied = (at + 2..words.len().min(at + 7))
            .find(|i| words[*i] == but && words.get(i + 1) != Some(&words[at]));
        if let Some(but_at) = denied
            && words.len() > but_at + 1
            && (but_at - at <= 4 || numeral_at(at + 1).is_some())
        {
            return Some(at..but_at + 1);
        }
        // "шесть а не четыре", "six not four".
        if let Some(denied) = numeral_at(at + 1) {
            let begin = if at > 0 && words[at - 1] == but { at - 1 } else { at };
            let unit = usize::from(words.get(denied.at.end).is_some_and(|w| is_unit(w)));
            return Some(begin..denied.at.end + unit);
        }
    }
    None
}

/// `четыре нет шесть`, `four sorry six`, `дом пять нет дом семь`, `четыре шины нокиан нет шесть`.
fn replaced(
    words: &[String],
    numerals: &[Numeral],
    first: &Numeral,
    second: &Numeral,
    language: Language,
) -> Option<(Range<usize>, Vec<String>)> {
    let between = &words[first.at.end..second.at.start];
    let marker = between.iter().position(|w| is_marker(w, language))?;
    let after = between[marker..].iter().rposition(|w| is_marker(w, language) || is_link(w, language));
    let (before, after) = (&between[..marker], &between[marker + after? + 1..]);
    let label = first.at.start.checked_sub(1).map(|at| &words[at]);
    match after {
        [] => {}
        // The same name before both numbers: "дом пять нет дом семь".
        [name] if Some(name) == label && before.is_empty() => {
            return Some((first.at.start - 1..second.at.start - 1, Vec::new()));
        }
        _ => return None,
    }
    if before.iter().all(|w| is_link(w, language) || is_unit(w)) {
        return Some((run_to_replace(numerals, first, second)..second.at.start, Vec::new()));
    }
    // Other words stand between and stay: the second number takes the first one's place.
    let plain = !first.ordinal && !second.ordinal && first.value < 100 && second.value < 100;
    (plain && before.len() <= 3).then(|| {
        let mut instead = words[second.at.clone()].to_vec();
        instead.extend_from_slice(before);
        (first.at.start..second.at.end, instead)
    })
}

/// Where the numbers begin that the second run replaces: a whole run by a run as long, else only its last number.
fn run_to_replace(numerals: &[Numeral], first: &Numeral, second: &Numeral) -> usize {
    let (mut begin, mut before) = (first.at.start, 1);
    while let Some(previous) = numerals.iter().find(|n| n.at.end == begin) {
        begin = previous.at.start;
        before += 1;
    }
    let (mut end, mut after) = (second.at.end, 1);
    while let Some(next) = numerals.iter().find(|n| n.at.start == end) {
        end = next.at.end;
        after += 1;
    }
    if before == after { begin } else { first.at.start }
}

fn is_marker(word: &str, language: Language) -> bool {
    match language {
        Language::Russian => matches!(
            word,
            "нет"
                | "ой"
                | "точнее"
                | "вернее"
                | "простите"
                | "извините"
                | "лучше"
                | "стоп"
                | "ошибся"
                | "ошиблась"
                | "погодите"
                | "подождите"
        ),
        Language::English => matches!(
            word,
            "no" | "sorry"
                | "mean"
                | "actually"
                | "rather"
                | "wait"
                | "make"
                | "oops"
                | "correction"
                | "instead"
        ),
    }
}

fn is_link(word: &str, language: Language) -> bool {
    match language {
        Language::Russian => matches!(
            word,
            "а" | "то"
                | "есть"
                | "давайте"
                | "мне"
                | "ну"
                | "не"
                | "я"
                | "пусть"
                | "будет"
                | "или"
        ),
        Language::English => {
            matches!(word, "i" | "it" | "that" | "let's" | "uh" | "um" | "oh" | "or" | "to" | "please")
        }
    }
}

/// A word that may stand between a number and its correction.
fn is_unit(word: &str) -> bool {
    ["штук", "шин", "колес", "покрыш", "комплект", "диск", "tire", "tyre", "piece", "wheel", "set"]
        .iter()
        .any(|stem| word.starts_with(stem))
}
