//! Cutting text into clauses that can be spoken one after the other, so that the first sound need not wait for the
//! last word.

use std::ops::Range;

/// The clauses of a whole text, trimmed, in order; none is empty.
pub fn clauses(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(cut) = boundary(rest, out.is_empty(), true) {
        push_trimmed(&mut out, &rest[cut.clone()]);
        rest = &rest[cut.end..];
    }
    push_trimmed(&mut out, rest);
    out
}

fn push_trimmed<'a>(out: &mut Vec<&'a str>, clause: &'a str) {
    let clause = clause.trim();
    if clause.chars().any(char::is_alphanumeric) {
        out.push(clause);
    }
}

/// Takes a stream of text in pieces of any size and gives each clause as soon as it is sure to have ended.
#[derive(Clone, Debug, Default)]
pub struct ClauseSplitter {
    pending: String,
    given: bool,
}

impl ClauseSplitter {
    /// A splitter at the beginning of an utterance.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece and gives the clauses that it completes, trimmed.
    pub fn push(&mut self, delta: &str) -> Vec<String> {
        self.pending.push_str(delta);
        let mut out = Vec::new();
        while let Some(cut) = boundary(&self.pending, !self.given, false) {
            let mut clause = Vec::new();
            push_trimmed(&mut clause, &self.pending[cut.clone()]);
            if let Some(clause) = clause.pop() {
                out.push(clause.to_owned());
                self.given = true;
            }
            self.pending.drain(..cut.end);
        }
        out
    }

    /// Gives what is left, and begins anew.
    pub fn finish(&mut self) -> Vec<String> {
        let rest = std::mem::take(self);
        let mut out: Vec<String> = Vec::new();
        let mut left = rest.pending.as_str();
        let mut first = !rest.given;
        while let Some(cut) = boundary(left, first, true) {
            let mut clause = Vec::new();
            push_trimmed(&mut clause, &left[cut.clone()]);
            out.extend(clause.into_iter().map(str::to_owned));
            left = &left[cut.end..];
            first = first && out.is_empty();
        }
        let mut clause = Vec::new();
        push_trimmed(&mut clause, left);
        out.extend(clause.into_iter().map(str::to_owned));
        out
    }
}

/// A sentence shorter than this many characters is spoken together with the next one, unless it comes first: a voice
/// says "Да." alone with an ending that sounds cut off. Chosen by ear of what such fragments are (interjections).
const SENTENCE_MIN_CHARS: usize = 8;
/// The first clause may end at a comma after so many characters: about a second of speech, which covers the synthesis
/// of what follows. Chosen.
const FIRST_COMMA_CHARS: usize = 24;
/// Later clauses end at a comma only after so many: sentences should keep their melody. Chosen.
const LATER_COMMA_CHARS: usize = 90;
/// Text without any punctuation is cut at a space after so many characters, so that the buffer stays bounded. Chosen.
const LONGEST_CHARS: usize = 220;

