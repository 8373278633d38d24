//! Answers to what the caller asks.

use serde_json::json;

use crate::language;
use crate::orders::{Product, ToolName};

use super::act::Topic;
use super::next::terms_in_words;
use super::policy::{Decision, LISTED};
use super::speak::{capitalised, distinct_names, money, pieces, place};
use super::state::{State, View};

impl State {
    /// The answers to this turn's questions, in their order; or the tool call that one of them needs first.
    pub(super) fn answers(&mut self, view: &View<'_>) -> Result<Vec<String>, Decision> {
        let mut topics = std::mem::take(&mut self.turn.topics);
        if topics.contains(&Topic::DeliveryTerms) {
            // "В Казань сколько?" asks the price of nothing else.
            topics.retain(|topic| *topic != Topic::Price);
        }
        let mut said: Vec<String> = Vec::new();
        for (at, topic) in topics.iter().enumerate() {
            match self.answer_to(topic, view) {
                Ok(Some(answer)) if !said.contains(&answer) => said.push(answer),
                Ok(_) => {}
                Err(call) => {
                    // Asked again once the tool has answered.
                    self.turn.topics = topics[at..].to_vec();
                    let mut before = said;
                    before.append(&mut self.turn.say);
                    self.turn.say = before;
                    return Err(call);
                }
            }
        }
        Ok(said)
    }

    fn answer_to(&mut self, topic: &Topic, view: &View<'_>) -> Result<Option<String>, Decision> {
        let language = view.language;
        let say = |id: &str| view.messages.say(id, language, &[]);
        Ok(Some(match topic {
            Topic::Everyday { key } => return Ok(super::everyday::answer(key, view)),
            Topic::Payments => say("payment-ways"),
            Topic::CanCancel => say("can-cancel"),
            Topic::Discount => say("no-discounts"),
            Topic::Robot => say("robot"),
            Topic::Price => return Ok(self.price(view)),
            Topic::Total | Topic::Summary => match view.draft {
                Some(draft) if draft.delivery.is_some() => {
                    view.messages.say("total", language, &[("total", &money(draft.total, language))])
                }
                Some(draft) => {
                    view.messages.say("goods-total", language, &[("total", &money(draft.subtotal, language))])
                }
                None => return Ok(self.price(view)),
            },
            Topic::DeliveryTerms => return self.delivery_terms(view),
            Topic::When => match view.draft.and_then(|draft| draft.delivery.as_ref()) {
                Some(terms) => {
                    let days = language::days(terms.days_min, terms.days_max, language);
                    view.messages.say("when", language, &[("days", &days)])
                }
                None => return self.delivery_terms(view),
            },
            Topic::Difference => return Ok(self.difference(view)),
            Topic::Others => {
                self.turn.chose = Some(super::act::Choice::None);
                if let Some(line) = self.line_mut()
                    && line.product.is_some()
                    && line.found.len() > 1
                {
                    line.product = None;
                    line.offered = false;
                    return Ok(None);
                }
                let more = self.line().is_some_and(|line| line.found.len() > LISTED);
                return Ok((!more && !self.told.is_empty()).then(|| say("no-others")));
            }
            Topic::Assortment => return Ok(assortment(view)),
            Topic::Stock => {
                let product = self.line().and_then(|line| line.product).and_then(|id| view.product(id));
                match product {
                    Some(product) if view.product_ref(product.id).is_some() => {
                        let count = pieces(product.stock, language);
                        view.messages.say("left", language, &[("count", &count)])
                    }
                    _ => return Ok(None),
                }
            }
            Topic::Points => return self.points_told(view),
        }))
    }

    /// The price of what was offered or is wanted.
    fn price(&self, view: &View<'_>) -> Option<String> {
        let product = self.line().and_then(|line| line.product).and_then(|id| view.product(id))?;
        // Not found at the store yet: the offer that follows says it.
        view.product_ref(product.id)?;
        if !self.line()?.offered {
            return None;
        }
        let (name, price) = (view.shop.name(product, view.language), money(product.price, view.language));
        Some(view.messages.say("offer", view.language, &[("name", name), ("price", &price)]))
    }

