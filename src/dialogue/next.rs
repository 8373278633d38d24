//! The next step of an order: a tool call where all it needs is known, else the one question that comes first.

use serde_json::json;

use crate::language::{self, Language};
use crate::orders::{Order, Product, ToolName};

use super::act::{AddressPart, Choice, Description, Extreme, Method};
use super::policy::{Decision, LISTED, joined};
use super::profile::Attribute;
use super::question::Question;
use super::speak::{capitalised, money, pieces, place};
use super::state::{Asked, Confirming, Line, State, View};
use super::take::by_price;

impl State {
    pub(super) fn next(&mut self, view: &View<'_>) -> Decision {
        if self.lines.is_empty() && view.draft.is_none() {
            let question = if self.ordering { Question::Goods } else { Question::Open };
            return self.ask(view, question);
        }
        let wanted = self.lines.iter().any(|line| line.wanted);
        if wanted && !view.identified {
            return self.offer_person(view, "not-identified");
        }
        if self.lines.is_empty() {
            // The last line was taken out of a draft.
            return Decision { say: String::new(), call: Some((ToolName::CancelOrderDraft, json!({}))) };
        }
        if self.lines.len() > usize::try_from(view.shop.profile.limits.lines).unwrap_or(usize::MAX) {
            return self.offer_person(view, "person-helps");
        }
        // The line spoken of first, then the others.
        let mut order: Vec<usize> = (0..self.lines.len()).collect();
        order.sort_by_key(|at| *at != self.focus);
        for at in order {
            if let Some(decision) = self.goods_step(at, view) {
                return decision;
            }
        }
        if !self.is_drafted(view) {
            return self.draft(view);
        }
        self.delivery(view)
    }

    /// What is missing of a line's goods; none when it is whole.
    fn goods_step(&mut self, at: usize, view: &View<'_>) -> Option<Decision> {
        self.focus = at;
        let line = self.lines.get(at)?.clone();
        let Some(product) = line.product.and_then(|id| view.product(id)) else {
            return Some(self.find(at, &line, view));
        };
        // A product of the catalogue alone has old prices: it is found before it is told.
        if view.product_ref(product.id).is_none() {
            return Some(self.search(at, &product.name, view));
        }
        if product.stock == 0 {
            return Some(self.out_of_stock(at, product, view));
        }
        let language = view.language;
        let name = view.shop.name(product, language);
        let price = money(product.price, language);
        let mut offer = String::new();
        if !line.offered {
            offer = match line.quantity.filter(|n| *n > 1 && !line.wanted) {
                Some(n) => {
                    let total =
                        crate::orders::Money { minor: product.price.minor * i64::from(n), ..product.price };
                    let (count, total) = (pieces(n, language), money(total, language));
                    let variables = [("name", name), ("price", &price), ("count", &count), ("total", &total)];
                    view.messages.say("offer-set", language, &variables)
                }
                None => view.messages.say("offer", language, &[("name", name), ("price", &price)]),
            };
        }
        let own = &mut self.lines[at];
        if !line.wanted {
            own.offered = true;
            self.told = vec![product.id];
            return Some(self.ask_with(view, &offer, Question::OrderIt));
        }
        let Some(quantity) = line.quantity else {
            own.offered = true;
            return Some(self.ask_with(view, &offer, Question::Quantity));
        };
        if quantity > view.shop.profile.limits.pieces {
            if quantity > product.stock {
                return Some(self.too_few(product, &offer, view));
            }
            let most = pieces(view.shop.profile.limits.pieces, language);
            let said = view.messages.say("too-many", language, &[("count", &most)]);
            self.turn.say.push(said);
            return Some(self.offer_person(view, ""));
        }
        if quantity > product.stock {
            return Some(self.too_few(product, &offer, view));
        }
        None
    }

    fn too_few(&mut self, product: &Product, offer: &str, view: &View<'_>) -> Decision {
        let count = pieces(product.stock, view.language);
        let said = view.messages.say("only-left", view.language, &[("count", &count)]);
        self.ask_with(view, &joined(offer, &said), Question::Quantity)
    }

