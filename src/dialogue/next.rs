//! The next step of an order: a tool call where all it needs is known, else the one question that comes first.

use serde_json::json;

use crate::language::{self, Language};
use crate::orders::{Order, Product, ToolName};

use super::act::{AddressPart, Method};
use super::policy::{Decision, LISTED, joined};
use super::question::Question;
use super::speak::{capitalised, money, pieces, place};
use super::state::{Asked, Confirming, Line, State, View};

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
                Some((_, sum)) if line.added => *sum = sum.saturating_add(quantity),
                // Said of the same goods once more.
                Some((_, sum)) => *sum = quantity,
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
            Method::Delivery if !self.is_served(&city, view) => {
                self.checked = Some(city.clone());
                let call = (ToolName::GetDeliveryTerms, json!({ "city": city }));
                Decision { say: String::new(), call: Some(call) }
            }
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
                self.point_by_words(view);
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

    /// Whether a city is known to be delivered to, so that nobody is asked for an address in vain.
    fn is_served(&self, city: &str, view: &View<'_>) -> bool {
        let fold = crate::language::text::fold;
        self.checked.as_deref() == Some(city)
            || !view.can(ToolName::GetDeliveryTerms)
            || view.shop.profile.cities.iter().any(|own| fold(&own.name) == fold(city))
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
