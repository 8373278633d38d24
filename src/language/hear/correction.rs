//! Self-corrections: of two values the one that was meant last.

use super::super::Language;
use super::{Numeral, numerals};

/// The words without what the caller took back: `не четыре а шесть` is `шесть`, `four no six` is `six`,
/// `make it six not four` is `make it six`.
pub fn corrected(words: &[String], language: Language) -> Vec<String> {
    let mut words = words.to_vec();
    // Each round takes something out, so it ends.
    while let Some(gone) = retracted(&words, language) {
        words.drain(gone);
    }
    words
}

fn retracted(words: &[String], language: Language) -> Option<std::ops::Range<usize>> {
    let (not, but) = match language {
        Language::Russian => ("не", "а"),
        Language::English => ("not", "but"),
    };
    let numerals = numerals(words, language);
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
    // "четыре нет шесть", "four sorry six".
    for (first, second) in numerals.iter().zip(numerals.iter().skip(1)) {
        let between = &words[first.at.end..second.at.start];
        let marked = between.iter().any(|w| is_marker(w, language));
        let nothing_else =
            between.iter().all(|w| is_marker(w, language) || is_link(w, language) || is_unit(w));
        if marked && nothing_else && between.len() <= 5 {
            let begin = run_to_replace(&numerals, first, second);
            return Some(begin..second.at.start);
        }
    }
    None
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
