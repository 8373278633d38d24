//! Patterns of words, found anywhere in an utterance. `|` stands between choices, `( )` around what may be missing, `[ ]`
//! around choices of several words, `*` after a stem, `_` for any one word. Apostrophes don't count.

use std::collections::BTreeMap;

use crate::language::text::words;

/// A pattern, read once.
#[derive(Clone, Debug)]
pub struct Pattern {
    parts: Vec<Part>,
}

/// What stands at one place: any of the choices, each some parts in a row.
#[derive(Clone, Debug)]
enum Part {
    Item(Item),
    Group { choices: Vec<Vec<Part>>, optional: bool },
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
        let parts = parts(text, text, false)?;
        if parts.iter().all(|part| matches!(part, Part::Group { optional: true, .. })) {
            return Err(format!("{text:?} has no word that must stand there"));
        }
        Ok(Self { parts })
    }

    /// Where the pattern ends, at its longest, if it stands at this word.
    pub fn end_at(&self, said: &[String], at: usize) -> Option<usize> {
        let mut best = None;
        walk(&self.parts, said, at, &mut |end| best = best.max(Some(end)));
        best
    }

    /// The items that it may begin with.
    fn heads(&self) -> Vec<&Item> {
        let mut heads = Vec::new();
        collect_heads(&self.parts, &mut heads);
        heads
    }
}

/// Gathers what these parts may begin with; whether all of them may be missing.
fn collect_heads<'p>(parts: &'p [Part], heads: &mut Vec<&'p Item>) -> bool {
    for part in parts {
        match part {
            Part::Item(item) => {
                heads.push(item);
                return false;
            }
            Part::Group { choices, optional } => {
                let mut missing = *optional;
                for choice in choices {
                    missing |= collect_heads(choice, heads);
                }
                if !missing {
                    return false;
                }
            }
        }
    }
    true
}

/// The parts of a text; `inside` brackets a `|` has already been taken away.
fn parts(text: &str, whole: &str, inside: bool) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        if matches!(first, '(' | '[') {
            let end = closing(rest).ok_or_else(|| format!("`{first}` is not closed in {whole:?}"))?;
            let choices: Result<Vec<Vec<Part>>, String> = split(&rest[1..end])
                .into_iter()
                .map(|choice| match self::parts(choice, whole, true)? {
                    parts if parts.is_empty() => Err(format!("a choice is empty in {whole:?}")),
                    parts => Ok(parts),
                })
                .collect();
            parts.push(Part::Group { choices: choices?, optional: first == '(' });
            rest = rest[end + 1..].trim_start();
            continue;
        }
        let (word, left) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        rest = left.trim_start();
        if word.contains(['(', ')', '[', ']']) {
            return Err(format!("a bracket touches a word or is not opened in {whole:?}"));
        }
        if word.contains('|') && !inside {
            let choices: Result<Vec<Vec<Part>>, String> =
                word.split('|').map(|word| items(word, whole)).collect();
            parts.push(Part::Group { choices: choices?, optional: false });
        } else {
            parts.extend(items(word, whole)?);
        }
    }
    Ok(parts)
}

/// Where the bracket closes that a text begins with.
fn closing(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            ')' | ']' if open.pop() != Some(c) => return None,
            _ => {}
        }
        if open.is_empty() {
            return Some(at);
        }
    }
    None
}

/// The choices of what stands in brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut from) = (0_usize, 0);
    let mut choices = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => {
                choices.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    choices.push(&text[from..]);
    choices
}

fn items(word: &str, whole: &str) -> Result<Vec<Part>, String> {
    if word == "_" {
        return Ok(vec![Part::Item(Item::Any)]);
    }
    let (body, stem) = word.strip_suffix('*').map_or((word, false), |body| (body, true));
    if body.contains('*') || word == "*" {
        return Err(format!("`*` stands only after a stem, in {whole:?}"));
    }
    let mut folded: Vec<String> = words(body).iter().map(|word| bare(word)).collect();
    let last = folded.pop().ok_or_else(|| format!("a choice is no word, in {whole:?}"))?;
    let mut items: Vec<Part> = folded.into_iter().map(|word| Part::Item(Item::Word(word))).collect();
    items.push(Part::Item(if stem { Item::Stem(last) } else { Item::Word(last) }));
    Ok(items)
}

/// Gives every place where the parts may end.
fn walk(parts: &[Part], said: &[String], at: usize, found: &mut dyn FnMut(usize)) {
    let Some((part, rest)) = parts.split_first() else { return found(at) };
    match part {
        Part::Item(item) => {
            if said.get(at).is_some_and(|word| item.is(word)) {
                walk(rest, said, at + 1, found);
            }
        }
        Part::Group { choices, optional } => {
            if *optional {
                walk(rest, said, at, found);
            }
            for choice in choices {
                // A choice that cannot begin here is not gone into.
                if let Some(Part::Item(item)) = choice.first()
                    && !said.get(at).is_some_and(|word| item.is(word))
                {
                    continue;
                }
                walk(choice, said, at, &mut |end| {
                    if end > at {
                        walk(rest, said, end, found);
                    }
                });
            }
        }
    }
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
    all: Vec<(Pattern, T, usize)>,
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
        self.add_of(pattern, means, 1);
    }

    /// Adds one that stands only where it takes as many words.
    pub fn add_of(&mut self, pattern: Pattern, means: T, least: usize) {
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
        self.all.push((pattern, means, least));
    }

    /// The longest pattern that stands at this word: where it ends and what it means. Of equals the one added first.
    pub fn longest_at(&self, said: &[String], at: usize) -> Option<(usize, &T)> {
        let word = said.get(at)?;
        let mut best: Option<(usize, usize)> = None;
        let mut consider = |list: &[usize]| {
            for &index in list {
                let Some(end) =
                    self.all[index].0.end_at(said, at).filter(|end| *end >= at + self.all[index].2)
                else {
                    continue;
                };
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

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

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
