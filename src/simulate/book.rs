//! What callers say, from files: phrases by act, spoken forms of goods, places and names, and how often which caller calls.
//! The format is told in `samples/phrases/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::language::Language;

use super::acts;
use super::goods::{Forms, Goods, Noun};
use super::reading::{Mistakes, Reading, Value};
use super::template::Template;

/// Everything that the files tell of callers of one language.
#[derive(Clone, Debug, Default)]
pub struct Book {
    pub language: Language,
    pub acts: BTreeMap<String, Vec<Template>>,
    pub fillers: Vec<String>,
    pub words: BTreeMap<String, Vec<String>>,
    pub names: Vec<String>,
    pub streets: Vec<Street>,
    pub cities: BTreeMap<String, CityForms>,
    pub goods: Goods,
    /// What a recogniser hears in place of a word.
    pub confusions: BTreeMap<String, Vec<String>>,
    /// Weights by the names of goal kinds and tempers, where a file tells them.
    pub mix: BTreeMap<String, u32>,
    /// Goals of the files, drawn in place of made-up ones where there are any.
    pub goals: Vec<FixedGoal>,
}

/// A street as it is said, and what of it must stand in the order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Street {
    pub say: Vec<String>,
    pub key: String,
}

/// A city's name in the accusative, prepositional and genitive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CityForms {
    pub acc: Vec<String>,
    pub prep: Vec<String>,
    pub from: Vec<String>,
}

/// A goal that a file tells.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FixedGoal {
    pub lines: Vec<(String, u32)>,
    pub city: String,
    pub street: String,
    pub house: String,
    pub flat: String,
    /// The name of a pick-up point; none: delivered.
    pub point: String,
    pub payment: String,
    pub name: String,
    pub temper: String,
    /// Where it stands, for what is wrong with it.
    pub at: String,
}

masked!(FixedGoal);

impl Book {
    /// Reads the files; parts in other languages are passed over.
    ///
    /// # Errors
    /// All that is wrong, each with its file and line.
    pub fn load(paths: &[PathBuf], language: Language) -> Result<Self, Mistakes> {
        let mut texts = Vec::new();
        let mut mistakes = Vec::new();
        for path in paths {
            match std::fs::read_to_string(path) {
                Ok(text) => texts.push((path.clone(), text)),
                Err(error) => mistakes.push(format!("{}: {error}", path.display())),
            }
        }
        match Self::of(&texts, language) {
            Ok(book) if mistakes.is_empty() => Ok(book),
            Ok(_) => Err(Mistakes(mistakes)),
            Err(Mistakes(more)) => Err(Mistakes(mistakes.into_iter().chain(more).collect())),
        }
    }

