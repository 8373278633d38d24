//! One thing that is spoken of, as it is put together.

use super::super::super::act::{Amount, Description, Mode, Term};
use super::super::super::shop::KIND;
use super::super::Ear;
use super::{Reader, Token, What, count};

/// One thing that is spoken of.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// Its first word.
    pub(super) begin: Option<usize>,
    pub(super) mode: Mode,
    pub(super) what: Description,
    pub(super) count: Option<u32>,
    /// What it is counted by, by places in the profile.
    pub(super) units: Vec<usize>,
    pub(super) instead: Option<Description>,
    pub(super) unknown: Vec<(usize, String)>,
    pub(super) removed: bool,
    /// So many more.
    pub(super) more: bool,
    pub(super) fewer: bool,
    /// The kind said is a unit too: "букет" of roses.
    pub(super) packing: bool,
    /// One of several that were named to choose from.
    pub(super) choosing: bool,
}

impl Group {
    pub(super) fn begin(&mut self, at: usize) {
        self.begin = Some(self.begin.map_or(at, |begin| begin.min(at)));
    }

    /// The place, where no word of the group was heard yet.
    pub(super) fn begin_at(&mut self, at: usize) {
        if self.begin.is_none() && !self.what.is_empty() {
            self.begin = Some(at);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.what.is_empty() && self.count.is_none() && self.instead.is_none() && self.units.is_empty()
    }

    /// Whether it says what the goods are.
    pub(super) fn describes(&self) -> bool {
        !self.what.is_empty() || self.instead.is_some()
    }

    pub(super) fn put(&mut self, term: Term) {
        if !self.what.with.iter().any(|own| own.key == term.key && own.value == term.value) {
            self.what.with.push(term);
        }
    }

    /// How many pieces.
    pub(super) fn amount(&self, ear: &Ear<'_>) -> Option<Amount> {
        let profile = &ear.context.shop.profile;
        let own = self.what.with.iter().find(|term| term.key == KIND).map(|term| term.value.as_str());
        let line = ear.context.line.and_then(|line| line.attributes.get(KIND)).map(String::as_str);
        let only = || {
            let mut kinds =
                ear.context.shop.products.iter().filter_map(|product| product.attributes.get(KIND));
            let first = kinds.next()?;
            kinds.all(|kind| kind == first).then_some(first.as_str())
        };
        let kind = own.or(line).or_else(only);
        let units = || self.units.iter().filter_map(|at| profile.units.get(*at));
        let of = |unit: &&crate::dialogue::profile::Unit| {
            kind.is_some_and(|kind| unit.of.iter().any(|own| own == kind))
        };
        let unit =
            units().find(of).or_else(|| units().find(|unit| unit.of.is_empty())).or_else(|| units().next());
        let pieces = unit.map_or(1, |unit| unit.pieces.max(1));
        let count = match self.count {
            Some(count) => count,
            // A set without a number is one.
            None if pieces > 1 => 1,
            None => return None,
        };
        let pieces = count.saturating_mul(pieces);
        Some(match (self.fewer, self.more) {
            (true, _) => Amount::Fewer(pieces),
            (_, true) => Amount::More(pieces),
            _ => Amount::Exactly(pieces),
        })
    }
}

impl Reader<'_, '_> {
    /// Begins another thing.
    pub(super) fn split(&mut self) {
        self.close();
    }

    pub(super) fn split_if_joined(&mut self) {
        if self.joined {
            self.split();
        }
    }

    /// Puts the thing at hand down.
    pub(super) fn close(&mut self) {
        let mut group = std::mem::take(&mut self.group);
        self.instead = false;
        group.choosing = self.choosing;
        let unknown = std::mem::take(&mut group.unknown);
        // An unknown word belongs to goods that were said, or that were surely asked for.
        if !group.is_empty() && group.describes() || group.count.is_some() && !unknown.is_empty() {
            group.what.unknown = unknown.iter().map(|(_, word)| word.clone()).collect();
        } else if group.is_empty()
            && self.groups.is_empty()
            && group.mode != Mode::Replace
            && !unknown.is_empty()
        {
            let plain = unknown.len() <= 3 && self.mode != Mode::Mention;
            if plain {
                group.begin(unknown[0].0);
                group.mode = self.mode;
                group.what.unknown = unknown.iter().map(|(_, word)| word.clone()).collect();
            }
        }
        if group.is_empty() {
            return;
        }
        if let Some(from) = self.removing.take() {
            group.removed = true;
            group.begin(from);
        }
        self.groups.push(group);
    }

