//! Goods: what is described, how many, and what is done with it.
//!
//! The words that nothing else took become tokens (a term, a unit, a number with its part, a phrase), and the tokens
//! become groups, one for each thing spoken of.

use super::super::act::{Act, Choice, Description, Extreme, Mode, Term};
use super::super::question::Question;
use super::super::shop::{KIND, NAME};
use super::Ear;
use super::phrases::Cue;

mod acts;
mod count;
mod denial;
mod group;
mod prices;
mod share;
pub(super) mod sizes;
mod token;

use group::Group;
use sizes::Role;
use token::{Token, What};

/// Hears goods, amounts of them, and what is to be removed.
pub(super) fn hear(ear: &mut Ear<'_>) {
    let mut tokens = token::tokens(ear);
    token::guess(ear, &mut tokens);
    let roles = sizes::roles(ear, &tokens);
    if !spoken_of(ear, &tokens, &roles) {
        return;
    }
    let mut reader = Reader::new(ear);
    for at in 0..tokens.len() {
        reader.read(&tokens, at, &roles);
    }
    reader.close();
    let Reader { groups, .. } = reader;
    acts::put_down(ear, groups);
}

/// Whether there is anything of goods in the utterance at all.
fn spoken_of(ear: &Ear<'_>, tokens: &[Token], roles: &[Role]) -> bool {
    let cue = |cue: Cue| {
        matches!(
            cue,
            Cue::Want
                | Cue::Add
                | Cue::Replace
                | Cue::Instead
                | Cue::Inquire
                | Cue::Remove
                | Cue::Same
                | Cue::SameAll
                | Cue::Extreme(_)
        )
    };
    let open = ear.asked(|q| {
        matches!(q, Question::Goods | Question::Choice | Question::Attribute { .. } | Question::Open)
    });
    tokens.iter().any(|token| match &token.what {
        What::Term(_) | What::Unit(_) | What::Count(_) => true,
        What::Cue(own) => cue(*own),
        What::Unknown => open,
        _ => false,
    }) || roles.iter().any(|role| !matches!(role, Role::Open))
}

/// Reads tokens into groups.
struct Reader<'e, 'c> {
    ear: &'e mut Ear<'c>,
    groups: Vec<Group>,
    group: Group,
    /// What is done with the goods that follow.
    mode: Mode,
    /// The goods that follow are not wanted any more.
    removing: Option<usize>,
    /// The next term is denied.
    denied: Option<usize>,
    /// Terms go to what is replaced.
    instead: bool,
    /// "поменяйте … на …".
    swapping: bool,
    /// A word of joining stands since the last term or number.
    joined: bool,
    /// The last value was taken back ("ой, нет").
    repaired: bool,
    article: bool,
    choosing: bool,
}

impl<'e, 'c> Reader<'e, 'c> {
    fn new(ear: &'e mut Ear<'c>) -> Self {
        Self {
            ear,
            groups: Vec::new(),
            group: Group::default(),
            mode: Mode::Mention,
            removing: None,
            denied: None,
            instead: false,
            swapping: false,
            joined: false,
            repaired: false,
            article: false,
            choosing: false,
        }
    }