    /// Reads texts of files with their names.
    ///
    /// # Errors
    /// All that is wrong, each with its file and line.
    pub fn of(texts: &[(PathBuf, String)], language: Language) -> Result<Self, Mistakes> {
        let mut book = Self { language, ..Self::default() };
        let mut mistakes = Vec::new();
        for (path, text) in texts {
            let (mut reading, table) = Reading::begin(path, text);
            let entries: Vec<_> =
                table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value)).collect();
            let told = entries.iter().find(|(key, ..)| *key == "language");
            let told = told.and_then(|(_, _, value)| {
                let at = value.span().start;
                let code = reading.text(value)?;
                let known = Language::ALL.into_iter().find(|language| language.code() == code);
                if known.is_none() {
                    reading.mistake(at, &format!("expected the language ru or en, found {code:?}"));
                }
                known
            });
            let is_ours = told.is_none_or(|told| told == language);
            for (key, at, value) in entries {
                match key {
                    "language" => {}
                    "goods" => book.read_goods(&mut reading, value),
                    "confusions" => book.read_confusions(&mut reading, value),
                    "acts" | "fillers" | "words" | "places" | "mix" | "goals" => {
                        // Read all the same, for its mistakes.
                        let mut other = Self::default();
                        let into = if is_ours { &mut book } else { &mut other };
                        into.read(&mut reading, key, value);
                    }
                    _ => reading.mistake(
                        at,
                        &format!(
                            "expected language, acts, fillers, words, places, goods, confusions, mix or goals, found {key:?}"
                        ),
                    ),
                }
            }
            mistakes.append(&mut reading.mistakes);
        }
        if mistakes.is_empty() {
            let missing = |act: &&str| book.acts.get(*act).is_none_or(Vec::is_empty);
            let missing: Vec<&str> =
                acts::ACTS.iter().map(|(act, _)| *act).filter(|act| missing(act)).collect();
            let code = language.code();
            if !missing.is_empty() {
                mistakes.push(format!("expected phrases ({code}) for {}, found none", missing.join(", ")));
            }
            for words in acts::WORDS.iter().filter(|name| !book.words.contains_key(**name)) {
                mistakes.push(format!("expected [words] {words} ({code}), found none"));
            }
            if book.streets.is_empty() || book.names.is_empty() {
                mistakes.push(format!("expected [places] with names and streets ({code}), found none"));
            }
        }
        if mistakes.is_empty() { Ok(book) } else { Err(Mistakes(mistakes)) }
    }

    fn read<'a>(&mut self, reading: &mut Reading<'a>, key: &str, value: &Value<'a>) {
        match key {
            "acts" => {
                for (act, at, phrases) in reading.entries(value) {
                    let known = acts::slots(act);
                    if known.is_none() {
                        reading.mistake(at, &format!("expected an act of the README, found {act:?}"));
                    }
                    let parsed = phrases_of(reading, phrases, known);
                    self.acts.entry(act.to_owned()).or_default().extend(parsed);
                }
            }
            "fillers" => self.fillers.extend(strings(reading, value)),
            "words" => {
                for (name, at, words) in reading.entries(value) {
                    if !acts::WORDS.contains(&name) {
                        let names = acts::WORDS.join(", ");
                        reading.mistake(at, &format!("expected one of {names}, found {name:?}"));
                    }
                    let words = strings(reading, words);
                    self.words.entry(name.to_owned()).or_default().extend(words);
                }
            }
            "mix" => {
                for (name, at, weight) in reading.entries(value) {
                    if !super::goal::is_mixed(name) {
                        reading.mistake(at, &format!("expected a goal kind or a temper, found {name:?}"));
                    }
                    if let Some(weight) = reading.number(weight) {
                        self.mix.insert(name.to_owned(), weight);
                    }
                }
            }
            "places" => self.read_places(reading, value),
            _ => self.read_goals(reading, value),
        }
    }

    fn read_places<'a>(&mut self, reading: &mut Reading<'a>, value: &Value<'a>) {
        for (key, at, value) in reading.entries(value) {
            match key {
                "names" => self.names.extend(strings(reading, value)),
                "streets" => {
                    for street in reading.list(value) {
                        let mut read = Street::default();
                        for (key, at, value) in reading.entries(street) {
                            match key {
                                "say" => read.say = strings(reading, value),
                                "key" => read.key = reading.text(value).unwrap_or_default().to_owned(),
                                _ => reading.mistake(at, &format!("expected say or key, found {key:?}")),
                            }
                        }
                        if read.say.is_empty() || read.key.is_empty() {
                            reading.mistake(street.span().start, "expected say and key of a street");
                        }
                        self.streets.push(read);
                    }
                }
                "cities" => {
                    for (city, _, forms) in reading.entries(value) {
                        let mut read = CityForms::default();
                        for (case, at, value) in reading.entries(forms) {
                            let text = reading.text(value).unwrap_or_default();
                            let forms = text.split('|').map(|form| form.trim().to_owned()).collect();
                            match case {
                                "acc" => read.acc = forms,
                                "prep" => read.prep = forms,
                                "gen" => read.from = forms,
                                _ => {
                                    reading
                                        .mistake(at, &format!("expected acc, prep or gen, found {case:?}"));
                                }
                            }
                        }
                        self.cities.insert(city.to_owned(), read);
                    }
                }
                _ => reading.mistake(at, &format!("expected names, streets or cities, found {key:?}")),
            }
        }
    }

    fn read_goals<'a>(&mut self, reading: &mut Reading<'a>, value: &Value<'a>) {
        for goal in reading.list(value) {
            let mut read = FixedGoal::default();
            for (key, at, value) in reading.entries(goal) {
                let place = match key {
                    "lines" => {
                        for line in reading.list(value) {
                            let (mut sku, mut quantity) = (String::new(), 0);
                            for (key, at, value) in reading.entries(line) {
                                match key {
                                    "sku" => reading.text(value).unwrap_or_default().clone_into(&mut sku),
                                    "quantity" => quantity = reading.number(value).unwrap_or_default(),
                                    _ => reading
                                        .mistake(at, &format!("expected sku or quantity, found {key:?}")),
                                }
                            }
                            read.lines.push((sku, quantity));
                        }
                        continue;
                    }
                    "city" => &mut read.city,
                    "street" => &mut read.street,
                    "house" => &mut read.house,
                    "flat" => &mut read.flat,
                    "point" => &mut read.point,
                    "payment" => &mut read.payment,
                    "name" => &mut read.name,
                    "temper" => &mut read.temper,
                    _ => {
                        let expected = "lines, city, street, house, flat, point, payment, name or temper";
                        reading.mistake(at, &format!("expected {expected}, found {key:?}"));
                        continue;
                    }
                };
                reading.text(value).unwrap_or_default().clone_into(place);
            }
            read.at = reading.place(goal.span().start);
            self.goals.push(read);
        }
    }

    fn read_confusions<'a>(&mut self, reading: &mut Reading<'a>, value: &Value<'a>) {
        for (code, _, words) in reading.entries(value) {
            for (word, _, heard) in reading.entries(words) {
                let heard = strings(reading, heard);
                if code == self.language.code() {
                    self.confusions.entry(word.to_owned()).or_default().extend(heard);
                }
            }
        }
    }

    fn read_goods<'a>(&mut self, reading: &mut Reading<'a>, value: &Value<'a>) {
        for (code, at, tables) in reading.entries(value) {
            if Language::ALL.into_iter().all(|language| language.code() != code) {
                reading.mistake(at, &format!("expected ru or en, found {code:?}"));
            }
            let mut goods = Goods::default();
            for (key, at, value) in reading.entries(tables) {
                match key {
                    "describe" => goods.describe = phrases_of(reading, value, None),
                    "hint" => goods.hint = phrases_of(reading, value, None),
                    "short" => goods.short = phrases_of(reading, value, None),
                    "noun" => {
                        for (kind, _, nouns) in reading.entries(value) {
                            let nouns = strings(reading, nouns);
                            goods.noun.insert(kind.to_owned(), nouns.iter().map(|n| Noun::of(n)).collect());
                        }
                    }
                    "sets" => {
                        for (n, at, words) in reading.entries(value) {
                            let words = strings(reading, words);
                            match n.parse() {
                                Ok(n) => drop(goods.sets.insert(n, words)),
                                Err(_) => reading.mistake(at, "expected a number of pieces"),
                            }
                        }
                    }
                    "made" | "digits" => {
                        for (name, _, value) in reading.entries(value) {
                            let phrases = phrases_of(reading, value, None);
                            let into = if key == "made" { &mut goods.made } else { &mut goods.digits };
                            into.insert(name.to_owned(), phrases);
                        }
                    }
                    "values" => {
                        for (key, _, values) in reading.entries(value) {
                            for (value, _, forms) in reading.entries(values) {
                                let forms = strings(reading, forms).iter().map(|f| Forms::of(f)).collect();
                                goods.values.insert((key.to_owned(), value.to_owned()), forms);
                            }
                        }
                    }
                    "ask" => {
                        for (key, _, stems) in reading.entries(value) {
                            let stems = strings(reading, stems);
                            goods.ask.insert(key.to_owned(), stems);
                        }
                    }
                    _ => reading.mistake(
                        at,
                        &format!(
                            "expected describe, hint, short, noun, sets, made, digits, values or ask, found {key:?}"
                        ),
                    ),
                }
            }
            goods.check(reading, at);
            if code == self.language.code() {
                self.goods.join(goods);
            }
        }
    }

    /// Every word that a caller may say, for the recogniser's confusions.
    pub fn vocabulary(&self) -> BTreeSet<String> {
        let templates = self.acts.values().flatten().flat_map(Template::words);
        let words = self.words.values().flatten().flat_map(|words| crate::language::text::words(words));
        templates.chain(words).collect()
    }
}

fn strings<'a>(reading: &mut Reading<'a>, value: &Value<'a>) -> Vec<String> {
    reading.texts(value).into_iter().map(|(text, _)| text.to_owned()).collect()
}

/// Phrases; those with slots of other names than the known ones are mistakes.
fn phrases_of<'a>(reading: &mut Reading<'a>, value: &Value<'a>, known: Option<&[&str]>) -> Vec<Template> {
    let mut phrases = Vec::new();
    for (text, at) in reading.texts(value) {
        match Template::parse(text) {
            Ok(template) => {
                let unknown = template
                    .slots()
                    .into_iter()
                    .find(|slot| known.is_some_and(|known| !known.contains(slot)));
                if let Some(slot) = unknown {
                    let known = known.unwrap_or_default().join(", ");
                    let known = if known.is_empty() { "no slot".to_owned() } else { known };
                    reading.mistake(at, &format!("expected {known} here, found {{{slot}}}"));
                }
                phrases.push(template);
            }
            Err(what) => reading.mistake(at, &what),
        }
    }
    phrases
}