    /// A new amount begins a new thing where the one at hand has its own, or where words of joining stand between.
    pub(super) fn split_before_amount(&mut self, tokens: &[Token], at: usize) {
        let next = tokens[at + 1..].iter().find(|t| !matches!(t.what, What::Filler));
        let counts_next = next.is_some_and(|t| matches!(t.what, What::Term(_)))
            || next.is_some_and(|t| matches!(t.what, What::Unit(_))) && self.joined;
        // "Букет из пятнадцати роз": the bouquet is no thing of its own.
        let packed = self.group.packing
            && self.group.count.is_none()
            && self.group.what.with.len() == 1
            && !self.joined;
        let led = tokens[at]
            .from
            .checked_sub(1)
            .is_some_and(|at| matches!(self.ear.word(at), "из" | "с" | "of" | "with"));
        if packed && led {
            self.group.what.with.clear();
        }
        let has_goods = self.group.describes();
        if self.group.count.is_some() || has_goods && (counts_next || self.joined) {
            if self.repaired && self.group.count.is_some() && !counts_next {
                self.group.count = None;
            } else {
                self.split();
            }
        }
    }

    pub(super) fn number(&mut self, tokens: &[Token], at: usize, index: usize) {
        let token = &tokens[at];
        let Some(number) = self.ear.numbers.get(index) else { return };
        let count = u32::try_from(number.value).unwrap_or(u32::MAX);
        self.counted(tokens, at, count);
        self.ear.take(token.from, token.to);
    }

    fn counted(&mut self, tokens: &[Token], at: usize, count: u32) {
        let token = &tokens[at];
        self.split_before_amount(tokens, at);
        self.group.begin(token.from);
        if self.group.mode == Mode::Mention {
            self.group.mode = self.mode;
        }
        self.group.more |= self.mode == Mode::Add;
        self.group.count = Some(count);
        (self.joined, self.repaired, self.article) = (false, false, false);
    }

    /// `десяток`, `пару`, `dozen`: by itself, or counted by the number before.
    pub(super) fn count(&mut self, tokens: &[Token], at: usize, size: u32) {
        let token = &tokens[at];
        self.take(token);
        let half = token.from > 0 && count::is_one_and_half(self.ear.word(token.from - 1));
        let before = at.checked_sub(1).map(|at| &tokens[at].what);
        let halved = token.from > 0
            && (self.ear.word(token.from - 1) == "half"
                || token.from > 1 && self.ear.word(token.from - 2) == "half");
        match (before, self.group.count) {
            _ if halved => {
                self.ear.take(token.from.saturating_sub(2), token.from);
                self.counted(tokens, at, size / 2);
            }
            (Some(What::Number(_)), Some(count)) => self.group.count = Some(count.saturating_mul(size)),
            _ if half => {
                self.ear.take(token.from - 1, token.from);
                self.counted(tokens, at, size + size / 2);
            }
            (Some(What::Count(_)), Some(_)) => {}
            _ => self.counted(tokens, at, size),
        }
    }

    pub(super) fn unit(&mut self, token: &Token, units: Vec<usize>) {
        self.take(token);
        if self.joined && self.group.describes() {
            self.split();
        }
        self.joined = false;
        self.group.begin(token.from);
        if self.group.mode == Mode::Mention {
            self.group.mode = self.mode;
        }
        let article = std::mem::take(&mut self.article);
        if self.group.count.is_none() && (article || super::singular(self.ear.word(token.from))) {
            self.group.count = Some(1);
        }
        self.group.units = units;
    }

    /// An ordinal that is no size: which line, where one is to be removed or is not wanted.
    pub(super) fn nth(&mut self, tokens: &[Token], at: usize, index: usize) {
        let token = &tokens[at];
        let Some(nth) = self.ear.numbers.get(index).and_then(|n| u32::try_from(n.value).ok()) else { return };
        let next = tokens[at + 1..].iter().find(|t| !matches!(t.what, What::Filler));
        let refused = next.is_some_and(|t| {
            t.to - t.from > 1
                && matches!(t.what, What::Cue(super::Cue::No | super::Cue::NotWanted | super::Cue::Not))
                || matches!(t.what, What::Cue(super::Cue::Remove | super::Cue::NotWanted))
        });
        if self.swapping {
            self.take(token);
            self.swapping = false;
            (self.mode, self.group.mode) = (Mode::Replace, Mode::Replace);
            self.group.begin(token.from);
            self.group.instead = Some(Description { nth: Some(nth), ..Description::default() });
        } else if self.removing.is_some() || refused {
            self.take(token);
            if let Some(next) = next.filter(|_| refused) {
                self.ear.take(next.from, next.to);
            }
            let mut group = Group { removed: true, ..Group::default() };
            group.begin(self.removing.take().unwrap_or(token.from));
            group.what.nth = Some(nth);
            self.groups.push(group);
        }
    }
}
