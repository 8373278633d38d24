//! Free text made sayable: every digit, sign and abbreviation in words. It runs over each sentence of a language model
//! before a voice gets it, so that "4 шины 205/55 R16 за 22 400 ₽" is read rightly by any voice.

use super::{Language, order_number, phone};

mod calendar;
mod number;
mod sign;

/// The text with all its numbers, dates, telephone numbers, currency signs and abbreviations in words. What comes out
/// has no digit in it, and is left as it is when it goes through again.
pub fn spoken(text: &str, language: Language) -> String {
    let mut speech = Speech { out: String::with_capacity(text.len() * 2), language };
    let mut rest = text;
    let mut before: Option<char> = None;
    while let Some(c) = rest.chars().next() {
        let at_word_start = !before.is_some_and(char::is_alphanumeric);
        let taken = if at_word_start { speech.piece(rest) } else { 0 };
        let taken = if taken > 0 { taken } else { speech.single(c, rest) };
        before = rest[..taken].chars().next_back();
        rest = &rest[taken..];
    }
    tidy(&speech.out)
}

struct Speech {
    out: String,
    language: Language,
}

impl Speech {
    /// Says whatever begins here and is more than a character; how many bytes of it were taken, 0 if it's nothing such.
    fn piece(&mut self, rest: &str) -> usize {
        self.link(rest)
            .or_else(|| self.named_order(rest))
            .or_else(|| self.phone(rest))
            .or_else(|| self.number(rest))
            .or_else(|| self.abbreviation(rest))
            .unwrap_or(0)
    }

    fn russian(&self) -> bool {
        self.language == Language::Russian
    }

    fn choose(&self, russian: &'static str, english: &'static str) -> &'static str {
        if self.russian() { russian } else { english }
    }

    /// Adds words, apart from what stands before.
    fn say(&mut self, words: &str) {
        if !self.out.is_empty() && !self.out.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
        self.out.push_str(words);
        self.out.push(' ');
    }

    /// The last word said, folded; empty after punctuation.
    fn previous(&self) -> String {
        let tail = self.out.trim_end();
        let start = tail
            .rfind(|c: char| !c.is_alphabetic())
            .map_or(0, |at| at + tail[at..].chars().next().map_or(0, char::len_utf8));
        super::text::fold(&tail[start..])
    }

    fn link(&mut self, rest: &str) -> Option<usize> {
        let is_link = ["http://", "https://", "www."]
            .iter()
            .any(|scheme| rest.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)));
        if !is_link {
            return None;
        }
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, ')' | ']' | '>')).unwrap_or(rest.len());
        let link = rest[..end].trim_end_matches(['.', ',', '!', '?', ';', ':']);
        self.say(self.choose("ссылка", "the link"));
        Some(link.len())
    }

    /// `ORD-20260214-017`.
    fn named_order(&mut self, rest: &str) -> Option<usize> {
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if !(2..=5).contains(&letters) || !rest[letters..].starts_with('-') {
            return None;
        }
        let tail = &rest[letters..];
        let end = tail.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(tail.len());
        let number = tail[..end].trim_end_matches('-');
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        if digits < 3 || tail[end..].starts_with(char::is_alphanumeric) {
            return None;
        }
        self.say(&order_number(number, self.language));
        Some(letters + number.len())
    }

    fn phone(&mut self, rest: &str) -> Option<usize> {
        let plus = rest.starts_with('+');
        if !plus && !rest.starts_with(|c: char| c.is_ascii_digit() || c == '(') {
            return None;
        }
        let mut end = 0;
        let mut digits = 0;
        let mut separators = 0;
        let mut dashes = 0;
        for (at, c) in rest.char_indices() {
            match c {
                '0'..='9' => {
                    digits += 1;
                    separators = 0;
                    end = at + 1;
                }
                '+' if at == 0 => {}
                '-' | '(' | ')' | ' ' | '\u{a0}' if separators < 2 => {
                    separators += 1;
                    dashes += usize::from(c == '-');
                }
                _ => break,
            }
        }
        let local = digits == 7 && dashes >= 1 && rest.as_bytes().get(3) == Some(&b'-');
        let grouped_thousands =
            dashes == 0 && !plus && !rest.starts_with(['7', '8', '(']) && rest[..end].contains(' ');
        let national = (10..=15).contains(&digits) && !grouped_thousands;
        if !(local || national || plus && (7..=15).contains(&digits)) {
            return None;
        }
        if rest[end..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '%' | '₽' | '$' | '€'))
        {
            return None;
        }
        self.say(&phone(&rest[..end], self.language));
        Some(end)
    }

    fn abbreviation(&mut self, rest: &str) -> Option<usize> {
        let end = rest.find(|c: char| !c.is_alphabetic() && c != '.' && c != '-').unwrap_or(rest.len());
        let run = &rest[..end];
        let (said, taken) = sign::abbreviation(run, self.language)?;
        self.say(said);
        Some(taken)
    }

    /// Says one character, or drops it; its length.
    fn single(&mut self, c: char, rest: &str) -> usize {
        let len = c.len_utf8();
        let next = rest[len..].chars().next();
        if c.is_numeric() {
            // Digits of other scripts, fractions and superscripts: a voice would say nothing good of them.
            if let Some(digit) = c.to_digit(10) {
                self.say(&super::cardinal(u64::from(digit), self.language));
            } else {
                self.out.push(' ');
            }
        } else if let Some(said) = sign::word(c, next, self.language) {
            self.say(said);
        } else if sign::is_sayable(c) {
            self.out.push(c);
        } else {
            self.out.push(' ');
        }
        len
    }
}

/// Single spaces, none before punctuation, no punctuation twice or at the beginning.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            continue;
        }
        let closes = matches!(c, '.' | ',' | '!' | '?' | '…' | ';' | ':');
        if closes {
            out.truncate(out.trim_end().len());
            if out.is_empty() || c == ',' && out.ends_with(['.', ',', '!', '?', '…', ';', ':']) {
                continue;
            }
            if c == '.' && out.ends_with(['!', '?', ',']) {
                continue;
            }
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests;
