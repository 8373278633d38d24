//! Whatever begins with a digit, or with a currency sign before one.

use super::super::digits::pairs;
use super::super::text::fold;
use super::super::{
    Case, Gender, Language, Noun, cardinal, cardinal_in, count_in, digits, house, money_in, ordinal_in,
};
use super::{Speech, sign};

/// A run of digits as written, with its thousands joined.
pub(super) struct Number<'a> {
    /// Digits before the decimal mark.
    whole: String,
    /// Digits after it; at most two are kept by any currency.
    fraction: &'a str,
    /// Bytes taken.
    len: usize,
}

impl Number<'_> {
    pub(super) fn value(&self) -> Option<u64> {
        self.whole.parse().ok().filter(|n| *n < 1_000_000_000_000)
    }

    /// In hundredths.
    fn minor(&self) -> Option<i64> {
        let fraction: String = self.fraction.chars().chain("00".chars()).take(2).collect();
        i64::try_from(self.value()?.checked_mul(100)?.checked_add(fraction.parse().ok()?)?).ok()
    }

    pub(super) fn is_plain(&self) -> bool {
        self.fraction.is_empty()
    }
}

impl Speech {
    pub(super) fn number(&mut self, rest: &str) -> Option<usize> {
        let signed = rest.strip_prefix(['$', '€', '₽', '£']);
        if let Some(after) = signed {
            let sign = &rest[..rest.len() - after.len()];
            let gap = after.len() - after.trim_start_matches([' ', '\u{a0}']).len();
            let number = self.read(&after[gap..])?;
            return self.amount(&number, currency(sign, "")?.0, "").map(|()| sign.len() + gap + number.len);
        }
        let rim = self.rim(rest);
        if rim.is_some() {
            return rim;
        }
        if !rest.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.date(rest)
            .or_else(|| self.time(rest))
            .or_else(|| self.tire_size(rest))
            .or_else(|| self.range(rest))
            .or_else(|| self.plain(rest))
    }