/// The first clause of a text, if it surely ends within it; `whole` means that nothing more will come.
fn boundary(text: &str, first: bool, whole: bool) -> Option<Range<usize>> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let end_of = |i: usize| chars.get(i).map_or(text.len(), |(at, _)| *at);
    let mut last_space = None;
    let mut letters = 0;
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i].1;
        letters += usize::from(c.is_alphanumeric());
        if c.is_whitespace() {
            last_space = Some(i);
        }
        if c == '\n' && letters > 0 {
            return Some(0..end_of(i + 1));
        }
        if i >= LONGEST_CHARS
            && let Some(space) = last_space
        {
            return Some(0..end_of(space + 1));
        }
        let ends_sentence = matches!(c, '.' | '!' | '?' | '…' | ';' | ':');
        let dash = c == '—' || c == '–';
        if !ends_sentence && c != ',' && !dash {
            i += 1;
            continue;
        }
        // Take the whole run of marks ("?!", "...") and closing quotes.
        let mut after = i + 1;
        while chars
            .get(after)
            .is_some_and(|(_, c)| matches!(c, '.' | '!' | '?' | '…' | '»' | '"' | ')' | '”'))
        {
            after += 1;
        }
        match chars.get(after) {
            // A mark at the very end may still be inside "2.5" or "10:30", or be followed by more marks.
            None if !whole => return None,
            None => return None,
            Some((_, next)) if !next.is_whitespace() => {
                i = after;
                continue;
            }
            Some(_) => {}
        }
        // The word after decides whether "руб." ends a sentence; wait for it.
        let next_word =
            chars[after..].iter().position(|(_, c)| !c.is_whitespace()).map(|skip| chars[after + skip].1);
        if next_word.is_none() && !whole {
            // A line break ends the clause whatever follows.
            if chars[after..].iter().any(|(_, c)| *c == '\n') {
                i = after;
                continue;
            }
            return None;
        }
        let long_enough = if ends_sentence {
            letters >= SENTENCE_MIN_CHARS || first && letters > 0
        } else {
            i >= if first { FIRST_COMMA_CHARS } else { LATER_COMMA_CHARS }
        };
        let between_digits = i > 0
            && chars[i - 1].1.is_ascii_digit()
            && next_word.is_some_and(|c| c.is_ascii_digit())
            && matches!(c, ',' | ':' | '–' | '—');
        let abbreviated = c == '.' && after == i + 1 && is_abbreviation(&chars[..i], next_word);
        if long_enough && !between_digits && !abbreviated {
            return Some(0..end_of(after));
        }
        i = after;
    }
    None
}

/// Whether the word before a full stop is an abbreviation that does not end the sentence here.
fn is_abbreviation(before: &[(usize, char)], next: Option<char>) -> bool {
    let mut word: Vec<char> =
        before.iter().rev().map(|(_, c)| *c).take_while(|c| c.is_alphanumeric() || *c == '.').collect();
    word.reverse();
    let word: String = word.into_iter().flat_map(char::to_lowercase).collect();
    // "1. Первый": the number of a list entry, where nothing stands before it.
    if word.len() <= 2 && word.parse::<u8>().is_ok() {
        return before.iter().filter(|(_, c)| !c.is_whitespace()).count() == word.len();
    }
    let single_letter = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    if single_letter || MID_SENTENCE.contains(&word.as_str()) {
        return true;
    }
    // These may also end a sentence; what follows in lower case or in digits goes on.
    MAYBE_LAST.contains(&word.as_str()) && next.is_some_and(|c| !c.is_uppercase())
}

/// Abbreviations that a name or number follows.
const MID_SENTENCE: &[&str] = &[
    "ул",
    "просп",
    "пер",
    "корп",
    "кв",
    "стр",
    "обл",
    "им",
    "тел",
    "напр",
    "т.е",
    "т.к",
    "см",
    "ст",
    "бул",
    "наб",
    "ш",
    "mr",
    "mrs",
    "ms",
    "dr",
    "st",
    "no",
    "apt",
    "vs",
    "e.g",
    "i.e",
    "approx",
];

