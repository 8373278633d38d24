//! Reading a profile: every mistake of it at once, each with its line.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::understand::pattern::Pattern;
use super::super::understand::phrases::fillers;
use super::{Profile, Text, Texts};

/// A mistake in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// In words for the shop's owner.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Placeholders that an answer may have.
const PLACEHOLDERS: &[&str] = &["hours", "today"];

/// Mistakes that are told at once; a file with more is no profile.
const MOST: usize = 200;

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// All its mistakes, in the order of their lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let (table, syntax) = DeTable::parse_recoverable(text);
        let mut check = Check { text, root: &table, problems: Vec::new() };
        for error in &syntax {
            check.tell(error.span().map_or(0, |span| span.start), error.message());
        }
        let profile = check.read();
        if let Some(profile) = &profile {
            check.profile(profile);
        }
        let mut problems = check.problems;
        problems.sort_by(|a, b| (a.line, &a.what).cmp(&(b.line, &b.what)));
        problems.dedup();
        match profile {
            Some(profile) if problems.is_empty() => Ok(profile),
            _ => Err(problems),
        }
    }
}

/// When a day's hours begin and end, in minutes from midnight; none on a day that is closed.
///
/// # Errors
/// What is wrong with the text.
pub fn opening(text: &str) -> Result<Option<(u16, u16)>, String> {
    let text = text.trim();
    if text.is_empty() || text.eq_ignore_ascii_case("closed") {
        return Ok(None);
    }
    let wrong = || format!("expected hours such as \"9:00-20:00\" or \"closed\", found {text:?}");
    let time = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        let plain =
            |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let (hours, minutes): (u16, u16) =
            (plain(hours).then(|| hours.parse().ok())??, plain(minutes).then(|| minutes.parse().ok())??);
        let all = hours * 60 + minutes;
        (minutes < 60 && all <= 24 * 60).then_some(all)
    };
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (from, to) = (time(from).ok_or_else(wrong)?, time(to).ok_or_else(wrong)?);
    if from >= to {
        return Err(format!("the shop closes before it opens: {text:?}"));
    }
    Ok(Some((from, to)))
}

/// A step to a place in the file.
enum Step<'s> {
    Key(&'s str),
    At(usize),
}

