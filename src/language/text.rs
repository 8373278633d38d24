//! Text as it is compared: lower case, no punctuation, words.

/// Lower case, ё as е, punctuation as spaces, single spaces; an apostrophe inside a word stays. A comma between digits
/// that groups thousands (`4,521`) goes, because recognisers write dictated digits so.
pub fn fold(text: &str) -> String {
    let mut chars: Vec<char> = Vec::with_capacity(text.len());
    for c in text.chars() {
        // Most of what is said is in small letters of the two alphabets; the tables of Unicode are slow for one of them.
        if is_small_letter(c) { chars.push(c) } else { chars.extend(c.to_lowercase()) }
    }
    let mut out = String::with_capacity(text.len());
    for (i, &c) in chars.iter().enumerate() {
        let c = match c {
            'ё' => 'е',
            '’' | '`' => '\'',
            c => c,
        };
        let inside = |f: fn(&char) -> bool| i > 0 && f(&chars[i - 1]) && chars.get(i + 1).is_some_and(f);
        if is_small_letter(c) || c.is_alphanumeric() || c == '\'' && inside(|c| c.is_alphabetic()) {
            out.push(c);
        } else if c == ',' && groups_thousands(&chars, i) || c == '\u{301}' {
            // Dropped without a trace: a thousands comma, a stress mark.
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The words of a text, folded; a number that touches letters is a word of its own (`r16` is `r`, `16`).
pub fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in fold(text).split(' ').filter(|w| !w.is_empty()) {
        let mut digit = None;
        for c in word.chars() {
            let is_digit = c.is_ascii_digit();
            match out.last_mut() {
                Some(last) if digit == Some(is_digit) => last.push(c),
                _ => out.push(c.to_string()),
            }
            digit = Some(is_digit);
        }
    }
    out
}

fn is_small_letter(c: char) -> bool {
    matches!(c, 'a'..='z' | 'а'..='я' | 'ё')
}

fn groups_thousands(chars: &[char], at: usize) -> bool {
    let digit = |i: usize| chars.get(i).is_some_and(char::is_ascii_digit);
    at > 0 && digit(at - 1) && digit(at + 1) && digit(at + 2) && digit(at + 3) && !digit(at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_words_and_digits_only() {
        for (text, folded) in [
            ("Да, всё верно!", "да все верно"),
            ("  Что-нибудь…  НЕДОРОГОЕ ", "что нибудь недорогое"),
            ("Yes, that’s right.", "yes that's right"),
            ("'quoted'", "quoted"),
            ("205/55 R16", "205 55 r16"),
            ("4,521 and 1,50", "4521 and 1 50"),
            ("за\u{301}каз", "заказ"),
            ("?!", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn a_number_that_touches_letters_is_a_word_of_its_own() {
        assert_eq!(words("205/55R16 дом 12А"), ["205", "55", "r", "16", "дом", "12", "а"]);
        assert_eq!(words("1st"), ["1", "st"]);
        assert!(words(" - ").is_empty());
    }
}