    fn read<'a>(&self, rest: &'a str) -> Option<Number<'a>> {
        let run = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut len = run(rest);
        if len == 0 {
            return None;
        }
        let mut whole = rest[..len].to_owned();
        if len <= 3 && !whole.starts_with('0') {
            loop {
                let tail = &rest[len..];
                let Some(separator) = tail.chars().next() else { break };
                let groups = matches!(separator, ' ' | '\u{a0}' | '\u{202f}' | '\'')
                    || separator == ',' && self.language == Language::English;
                let after = &tail[separator.len_utf8()..];
                if !groups || run(after) != 3 || after[3..].starts_with('/') {
                    break;
                }
                whole.push_str(&after[..3]);
                len += separator.len_utf8() + 3;
            }
        }
        let mut fraction = "";
        if let Some(after) = rest[len..].strip_prefix(['.', ','])
            && (1..=3).contains(&run(after))
            && !after[run(after)..].starts_with(|c: char| c.is_alphabetic())
        {
            let more = &after[run(after)..];
            // "1.2.3" is no decimal number.
            if !(more.starts_with(['.', ',']) && more[1..].starts_with(|c: char| c.is_ascii_digit())) {
                fraction = &after[..run(after)];
                len += 1 + fraction.len();
            }
        }
        Some(Number { whole, fraction, len })
    }

    /// `205/55 R16`, `205/55R16`, `205/55`, `31x10.5` is left to the plain numbers.
    fn tire_size(&mut self, rest: &str) -> Option<usize> {
        let (width, after) = rest.split_once('/')?;
        let profile = after.get(..2)?;
        let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if width.len() != 3 || !all_digits(width) || !all_digits(profile) || !width.ends_with('5') {
            return None;
        }
        let tail = &after[2..];
        if tail.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let mut len = 6;
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        match self.language {
            Language::Russian => self.say(&cardinal(number(width), self.language)),
            Language::English => self.say(&pairs(number(width))),
        }
        self.say(&cardinal(number(profile), self.language));
        let gap = tail.len() - tail.trim_start_matches([' ', '\u{a0}', '/', '-']).len();
        if let Some(taken) = self.rim(&tail[gap..]) {
            len += gap + taken;
        }
        Some(len)
    }

    /// `R16`, `ZR17C`.
    fn rim(&mut self, rest: &str) -> Option<usize> {
        let letters = rest.find(|c: char| !matches!(c, 'R' | 'r' | 'Z' | 'z' | 'Р' | 'р'))?;
        let after = &rest[letters..];
        let gap = usize::from(after.starts_with(' '));
        let radius = after[gap..].get(..2).filter(|r| r.bytes().all(|b| b.is_ascii_digit()))?;
        let beyond = &after[gap + 2..];
        let inches: u64 = radius.parse().ok().filter(|r| (10..=30).contains(r))?;
        if letters == 0 || letters > 2 || beyond.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        for c in rest[..letters].chars() {
            let name = match (self.language, c) {
                (Language::Russian, 'Р' | 'р') => "эр",
                (Language::Russian, c) => sign::letter(c),
                (Language::English, 'Р' | 'р') => "r",
                (Language::English, 'z' | 'Z') => "z",
                (Language::English, _) => "r",
            };
            self.say(name);
        }
        self.say(&cardinal(inches, self.language));
        Some(letters + gap + 2)
    }

    /// `2-4 дня`, `5–7 days`.
    fn range(&mut self, rest: &str) -> Option<usize> {
        let from = self.read(rest)?;
        let tail = &rest[from.len..];
        let dash = tail.trim_start_matches(' ').chars().next().filter(|c| matches!(c, '-' | '–' | '—'))?;
        let gap = tail.len() - tail.trim_start_matches(' ').len() + dash.len_utf8();
        let after = tail[gap..].trim_start_matches(' ');
        let to = self.read(after)?;
        let len = rest.len() - after.len() + to.len;
        let (low, high) = (from.value()?, to.value()?);
        let next = &rest[len..];
        if !from.is_plain()
            || !to.is_plain()
            || low >= high
            || next.starts_with('-')
            || from.whole.starts_with('0')
        {
            return None;
        }
        match self.language {
            Language::English => {
                self.say(&format!("{} to {}", cardinal(low, self.language), cardinal(high, self.language)))
            }
            Language::Russian => {
                let (next_words, word_len) = next_word(next);
                let genitive = |n| cardinal_in(n, Gender::Masculine, Case::Genitive, self.language);
                let prepared = !matches!(self.previous().as_str(), "от" | "до");
                let both = format!("{} до {}", genitive(low), genitive(high));
                self.say(&if prepared { format!("от {both}") } else { both });
                // After "от … до" the noun stands in the genitive: "2-4 дня" has become "до четырёх дней".
                if let Some(noun) = Noun::of(&next_words) {
                    self.say(noun.after(high, Case::Genitive, self.language));
                    return Some(len + word_len);
                }
            }
        }
        Some(len)
    }

    fn plain(&mut self, rest: &str) -> Option<usize> {
        let number = self.read(rest)?;
        let after = &rest[number.len..];
        if let Some((iso, sign_len)) = currency_after(after) {
            let next = &after[sign_len..];
            if self.amount(&number, iso, next).is_some() {
                return Some(number.len + sign_len);
            }
        }
        if let Some(sign_len) = after
            .trim_start_matches([' ', '\u{a0}'])
            .starts_with('%')
            .then(|| after.find('%').map_or(0, |at| at + 1))
            && number.is_plain()
        {
            let value = number.value()?;
            let case = self.case_after_previous();
            let said = cardinal_in(value, Gender::Masculine, case, self.language);
            self.say(&format!("{said} {}", Noun::Percent.after(value, case, self.language)));
            return Some(number.len + sign_len);
        }
        if let Some(taken) = self.measure(&number, after) {
            return Some(number.len + taken);
        }
        if let Some(taken) = self.ordinal(&number, after).or_else(|| self.day_of_month(&number, after)) {
            return Some(number.len + taken);
        }
        if !number.is_plain() {
            self.decimal(&number);
            return Some(number.len);
        }
        // "12А", "12/3": a house; "91T": an index.
        if let Some(taken) = self.with_letters(&number, after) {
            return Some(number.len + taken);
        }
        let names = [
            "номер",
            "заказ",
            "заказа",
            "заказе",
            "заказу",
            "код",
            "кода",
            "number",
            "order",
            "code",
            "артикул",
        ];
        let is_name = names.contains(&self.previous().as_str()) && number.whole.len() > 2;
        match number.value() {
            Some(n)
                if !is_name
                    && number.whole.len() < 10
                    && (!number.whole.starts_with('0') || number.whole == "0") =>
            {
                let said = self.counted(n, after);
                self.say(&said);
            }
            _ => {
                let said = digits(&number.whole, self.language);
                self.say(&said);
            }
        }
        // "4x4", "2×5".
        let by = after.trim_start_matches(' ');
        if let Some(other) = by.strip_prefix(['x', '×', 'х', '*'])
            && other.trim_start_matches(' ').starts_with(|c: char| c.is_ascii_digit())
        {
            self.say(self.choose("на", "by"));
            return Some(rest.len() - other.len());
        }
        Some(number.len)
    }

    /// `4 шт.`, `15 мин.`: an abbreviated noun agrees like a whole one.
    fn measure(&mut self, number: &Number<'_>, after: &str) -> Option<usize> {
        let n = number.value().filter(|_| number.is_plain() && self.russian())?;
        let (next, len) = next_word(after);
        let noun = match next.as_str() {
            "шт" => Noun::Piece,
            "коп" => Noun::Kopeck,
            "мин" => Noun::Minute,
            "ч" => Noun::Hour,
            "дн" => Noun::Day,
            _ => return None,
        };
        let said = count_in(n, noun, self.case_after_previous(), self.language);
        self.say(&said);
        let more = after[len..].strip_prefix('.').map(str::trim_start);
        let goes_on = more.is_some_and(|more| more.starts_with(|c: char| !c.is_uppercase()));
        Some(len + usize::from(goes_on))
    }

    /// A number that counts what follows, in its gender and case.
    fn counted(&self, n: u64, after: &str) -> String {
        if self.language == Language::English {
            return cardinal(n, self.language);
        }
        let (first, first_len) = next_word(after);
        let (second, _) = next_word(&after[first_len..]);
        let adjective = ["ые", "ие", "ых", "их", "ая", "яя", "ую", "юю", "ой", "ый", "ий", "ое", "ее"]
            .iter()
            .any(|ending| first.ends_with(ending));
        let noun = if adjective && !second.is_empty() { &second } else { &first };
        let known = Noun::of(noun);
        let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
        let case = match self.case_after_previous() {
            Case::Nominative | Case::Accusative if ends(&["ами", "ями"]) => Case::Instrumental,
            Case::Nominative | Case::Accusative if ends(&["ах", "ях"]) => Case::Prepositional,
            Case::Nominative | Case::Accusative if ends(&["ам", "ям"]) => Case::Dative,
            case => case,
        };
        let (gender, case) = match (known, n % 10) {
            (Some(noun_known), 1) if ends(&["у", "ю"]) && noun_known.gender() == Gender::Feminine => {
                (Gender::Feminine, Case::Accusative)
            }
            (Some(noun), _) => (noun.gender(), case),
            (None, 1) if ends(&["у", "ю"]) => (Gender::Feminine, Case::Accusative),
            (None, 1) if ends(&["а", "я"]) => (Gender::Feminine, case),
            (None, 1) if ends(&["о", "е"]) => (Gender::Neuter, case),
            (None, 2) if ends(&["ы", "и"]) => (Gender::Feminine, case),
            (None, _) => (Gender::Masculine, case),
        };
        cardinal_in(n, gender, case, self.language)
    }

    /// The case that the word before asks for.
    pub(super) fn case_after_previous(&self) -> Case {
        match self.previous().as_str() {
            "от" | "до" | "около" | "из" | "без" | "для" | "после" | "свыше" | "более" | "менее"
            | "больше" | "меньше" | "порядка" | "течение" | "с" | "со" | "дороже" | "дешевле" => {
                Case::Genitive
            }
            "к" | "ко" => Case::Dative,
            "за" | "через" | "на" | "в" | "во" => Case::Accusative,
            "перед" | "между" | "над" => Case::Instrumental,
            "о" | "об" | "при" => Case::Prepositional,
            _ => Case::Nominative,
        }
    }

    fn amount(&mut self, number: &Number<'_>, iso: &str, next: &str) -> Option<()> {
        // "2 тыс. руб." and "$5 million" are counted, not priced to the hundredth.
        if number.fraction.len() > 2 || next.trim_start().to_lowercase().starts_with("million") {
            return None;
        }
        let said = money_in(number.minor()?, iso, self.case_after_previous(), self.language);
        self.say(&said);
        Some(())
    }

    /// `1-й`, `2-го`, `3rd`.
    fn ordinal(&mut self, number: &Number<'_>, after: &str) -> Option<usize> {
        let n = number.value().filter(|n| (1..10_000).contains(n) && number.is_plain())?;
        let end = after.find(|c: char| !c.is_alphabetic() && c != '-').unwrap_or(after.len());
        let suffix = after[..end].to_lowercase();
        let (gender, case) = match (self.language, suffix.as_str()) {
            (Language::English, "st" | "nd" | "rd" | "th") => (Gender::Masculine, Case::Nominative),
            (Language::Russian, "-й" | "-ый" | "-ой" | "-ий") => (Gender::Masculine, Case::Nominative),
            (Language::Russian, "-я" | "-ая") => (Gender::Feminine, Case::Nominative),
            (Language::Russian, "-ю" | "-ую") => (Gender::Feminine, Case::Accusative),
            (Language::Russian, "-е" | "-ое") => (Gender::Neuter, Case::Nominative),
            (Language::Russian, "-го" | "-ого") => (Gender::Masculine, Case::Genitive),
            (Language::Russian, "-му" | "-ому") => (Gender::Masculine, Case::Dative),
            (Language::Russian, "-м" | "-ом") => (Gender::Masculine, Case::Prepositional),
            (Language::Russian, "-ым") => (Gender::Masculine, Case::Instrumental),
            _ => return None,
        };
        self.say(&ordinal_in(n, gender, case, self.language));
        Some(end)
    }

    fn decimal(&mut self, number: &Number<'_>) {
        let whole = number.value().unwrap_or_default();
        let fraction: u64 = number.fraction.parse().unwrap_or_default();
        let said = match (self.language, number.fraction) {
            (Language::English, fraction) => {
                format!("{} point {}", cardinal(whole, self.language), digits(fraction, self.language))
            }
            (Language::Russian, "5") if whole > 0 => {
                format!("{} с половиной", cardinal(whole, self.language))
            }
            (Language::Russian, text) => {
                let feminine = |n| cardinal_in(n, Gender::Feminine, Case::Nominative, self.language);
                let one = |n: u64| n % 10 == 1 && n % 100 != 11;
                let (single, many) = match text.len() {
                    1 => ("десятая", "десятых"),
                    2 => ("сотая", "сотых"),
                    _ => ("тысячная", "тысячных"),
                };
                format!(
                    "{} {} {} {}",
                    feminine(whole),
                    if one(whole) { "целая" } else { "целых" },
                    feminine(fraction),
                    if one(fraction) { single } else { many }
                )
            }
        };
        self.say(&said);
    }

    fn with_letters(&mut self, number: &Number<'_>, after: &str) -> Option<usize> {
        if let Some(flat) = after.strip_prefix('/')
            && flat.starts_with(|c: char| c.is_ascii_digit())
        {
            let end = flat.find(|c: char| !c.is_ascii_digit()).unwrap_or(flat.len());
            self.say(&house(&format!("{}/{}", number.whole, &flat[..end]), self.language));
            return Some(1 + end);
        }
        let end = after.find(|c: char| !c.is_alphabetic() || c.is_numeric()).unwrap_or(after.len());
        if end == 0 || after[..end].chars().count() > 2 || number.whole.len() > 5 {
            return None;
        }
        // "4x4" is no house.
        if after[end..].starts_with(|c: char| c.is_ascii_digit()) && after.starts_with(['x', 'х', '×']) {
            return None;
        }
        let digits_after = after[end..].bytes().take_while(u8::is_ascii_digit).count();
        let latin = after[..end].chars().all(|c| c.is_ascii_alphabetic());
        if latin && self.russian() {
            let n = number.value()?;
            self.say(&cardinal(n, self.language));
            for c in after[..end].chars() {
                self.say(sign::letter(c));
            }
            return Some(end);
        }
        self.say(&house(&format!("{}{}", number.whole, &after[..end + digits_after]), self.language));
        Some(end + digits_after)
    }
}

