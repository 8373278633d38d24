//! Whether words are clearly going to be followed by more.

use crate::language::{Language, text};

/// Whether a caller who stopped here has surely not finished: the last word asks for another one ("в", "улица",
/// "number"), or a number is being dictated digit by digit. Used to wait a little longer, so a miss costs half a second.
pub fn is_unfinished(said: &str, language: Language) -> bool {
    let words = text::words(said);
    let Some(last) = words.last() else { return false };
    let hanging: &[&str] = match language {
        Language::Russian => &[
            "в",
            "во",
            "на",
            "и",
            "с",
            "со",
            "до",
            "от",
            "для",
            "по",
            "из",
            "или",
            "а",
            "но",
            "не",
            "улица",
            "улицу",
            "проспект",
            "дом",
            "квартира",
            "город",
            "номер",
            "размер",
            "меня",
            "мой",
            "мне",
            "хочу",
            "заказать",
            "плюс",
        ],
        Language::English => &[
            "in",
            "on",
            "at",
            "to",
            "and",
            "or",
            "but",
            "for",
            "by",
            "of",
            "the",
            "a",
            "an",
            "my",
            "is",
            "number",
            "apartment",
            "size",
            "not",
            "want",
            "need",
            "order's",
            "i'm",
            "it's",
        ],
    };
    if hanging.contains(&last.as_str()) {
        return true;
    }
    // A bare "1 2 3" is a number that may go on; five digits and more have usually been said as groups by then.
    let digits = words.iter().filter(|word| is_digit(word, language)).count();
    digits == words.len() && (1..4).contains(&digits) && digits != 1
}

fn is_digit(word: &str, language: Language) -> bool {
    match language {
        Language::Russian => {
            ["ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"]
                .contains(&word)
        }
        Language::English => {
            ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
                .contains(&word)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hanging_preposition_and_half_a_number_are_unfinished() {
        for text in ["хочу заказать", "доставка в", "улица", "четыре пять", "четыре пять два"]
        {
            assert!(is_unfinished(text, Language::Russian), "{text}");
        }
        for text in ["deliver it to", "my order number", "four five"] {
            assert!(is_unfinished(text, Language::English), "{text}");
        }
    }

    #[test]
    fn a_whole_answer_is_finished() {
        for text in ["да", "четыре", "четыре пять два один", "улица ленина дом пять", "нокиан", ""]
        {
            assert!(!is_unfinished(text, Language::Russian), "{text}");
        }
        for text in ["yes", "four", "boston", "four five two one"] {
            assert!(!is_unfinished(text, Language::English), "{text}");
        }
    }
}