struct Check<'t> {
    text: &'t str,
    root: &'t Spanned<DeTable<'t>>,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn tell(&mut self, byte: usize, what: impl Into<String>) {
        let line = self.text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1;
        if self.problems.len() < MOST {
            self.problems.push(Problem { line, what: what.into() });
        }
    }

    /// Reads what can be read: each value that does not fit is told and left out, and the rest is read again.
    fn read(&mut self) -> Option<Profile> {
        let mut table = self.root.clone();
        for _ in 0..MOST {
            let error = match Profile::deserialize(table.clone().into_deserializer()) {
                Ok(profile) => return Some(profile),
                Err(error) => error,
            };
            let span = error.span();
            let byte = span.as_ref().map_or(0, |span| span.start);
            let what = error.message().lines().collect::<Vec<_>>().join(" ");
            self.tell(byte, what);
            let removed = span.is_some_and(|span| remove(table.get_mut(), span.start));
            if !removed {
                return None;
            }
        }
        None
    }

    fn profile(&mut self, profile: &Profile) {
        use Step::{At, Key};
        let mut units: BTreeSet<(&str, &str)> = BTreeSet::new();
        for (at, unit) in profile.units.iter().enumerate() {
            let here = |key| [Key("units"), At(at), Key(key)];
            if unit.forms.trim().is_empty() {
                self.at(&here("forms"), "a unit needs its forms");
            }
            if unit.pieces == 0 {
                self.at(&here("pieces"), "a unit has one piece at least");
            }
            let kinds =
                if unit.of.is_empty() { vec![""] } else { unit.of.iter().map(String::as_str).collect() };
            let forms: BTreeSet<&str> = unit.forms.split_whitespace().collect();
            for form in forms {
                if kinds.iter().any(|kind| !units.insert((form, kind))) {
                    self.at(&here("forms"), format!("{form:?} is a unit already"));
                }
            }
        }
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        for (at, attribute) in profile.attributes.iter().enumerate() {
            let here = |key| [Key("attributes"), At(at), Key(key)];
            if attribute.key.is_empty() {
                self.at(&here("key"), "an attribute needs its key");
            } else if !keys.insert(&attribute.key) {
                self.at(&here("key"), format!("the attribute {:?} stands here twice", attribute.key));
            }
            for mark in attribute.marks.keys() {
                if *mark != attribute.key && !attribute.parts.contains(mark) {
                    self.at(
                        &here("marks"),
                        format!("{mark:?} is no part of the attribute {:?}", attribute.key),
                    );
                }
            }
            self.text(&attribute.ask, &here("ask"), &[]);
        }
        for (value, forms) in &profile.forms {
            if forms.trim().is_empty() {
                self.at(&[Key("forms"), Key(value)], format!("{value:?} has no forms"));
            }
        }
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for (at, city) in profile.cities.iter().enumerate() {
            let here = [Key("cities"), At(at), Key("name")];
            if city.name.trim().is_empty() {
                self.at(&here, "a city needs its name");
            } else if !names.insert(&city.name) {
                self.at(&here, format!("the city {:?} stands here twice", city.name));
            }
        }
        self.answers(profile);
        self.hours(profile);
        self.extras(profile);
        if !(1..=99).contains(&profile.limits.pieces) {
            self.at(&[Key("limits"), Key("pieces")], "limits.pieces is from 1 to 99");
        }
        if !(1..=20).contains(&profile.limits.lines) {
            self.at(&[Key("limits"), Key("lines")], "limits.lines is from 1 to 20");
        }
    }

    fn answers(&mut self, profile: &Profile) {
        use Step::{At, Key};
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        for (at, answer) in profile.answers.iter().enumerate() {
            let here = |key| [Key("answers"), At(at), Key(key)];
            if answer.key.is_empty() {
                self.at(&here("key"), "an answer needs its key");
            } else if !keys.insert(&answer.key) {
                self.at(&here("key"), format!("the answer {:?} stands here twice", answer.key));
            }
            if answer.asked.ru.is_empty() && answer.asked.en.is_empty() {
                self.at(&here("asked"), format!("the answer {:?} is never asked for", answer.key));
            }
            if answer.say.ru.is_empty() && answer.say.en.is_empty() {
                self.at(&here("say"), format!("the answer {:?} says nothing", answer.key));
            }
            self.patterns(&answer.asked, &here("asked"));
            self.text(&answer.say, &here("say"), PLACEHOLDERS);
        }
    }

    fn hours(&mut self, profile: &Profile) {
        use Step::Key;
        let hours = &profile.hours;
        let week = [
            ("mon", &hours.mon),
            ("tue", &hours.tue),
            ("wed", &hours.wed),
            ("thu", &hours.thu),
            ("fri", &hours.fri),
            ("sat", &hours.sat),
            ("sun", &hours.sun),
        ];
        for (day, text) in week {
            if let Err(what) = opening(text) {
                self.at(&[Key("hours"), Key(day)], what);
            }
        }
        for (day, text) in &hours.days {
            if let Err(what) = opening(text) {
                self.at(&[Key("hours"), Key("days"), Key(&day.to_string())], what);
            }
        }
    }

    fn extras(&mut self, profile: &Profile) {
        use Step::{At, Key};
        let mut slots: BTreeSet<&str> = BTreeSet::new();
        for (at, extra) in profile.extras.iter().enumerate() {
            let here = |key| [Key("extras"), At(at), Key(key)];
            if extra.slot.is_empty() {
                self.at(&here("slot"), "an extra needs its slot");
            } else if !slots.insert(&extra.slot) {
                self.at(&here("slot"), format!("the extra {:?} stands here twice", extra.slot));
            }
            self.text(&extra.ask, &here("ask"), &[]);
            self.patterns(&extra.leads, &here("leads"));
        }
    }

    fn patterns(&mut self, texts: &Texts, path: &[Step<'_>]) {
        for (language, list) in [("ru", &texts.ru), ("en", &texts.en)] {
            for (at, pattern) in list.iter().enumerate() {
                let wrong = match Pattern::parse(pattern) {
                    Err(what) => Some(format!("no pattern: {what}")),
                    // "(how) (are you) open" that is met by "are" alone would answer everything.
                    Ok(read) => fillers()
                        .find(|word| read.end_at(std::slice::from_ref(word), 0).is_some())
                        .map(|word| format!("the word {word:?} alone is enough for {pattern:?}")),
                };
                if let Some(wrong) = wrong {
                    let byte = self.byte(path.iter().chain(&[Step::Key(language), Step::At(at)]));
                    self.tell(byte, wrong);
                }
            }
        }
    }

    fn text(&mut self, text: &Text, path: &[Step<'_>], known: &[&str]) {
        for (language, text) in [("ru", &text.ru), ("en", &text.en)] {
            let mut rest = text.as_str();
            while let Some(open) = rest.find('{') {
                let name = rest[open + 1..].split('}').next().unwrap_or_default().to_owned();
                let closed = rest[open..].contains('}');
                if !closed || !known.contains(&name.as_str()) {
                    let byte = self.byte(path.iter().chain(&[Step::Key(language)]));
                    self.tell(byte, format!("nothing is called {{{name}}} here"));
                }
                rest = &rest[open + 1..];
            }
        }
    }

    fn at(&mut self, path: &[Step<'_>], what: impl Into<String>) {
        let byte = self.byte(path.iter());
        self.tell(byte, what);
    }

    /// Where a place stands in the file; of one that is missing the last that is there.
    fn byte<'s>(&self, path: impl Iterator<Item = &'s Step<'s>>) -> usize {
        let mut byte = 0;
        let mut table = Some(self.root.get_ref());
        let mut value: Option<&Spanned<DeValue<'_>>> = None;
        for step in path {
            let next = match (step, value) {
                (Step::Key(key), _) => {
                    let inside = value.map_or(table, |value| value.get_ref().as_table());
                    inside.and_then(|inside| inside.iter().find(|(own, _)| own.get_ref() == key)).map(
                        |(key, value)| {
                            byte = key.span().start;
                            value
                        },
                    )
                }
                (Step::At(at), Some(value)) => {
                    value.get_ref().as_array().and_then(|array| array.get(*at)).inspect(|value| {
                        byte = value.span().start;
                    })
                }
                (Step::At(_), None) => None,
            };
            let Some(next) = next else { break };
            (table, value) = (None, Some(next));
        }
        byte
    }
}

/// Takes the innermost entry out that stands at this byte. Whether there was one.
fn remove(table: &mut DeTable<'_>, byte: usize) -> bool {
    let mut found = None;
    for (key, value) in table.iter_mut() {
        if key.span().contains(&byte) {
            found = Some(key.clone());
            break;
        }
        if inside(value, byte) {
            return true;
        }
        if value.span().contains(&byte) {
            found = Some(key.clone());
            break;
        }
    }
    found.is_some_and(|key| table.remove(&key).is_some())
}

fn inside(value: &mut Spanned<DeValue<'_>>, byte: usize) -> bool {
    match value.get_mut() {
        DeValue::Table(table) => remove(table, byte),
        DeValue::Array(array) => array.iter_mut().any(|value| inside(value, byte)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
