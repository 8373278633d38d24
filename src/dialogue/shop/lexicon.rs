//! The words of a shop: which attribute and value, unit or mark a word is. Learnt from the profile and the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use crate::language::text::words;
use crate::orders::Product;

use super::super::profile::Profile;
use super::super::understand::pattern::{Pattern, Patterns, bare};
use super::super::understand::phrases::is_filler;
use super::super::understand::word::{nearly, stem};
use super::{KIND, NAME};

/// An attribute and a value of it, as the catalogue writes both.
pub(in crate::dialogue) type Meaning = (String, String);

/// From this length a word may have one letter wrong.
const FUZZY: usize = 6;

/// What the words of a shop mean.
#[derive(Clone, Debug, Default)]
pub(in crate::dialogue) struct Lexicon {
    /// Single words as they were written, and their stems.
    exact: BTreeMap<String, Vec<Meaning>>,
    stems: BTreeMap<String, Vec<Meaning>>,
    /// Several words, by the stem of the first: the stems of the rest.
    phrases: BTreeMap<String, Vec<(Vec<String>, Meaning)>>,
    /// Numbers that an attribute really has: the number, and how the catalogue writes it.
    pub(in crate::dialogue) numbers: BTreeMap<String, BTreeMap<u64, String>>,
    /// Words that stand by a number of these attributes.
    marks: BTreeMap<String, Vec<String>>,
    /// Words for an attribute itself.
    attributes: BTreeMap<String, String>,
    /// What is counted by a word: places in the profile's units.
    units: BTreeMap<String, Vec<usize>>,
    /// Cities, by the stem of their first word.
    pub(in crate::dialogue) cities: BTreeMap<String, Vec<(Vec<String>, String)>>,
    /// Everyday questions: places in the profile's answers.
    pub(in crate::dialogue) answers: Patterns<usize>,
    /// Words that lead an extra in: places in the profile's extras.
    pub(in crate::dialogue) leads: Patterns<usize>,
}

impl Lexicon {
    pub(in crate::dialogue) fn new(profile: &Profile, products: &[Product]) -> Self {
        let mut lexicon = Self::default();
        lexicon.learn_values(products);
        for (value, forms) in &profile.forms {
            lexicon.learn_forms(value, forms, products);
        }
        lexicon.learn_profile(profile);
        lexicon.learn_names(products);
        lexicon
    }

    /// What attributes really have: numbers, and words as written.
    fn learn_values(&mut self, products: &[Product]) {
        for product in products {
            for (key, value) in product.attributes.iter().filter(|(key, _)| !is_free_text(key)) {
                match number(value) {
                    Some(number) => {
                        self.numbers.entry(key.clone()).or_default().insert(number, value.clone());
                        for mark in words(value).into_iter().skip(1) {
                            self.mark(&mark, key);
                        }
                    }
                    None => self.say(value, (key.clone(), value.clone())),
                }
            }
        }
    }

    /// The forms of a value, for every attribute that has it.
    fn learn_forms(&mut self, value: &str, forms: &str, products: &[Product]) {
        let mut meanings: BTreeSet<Meaning> = BTreeSet::new();
        for (key, own) in products.iter().flat_map(|product| &product.attributes) {
            if !is_free_text(key) && own.to_lowercase() == value.to_lowercase() {
                meanings.insert((key.clone(), own.clone()));
            }
        }
        for form in forms.split_whitespace() {
            for meaning in &meanings {
                self.say(&form.replace('_', " "), meaning.clone());
            }
        }
    }

    fn learn_profile(&mut self, profile: &Profile) {
        for attribute in &profile.attributes {
            for word in attribute.words.split_whitespace() {
                self.attributes.insert(bare(&word.to_lowercase()), attribute.key.clone());
            }
            for (key, marks) in &attribute.marks {
                for mark in marks.split_whitespace() {
                    self.mark(&bare(&mark.to_lowercase()).replace('ё', "е"), key);
                }
            }
        }
        for (at, unit) in profile.units.iter().enumerate() {
            for form in unit.forms.split_whitespace() {
                let form = form.to_lowercase().replace('ё', "е");
                let list = self.units.entry(form).or_default();
                if !list.contains(&at) {
                    list.push(at);
                }
            }
        }
        for city in &profile.cities {
            let forms = city.forms.split_whitespace().map(|form| form.replace('_', " "));
            for name in forms.chain([city.name.clone()]) {
                let stems: Vec<String> = words(&name).iter().map(|word| stem(&bare(word))).collect();
                if let Some(first) = stems.first() {
                    self.cities.entry(first.clone()).or_default().push((stems.clone(), city.name.clone()));
                }
            }
        }
        let add = |patterns: &mut Patterns<usize>, list: &[String], at: usize| {
            for pattern in list.iter().filter_map(|text| Pattern::parse(text).ok()) {
                patterns.add(pattern, at);
            }
        };
        for (at, answer) in profile.answers.iter().enumerate() {
            add(&mut self.answers, &answer.asked.ru, at);
            add(&mut self.answers, &answer.asked.en, at);
        }
        for (at, extra) in profile.extras.iter().enumerate() {
            add(&mut self.leads, &extra.leads.ru, at);
            add(&mut self.leads, &extra.leads.en, at);
        }
    }

