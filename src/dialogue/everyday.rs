//! Answers to everyday questions, as the shop's profile has them, with its hours in words.

use chrono::{Datelike, NaiveDate, Weekday};

use crate::language::{self, Language};

use super::profile::Hours;
use super::state::View;

/// The answer of this key.
pub(super) fn answer(key: &str, view: &View<'_>) -> Option<String> {
    let answer = view.shop.profile.answers.iter().find(|answer| answer.key == key)?;
    let text = answer.say.get(view.language);
    if text.is_empty() {
        return None;
    }
    let hours = &view.shop.profile.hours;
    let text = text.replace("{hours}", &week(hours, view.language));
    Some(text.replace("{today}", &day(hours.on(view.today), view.language)))
}

impl Hours {
    fn of(&self, day: Weekday) -> &str {
        match day {
            Weekday::Mon => &self.mon,
            Weekday::Tue => &self.tue,
            Weekday::Wed => &self.wed,
            Weekday::Thu => &self.thu,
            Weekday::Fri => &self.fri,
            Weekday::Sat => &self.sat,
            Weekday::Sun => &self.sun,
        }
    }

    /// Of this day, holidays regarded.
    fn on(&self, day: NaiveDate) -> &str {
        self.days.get(&day).map_or_else(|| self.of(day.weekday()), String::as_str)
    }
}

const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// The week: days with the same hours together.
fn week(hours: &Hours, language: Language) -> String {
    let mut runs: Vec<(Weekday, Weekday, &str)> = Vec::new();
    for day in WEEK {
        match runs.last_mut() {
            Some((_, last, same)) if *same == hours.of(day) => *last = day,
            _ => runs.push((day, day, hours.of(day))),
        }
    }
    if let [(_, _, same)] = runs.as_slice() {
        let every = match language {
            Language::Russian => "ежедневно ",
            Language::English => "every day ",
        };
        return format!("{every}{}", day(same, language));
    }
    let parts: Vec<String> = runs
        .iter()
        .map(|(first, last, hours)| format!("{} {}", days(*first, *last, language), day(hours, language)))
        .collect();
    parts.join(", ")
}

fn days(first: Weekday, last: Weekday, language: Language) -> String {
    const RUSSIAN: [(&str, &str, &str); 7] = [
        ("понедельник", "понедельника", "понедельник"),
        ("вторник", "вторника", "вторник"),
        ("среду", "среды", "среду"),
        ("четверг", "четверга", "четверг"),
        ("пятницу", "пятницы", "пятницу"),
        ("субботу", "субботы", "субботу"),
        ("воскресенье", "воскресенья", "воскресенье"),
    ];
    let (from, to) = (first.num_days_from_monday() as usize, last.num_days_from_monday() as usize);
    match language {
        Language::Russian if first == last => {
            let preposition = if first == Weekday::Tue { "во" } else { "в" };
            format!("{preposition} {}", RUSSIAN[from].0)
        }
        Language::Russian => {
            let preposition = if first == Weekday::Tue { "со" } else { "с" };
            format!("{preposition} {} по {}", RUSSIAN[from].1, RUSSIAN[to].2)
        }
        Language::English if first == last => language::weekday(first, language).to_owned(),
        Language::English => format!("{} to {}", bare(first), bare(last)),
    }
}

/// `language::weekday` says "on Monday".
fn bare(day: Weekday) -> &'static str {
    let said = language::weekday(day, Language::English);
    said.strip_prefix("on ").unwrap_or(said)
}

/// `9:00-20:00` as "с девяти до двадцати"; closed where it is none.
fn day(hours: &str, language: Language) -> String {
    let span = hours.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
    let Some((from, to)) = span else {
        return match language {
            Language::Russian => "выходной".to_owned(),
            Language::English => "closed".to_owned(),
        };
    };
    match language {
        Language::Russian => format!("с {} до {}", clock(from, language), clock(to, language)),
        Language::English => format!("from {} to {}", clock(from, language), clock(to, language)),
    }
}

fn time(text: &str) -> Option<(u64, u64)> {
    let (hour, minute) = text.trim().split_once(':')?;
    Some((hour.parse().ok().filter(|h| *h <= 24)?, minute.parse().ok().filter(|m| *m < 60)?))
}

fn clock((hour, minute): (u64, u64), language: Language) -> String {
    match language {
        Language::Russian => {
            let said =
                language::cardinal_in(hour, language::Gender::Masculine, language::Case::Genitive, language);
            if minute == 0 {
                return said;
            }
            let minutes =
                language::cardinal_in(minute, language::Gender::Feminine, language::Case::Genitive, language);
            format!("{said} {minutes}")
        }
        Language::English => {
            let (twelve, half) = match hour {
                0 | 24 => (12, "a.m."),
                1..=11 => (hour, "a.m."),
                12 => (12, "p.m."),
                _ => (hour - 12, "p.m."),
            };
            let said = language::cardinal(twelve, language);
            if minute == 0 {
                return format!("{said} {half}");
            }
            format!("{said} {} {half}", language::cardinal(minute, language))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_said_by_runs_of_days() {
        let same = |text: &str| text.to_owned();
        let mut hours = Hours {
            mon: same("9:00-20:00"),
            tue: same("9:00-20:00"),
            wed: same("9:00-20:00"),
            thu: same("9:00-20:00"),
            fri: same("9:00-20:00"),
            sat: same("10:00-18:30"),
            sun: String::new(),
            ..Hours::default()
        };
        assert_eq!(
            week(&hours, Language::Russian),
            "с понедельника по пятницу с девяти до двадцати, в субботу с десяти до восемнадцати тридцати, в воскресенье выходной"
        );
        assert_eq!(
            week(&hours, Language::English),
            "Monday to Friday from nine a.m. to eight p.m., on Saturday from ten a.m. to six thirty p.m., on Sunday closed"
        );
        let holiday: NaiveDate = "2026-12-31".parse().expect("a date");
        hours.days.insert(holiday, "closed".to_owned());
        assert_eq!(day(hours.on(holiday), Language::English), "closed");
    }
}