    fn read(&mut self, tokens: &[Token], at: usize, roles: &[Role]) {
        let token = &tokens[at];
        match &token.what {
            What::Term(meanings) => {
                let unit = self.ear.context.shop.lexicon.units(self.ear.word(token.from)).to_vec();
                self.term(tokens, at, meanings, unit);
            }
            What::Unit(units) => self.unit(token, units.clone()),
            What::Count(count) => self.count(tokens, at, *count),
            What::Number(index) => match roles.get(*index).cloned().unwrap_or(Role::Open) {
                Role::Parts(parts) => self.parts(token, parts),
                Role::Amount => self.number(tokens, at, *index),
                Role::AmountAnd(count, key, value) => {
                    self.split_before_amount(tokens, at);
                    self.group.count = Some(count);
                    self.parts(token, vec![(key, value)]);
                }
                Role::Most(minor) => self.price(token, |what| what.price_max = Some(minor)),
                Role::Least(minor) => self.price(token, |what| what.price_min = Some(minor)),
                Role::Price(minor) => {
                    self.ear.act(token.from, token.to, Act::Choose { choice: Choice::Price(minor) });
                }
                Role::Nth => self.nth(tokens, at, *index),
                Role::Open => self.joined = false,
            },
            What::Mark => self.take(token),
            What::Attribute(_) => self.take(token),
            What::Cue(cue) => self.cue(tokens, at, *cue),
            What::Unknown => {
                let sure =
                    !self.group.is_empty() || matches!(self.mode, Mode::Want | Mode::Add | Mode::Inquire);
                let word = self.ear.word(token.from).to_owned();
                let plain = word.chars().nth(2).is_some() && !word.bytes().any(|b| b.is_ascii_digit());
                if sure && plain && self.removing.is_none() {
                    self.group.unknown.push((token.from, word));
                }
            }
            What::Filler => {
                if matches!(self.ear.word(token.from), "a" | "an") {
                    self.article = true;
                }
                if matches!(self.ear.word(token.from), "ой" | "точнее" | "вернее" | "sorry" | "actually")
                {
                    self.repaired = true;
                }
                if self.swapping && matches!(self.ear.word(token.from), "на" | "with" | "for" | "to") {
                    self.swap();
                }
            }
            What::Taken => {
                self.joined = false;
                self.denied = None;
            }
        }
    }

    fn take(&mut self, token: &Token) {
        self.ear.take(token.from, token.to);
    }

    fn swap(&mut self) {
        if !self.group.what.with.is_empty() {
            let terms = std::mem::take(&mut self.group.what.with);
            self.group.instead = Some(Description { with: terms, ..Description::default() });
            self.mode = Mode::Replace;
            self.group.mode = Mode::Replace;
            self.swapping = false;
        }
    }

    fn term(&mut self, tokens: &[Token], at: usize, meanings: &[(String, String)], unit: Vec<usize>) {
        let token = &tokens[at];
        let Some((key, value)) = self.meaning(meanings) else { return };
        let said = self.ear.words[token.from..token.to].join(" ");
        let term = Term { key, value, said };
        self.take(token);
        if let Some(from) = self.denied.take() {
            self.ear.take(from, token.from);
            let head = [KIND, "brand", NAME].contains(&term.key.as_str());
            let without = matches!(self.ear.word(from), "без" | "without");
            if head
                && without
                && (self.ear.context.line.is_some() || self.ear.context.ordering)
                && self.group.is_empty()
            {
                self.removing = Some(from);
                self.group.begin(from);
                self.group.put(term);
                self.close();
                return;
            }
            self.group.begin(from);
            if !self.group.what.without.contains(&term) {
                self.group.what.without.push(term);
            }
            return;
        }
        if self.instead {
            let list = self.group.instead.get_or_insert_with(Description::default);
            if !list.with.iter().any(|own| own.key == term.key) {
                list.with.push(term);
                self.group.begin(token.from);
                return;
            }
            self.instead = false;
        }
        let other = self
            .group
            .what
            .with
            .iter()
            .position(|own| own.key == term.key && own.value != term.value && term.key != NAME);
        if let Some(other) = other {
            let packed =
                term.key == KIND && self.group.packing && !self.joined && self.group.what.with.len() == 1;
            if self.repaired || packed {
                self.group.what.with.remove(other);
            } else {
                self.split();
            }
        } else if self.joined && !self.group.what.with.is_empty() && !self.exists_with(&term) {
            self.split();
        }
        self.repaired = false;
        self.joined = false;
        self.group.begin(token.from);
        if self.group.mode == Mode::Mention {
            self.group.mode = self.mode;
        }
        let counted = !unit.is_empty() || term.key == KIND;
        let article = std::mem::take(&mut self.article);
        if counted
            && article
            && self.group.count.is_none()
            && self.mode != Mode::Inquire
            && !plural(&term.said)
        {
            self.group.count = Some(1);
        } else if !counted {
            self.article = article;
        }
        if !unit.is_empty() {
            if self.group.count.is_none() && singular(&term.said) {
                self.group.count = Some(1);
            }
            if self.group.units.is_empty() {
                self.group.units = unit;
            }
            self.group.packing = true;
        }
        self.group.put(term);
    }

