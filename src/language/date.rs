//! Days aloud.

use chrono::{Datelike, NaiveDate, Weekday};

use super::{Case, Gender, Language, Noun, cardinal, cardinal_in, count, count_in, ordinal_in};

/// A day as one answers "when": `завтра`, `двадцать третьего ноября`, `on November twenty third`. The year is said only
/// where the month alone would be taken for another year's.
pub fn date(day: NaiveDate, today: NaiveDate, language: Language) -> String {
    let distance = day.signed_duration_since(today).num_days();
    let near = match (distance, language) {
        (-1, Language::Russian) => "вчера",
        (0, Language::Russian) => "сегодня",
        (1, Language::Russian) => "завтра",
        (2, Language::Russian) => "послезавтра",
        (-1, Language::English) => "yesterday",
        (0, Language::English) => "today",
        (1, Language::English) => "tomorrow",
        (2, Language::English) => "the day after tomorrow",
        _ => "",
    };
    if !near.is_empty() {
        return near.to_owned();
    }
    // Chosen: within nine months of today the nearest such day is meant.
    let year = distance.abs() > 270;
    match language {
        Language::Russian => day_and_month(day, year, language),
        Language::English => format!("on {}", day_and_month(day, year, language)),
    }
}

/// `двадцать третьего ноября две тысячи двадцать шестого года`, `November twenty third, twenty twenty six`.
pub(super) fn day_and_month(day: NaiveDate, with_year: bool, language: Language) -> String {
    let number = ordinal_in(u64::from(day.day()), Gender::Neuter, Case::Genitive, language);
    let month = month(day.month(), language);
    let year = u64::from(day.year().unsigned_abs());
    match (language, with_year) {
        (Language::Russian, false) => format!("{number} {month}"),
        (Language::Russian, true) => {
            let year = ordinal_in(year, Gender::Masculine, Case::Genitive, language);
            format!("{number} {month} {year} года")
        }
        (Language::English, false) => format!("{month} {number}"),
        (Language::English, true) => format!("{month} {number}, {}", english_year(year)),
    }
}

/// The month's name, in Russian as it follows the day (`ноября`). `month` is 1 to 12.
pub(super) fn month(month: u32, language: Language) -> &'static str {
    let names = match language {
        Language::Russian => &RUSSIAN_MONTHS,
        Language::English => &ENGLISH_MONTHS,
    };
    names[usize::try_from(month.clamp(1, 12) - 1).unwrap_or_default()]
}

/// The day of the week as one answers "when": `в среду`, `on Wednesday`.
pub fn weekday(day: Weekday, language: Language) -> &'static str {
    let index = day.num_days_from_monday() as usize;
    match language {
        Language::Russian => {
            ["в понедельник", "во вторник", "в среду", "в четверг", "в пятницу", "в субботу", "в воскресенье"]
                [index]
        }
        Language::English => [
            "on Monday",
            "on Tuesday",
            "on Wednesday",
            "on Thursday",
            "on Friday",
            "on Saturday",
            "on Sunday",
        ][index],
    }
}

/// How long something takes: `от двух до четырёх дней`, `two to four days`; the same day when both are zero.
pub fn days(min: u32, max: u32, language: Language) -> String {
    let (min, max) = (u64::from(min.min(max)), u64::from(max.max(min)));
    match (language, min, max) {
        (Language::Russian, 0, 0) => "в тот же день".to_owned(),
        (Language::English, 0, 0) => "the same day".to_owned(),
        (Language::Russian, 0, _) => format!("до {}", count_in(max, Noun::Day, Case::Genitive, language)),
        (Language::English, 0, _) => format!("up to {}", count(max, Noun::Day, language)),
        _ if min == max => count(min, Noun::Day, language),
        (Language::Russian, ..) => format!(
            "от {} до {}",
            cardinal_in(min, Gender::Masculine, Case::Genitive, language),
            count_in(max, Noun::Day, Case::Genitive, language)
        ),
        (Language::English, ..) => {
            format!("{} to {}", cardinal(min, language), count(max, Noun::Day, language))
        }
    }
}

/// `twenty twenty six`, `two thousand five`, `nineteen hundred`.
pub(super) fn english_year(year: u64) -> String {
    let word = |n| cardinal(n, Language::English);
    match (year / 100, year % 100) {
        (20, 0..=9) | (0..=9, _) | (100.., _) => word(year),
        (century, 0) if century % 10 == 0 => word(year),
        (century, 0) => format!("{} hundred", word(century)),
        (century, rest @ 1..=9) => format!("{} oh {}", word(century), word(rest)),
        (century, rest) => format!("{} {}", word(century), word(rest)),
    }
}

pub(super) const RUSSIAN_MONTHS: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

pub(super) const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date in a test")
    }

    #[test]
    fn a_day_is_told_as_seen_from_today() {
        for (when, russian, english) in [
            ("2026-11-20", "вчера", "yesterday"),
            ("2026-11-21", "сегодня", "today"),
            ("2026-11-22", "завтра", "tomorrow"),
            ("2026-11-23", "послезавтра", "the day after tomorrow"),
            ("2026-11-24", "двадцать четвёртого ноября", "on November twenty fourth"),
            ("2026-12-01", "первого декабря", "on December first"),
            ("2026-12-03", "третьего декабря", "on December third"),
            ("2026-12-31", "тридцать первого декабря", "on December thirty first"),
            ("2027-01-02", "второго января", "on January second"),
            ("2026-11-10", "десятого ноября", "on November tenth"),
            (
                "2027-12-20",
                "двадцатого декабря две тысячи двадцать седьмого года",
                "on December twentieth, twenty twenty seven",
            ),
        ] {
            assert_eq!(date(day(when), day("2026-11-21"), Language::Russian), russian);
            assert_eq!(date(day(when), day("2026-11-21"), Language::English), english);
        }
    }

    #[test]
    fn the_turn_of_a_year_is_no_obstacle_to_tomorrow() {
        assert_eq!(date(day("2027-01-01"), day("2026-12-31"), Language::Russian), "завтра");
        assert_eq!(date(day("2028-02-29"), day("2028-02-28"), Language::English), "tomorrow");
    }

    #[test]
    fn durations_are_ranges_of_days() {
        for (min, max, russian, english) in [
            (2, 4, "от двух до четырёх дней", "two to four days"),
            (1, 3, "от одного до трёх дней", "one to three days"),
            (1, 1, "один день", "one day"),
            (3, 3, "три дня", "three days"),
            (5, 7, "от пяти до семи дней", "five to seven days"),
            (10, 21, "от десяти до двадцати одного дня", "ten to twenty one days"),
            (0, 0, "в тот же день", "the same day"),
            (0, 1, "до одного дня", "up to one day"),
            (4, 2, "от двух до четырёх дней", "two to four days"),
        ] {
            assert_eq!(days(min, max, Language::Russian), russian);
            assert_eq!(days(min, max, Language::English), english);
        }
    }

    #[test]
    fn english_years_are_said_in_halves() {
        for (year, said) in [
            (1999, "nineteen ninety nine"),
            (1900, "nineteen hundred"),
            (1905, "nineteen oh five"),
            (2000, "two thousand"),
            (2007, "two thousand seven"),
            (2026, "twenty twenty six"),
        ] {
            assert_eq!(english_year(year), said);
        }
    }

    #[test]
    fn weekdays_answer_when() {
        assert_eq!(weekday(Weekday::Tue, Language::Russian), "во вторник");
        assert_eq!(weekday(Weekday::Sun, Language::English), "on Sunday");
    }
}
