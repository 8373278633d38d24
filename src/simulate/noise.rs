//! A recogniser's mistakes: words dropped, swapped, and taken for others that sound or are written alike.

use std::collections::BTreeMap;

use crate::language::text;

use super::book::Book;
use super::dice::Dice;

/// How words are misheard.
#[derive(Clone, Debug, Default)]
pub struct Noise {
    /// Of a thousand words so many are hit.
    permille: u64,
    /// What a word is taken for.
    like: BTreeMap<String, Vec<String>>,
}

/// Words as they were recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misheard {
    pub words: String,
    /// A no was lost, or a yes came in: it may cost an order.
    pub no_to_yes: bool,
    /// A yes was lost, or a no came in: it costs a turn.
    pub yes_to_no: bool,
}

/// Words that say no.
const NO: &[&str] = &["нет", "не", "неа", "отмените", "отмена", "no", "not", "nope", "don't", "cancel"];
/// Words that say yes.
pub(super) const YES: &[&str] = &[
    "да",
    "ага",
    "верно",
    "правильно",
    "оформляйте",
    "подтверждаю",
    "yes",
    "yeah",
    "yep",
    "right",
    "correct",
    "sure",
];

impl Noise {
    /// Noise at this rate, with the book's confusions; words without any are taken for others of the book's vocabulary that
    /// differ in few letters.
    pub fn new(permille: u64, book: &Book) -> Self {
        let mut like = book.confusions.clone();
        if permille > 0 {
            let vocabulary: Vec<String> = book.vocabulary().into_iter().collect();
            for word in &vocabulary {
                if !like.contains_key(word) {
                    let near = vocabulary.iter().filter(|other| *other != word && is_near(word, other));
                    like.insert(word.clone(), near.take(6).cloned().collect());
                }
            }
        }
        Self { permille, like }
    }

    /// The words as a recogniser has them.
    pub fn hear(&self, said: &str, dice: &mut Dice) -> Misheard {
        if self.permille == 0 {
            return Misheard { words: said.to_owned(), ..Misheard::default() };
        }
        let mut words: Vec<String> = Vec::new();
        let mut swaps = false;
        for word in said.split_whitespace() {
            let before = words.len();
            if word == "…" || !dice.chance(self.permille) {
                words.push(word.to_owned());
            } else {
                match dice.below(10) {
                    0..=3 => {}
                    4..=7 => match self.like.get(&text::fold(word)).and_then(|like| dice.pick(like)) {
                        Some(other) => words.push(other.clone()),
                        None => words.push(word.to_owned()),
                    },
                    _ => {
                        words.push(word.to_owned());
                        swaps = true;
                        continue;
                    }
                }
            }
            if swaps && before > 0 && words.len() > before {
                words.swap(before - 1, before);
            }
            swaps = false;
        }
        let words = words.join(" ");
        let (was, is) = (text::words(said), text::words(&words));
        let count =
            |words: &[String], of: &[&str]| words.iter().filter(|word| of.contains(&word.as_str())).count();
        Misheard {
            no_to_yes: count(&is, NO) < count(&was, NO) || count(&is, YES) > count(&was, YES),
            yes_to_no: count(&is, YES) < count(&was, YES) || count(&is, NO) > count(&was, NO),
            words,
        }
    }
}

/// Whether two words differ in at most a third of their letters.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let most = (a.len().max(b.len()) / 3).max(1);
    a.len().abs_diff(b.len()) <= most && a.len().min(b.len()) >= 2 && distance(&a, &b) <= most
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (corner + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_hit_as_often_as_was_told() {
        let like = [("слово".to_owned(), vec!["слева".to_owned()])].into();
        let said = vec!["слово"; 1000].join(" ");
        for permille in [0, 50, 100, 300] {
            let noise = Noise { permille, like: BTreeMap::clone(&like) };
            let heard = noise.hear(&said, &mut Dice::new(permille)).words;
            let same = heard.split(' ').filter(|word| *word == "слово").count() as u64;
            // Two of ten swap a word with its like here, which does not show.
            let hit = (1000 - same) * 10 / 8;
            assert!(hit.abs_diff(permille) <= 35, "{permille}: {hit}");
        }
    }

    #[test]
    fn a_lost_no_is_told_apart() {
        let like = [("нет".to_owned(), vec!["да".to_owned()])].into();
        let noise = Noise { permille: 1000, like };
        let turned =
            (0..50).map(|seed| noise.hear("нет", &mut Dice::new(seed))).filter(|heard| heard.no_to_yes);
        assert!(turned.count() > 30);
        assert_eq!(distance(&['а', 'б'], &['а', 'в', 'б']), 1);
    }
}
