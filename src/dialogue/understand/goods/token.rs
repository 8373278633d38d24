//! The words that are left, as tokens.

use super::super::Ear;
use super::super::phrases::Cue;
use super::count;
use crate::dialogue::shop::lexicon::Meaning;

/// A word or some, and what it is.
#[derive(Clone, Debug)]
pub(in crate::dialogue::understand) struct Token {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A value of an attribute, by any of its meanings.
    Term(Vec<Meaning>),
    /// A unit, by its places in the profile.
    Unit(Vec<usize>),
    /// A word that is a number of pieces.
    Count(u32),
    /// A number, by its place among the numbers heard.
    Number(usize),
    /// A word that stands by numbers.
    Mark,
    /// A name of an attribute.
    Attribute(String),
    Cue(Cue),
    Filler,
    Unknown,
    /// Another layer's.
    Taken,
}

/// The tokens of what no layer took.
pub(super) fn tokens(ear: &Ear<'_>) -> Vec<Token> {
    let lexicon = &ear.context.shop.lexicon;
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < ear.words.len() {
        let word = ear.word(at);
        let mut to = at + 1;
        let cue = ear.cue_at(at);
        let what = if ear.is_taken(at) {
            What::Taken
        } else if let Some(index) = ear.numbers.iter().position(|n| n.at.start == at) {
            to = ear.numbers[index].at.end;
            What::Number(index)
        } else if let Some((meanings, length)) = lexicon.term_at(&ear.words, at)
            && cue.is_none_or(|(end, cue)| {
                end - at < length
                    || matches!(cue, Cue::Filler | Cue::And | Cue::PriceIs) && end - at <= length
            })
        {
            to = at + length;
            What::Term(meanings)
        } else if let Some((end, cue)) = cue.filter(|(end, cue)| *cue != Cue::Filler || end - at > 1) {
            to = end;
            if cue == Cue::Filler { What::Filler } else { What::Cue(cue) }
        } else if !lexicon.units(word).is_empty() {
            What::Unit(lexicon.units(word).to_vec())
        } else if let Some(count) = count::of(word) {
            What::Count(count)
        } else if let Some(key) = lexicon.attribute(word) {
            What::Attribute(key.to_owned())
        } else if !lexicon.marked(word).is_empty() && cue.is_none() {
            What::Mark
        } else if cue.is_some() || count::is_one_and_half(word) {
            What::Filler
        } else {
            What::Unknown
        };
        // A phrase does not reach into what another layer took.
        let to = (at + 1..to).find(|i| ear.is_taken(*i)).unwrap_or(to).max(at + 1);
        tokens.push(Token { from: at, to, what });
        at = to;
    }
    tokens
}

/// Words that are one letter off a known one, and the negated forms of known ones, where goods are spoken of.
pub(super) fn guess(ear: &Ear<'_>, tokens: &mut [Token]) {
    let lexicon = &ear.context.shop.lexicon;
    for token in tokens.iter_mut().filter(|token| token.what == What::Unknown) {
        if let Some(meaning) = lexicon.guess(ear.word(token.from)) {
            token.what = What::Term(vec![meaning]);
        }
    }
}