    fn delivery_terms(&mut self, view: &View<'_>) -> Result<Option<String>, Decision> {
        let language = view.language;
        let terms = view.draft.and_then(|draft| draft.delivery.as_ref());
        let asked = self.turn.city.clone().or_else(|| self.hand_over.city.clone());
        if let Some(terms) = terms
            && self.sent.as_ref() == Some(&self.hand_over)
        {
            let (cost, days) = terms_in_words(terms, language);
            let city = match &terms.delivery {
                crate::orders::Delivery::Delivery { city, .. }
                | crate::orders::Delivery::Pickup { city, .. } => city,
            };
            let variables = [("city", city.as_str()), ("cost", cost.as_str()), ("days", days.as_str())];
            return Ok(Some(view.messages.say("delivery-terms", language, &variables)));
        }
        match (asked, self.quote.take()) {
            (_, Some((city, cost, days))) => {
                let variables = [("city", city.as_str()), ("cost", cost.as_str()), ("days", days.as_str())];
                Ok(Some(view.messages.say("delivery-terms", language, &variables)))
            }
            (Some(city), None)
                if view.can(ToolName::GetDeliveryTerms)
                    && self.turn.tool != Some(ToolName::GetDeliveryTerms) =>
            {
                let call = (ToolName::GetDeliveryTerms, json!({ "city": city }));
                Err(Decision { say: String::new(), call: Some(call) })
            }
            _ => Ok(Some(view.messages.say("delivery-later", language, &[]))),
        }
    }

    /// What tells the offers apart, and what each costs.
    fn difference(&self, view: &View<'_>) -> Option<String> {
        let told: Vec<&Product> = self.told.iter().filter_map(|id| view.product(*id)).collect();
        if told.len() < 2 {
            return None;
        }
        let list: Vec<String> = told
            .iter()
            .zip(distinct_names(&told, view))
            .zip(1..)
            .map(|((product, what), n)| {
                let (place, price) = (place(n, view.language), money(product.price, view.language));
                let variables =
                    [("place", place.as_str()), ("what", what.as_str()), ("price", price.as_str())];
                view.messages.say("difference-item", view.language, &variables)
            })
            .collect();
        let list = capitalised(&list.join("; "));
        Some(view.messages.say("difference", view.language, &[("list", &list)]))
    }

    fn points_told(&mut self, view: &View<'_>) -> Result<Option<String>, Decision> {
        let points = self.points_here(view);
        if points.is_empty() {
            let Some(city) = self.hand_over.city.clone() else { return Ok(None) };
            if view.draft.is_some() && self.turn.tool != Some(ToolName::UpdateOrderDelivery) {
                let arguments = json!({ "delivery_type": "pickup", "city": city });
                return Err(Decision {
                    say: String::new(),
                    call: Some((ToolName::UpdateOrderDelivery, arguments)),
                });
            }
            return Ok(None);
        }
        let list: Vec<&str> = points.iter().take(LISTED + 1).map(|point| point.address.as_str()).collect();
        Ok(Some(view.messages.say("points-told", view.language, &[("list", &list.join("; "))])))
    }
}

/// What there is at all: the values of the first attribute of the profile, or some names.
fn assortment(view: &View<'_>) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for product in &view.shop.products {
        let kind = product.attributes.get("kind").or_else(|| product.attributes.get("brand"));
        let name = match kind {
            Some(kind) => view.shop.value_name(kind, view.language),
            None => view.shop.name(product, view.language).to_owned(),
        };
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
        if names.len() >= 6 {
            break;
        }
    }
    (!names.is_empty())
        .then(|| view.messages.say("assortment", view.language, &[("list", &names.join(", "))]))
}