    /// Of several meanings the one that was asked for, then the one that goes with what was said.
    fn meaning(&self, meanings: &[(String, String)]) -> Option<(String, String)> {
        if let Some(Question::Attribute { key }) = self.ear.context.asked
            && let Some(meaning) = meanings.iter().find(|(own, _)| own == key)
        {
            return Some(meaning.clone());
        }
        let fits = |(key, value): &&(String, String)| {
            self.exists_with(&Term { key: key.clone(), value: value.clone(), said: String::new() })
        };
        meanings.iter().find(fits).or_else(|| meanings.first()).cloned()
    }

    /// Whether any product is what the group says and this too.
    fn exists_with(&self, term: &Term) -> bool {
        let mut what = self.group.what.clone();
        what.with.push(term.clone());
        (what.price_max, what.price_min) = (None, None);
        self.ear.context.shop.products.iter().any(|product| self.ear.context.shop.fits(product, &what))
    }

    fn parts(&mut self, token: &Token, parts: Vec<(String, String)>) {
        self.take(token);
        let clash = |(key, value): &(String, String)| {
            self.group
                .what
                .with
                .iter()
                .any(|term| term.key == *key && !term.value.eq_ignore_ascii_case(value))
        };
        if parts.iter().any(clash) {
            if self.repaired {
                self.group.what.with.retain(|term| !parts.iter().any(|(key, _)| *key == term.key));
            } else {
                self.split();
            }
        }
        self.group.begin(token.from);
        if self.group.mode == Mode::Mention {
            self.group.mode = self.mode;
        }
        for (key, value) in parts {
            let term = Term { key, said: value.clone(), value };
            if self.denied.is_some() {
                self.group.what.without.push(term);
            } else {
                self.group.put(term);
            }
        }
        if let Some(from) = self.denied.take() {
            self.ear.take(from, token.from);
        }
        (self.joined, self.repaired) = (false, false);
    }

    fn price(&mut self, token: &Token, set: impl Fn(&mut Description)) {
        let from = prices::price_lead(self.ear, token.from);
        self.ear.take(from, prices::price_end(self.ear, token.to));
        self.group.begin(from);
        if self.group.mode == Mode::Mention {
            self.group.mode = self.mode;
        }
        set(&mut self.group.what);
    }

