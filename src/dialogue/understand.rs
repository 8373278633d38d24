//! From words to dialogue acts.
//!
//! The words are read in layers, each of which takes what it knows and leaves the rest: numbers that name (telephones,
//! orders), what the shop's own questions are answered with, names, places, goods, then the set phrases. A word that no
//! layer takes and that carries weight is unexplained.

use crate::language::text::words;
use crate::language::{Language, Numeral, corrected, numerals};
use crate::orders::{PickupPoint, Product};

use super::act::{Act, Understood};
use super::question::Question;
use super::shop::Shop;

mod address;
mod digits;
mod extras;
mod goods;
mod names;
pub mod pattern;
pub mod phrases;
mod places;
mod settle;
pub mod word;

use pattern::bare;
use phrases::{Cue, phrases};

/// Words of an utterance that are looked at; a caller who goes on longer is asked again.
const MOST_WORDS: usize = 200;

/// What the words are said into.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The language of the call. Yes, no, stop, cancel, numbers and goods are understood in both.
    pub language: Language,
    /// The shop.
    pub shop: &'a Shop,
    /// What the agent asked last, as far as it is known.
    pub asked: Option<&'a Question>,
    /// The products that were told last, in that order: what "the second", "without studs", "for nine thousand" choose among.
    pub told: &'a [Product],
    /// The pick-up points that were told last, in that order.
    pub points: &'a [PickupPoint],
    /// The line that is being spoken of, if there is one: what "ещё две", "того же размера", "подешевле" refer to.
    pub line: Option<&'a Product>,
    /// Whether an order is being put together.
    pub ordering: bool,
}

/// The city of this name, where the shop or the world's list knows it.
pub(super) fn city_of(shop: &Shop, said: &str) -> Option<String> {
    places::city_of(shop, said)
}

/// All acts of an utterance.
pub fn understand(text: &str, context: &Context<'_>) -> Understood {
    let mut ear = Ear::new(text, context);
    extras::hear(&mut ear, text);
    digits::hear(&mut ear);
    names::hear(&mut ear);
    address::hear(&mut ear, text);
    places::hear(&mut ear);
    settle::questions(&mut ear);
    goods::hear(&mut ear);
    names::hear_answer(&mut ear);
    places::hear_answer(&mut ear);
    settle::cues(&mut ear);
    ear.finish()
}

/// An utterance as it is being understood.
struct Ear<'a> {
    context: &'a Context<'a>,
    /// Folded, without apostrophes, without what the caller took back.
    words: Vec<String>,
    /// Words that the caller took back: they are explained.
    retracted: usize,
    /// Words in all.
    total: usize,
    numbers: Vec<Numeral>,
    /// The phrase that stands over each word: its first word, the end, the sense.
    cues: Vec<Option<(usize, usize, Cue)>>,
    /// What some act explains.
    taken: Vec<bool>,
    acts: Vec<(usize, Act)>,
    /// It was written with a question mark.
    questioned: bool,
}

impl<'a> Ear<'a> {
    fn new(text: &str, context: &'a Context<'a>) -> Self {
        // A bound by characters first: what is endless is not even split.
        let bounded: String = text.chars().take(MOST_WORDS * 20).collect();
        let mut said: Vec<String> =
            words(&bounded).iter().map(|word| bare(word)).filter(|word| !word.is_empty()).collect();
        let total = match bounded.len() == text.len() {
            true => said.len(),
            false => text.split_whitespace().count().max(said.len()),
        };
        said.truncate(MOST_WORDS);
        let heard = said.len();
        let numbered = both_numerals(&said, context.language).len();
        if numbered > 0 || said.iter().any(|word| word == "не" || word == "not") {
            said = corrected(&said, Language::Russian);
            said = corrected(&said, Language::English);
        }
        let mut numbers = both_numerals(&said, context.language);
        let mut cues = vec![None; said.len()];
        let mut at = 0;
        while at < said.len() {
            match phrases().longest_at(&said, at) {
                Some((end, cue)) => {
                    cues[at..end].fill(Some((at, end, *cue)));
                    at = end;
                }
                None => at += 1,
            }
        }
        // "ни один", "one moment": a number inside a phrase counts nothing; nor does "the studded one".
        numbers.retain(|number| {
            let over = cues[number.at.start];
            let inside = over.is_some_and(|(from, end, cue)| {
                end - from > number.at.len()
                    && end >= number.at.end
                    && !matches!(cue, Cue::Filler | Cue::Add | Cue::That)
            });
            let before = number.at.start.saturating_sub(3)..number.at.start;
            let pronoun = said[number.at.clone()] == ["one"]
                && context.shop.lexicon.term_at(&said, number.at.start.saturating_sub(1)).is_some()
                && said[before].iter().any(|word| matches!(word.as_str(), "the" | "that" | "a"));
            !inside && !pronoun
        });
        let taken = vec![false; said.len()];
        Self {
            context,
            retracted: heard - said.len(),
            total,
            words: said,
            numbers,
            cues,
            taken,
            acts: Vec::new(),
            questioned: text.contains('?'),
        }
    }