    /// What was described is looked for, and told apart.
    fn find(&mut self, at: usize, line: &Line, view: &View<'_>) -> Decision {
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

    fn search(&mut self, at: usize, query: &str, view: &View<'_>) -> Decision {
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

    fn extreme(&mut self, at: usize, extreme: Extreme, fitting: &[&Product], view: &View<'_>) -> Decision {
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
    fn nothing_fits(&mut self, at: usize, found: &[&Product], view: &View<'_>) -> Decision {
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
    fn offer_some(&mut self, several: &[&Product], before: &str, view: &View<'_>) -> Decision {
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

    fn out_of_stock(&mut self, at: usize, product: &Product, view: &View<'_>) -> Decision {
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

    // === The draft ===

    /// Whether the draft has just what is wanted.
    pub(super) fn is_drafted(&self, view: &View<'_>) -> bool {
        let Some(draft) = view.draft else { return false };
        let wanted = self.wanted();
        draft.lines.len() == wanted.len()
            && wanted.iter().all(|(id, quantity)| {
                draft.lines.iter().any(|line| {
                    let same = line.product_id == Some(*id)
                        || line.product_id.is_none()
                            && view.product(*id).is_some_and(|p| p.name == line.name);
                    same && line.quantity == *quantity
                })
            })
    }

    /// Each product once, with all that is wanted of it.
    fn wanted(&self) -> Vec<(uuid::Uuid, u32)> {
        let mut wanted: Vec<(uuid::Uuid, u32)> = Vec::new();
        for line in &self.lines {
            let (Some(id), Some(quantity)) = (line.product, line.quantity) else { continue };
            match wanted.iter_mut().find(|(known, _)| *known == id) {
                Some((_, sum)) => *sum = sum.saturating_add(quantity),
                None => wanted.push((id, quantity)),
            }
        }
        wanted
    }

    fn draft(&mut self, view: &View<'_>) -> Decision {
        if !view.can(ToolName::CreateOrderDraft) {
            let said = self.sentence(view, "not-now");
            self.turn.say.push(said);
            return self.offer_person(view, "");
        }
        let items: Vec<_> = self
            .wanted()
            .into_iter()
            .filter_map(|(id, quantity)| {
                Some(json!({ "product_ref": view.product_ref(id)?, "quantity": quantity }))
            })
            .collect();
        let mut arguments = json!({ "items": items });
        if let Some(name) = &self.name {
            arguments["customer_name"] = json!(name);
        }
        Decision { say: String::new(), call: Some((ToolName::CreateOrderDraft, arguments)) }
    }

    /// What was put down, from the draft.
    pub(super) fn taken(&self, view: &View<'_>) -> String {
        let Some(draft) = view.draft else { return String::new() };
        if let [line] = draft.lines.as_slice()
            && line.product_id.is_some_and(|id| self.told.contains(&id))
        {
            // Its name has just been told.
            let (count, total) = (pieces(line.quantity, view.language), money(draft.subtotal, view.language));
            return view.messages.say("taken-short", view.language, &[("count", &count), ("total", &total)]);
        }
        let list: Vec<String> = draft
            .lines
            .iter()
            .map(|line| {
                let product = line.product_id.and_then(|id| view.product(id));
                let product = product.or_else(|| view.products.iter().find(|p| p.name == line.name));
                let name = product.map_or(line.name.as_str(), |p| view.shop.name(p, view.language));
                let count = pieces(line.quantity, view.language);
                view.messages.say("taken-item", view.language, &[("name", name), ("count", &count)])
            })
            .collect();
        let total = money(draft.subtotal, view.language);
        view.messages.say("taken", view.language, &[("list", &list.join("; ")), ("total", &total)])
    }

    // === Handing over ===

    pub(super) fn delivered(&self, view: &View<'_>) -> Option<String> {
        let draft = view.draft?;
        let terms = draft.delivery.as_ref()?;
        let (cost, days) = terms_in_words(terms, view.language);
        if let Some(address) = terms.pickup_address.as_deref().filter(|address| !address.is_empty()) {
            let variables = [("address", address), ("cost", cost.as_str()), ("days", days.as_str())];
            return Some(view.messages.say("pickup", view.language, &variables));
        }
        Some(view.messages.say("delivery", view.language, &[("cost", &cost), ("days", &days)]))
    }

    fn delivery(&mut self, view: &View<'_>) -> Decision {
        let set = view.draft.is_some_and(|draft| draft.delivery.is_some());
        if set && self.sent.as_ref() == Some(&self.hand_over) {
            return self.confirmation(view);
        }
        let Some(method) = self.hand_over.method else { return self.ask(view, Question::Method) };
        let Some(city) = self.hand_over.city.clone() else { return self.ask(view, Question::City) };
        match method {
            Method::Delivery => {
                if set && self.hand_over.address == AddressPart::default() {
                    // A draft of somebody else's making has its address.
                    self.sent = Some(self.hand_over.clone());
                    return self.confirmation(view);
                }
                let Some(address) = self.hand_over.address.whole(view.language) else {
                    let street = self.hand_over.address.street.is_some();
                    return self.ask(view, if street { Question::House } else { Question::Street });
                };
                let arguments = json!({ "delivery_type": "delivery", "city": city, "address": address });
                Decision { say: String::new(), call: Some((ToolName::UpdateOrderDelivery, arguments)) }
            }
            Method::Pickup => {
                if let Some(reference) = self.hand_over.point.and_then(|id| view.point_ref(id)) {
                    let arguments =
                        json!({ "delivery_type": "pickup", "city": city, "pickup_point_ref": reference });
                    return Decision {
                        say: String::new(),
                        call: Some((ToolName::UpdateOrderDelivery, arguments)),
                    };
                }
                let points = self.points_here(view);
                if points.len() > 1 {
                    return self.points(view);
                }
                if self.turn.tool == Some(ToolName::UpdateOrderDelivery) && points.is_empty() {
                    self.hand_over.city = None;
                    return self.ask_after(view, "no-points", Question::City);
                }
                let arguments = json!({ "delivery_type": "pickup", "city": city });
                Decision { say: String::new(), call: Some((ToolName::UpdateOrderDelivery, arguments)) }
            }
        }
    }

    /// The pick-up points to choose from; told once, then only asked.
    fn points(&mut self, view: &View<'_>) -> Decision {
        if self.is_asked(&Question::Point) && !self.turn.progressed {
            return self.ask(view, Question::Point);
        }
        let list: Vec<String> = self
            .points_here(view)
            .iter()
            .take(LISTED + 1)
            .zip(1..)
            .map(|(point, n)| {
                let place = place(n, view.language);
                view.messages.say(
                    "point-item",
                    view.language,
                    &[("place", &place), ("address", &point.address)],
                )
            })
            .collect();
        let said = view.messages.say("points", view.language, &[("list", &capitalised(&list.join("; ")))]);
        self.ask_with(view, &said, Question::Point)
    }

    fn confirmation(&mut self, view: &View<'_>) -> Decision {
        let Some(payment) = self.payment else { return self.ask(view, Question::Payment) };
        let extra = view.shop.profile.extras.iter().find(|extra| {
            let method = self.hand_over.method;
            !self.extras.contains_key(&extra.slot)
                && (extra.with.is_empty() || method.is_some_and(|method| extra.with.contains(&method)))
        });
        if let Some(slot) = extra.map(|extra| extra.slot.clone()) {
            if self.is_asked(&(Question::Extra { slot: slot.clone() })) && self.turn.spoke {
                // It was asked for, and something else was said: it is not needed.
                self.extras.insert(slot, String::new());
                return self.confirmation(view);
            }
            return self.ask(view, Question::Extra { slot });
        }
        if self.name.is_none() && !self.name_done {
            if self.is_asked(&Question::Name) && self.turn.spoke && !self.turn.progressed {
                self.name_done = true;
            } else {
                return self.ask(view, Question::Name);
            }
        }
        if !view.can(ToolName::ConfirmOrder) {
            let said = self.sentence(view, "not-now");
            self.turn.say.push(said);
            return self.offer_person(view, "");
        }
        let mut arguments = json!({ "payment_method": payment });
        if let Some(name) = &self.name {
            arguments["customer_name"] = json!(name);
        }
        if let Some(draft) = view.draft {
            self.confirming = Some(self.confirming_of(draft, payment));
        }
        self.asked = Some(Asked { question: Question::ReadBack, times: 1 });
        Decision { say: String::new(), call: Some((ToolName::ConfirmOrder, arguments)) }
    }

    fn confirming_of(&self, draft: &Order, payment: crate::orders::PaymentMethod) -> Confirming {
        Confirming { order: draft.id, version: draft.version, payment, name: self.name.clone() }
    }

    /// What was read back is still what is wanted: nothing of it has changed since.
    pub(super) fn stands(&self, view: &View<'_>) -> bool {
        let (Some(draft), Some(payment)) = (view.draft, self.payment) else { return false };
        self.is_drafted(view)
            && self.lines.iter().all(Line::is_whole)
            && self.sent.as_ref() == Some(&self.hand_over)
            && self.confirming.as_ref() == Some(&self.confirming_of(draft, payment))
            && self.turn.change.is_none()
    }
}

/// The attribute that is asked for next: a number or a size, or one of two values, which its question names. Of more (brands)
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

/// Cost and days of a delivery.
pub(super) fn terms_in_words(terms: &crate::orders::DeliveryTerms, language: Language) -> (String, String) {
    let cost = match (terms.cost.minor, language) {
        (0, Language::Russian) => "бесплатно".to_owned(),
        (0, Language::English) => "free of charge".to_owned(),
        _ => money(terms.cost, language),
    };
    (cost, language::days(terms.days_min, terms.days_max, language))
}

impl AddressPart {
    /// The address as on a letter, once street and house are known.
    pub fn whole(&self, language: Language) -> Option<String> {
        let (street, house) = (self.street.as_ref()?, self.house.as_ref()?);
        let mut text = match language {
            Language::Russian => format!("{street}, дом {house}"),
            Language::English => format!("{house} {street}"),
        };
        let names = match language {
            Language::Russian => ["", "подъезд ", "этаж ", "квартира "],
            Language::English => ["", "entrance ", "floor ", "apartment "],
        };
        for (name, part) in names.into_iter().zip([&self.block, &self.entrance, &self.floor, &self.flat]) {
            if let Some(part) = part {
                text.push_str(&format!(", {name}{part}"));
            }
        }
        Some(text)
    }
}
