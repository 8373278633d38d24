//! The next step of an order: a tool call where all it needs is known, else the one question that comes first.

use serde_json::json;

use crate::language;
use crate::orders::ToolName;

use super::Decision;
use super::heard::Method;
use super::phrases::{self, Ask, Line, ask, line};
use super::state::{LISTED, State};

impl State<'_> {
    /// What comes next, said after `before`.
    pub(super) fn plan(&self, before: &str) -> Decision {
        let language = self.request.language;
        let draft = self.request.briefing.draft.as_ref();
        let wanted = self.ordering || self.quantity.is_some() || draft.is_some();
        if wanted && !self.inquiring && !self.request.briefing.identified {
            return self.offer_operator(&joined(before, line(Line::NotIdentified, language)));
        }
        if draft.is_none() || self.goods_changed {
            return self.goods(before);
        }
        let delivered = draft.is_some_and(|order| order.delivery.is_some());
        if !delivered || self.delivery_changed {
            return self.delivery(before);
        }
        self.confirmation(before)
    }

    /// The question again, where the caller's words led nowhere.
    pub(super) fn question(&self) -> String {
        let decision = self.plan("");
        match (decision.say, decision.call) {
            (Some(say), _) => say,
            // All is known, so the next step would be to do it; that takes a word of the caller.
            (None, Some((ToolName::ConfirmOrder, _))) => ask(Ask::Right, self.request.language).to_owned(),
            _ => ask(Ask::Retry, self.request.language).to_owned(),
        }
    }

    /// Offers a person, as far as there is one.
    pub(super) fn offer_operator(&self, before: &str) -> Decision {
        let language = self.request.language;
        if self.can(ToolName::TransferToOperator) {
            return Decision::say(ask(Ask::Operator, language)).after(before);
        }
        Decision::say(line(Line::NoOperator, language)).after(before)
    }

    pub(super) fn can(&self, tool: ToolName) -> bool {
        self.request.tools.contains(&tool)
    }

    fn goods(&self, before: &str) -> Decision {
        let language = self.request.language;
        let briefing = &self.request.briefing;
        let only_quantity = briefing.draft.is_some() && !self.wish_changed;
        if self.wish.is_empty() && self.chosen.is_none() && !only_quantity {
            if self.extreme.is_none() || self.found.is_empty() {
                return Decision::say(ask(Ask::Product, language)).after(before);
            }
        } else if !only_quantity && !self.is_searched() {
            return Decision::call(ToolName::FindProducts, json!({ "query": self.wish.query() }))
                .after(before);
        } else if only_quantity && self.product().is_none() {
            // The draft is a model's, or its list is gone: find its product again by name.
            let name = briefing.draft.as_ref().and_then(|d| d.lines.first()).map_or("", |l| l.name.as_str());
            let query: String = name.chars().take(200).collect();
            if self.searched.as_deref() != Some(&query) && !query.is_empty() {
                return Decision::call(ToolName::FindProducts, json!({ "query": query })).after(before);
            }
        }
        let Some(product) = self.product() else { return self.narrow(before) };
        let (_, exact) = self.candidates();
        let mut text = String::new();
        if !exact && self.chosen.is_none() && !only_quantity {
            text.push_str(line(Line::NotExactly, language));
        }
        if product.stock == 0 {
            let none = joined(
                &text,
                &format!("{}: {}", phrases::name(product, language), phrases::only_left(0, language)),
            );
            return Decision::say(joined(&none, ask(Ask::Choice, language))).after(before);
        }
        let offer = joined(&text, &phrases::offer(product, language));
        if self.inquiring && !self.ordering {
            return Decision::say(joined(&offer, ask(Ask::OrderIt, language))).after(before);
        }
        let Some(quantity) = self.present_quantity() else {
            let what = if self.asked == Some(Ask::Quantity) && exact { String::new() } else { offer };
            return Decision::say(joined(&what, ask(Ask::Quantity, language))).after(before);
        };
        if quantity > product.stock {
            let left = phrases::only_left(product.stock, language);
            return Decision::say(joined(&left, ask(Ask::Quantity, language))).after(before);
        }
        // Something near the wish is ordered only when it was agreed to.
        if !exact
            && self.chosen.is_none()
            && !only_quantity
            && self.extreme.is_none()
            && self.asked != Some(Ask::OrderIt)
        {
            return Decision::say(joined(&offer, ask(Ask::OrderIt, language))).after(before);
        }
        let Some(n) = self.product_ref(product) else {
            return Decision::say(ask(Ask::Product, language)).after(before);
        };
        if !self.can(ToolName::CreateOrderDraft) {
            return self.offer_operator(&joined(before, line(Line::NotNow, language)));
        }
        let mut arguments = json!({ "items": [{ "product_ref": n, "quantity": quantity }] });
        if let Some(name) = &self.name {
            arguments["customer_name"] = json!(name);
        }
        Decision::call(ToolName::CreateOrderDraft, arguments).after(before)
    }

    /// Whether the last search was for this wish (a model may have put it in other words).
    fn is_searched(&self) -> bool {
        let Some(searched) = &self.searched else { return false };
        let stems: Vec<String> =
            language::text::words(searched).iter().map(|w| super::lexicon::stem(w)).collect();
        let asked: Vec<String> =
            language::text::words(&self.wish.query()).iter().map(|w| super::lexicon::stem(w)).collect();
        asked.iter().all(|w| stems.contains(w))
            && stems.iter().filter(|w| w.bytes().all(|b| b.is_ascii_digit())).all(|n| asked.contains(n))
    }

    /// More than one product fits, or none.
    fn narrow(&self, before: &str) -> Decision {
        let language = self.request.language;
        let (candidates, exact) = self.candidates();
        if candidates.is_empty() {
            return Decision::say(line(Line::NothingFound, language)).after(before);
        }
        let before = if exact { before.to_owned() } else { joined(before, line(Line::NotExactly, language)) };
        if candidates.len() > LISTED && self.wish.sizes.is_empty() && sizes_differ(&candidates) {
            return Decision::say(ask(Ask::Size, language)).after(&before);
        }
        let told = self.told();
        Decision::say(phrases::choice(&told, candidates.len(), language)).after(&before)
    }

    fn delivery(&self, before: &str) -> Decision {
        let language = self.request.language;
        let say = |text: &str| Decision::say(text).after(before);
        match self.method {
            None => say(ask(Ask::Method, language)),
            Some(Method::Delivery) => {
                let Some(city) = &self.city else { return say(ask(Ask::City, language)) };
                let Some(address) = self.address.whole(language) else {
                    let what = if self.address.street.is_some() { Ask::House } else { Ask::Address };
                    return say(ask(what, language));
                };
                let arguments = json!({ "delivery_type": "delivery", "city": city, "address": address });
                Decision::call(ToolName::UpdateOrderDelivery, arguments).after(before)
            }
            Some(Method::Pickup) => {
                if let Some(n) = self.point {
                    let arguments = json!({ "delivery_type": "pickup", "pickup_point_ref": n });
                    return Decision::call(ToolName::UpdateOrderDelivery, arguments).after(before);
                }
                let Some(city) = &self.city else { return say(ask(Ask::City, language)) };
                let points = self.request.briefing.listed_points();
                if points.len() > 1 && self.points_of.as_ref() == Some(city) {
                    return self.points(before);
                }
                let arguments = json!({ "delivery_type": "pickup", "city": city });
                Decision::call(ToolName::UpdateOrderDelivery, arguments).after(before)
            }
        }
    }

    /// The pick-up points to choose from.
    pub(super) fn points(&self, before: &str) -> Decision {
        let language = self.request.language;
        let listed: Vec<String> = self
            .request
            .briefing
            .listed_points()
            .iter()
            .zip(1..)
            .take(LISTED + 1)
            .map(|((_, point), n)| format!("{} — {}", phrases::place(n, language), point.address))
            .collect();
        let text = format!("{}. {}", listed.join("; "), ask(Ask::Point, language));
        Decision::say(super::places::capitalised(&text)).after(before)
    }

    fn confirmation(&self, before: &str) -> Decision {
        let language = self.request.language;
        let Some(payment) = self.payment else {
            return Decision::say(ask(Ask::Payment, language)).after(before);
        };
        if self.name.is_none() && !self.name_asked {
            return Decision::say(ask(Ask::Name, language)).after(before);
        }
        if !self.can(ToolName::ConfirmOrder) {
            return self.offer_operator(&joined(before, line(Line::NotNow, language)));
        }
        let mut arguments = json!({ "payment_method": payment });
        if let Some(name) = &self.name {
            arguments["customer_name"] = json!(name);
        }
        Decision::call(ToolName::ConfirmOrder, arguments).after(before)
    }
}

/// Whether the products come in different sizes: numbers in their attributes that are not the same.
fn sizes_differ(products: &[&crate::orders::Product]) -> bool {
    let numeric = |value: &str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let sizes = |p: &crate::orders::Product| -> Vec<String> {
        p.attributes.values().filter(|value| numeric(value)).cloned().collect()
    };
    let first = products.first().map(|p| sizes(p)).unwrap_or_default();
    products.iter().any(|p| sizes(p) != first)
}

/// Two sentences as one text.
pub(super) fn joined(first: &str, second: &str) -> String {
    match (first.is_empty(), second.is_empty()) {
        (true, _) => second.to_owned(),
        (_, true) => first.to_owned(),
        _ => format!("{first} {second}"),
    }
}
