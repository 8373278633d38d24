//! Days, years and hours.

use chrono::NaiveDate;

use super::super::date::{ENGLISH_MONTHS, RUSSIAN_MONTHS, day_and_month, english_year};
use super::super::{Case, Gender, Language, cardinal, cardinal_in, digits, ordinal_in};
use super::Speech;
use super::number::{Number, next_word};

impl Speech {
    /// `2026-11-21`, `21.11.2026`, `21.11`.
    pub(super) fn date(&mut self, rest: &str) -> Option<usize> {
        let parts = |separator: char| -> Option<(Vec<u32>, usize)> {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != separator).unwrap_or(rest.len());
            let run = rest[..end].trim_end_matches(separator);
            let parts: Option<Vec<u32>> =
                run.split(separator).map(|part| part.parse().ok().filter(|_| part.len() <= 4)).collect();
            Some((parts?, run.len()))
        };
        for separator in ['-', '.', '/'] {
            let Some((numbers, len)) = parts(separator) else { continue };
            let (year, month, day) = match (separator, numbers.as_slice()) {
                ('-', [y @ 1900..=2100, m, d]) | ('.' | '-', [d, m, y @ 1900..=2100]) => (*y, *m, *d),
                ('/', [m, d, y @ 1900..=2100]) => (*y, *m, *d),
                _ => continue,
            };
            let Some(date) = i32::try_from(year).ok().and_then(|y| NaiveDate::from_ymd_opt(y, month, day))
            else {
                continue;
            };
            self.say(&day_and_month(date, true, self.language));
            // "21.11.2026 г." would say the year twice.
            let after = &rest[len..];
            let spare = [" года", " г."].iter().find(|s| self.russian() && after.starts_with(**s));
            return Some(len + spare.map_or(0, |s| s.len()));
        }
        None
    }

    /// `10:30`.
    pub(super) fn time(&mut self, rest: &str) -> Option<usize> {
        let (hour, after) = rest.split_once(':')?;
        let hour: u64 = hour.parse().ok().filter(|h| *h < 24)?;
        let minute = after.get(..2).filter(|m| m.bytes().all(|b| b.is_ascii_digit()))?;
        let value: u64 = minute.parse().ok().filter(|m| *m < 60)?;
        if after[2..].starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let hour = cardinal_in(hour, Gender::Masculine, self.case_after_previous(), self.language);
        let minutes = match (self.language, value) {
            (Language::English, 0) => "o'clock".to_owned(),
            (Language::English, 1..=9) => format!("oh {}", cardinal(value, self.language)),
            (Language::Russian, 0..=9) => digits(minute, self.language),
            _ => cardinal(value, self.language),
        };
        self.say(&format!("{hour} {minutes}"));
        Some(rest.len() - after.len() + 2)
    }

    /// `23 ноября`, `23 November`, `2026 года`; English `November 23` is found by the word before.
    pub(super) fn day_of_month(&mut self, number: &Number<'_>, after: &str) -> Option<usize> {
        let n = number.value().filter(|_| number.is_plain())?;
        let (next, next_len) = next_word(after);
        let is_month = |word: &str| {
            RUSSIAN_MONTHS.contains(&word) || ENGLISH_MONTHS.iter().any(|m| m.to_lowercase() == word)
        };
        match self.language {
            Language::Russian if (1..=31).contains(&n) && is_month(&next) => {
                self.say(&ordinal_in(n, Gender::Neuter, Case::Genitive, self.language));
                Some(0)
            }
            Language::Russian
                if (1900..=2100).contains(&n) && matches!(next.as_str(), "года" | "году" | "г" | "год") =>
            {
                let (case, word) = match next.as_str() {
                    "году" => (Case::Prepositional, "году"),
                    "год" => (Case::Nominative, "год"),
                    _ => (Case::Genitive, "года"),
                };
                self.say(&ordinal_in(n, Gender::Masculine, case, self.language));
                self.say(word);
                let dot = usize::from(next == "г" && after[next_len..].starts_with('.'));
                Some(next_len + dot)
            }
            Language::English if (1..=31).contains(&n) && (is_month(&next) || is_month(&self.previous())) => {
                self.say(&ordinal_in(n, Gender::Masculine, Case::Nominative, self.language));
                Some(0)
            }
            Language::English if (1900..=2100).contains(&n) && self.after_a_date() => {
                self.say(&english_year(n));
                Some(0)
            }
            _ => None,
        }
    }

    /// Whether the last words said are a day of a month (`November twenty third,`) or `in`.
    fn after_a_date(&self) -> bool {
        let tail = self.out.trim_end().trim_end_matches(',').trim_end().to_lowercase();
        let mut words = tail.rsplit(' ').take(3);
        tail.ends_with(" in") && ENGLISH_MONTHS.iter().all(|m| !tail.contains(&m.to_lowercase()))
            || words.any(|word| ENGLISH_MONTHS.iter().any(|m| m.to_lowercase() == word))
    }
}