/// Abbreviations that stand after what they measure, so often last.
const MAYBE_LAST: &[&str] = &[
    "руб", "коп", "шт", "мин", "час", "др", "т.д", "т.п", "тыс", "млн", "янв", "февр", "апр", "авг", "сент",
    "окт", "нояб", "дек", "пр", "ave", "rd", "blvd", "etc", "pcs", "inc", "ltd", "a.m", "p.m", "jan", "feb",
    "aug", "sept", "oct", "nov", "dec",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_are_clauses() {
        for (text, expected) in [
            ("", vec![]),
            (" … ", vec![]),
            ("Да", vec!["Да"]),
            ("Заказ найден. Он в пути!", vec!["Заказ найден.", "Он в пути!"]),
            ("Да. Ваш заказ готов. Приезжайте.", vec!["Да.", "Ваш заказ готов.", "Приезжайте."]),
            ("Ваш заказ готов. Да. Приезжайте к нам.", vec!["Ваш заказ готов.", "Да. Приезжайте к нам."]),
            ("Что?! Правда... Ну хорошо.", vec!["Что?!", "Правда... Ну хорошо."]),
            ("Итого 22.400 рублей. Верно?", vec!["Итого 22.400 рублей.", "Верно?"]),
            ("Сейчас 10:30, приезжайте.", vec!["Сейчас 10:30, приезжайте."]),
            (
                "Адрес: г. Казань, ул. Ленина, д. 5, кв. 7. Верно?",
                vec!["Адрес:", "г. Казань, ул. Ленина, д. 5, кв. 7.", "Верно?"],
            ),
            ("Шины стоят 500 руб. за штуку. Берёте?", vec!["Шины стоят 500 руб. за штуку.", "Берёте?"]),
            ("Это стоит 500 руб. Берёте?", vec!["Это стоит 500 руб.", "Берёте?"]),
            ("Mr. Smith is here. OK?", vec!["Mr. Smith is here.", "OK?"]),
            ("1. Первый заказ\n2. Второй заказ", vec!["1. Первый заказ", "2. Второй заказ"]),
            ("Your order 4521. It is ready.", vec!["Your order 4521.", "It is ready."]),
        ] {
            assert_eq!(clauses(text), expected, "{text}");
        }
    }

    #[test]
    fn the_first_clause_ends_at_an_early_comma() {
        let text =
            "Я нашла три варианта зимних шин, самый дешёвый стоит пять тысяч рублей, а самый дорогой восемь.";
        assert_eq!(
            clauses(text),
            [
                "Я нашла три варианта зимних шин,",
                "самый дешёвый стоит пять тысяч рублей, а самый дорогой восемь."
            ]
        );
    }

    #[test]
    fn a_clause_is_given_as_soon_as_it_has_surely_ended() {
        let mut splitter = ClauseSplitter::new();
        assert!(splitter.push("Ваш за").is_empty());
        assert!(splitter.push("каз гот").is_empty());
        // The full stop may belong to a number.
        assert!(splitter.push("ов.").is_empty());
        assert!(splitter.push(" ").is_empty());
        assert_eq!(splitter.push("П"), ["Ваш заказ готов."]);
        assert!(splitter.push("риезжайте").is_empty());
        assert_eq!(splitter.finish(), ["Приезжайте"]);
        assert!(splitter.finish().is_empty());
    }

    #[test]
    fn a_line_break_ends_a_clause_before_the_next_word_is_known() {
        let mut splitter = ClauseSplitter::new();
        assert_eq!(splitter.push("Добрый день.\n"), ["Добрый день."]);
        assert_eq!(splitter.push("Сейчас, \n"), ["Сейчас,"]);
        assert!(splitter.push("Да, ").is_empty());
        assert_eq!(splitter.push("\n"), ["Да,"]);
    }

    #[test]
    fn a_text_without_punctuation_is_cut_at_a_space() {
        let mut splitter = ClauseSplitter::new();
        let given = splitter.push(&"слово ".repeat(100));
        assert!(!given.is_empty());
        assert!(
            given.iter().all(|clause| clause.chars().count() <= LONGEST_CHARS && clause.ends_with("слово"))
        );
    }

    fn letters(text: &str) -> String {
        text.chars().filter(|c| c.is_alphanumeric()).collect()
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_streaming_changes_nothing(
            text in "([а-яa-z0-9А-Я]{1,9}[ .,!?:;\n—]{1,2}){0,40}",
            size in 1_usize..9,
        ) {
            let whole = clauses(&text);
            prop_assert_eq!(letters(&whole.join(" ")), letters(&text));
            let chars: Vec<char> = text.chars().collect();
            let mut splitter = ClauseSplitter::new();
            let mut streamed: Vec<String> =
                chars.chunks(size).flat_map(|piece| splitter.push(&piece.iter().collect::<String>())).collect();
            streamed.extend(splitter.finish());
            prop_assert_eq!(whole, streamed);
        }
    }
}