    /// Marks words as explained and puts down what they do.
    fn act(&mut self, from: usize, to: usize, act: Act) {
        self.take(from, to);
        self.acts.push((from, act));
    }

    fn take(&mut self, from: usize, to: usize) {
        let to = to.min(self.taken.len());
        self.taken[from.min(to)..to].fill(true);
    }

    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    /// The word before.
    fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |at| self.word(at))
    }

    /// The phrase that begins at this word.
    fn cue_at(&self, at: usize) -> Option<(usize, Cue)> {
        let (from, end, cue) = (*self.cues.get(at)?)?;
        (from == at).then_some((end, cue))
    }

    /// The sense of the phrase that this word is in.
    fn cue(&self, at: usize) -> Option<Cue> {
        self.cues.get(at).copied().flatten().map(|(_, _, cue)| cue)
    }

    fn has_cue(&self, is: impl Fn(Cue) -> bool) -> bool {
        (0..self.words.len()).any(|at| self.cue_at(at).is_some_and(|(_, cue)| is(cue)))
    }

    fn number_at(&self, at: usize) -> Option<&Numeral> {
        self.numbers.iter().find(|n| n.at.start == at)
    }

    fn number_over(&self, at: usize) -> Option<&Numeral> {
        self.numbers.iter().find(|n| n.at.contains(&at))
    }

    fn is_taken(&self, at: usize) -> bool {
        self.taken.get(at).copied().unwrap_or(false)
    }

    /// Whether a word carries no weight by itself.
    fn is_filler(&self, at: usize) -> bool {
        matches!(self.cue(at), Some(Cue::Filler | Cue::And | Cue::NameIs | Cue::PriceIs | Cue::PriceMin))
    }

    /// Whether it is a plain word that nothing in the tables, no number and no layer knows.
    fn is_unknown(&self, at: usize) -> bool {
        at < self.words.len() && !self.taken[at] && self.cues[at].is_none() && self.number_over(at).is_none()
    }

    fn asked(&self, is: impl Fn(&Question) -> bool) -> bool {
        self.context.asked.is_some_and(is)
    }

    fn any(&self, is: impl Fn(&Act) -> bool) -> bool {
        self.acts.iter().any(|(_, act)| is(act))
    }

    fn finish(mut self) -> Understood {
        self.acts.sort_by_key(|(at, _)| *at);
        let mut acts: Vec<Act> = Vec::new();
        for (_, act) in self.acts {
            if acts.last() != Some(&act) {
                acts.push(act);
            }
        }
        let explained = self.taken.iter().filter(|taken| **taken).count() + self.retracted;
        let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        Understood { acts, explained: count(explained), words: count(self.total) }
    }
}

/// The numbers of both languages; of two at one place the longer, then the call's own.
fn both_numerals(said: &[String], language: Language) -> Vec<Numeral> {
    let other = match language {
        Language::Russian => Language::English,
        Language::English => Language::Russian,
    };
    let mut all = numerals(said, language);
    for number in numerals(said, other) {
        let over: Vec<usize> = (0..all.len()).filter(|i| overlap(&all[*i], &number)).collect();
        match over.as_slice() {
            [] => all.push(number),
            [one] if all[*one].at.len() < number.at.len() => all[*one] = number,
            _ => {}
        }
    }
    all.sort_by_key(|number| number.at.start);
    all
}

fn overlap(a: &Numeral, b: &Numeral) -> bool {
    a.at.start < b.at.end && b.at.start < a.at.end
}

#[cfg(test)]
pub(super) mod tests;
