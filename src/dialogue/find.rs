//! Goods that were described are looked for, told apart and offered.

use serde_json::json;

use crate::orders::{Product, ToolName};

use super::act::{Choice, Description, Extreme};
use super::goods::by_price;
use super::policy::{Decision, LISTED, joined};
use super::profile::Attribute;
use super::question::Question;
use super::speak::money;
use super::state::{Line, State, View};

impl State {
    /// What was described is looked for, and told apart.
    pub(super) fn find(&mut self, at: usize, line: &Line, view: &View<'_>) -> Decision {
        let what = &line.what;
        let nothing = what.with.is_empty() && what.without.is_empty() && what.unknown.is_empty();
        if nothing && what.extreme.is_none() && what.price_max.is_none() && what.price_min.is_none() {
            return self.ask(view, Question::Goods);
        }
        // Many things in the catalogue fit, and one more word would tell them apart: no need to ask the store yet.
        let known: Vec<&Product> = view.shop.products.iter().filter(|p| view.shop.fits(p, what)).collect();
        let priced = what.extreme.is_some() || what.price_max.is_some() || what.price_min.is_some();
        if known.len() > LISTED
            && !priced
            && let Some(attribute) = worth_asking(what, &known, view)
        {
            let key = attribute.key.clone();
            return self.ask(view, Question::Attribute { key });
        }
        let query = view.shop.query(what);
        if line.searched.as_deref() != Some(query.as_str()) {
            return self.search(at, &query, view);
        }
        let found: Vec<&Product> = line.found.iter().filter_map(|id| view.product(*id)).collect();
        let fitting: Vec<&Product> = found.iter().copied().filter(|p| view.shop.fits(p, what)).collect();
        if let Some(extreme) = what.extreme
            && !fitting.is_empty()
        {
            return self.extreme(at, extreme, &fitting, view);
        }
        match fitting.as_slice() {
            [] => self.nothing_fits(at, &found, view),
            [only] => {
                let id = only.id;
                self.lines[at].product = Some(id);
                self.lines[at].near = true;
                self.next(view)
            }
            several => {
                if several.len() > LISTED
                    && !priced
                    && let Some(attribute) = worth_asking(what, several, view)
                {
                    let key = attribute.key.clone();
                    return self.ask(view, Question::Attribute { key });
                }
                self.offer_some(several, "", view)
            }
        }
    }

    pub(super) fn search(&mut self, at: usize, query: &str, view: &View<'_>) -> Decision {
        let again = self.lines[at].searched.as_deref() == Some(query)
            && self.turn.tool == Some(ToolName::FindProducts);
        if again || query.trim().is_empty() || !view.can(ToolName::FindProducts) {
            // Asked already, and not found: another word is needed.
            self.lines[at] =
                Line { quantity: self.lines[at].quantity, wanted: self.lines[at].wanted, ..Line::default() };
            return self.ask_after(view, "nothing-found", Question::Goods);
        }
        self.searching = Some(at);
        self.lines[at].searched = Some(query.to_owned());
        let query: String = query.chars().take(200).collect();
        Decision { say: String::new(), call: Some((ToolName::FindProducts, json!({ "query": query }))) }
    }

    pub(super) fn extreme(
        &mut self,
        at: usize,
        extreme: Extreme,
        fitting: &[&Product],
        view: &View<'_>,
    ) -> Decision {
        let told: Vec<&Product> = self.told.iter().filter_map(|id| view.product(*id)).collect();
        let than = told.iter().min_by_key(|p| p.price.minor).copied();
        let line = &mut self.lines[at];
        line.what.extreme = None;
        match by_price(fitting, extreme, than) {
            Some(product) => {
                line.product = Some(product.id);
                line.near = true;
                self.next(view)
            }
            None => {
                let id = if extreme == Extreme::Dearer { "no-dearer" } else { "no-cheaper" };
                let said = self.sentence(view, id);
                if let Some(than) = than.map(|p| p.id) {
                    self.lines[at].product = Some(than);
                }
                let next = self.next(view);
                Decision { say: joined(&said, &next.say), call: next.call }
            }
        }
    }

