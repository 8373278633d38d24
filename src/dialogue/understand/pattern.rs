//! Patterns of words, found anywhere in an utterance. `|` stands between choices, `( )` around what may be missing, `[ ]`
//! around choices of several words, `*` after a stem, `_` for any one word. Apostrophes don't count.

use std::collections::BTreeMap;

use crate::language::text::words;

/// A pattern, read once.
#[derive(Clone, Debug)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    choices: Vec<Vec<Item>>,
    optional: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Word(String),
    Stem(String),
    Any,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words for its author.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        while let Some(first) = rest.chars().next() {
            let close = match first {
                '(' => Some(')'),
                '[' => Some(']'),
                _ => None,
            };
            let (inside, left) = match close {
                Some(close) => {
                    let Some(end) = rest.find(close) else {
                        return Err(format!("`{first}` is not closed in {text:?}"));
                    };
                    (&rest[1..end], &rest[end + 1..])
                }
                None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
            };
            if inside.contains(['(', ')', '[', ']']) {
                return Err(format!("a bracket stands inside or is not opened in {text:?}"));
            }
            let choices: Result<Vec<Vec<Item>>, String> = inside.split('|').map(|c| items(c, text)).collect();
            parts.push(Part { choices: choices?, optional: first == '(' });
            rest = left.trim_start();
        }
        if parts.iter().all(|part| part.optional) {
            return Err(format!("{text:?} has no word that must stand there"));
        }
        Ok(Self { parts })
    }

    /// Where the pattern ends, at its longest, if it stands at this word.
    pub fn end_at(&self, said: &[String], at: usize) -> Option<usize> {
        longest(&self.parts, said, at)
    }

    /// The items that it may begin with.
    fn heads(&self) -> Vec<&Item> {
        let mut heads = Vec::new();
        for part in &self.parts {
            heads.extend(part.choices.iter().filter_map(|choice| choice.first()));
            if !part.optional {
                break;
            }
        }
        heads
    }
}

fn items(choice: &str, whole: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    for word in choice.split_whitespace() {
        if word == "_" {
            items.push(Item::Any);
            continue;
        }
        let (body, stem) = word.strip_suffix('*').map_or((word, false), |body| (body, true));
        if body.contains('*') || body.is_empty() {
            return Err(format!("`*` stands only after a stem, in {whole:?}"));
        }
        let mut folded: Vec<String> = words(body).iter().map(|word| bare(word)).collect();
        let last = folded.pop().ok_or_else(|| format!("{word:?} is no word, in {whole:?}"))?;
        items.extend(folded.into_iter().map(Item::Word));
        items.push(if stem { Item::Stem(last) } else { Item::Word(last) });
    }
    if items.is_empty() {
        return Err(format!("a choice is empty in {whole:?}"));
    }
    Ok(items)
}

fn longest(parts: &[Part], said: &[String], at: usize) -> Option<usize> {
    let Some((part, rest)) = parts.split_first() else { return Some(at) };
    let mut best = if part.optional { longest(rest, said, at) } else { None };
    for choice in &part.choices {
        let here = said.get(at..).unwrap_or_default();
        if choice.len() > here.len() || !choice.iter().zip(here).all(|(item, word)| item.is(word)) {
            continue;
        }
        best = best.max(longest(rest, said, at + choice.len()));
    }
    best
}

impl Item {
    fn is(&self, word: &str) -> bool {
        match self {
            Self::Word(own) => own == word,
            Self::Stem(stem) => word.starts_with(stem.as_str()),
            Self::Any => true,
        }
    }
}

/// A word without apostrophes: recognisers write `that's` and `thats`.
pub fn bare(word: &str) -> String {
    word.chars().filter(|c| *c != '\'').collect()
}

/// Many patterns, each with what it means, found by their first words.
#[derive(Clone, Debug)]
pub struct Patterns<T> {
    all: Vec<(Pattern, T)>,
    by_word: BTreeMap<String, Vec<usize>>,
    by_stem: BTreeMap<String, Vec<usize>>,
    by_any: Vec<usize>,
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self { all: Vec::new(), by_word: BTreeMap::new(), by_stem: BTreeMap::new(), by_any: Vec::new() }
    }
}

impl<T> Patterns<T> {
    /// Adds one.
    pub fn add(&mut self, pattern: Pattern, means: T) {
        let at = self.all.len();
        for head in pattern.heads() {
            let list = match head {
                Item::Word(word) => self.by_word.entry(word.clone()).or_default(),
                Item::Stem(stem) => self.by_stem.entry(stem.clone()).or_default(),
                Item::Any => &mut self.by_any,
            };
            if list.last() != Some(&at) {
                list.push(at);
            }
        }
        self.all.push((pattern, means));
    }

    /// The longest pattern that stands at this word: where it ends and what it means. Of equals the one added first.
    pub fn longest_at(&self, said: &[String], at: usize) -> Option<(usize, &T)> {
        let word = said.get(at)?;
        let mut best: Option<(usize, usize)> = None;
        let mut consider = |list: &[usize]| {
            for &index in list {
                let Some(end) = self.all[index].0.end_at(said, at).filter(|end| *end > at) else { continue };
                let better = best.is_none_or(|(best_end, best_index)| {
                    end > best_end || end == best_end && index < best_index
                });
                if better {
                    best = Some((end, index));
                }
            }
        };
        if let Some(list) = self.by_word.get(word) {
            consider(list);
        }
        for (end, c) in word.char_indices() {
            if let Some(list) = self.by_stem.get(&word[..end + c.len_utf8()]) {
                consider(list);
            }
        }
        consider(&self.by_any);
        best.map(|(end, index)| (end, &self.all[index].1))
    }

    /// Whether any pattern knows this very word at its beginning.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(pattern: &str, text: &str) -> Option<usize> {
        let said: Vec<String> = words(text).iter().map(|word| bare(word)).collect();
        Pattern::parse(pattern).unwrap().end_at(&said, 0)
    }

    #[test]
    fn a_pattern_takes_as_many_words_as_it_can() {
        assert_eq!(ends("до скольки (вы) (работае*)", "до скольки вы работаете сегодня"), Some(4));
        assert_eq!(ends("what's|what (is) your address", "What's your address?"), Some(3));
        assert_eq!(ends("[вы робот|это автомат]", "это автомат"), Some(2));
        assert_eq!(ends("отмен* _ заказ", "отмените мой заказ"), Some(3));
        assert_eq!(ends("отмен* _ заказ", "отмените заказ"), None);
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for wrong in ["(a", "a [b", "a b)", "*", "a*b", "(a) (b)", "a||b", "", "[]"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn of_many_patterns_the_longest_wins() {
        let mut all = Patterns::default();
        for (pattern, means) in [("да", 1), ("да нет", 2), ("д*", 3), ("да (не|ну)", 4)] {
            all.add(Pattern::parse(pattern).unwrap(), means);
        }
        let at = |text: &str| all.longest_at(&words(text), 0).map(|(end, means)| (end, *means));
        assert_eq!(at("да нет"), Some((2, 2)));
        assert_eq!(at("да"), Some((1, 1)));
        assert_eq!(at("день"), Some((1, 3)));
        assert_eq!(at("нет"), None);
    }
}
