//! The goods that are wished for, and which of those found fit.

use std::collections::BTreeSet;

use crate::orders::Product;

use super::heard::{Extreme, Heard};
use super::lexicon::stem;
use super::state::{LISTED, State};

/// The goods that are wished for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) sizes: Vec<String>,
    /// What it is about, and the word: one word of a kind, the last one said.
    pub(super) words: Vec<(String, String)>,
}

impl Wish {
    pub(super) fn is_empty(&self) -> bool {
        self.sizes.is_empty() && self.words.is_empty()
    }

    /// The query for the catalogue.
    pub(super) fn query(&self) -> String {
        let words = self.words.iter().map(|(_, word)| word.as_str());
        let all: Vec<&str> = self.sizes.iter().map(String::as_str).chain(words).collect();
        // The tool takes 200 characters; a wish has a dozen words at most.
        all.join(" ").chars().take(200).collect()
    }

    pub(super) fn merge(&mut self, heard: &Heard) -> bool {
        let before = self.clone();
        match (heard.sizes.as_slice(), self.sizes.len()) {
            ([], _) => {}
            // "радиус семнадцать" of a size that is known changes its last number.
            ([one], 3) if one.len() == 2 => self.sizes[2].clone_from(one),
            (sizes, _) => self.sizes = sizes.to_vec(),
        }
        let mut replaced: Vec<&str> = Vec::new();
        for (kind, word) in &heard.wish {
            if kind != "other" && !replaced.contains(&kind.as_str()) {
                self.words.retain(|(k, _)| k != kind);
                replaced.push(kind);
            }
            if kind != "other" {
                // Within one sentence the last brand counts ("не мишлен, нокиан"); "поменяйте мишлен на нокиан".
                self.words.retain(|(k, _)| k != kind);
            }
            if !self.words.iter().any(|(_, w)| stem(w) == stem(word)) {
                self.words.push((kind.clone(), word.clone()));
            }
        }
        *self != before
    }

    /// How many of its parts a product with these tokens has.
    pub(super) fn score(&self, tokens: &BTreeSet<String>) -> usize {
        let words = self.words.iter().filter(|(_, word)| tokens.contains(&stem(word))).count();
        let sizes = self.sizes.iter().filter(|size| tokens.contains(*size)).count();
        words + sizes
    }

    /// Whether these tokens have all that was wished for. Words that no product has ("для машины") are no reason to say no.
    pub(super) fn is_met(&self, tokens: &BTreeSet<String>) -> bool {
        let known = self.words.iter().filter(|(kind, _)| kind != "other");
        known.map(|(_, w)| stem(w)).chain(self.sizes.iter().cloned()).all(|part| tokens.contains(&part))
    }
}

impl<'a> State<'a> {
    /// The products last found that fit the wish best, cheapest first among equals as the shop gave them; and whether they
    /// have everything that was wished for and that the shop knows.
    pub(super) fn candidates(&self) -> (Vec<&'a Product>, bool) {
        let products = self.found.iter().copied().zip(&self.tokens);
        let scored: Vec<_> = products.map(|(p, tokens)| (self.wish.score(tokens), p, tokens)).collect();
        let best = scored.iter().map(|(score, ..)| *score).max().unwrap_or(0);
        let mut fitting = scored.into_iter().filter(|(score, ..)| *score == best).peekable();
        let exact = fitting.peek().is_some_and(|(_, _, tokens)| self.wish.is_met(tokens));
        (fitting.map(|(_, p, _)| p).collect(), exact)
    }

    /// Those of the candidates that are told at once.
    pub(super) fn told(&self) -> Vec<&'a Product> {
        let (mut candidates, _) = self.candidates();
        // What can be had comes first; the shop's own order within.
        candidates.sort_by_key(|p| p.stock == 0);
        candidates.truncate(LISTED);
        candidates
    }

    /// The product that is meant, if it is one.
    pub(super) fn product(&self) -> Option<&'a Product> {
        let products = &self.request.briefing.products;
        if let Some(id) = self.chosen {
            return products.iter().find(|p| p.id == id);
        }
        if let Some(draft) = &self.request.briefing.draft
            && !self.wish_changed
        {
            let line = draft.lines.first()?;
            return products.iter().find(|p| Some(p.id) == line.product_id || p.name == line.name);
        }
        let (candidates, _) = self.candidates();
        let available = candidates.iter().copied().filter(|p| p.stock > 0);
        match self.extreme {
            Some(Extreme::Cheapest) => available.min_by_key(|p| p.price.minor),
            Some(Extreme::Dearest) => available.max_by_key(|p| p.price.minor),
            None if candidates.len() == 1 => candidates.first().copied(),
            None => None,
        }
    }

    /// What the tools know it by, from whichever search of the call.
    pub(super) fn product_ref(&self, product: &Product) -> Option<u32> {
        self.request.briefing.product_ref(product.id)
    }

    /// How many are wanted so far.
    pub(super) fn present_quantity(&self) -> Option<u32> {
        if self.quantity.is_some() || self.quantity_open {
            return self.quantity;
        }
        Some(self.request.briefing.draft.as_ref()?.lines.first()?.quantity)
    }
}