    /// Nothing has all that was wanted: what comes near, and only with the caller's word for it.
    pub(super) fn nothing_fits(&mut self, at: usize, found: &[&Product], view: &View<'_>) -> Decision {
        let what = self.lines[at].what.clone();
        if (what.price_max.is_some() || what.price_min.is_some())
            && let Some(cheapest) = found.iter().min_by_key(|p| p.price.minor)
        {
            let (name, price) =
                (view.shop.name(cheapest, view.language), money(cheapest.price, view.language));
            let said =
                view.messages.say("no-such-price", view.language, &[("name", name), ("price", &price)]);
            let line = &mut self.lines[at];
            (line.what.price_max, line.what.price_min) = (None, None);
            line.product = Some(cheapest.id);
            (line.wanted, line.offered) = (false, true);
            self.told = vec![cheapest.id];
            return self.ask_with(view, &said, Question::OrderIt);
        }
        let mut near: Vec<(usize, &Product)> = found
            .iter()
            .map(|p| (what.with.iter().filter(|term| has(p, &term.key, &term.value)).count(), *p))
            .collect();
        let best = near.iter().map(|(score, _)| *score).max().unwrap_or(0);
        near.retain(|(score, p)| *score == best && p.stock > 0);
        let near: Vec<&Product> = near.into_iter().map(|(_, p)| p).collect();
        if near.is_empty() || best == 0 {
            let line = &mut self.lines[at];
            *line = Line { quantity: line.quantity, wanted: line.wanted, ..Line::default() };
            return self.ask_after(view, "nothing-found", Question::Goods);
        }
        let before = self.sentence(view, "not-exactly");
        if let [only] = near.as_slice() {
            let (id, name, price) =
                (only.id, view.shop.name(only, view.language), money(only.price, view.language));
            let offer = view.messages.say("offer", view.language, &[("name", name), ("price", &price)]);
            let line = &mut self.lines[at];
            line.product = Some(id);
            (line.wanted, line.offered) = (false, true);
            self.told = vec![id];
            return self.ask_with(view, &joined(&before, &offer), Question::OrderIt);
        }
        self.offer_some(&near, &before, view)
    }

    /// Several to choose from. Told once; then only which is asked.
    pub(super) fn offer_some(&mut self, several: &[&Product], before: &str, view: &View<'_>) -> Decision {
        let mut told: Vec<&Product> = several.to_vec();
        // What can be had comes first; the shop's own order within.
        told.sort_by_key(|p| p.stock == 0);
        let next = self.turn.chose == Some(Choice::None) && told.len() > LISTED;
        if next {
            let heard = &self.told;
            told.retain(|p| !heard.contains(&p.id));
        }
        told.truncate(LISTED);
        let ids: Vec<_> = told.iter().map(|p| p.id).collect();
        if ids == self.told && self.is_asked(&Question::Choice) {
            return self.ask_with(view, before, Question::Choice);
        }
        let text = self.listing(view, &told, several.len());
        self.told = ids;
        self.asked = self.asked.take().filter(|asked| asked.question != Question::Choice);
        self.ask_with(view, &joined(before, &text), Question::Choice)
    }

    pub(super) fn out_of_stock(&mut self, at: usize, product: &Product, view: &View<'_>) -> Decision {
        let name = view.shop.name(product, view.language);
        let said = view.messages.say("none-left", view.language, &[("name", name)]);
        let line = &mut self.lines[at];
        let others: Vec<_> =
            line.found.iter().filter_map(|id| view.product(*id)).filter(|p| p.stock > 0).collect();
        line.product = None;
        line.offered = false;
        if others.is_empty() {
            *line = Line { quantity: line.quantity, wanted: line.wanted, ..Line::default() };
            return self.ask_with(view, &said, Question::Goods);
        }
        self.told.clear();
        self.offer_some(&others, &said, view)
    }
}

/// some are told instead.
fn worth_asking<'s>(what: &Description, products: &[&Product], view: &View<'s>) -> Option<&'s Attribute> {
    let attribute = view.shop.attribute_differs(what, products)?;
    if !attribute.parts.is_empty() {
        return Some(attribute);
    }
    let mut values: Vec<&str> =
        products.iter().filter_map(|p| p.attributes.get(&attribute.key)).map(String::as_str).collect();
    values.sort_unstable();
    values.dedup();
    let numeric = values.iter().all(|value| value.bytes().all(|b| b.is_ascii_digit()));
    (values.len() <= 2 || numeric).then_some(attribute)
}

fn has(product: &Product, key: &str, value: &str) -> bool {
    product.attributes.get(key).is_some_and(|own| own.eq_ignore_ascii_case(value))
}