/// The next word of a text, folded, and how many bytes it and what stands before it take.
pub(super) fn next_word(text: &str) -> (String, usize) {
    let start = text.find(|c: char| !matches!(c, ' ' | '\u{a0}')).unwrap_or(text.len());
    let end = text[start..].find(|c: char| !c.is_alphabetic()).map_or(text.len(), |at| start + at);
    (fold(&text[start..end]), end)
}

/// The currency that stands right after a number, and how many bytes it takes with the space before it.
fn currency_after(after: &str) -> Option<(&'static str, usize)> {
    let trimmed = after.trim_start_matches([' ', '\u{a0}', '\u{202f}']);
    let gap = after.len() - trimmed.len();
    let end =
        trimmed.find(|c: char| !c.is_alphabetic() && !matches!(c, '₽' | '$' | '€')).unwrap_or(trimmed.len());
    let (iso, len) = currency(&trimmed[..end], &trimmed[end..])?;
    Some((iso, gap + len))
}

fn currency(sign: &str, after: &str) -> Option<(&'static str, usize)> {
    let dot = usize::from(after.starts_with('.'));
    // The full stop of "руб." that also ends the sentence stays to end it.
    let goes_on = after
        .strip_prefix('.')
        .is_some_and(|more| more.trim_start().starts_with(|c: char| !c.is_uppercase()));
    let dot = if goes_on { dot } else { 0 };
    Some(match sign {
        "₽" => ("RUB", sign.len()),
        "руб" | "Руб" => ("RUB", sign.len() + dot),
        // A single letter is a rouble only with its full stop.
        "р" if after.starts_with('.') => ("RUB", sign.len() + dot),
        "RUB" => ("RUB", sign.len()),
        "BYN" => ("BYN", sign.len()),
        "$" | "USD" => ("USD", sign.len()),
        "€" | "EUR" => ("EUR", sign.len()),
        _ => return None,
    })
}