    fn cue(&mut self, tokens: &[Token], at: usize, cue: Cue) {
        let token = &tokens[at];
        match cue {
            Cue::Want | Cue::Inquire | Cue::Price | Cue::Stock | Cue::Assortment => {
                let mode = if cue == Cue::Want { Mode::Want } else { Mode::Inquire };
                self.take(token);
                // "шины мне нужны", "мишлен есть": of what stands before, where nothing follows.
                let open = self.mode == Mode::Mention && self.group.mode == Mode::Mention;
                if open && !self.group.is_empty() {
                    self.group.mode = mode;
                }
                if self.mode == Mode::Mention
                    || cue == Cue::Want && self.mode == Mode::Inquire && self.group.is_empty()
                {
                    self.mode = mode;
                }
            }
            Cue::Add | Cue::More => {
                self.take(token);
                let ends = tokens[at + 1..].iter().all(|t| matches!(t.what, What::Filler | What::Taken));
                if ends && !self.group.is_empty() {
                    self.group.mode = Mode::Add;
                    self.group.more = true;
                    return;
                }
                let after_count = self.group.count.is_some() && self.group.what.is_empty();
                if !after_count {
                    self.split();
                    self.removing = None;
                }
                self.mode = Mode::Add;
                self.group.mode = Mode::Add;
                self.group.more = true;
            }
            Cue::Fewer => {
                self.take(token);
                self.group.fewer = true;
            }
            Cue::Replace => {
                self.take(token);
                let ends = tokens[at + 1..].iter().all(|t| matches!(t.what, What::Filler | What::Taken));
                if self.swapping
                    || self.ear.words[token.from..token.to].iter().any(|w| w == "на" || w == "with")
                        && !self.group.what.with.is_empty()
                {
                    self.swap();
                }
                if !ends {
                    self.split_if_joined();
                }
                self.mode = Mode::Replace;
                self.group.mode = Mode::Replace;
                self.group.begin_at(token.from);
            }
            Cue::Instead => {
                self.take(token);
                self.instead = true;
                self.mode = Mode::Replace;
                self.group.mode = Mode::Replace;
                self.group.begin(token.from);
            }
            Cue::Change(_) if self.ear.words[token.from..token.to].len() == 1 => {
                let follows = tokens[at + 1..].iter().any(|t| matches!(t.what, What::Term(_)));
                if follows {
                    self.take(token);
                    self.swapping = true;
                }
            }
            Cue::Remove => {
                let follows = tokens[at + 1..].iter().any(|t| {
                    matches!(
                        t.what,
                        What::Term(_) | What::Number(_) | What::Unit(_) | What::Count(_) | What::Unknown
                    )
                });
                if !follows && !self.group.what.with.is_empty() {
                    self.take(token);
                    self.removing = Some(self.group.begin.unwrap_or(token.from));
                    self.close();
                    return;
                }
                self.split();
                self.take(token);
                self.removing = Some(token.from);
                self.mode = Mode::Mention;
            }
            Cue::Not | Cue::No | Cue::NotWanted => self.negation(tokens, at),
            Cue::Same | Cue::SameAll => self.same(tokens, at, cue),
            Cue::Extreme(extreme) => {
                self.take(token);
                self.group.begin(token.from);
                if self.group.mode == Mode::Mention {
                    self.group.mode = self.mode;
                }
                self.group.what.extreme = Some(extreme);
            }
            Cue::Any => {
                let goods = |t: &Token| matches!(t.what, What::Term(_));
                if self.group.what.with.is_empty() && !tokens[at + 1..].iter().any(goods) {
                    return;
                }
                self.take(token);
                self.group.what.extreme = Some(Extreme::Any);
            }
            Cue::And => {
                if self.swapping && self.ear.word(token.from) == "with" {
                    self.swap();
                    return;
                }
                self.joined = true;
            }
            Cue::Or => {
                self.joined = true;
                self.choosing = true;
            }
            _ => {
                if self.swapping && self.ear.word(token.from) == "на" {
                    self.swap();
                }
            }
        }
    }

    fn same(&mut self, tokens: &[Token], at: usize, cue: Cue) {
        let token = &tokens[at];
        self.take(token);
        self.group.begin(token.from);
        if self.group.mode == Mode::Mention {
            self.group.mode = self.mode;
        }
        let next = tokens.get(at + 1);
        let attribute = next.and_then(|next| match &next.what {
            What::Attribute(key) => Some(key.clone()),
            _ => None,
        });
        let key = match (attribute, cue) {
            (Some(key), _) => key,
            _ => "*".to_owned(),
        };
        if let Some(next) = next.filter(|next| matches!(next.what, What::Attribute(_))) {
            self.ear.take(next.from, next.to);
        }
        self.group.what.same.push(key);
    }
}

/// A Russian accusative that can be nothing but one.
fn singular(word: &str) -> bool {
    word.ends_with(['у', 'ю'])
}

fn plural(word: &str) -> bool {
    word.is_ascii() && word.ends_with('s') && !word.ends_with("ss")
}