    /// Words of names and keywords that are no attribute's yet: of the attribute value that the same products have; else
    /// they are a name of their own.
    fn learn_names(&mut self, products: &[Product]) {
        let mut carriers: BTreeMap<String, (BTreeSet<usize>, BTreeSet<String>)> = BTreeMap::new();
        let mut values: BTreeMap<Meaning, BTreeSet<usize>> = BTreeMap::new();
        for (at, product) in products.iter().enumerate() {
            for (key, value) in product.attributes.iter().filter(|(key, _)| !is_free_text(key)) {
                values.entry((key.clone(), value.clone())).or_default().insert(at);
            }
            for word in texts(product).flat_map(words).map(|word| bare(&word)) {
                let plain = word.chars().count() > 1 && !word.bytes().any(|b| b.is_ascii_digit());
                let known = self
                    .meanings(&word)
                    .iter()
                    .any(|(key, value)| product.attributes.get(key) == Some(value));
                if plain && !known && !is_filler(&word) && !self.marks.contains_key(&word) {
                    let (by, forms) = carriers.entry(stem(&word)).or_default();
                    by.insert(at);
                    forms.insert(word);
                }
            }
        }
        for (token, (by, forms)) in carriers {
            let fitting: Vec<&Meaning> =
                values.iter().filter(|(_, products)| **products == by).map(|(meaning, _)| meaning).collect();
            let of = |key: &str| fitting.iter().find(|(own, _)| own == key).copied();
            // Brands before the rest: a brand that makes one thing only would else be taken for the thing.
            let meaning = of("brand").or_else(|| of(KIND)).or_else(|| fitting.first().copied());
            let meaning = meaning
                .filter(|(_, value)| number(value).is_none())
                .cloned()
                .unwrap_or_else(|| (NAME.to_owned(), token.clone()));
            for form in forms {
                self.say(&form, meaning.clone());
            }
        }
    }

    fn say(&mut self, text: &str, meaning: Meaning) {
        let said: Vec<String> = words(text).iter().map(|word| bare(word)).collect();
        match said.as_slice() {
            [] => {}
            [word] if is_filler(word) => {}
            [word] => {
                insert(&mut self.exact, word.clone(), &meaning);
                insert(&mut self.stems, stem(word), &meaning);
            }
            several => {
                let stems: Vec<String> = several.iter().map(|word| stem(word)).collect();
                self.phrases.entry(stems[0].clone()).or_default().push((stems[1..].to_vec(), meaning));
            }
        }
    }

    fn mark(&mut self, mark: &str, key: &str) {
        let keys = self.marks.entry(mark.to_owned()).or_default();
        if !keys.iter().any(|own| own == key) {
            keys.push(key.to_owned());
        }
    }

    /// What the words from here mean, as many as are of one name, and how many they are.
    pub(in crate::dialogue) fn term_at(&self, said: &[String], at: usize) -> Option<(Vec<Meaning>, usize)> {
        let word = said.get(at)?;
        let phrases = self.phrases.get(&stem(word)).into_iter().flatten();
        let fits = |rest: &[String]| {
            said.get(at + 1..at + 1 + rest.len())
                .is_some_and(|words| words.iter().zip(rest).all(|(word, part)| stem(word) == *part))
        };
        let longest = phrases.filter(|(rest, _)| fits(rest)).max_by_key(|(rest, _)| rest.len());
        if let Some((rest, meaning)) = longest {
            return Some((vec![meaning.clone()], rest.len() + 1));
        }
        let meanings = self.meanings(word);
        (!meanings.is_empty()).then(|| (meanings.to_vec(), 1))
    }

    /// What one word means.
    fn meanings(&self, word: &str) -> &[Meaning] {
        let by_stem = || {
            let stem = stem(word);
            if stem.chars().count() < 3 { None } else { self.stems.get(&stem) }
        };
        self.exact.get(word).or_else(by_stem).map_or(&[], Vec::as_slice)
    }

    /// What a word means if one letter of it is wrong: the one thing that is so near, none where there are two.
    pub(in crate::dialogue) fn guess(&self, word: &str) -> Option<Meaning> {
        let length = word.chars().count();
        if length < FUZZY || word.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut found: Option<&Meaning> = None;
        for (form, meanings) in &self.exact {
            if form.len().abs_diff(word.len()) > 2 || form.chars().count() < FUZZY - 1 || !nearly(form, word)
            {
                continue;
            }
            let [meaning] = meanings.as_slice() else { return None };
            if found.is_some_and(|other| other != meaning) {
                return None;
            }
            found = Some(meaning);
        }
        found.cloned()
    }

    /// The attributes whose numbers this word stands by.
    pub(in crate::dialogue) fn marked(&self, word: &str) -> &[String] {
        self.marks.get(word).map_or(&[], Vec::as_slice)
    }

    /// The attribute that this word is a name for.
    pub(in crate::dialogue) fn attribute(&self, word: &str) -> Option<&str> {
        self.attributes.get(word).map(String::as_str)
    }

    /// The units that this word may be.
    pub(in crate::dialogue) fn units(&self, word: &str) -> &[usize] {
        self.units.get(word).map_or(&[], Vec::as_slice)
    }
}

fn insert(map: &mut BTreeMap<String, Vec<Meaning>>, word: String, meaning: &Meaning) {
    let list = map.entry(word).or_default();
    if !list.contains(meaning) {
        list.push(meaning.clone());
    }
}

/// Attributes that are read and not matched.
pub(in crate::dialogue) fn is_free_text(key: &str) -> bool {
    key == "keywords" || key == "name" || key.starts_with("name_") || key.starts_with("description")
}

/// The texts in which a product is called something.
pub(in crate::dialogue) fn texts(product: &Product) -> impl Iterator<Item = &str> {
    let own = ["name_ru", "name_en", "keywords"].into_iter().filter_map(|key| product.attributes.get(key));
    std::iter::once(product.name.as_str()).chain(own.map(String::as_str))
}

/// The number that a value is or begins with: `205`, `500 mg`.
pub(in crate::dialogue) fn number(value: &str) -> Option<u64> {
    let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let rest = &value[end..];
    let plain = rest.chars().next().is_none_or(|c| c.is_alphabetic() || c == ' ');
    value[..end].parse().ok().filter(|_| plain)
}
