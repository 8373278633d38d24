//! Orders that were placed before, told.

use crate::language;

use super::policy::{Decision, LISTED, joined};
use super::question::Question;
use super::state::{Entry, OrderTold, State, View};

impl State {
    pub(super) fn status(&mut self, view: &View<'_>) -> Decision {
        let orders = self.orders.clone();
        match orders.as_slice() {
            [] => {
                let asked = view.history.iter().rev().find_map(|entry| match entry {
                    Entry::Called { arguments, .. } => Some(arguments.contains("order_number")),
                    _ => None,
                });
                let id = if asked == Some(true) { "no-such-order" } else { "no-orders" };
                self.ask_after(view, id, Question::Open)
            }
            [order] => self.tell(view, order),
            orders => {
                let list: Vec<String> = orders
                    .iter()
                    .take(LISTED)
                    .zip(1..)
                    .map(|(order, n)| {
                        let items = super::speak::in_language(&order.items, view);
                        let place = super::speak::place(n, view.language);
                        let variables = [
                            ("place", place.as_str()),
                            ("items", items.as_str()),
                            ("status", order.status.as_str()),
                        ];
                        view.messages.say("order-item", view.language, &variables)
                    })
                    .collect();
                let count = language::count(orders.len() as u64, language::Noun::Order, view.language);
                let list = list.join("; ");
                let said = view.messages.say("orders", view.language, &[("count", &count), ("list", &list)]);
                self.ask_with(view, &said, Question::WhichOrder)
            }
        }
    }

    /// The order whose number ends in the digits that the caller said.
    pub(super) fn by_digits(&self, digits: &str) -> Option<OrderTold> {
        let bare = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let wanted = digits.trim_start_matches('0');
        let mut fitting = self.orders.iter().filter(|order| {
            let tail = order.number.rsplit('-').next().unwrap_or_default();
            bare(&order.number) == *digits || bare(tail).trim_start_matches('0') == wanted
        });
        fitting.next().filter(|_| fitting.next().is_none()).cloned()
    }

    pub(super) fn tell(&mut self, view: &View<'_>, order: &OrderTold) -> Decision {
        let items = super::speak::in_language(&order.items, view);
        let variables = [
            ("number", order.spoken.as_str()),
            ("items", items.as_str()),
            ("status", order.status.as_str()),
            ("total", order.total.as_str()),
        ];
        let mut said = view.messages.say("order", view.language, &variables);
        if let Some(eta) = order.eta.as_deref().filter(|_| order.open) {
            said = joined(&said, &view.messages.say("order-eta", view.language, &[("eta", eta)]));
        }
        self.ask_with(view, &said, if self.is_busy(view) { Question::Change } else { Question::Open })
            .without_change(self, view, &said)
    }
}

impl Decision {
    /// A status told in the middle of an order leads back to the order's own next question.
    fn without_change(self, state: &mut State, view: &View<'_>, said: &str) -> Self {
        if !state.is_asked(&Question::Change) {
            return self;
        }
        state.asked = None;
        if view.read_back && state.stands(view) {
            return Self { say: said.to_owned(), call: None };
        }
        let mut decision = state.next(view);
        decision.say = joined(said, &decision.say);
        decision
    }
}
