//! From an order action's outcome to what the thinker and the caller are told.

use serde_json::Value;

use crate::conversation::consent::Pending;
use crate::conversation::desk::Purpose;
use crate::conversation::dialogue::Called;
use crate::conversation::event::{Message, Note};
use crate::conversation::phrases::{self, Fixed};
use crate::conversation::{Conversation, Timer, facts};
use crate::ids::RequestId;
use crate::orders::tools::{self, OrderScope};
use crate::orders::{ActionOutcome, Delivery, Order, OrderAction, OrderStatus, PickupPoint, ProblemCode};

impl Conversation {
    pub(super) fn settled(&mut self, id: RequestId, outcome: ActionOutcome) {
        if let Some(place) = self.desk.behind.iter().position(|(behind, ..)| *behind == id) {
            let (_, purpose, _) = self.desk.behind.remove(place);
            return self.settled_behind(&purpose, outcome);
        }
        if self.desk.current.as_ref().is_none_or(|(current, ..)| *current != id) {
            return;
        }
        let Some((_, purpose, action)) = self.desk.current.take() else { return };
        self.timers.remove(&Timer::Filler);
        self.timers.remove(&Timer::Action);
        if matches!(outcome, ActionOutcome::Rejected { .. }) {
            self.desk.rejections += 1;
        }
        if self.hung_up || self.left {
            return self.settled_behind(&purpose, outcome);
        }
        match purpose {
            Purpose::Tool(call) => self.tool_settled(&call, &action, outcome),
            Purpose::Status(call, which) => self.status_settled(&call, which, outcome),
            Purpose::Confirm(pending) => self.confirm_settled(pending, outcome),
            Purpose::Undo(pending) if outcome == ActionOutcome::Unknown => {
                self.confirm_settled(pending, outcome);
            }
            Purpose::Undo(pending) => {
                self.mind.briefing.draft = None;
                let action =
                    OrderAction::Cancel { order_id: pending.order.id, reason: "the caller cancelled".into() };
                self.act(Purpose::Cancel, action, Some(&pending.order));
            }
            Purpose::Cancel => self.cancel_settled(outcome),
            // Whether or not the old draft could be cancelled, it expires; the new one is made now.
            Purpose::Replace(call) => match tools::parse(&call.tool, &call.arguments) {
                Ok(request) => self.carry_out(call, request),
                Err(_) => self.next_call(),
            },
            Purpose::DropDraft => {}
        }
        if self.draining {
            self.drain();
        }
    }

    /// An outcome that nobody waits for: only a draft that came into being matters.
    fn settled_behind(&mut self, purpose: &Purpose, outcome: ActionOutcome) {
        if let (Purpose::Tool(call), ActionOutcome::Drafted { order }) = (purpose, &outcome)
            && !self.hung_up
            && !self.left
        {
            self.record(call, facts::draft(order, self.language));
            self.mind.briefing.draft = Some(order.clone());
            return;
        }
        match outcome {
            ActionOutcome::Drafted { order } => {
                let reason = "the call ended before the order was confirmed".to_owned();
                let action = OrderAction::Cancel { order_id: order.id, reason };
                self.act(Purpose::DropDraft, action, Some(&order));
            }
            ActionOutcome::DeliverySet { order } if !self.hung_up && !self.left => {
                self.mind.briefing.draft = Some(order);
            }
            _ => {}
        }
    }

    fn tool_settled(&mut self, call: &Called, action: &OrderAction, outcome: ActionOutcome) {
        let language = self.language;
        let result = match outcome {
            ActionOutcome::Products { products } => {
                let result = facts::products(&products, language);
                self.mind.briefing.products = products;
                self.mind.refresh_hints();
                result
            }
            ActionOutcome::PickupPoints { points } => return self.points_settled(call, points),
            ActionOutcome::Drafted { order } => {
                let result = facts::draft(&order, language);
                self.mind.briefing.draft = Some(order);
                result
            }
            ActionOutcome::DeliverySet { order } => {
                let result = facts::delivery(&order, language);
                self.mind.briefing.draft = Some(order);
                result
            }
            other => self.failure(&other),
        };
        if matches!(action, OrderAction::CreateDraft { .. }) && self.mind.briefing.draft.is_some() {
            self.mind.briefing.placed = None;
        }
        self.answer_call(call, result);
    }

    fn points_settled(&mut self, call: &Called, points: Vec<PickupPoint>) {
        let only = (points.len() == 1).then(|| points[0].clone());
        let result = if points.is_empty() {
            facts::error("no_pickup_point", "there is no pick-up point in that city")
        } else {
            facts::pickup_points(&points)
        };
        self.mind.briefing.pickup_points = points;
        match (only, self.mind.briefing.draft.clone()) {
            (Some(point), Some(order)) => {
                // One point leaves nothing to choose.
                self.void_consent();
                let delivery = Delivery::Pickup { pickup_point_id: point.id, city: point.city };
                let action = OrderAction::SetDelivery { order_id: order.id, delivery };
                self.act(Purpose::Tool(call.clone()), action, Some(&order));
            }
            _ => self.answer_call(call, result),
        }
    }

    fn status_settled(&mut self, call: &Called, which: Option<OrderScope>, outcome: ActionOutcome) {
        let ActionOutcome::Orders { mut orders } = outcome else {
            let result = self.failure(&outcome);
            return self.answer_call(call, result);
        };
        orders.retain(|order| order.status != OrderStatus::Draft);
        let any_open = orders.iter().any(|order| order.status.is_open());
        match which {
            Some(OrderScope::Last) => orders.truncate(1),
            Some(OrderScope::All) => {}
            // "Where is my order" is about what is still to come, if anything is.
            Some(OrderScope::Active) | None if any_open => {
                orders.retain(|order| order.status.is_open());
            }
            Some(OrderScope::Active) => orders.clear(),
            None => orders.truncate(1),
        }
        let today = self.mind.briefing.today.unwrap_or_default();
        let result = facts::orders(&orders, today, self.language);
        self.mind.briefing.orders = orders;
        self.answer_call(call, result);
    }

    /// What the thinker is told of an outcome that is no success.
    fn failure(&self, outcome: &ActionOutcome) -> Value {
        match outcome {
            ActionOutcome::Rejected { rejection } => facts::error(
                &facts::rejection_code(rejection.code),
                phrases::rejected(rejection.code, self.language),
            ),
            ActionOutcome::Unknown => facts::error("unknown", phrases::fixed(Fixed::Unknown, self.language)),
            _ => facts::error("store_unavailable", phrases::fixed(Fixed::StoreDown, self.language)),
        }
    }

    /// The answer to the caller's yes is spoken from the committed outcome, and from nothing else.
    fn confirm_settled(&mut self, pending: Pending, outcome: ActionOutcome) {
        let today = self.mind.briefing.today.unwrap_or_default();
        let text = match &outcome {
            ActionOutcome::Confirmed { confirmation } => {
                self.mind.briefing.draft = None;
                let number = confirmation.order_number.clone();
                self.mind.briefing.placed =
                    Some(Order { order_number: number, status: confirmation.status, ..pending.order });
                phrases::confirmed(confirmation, today, self.language)
            }
            ActionOutcome::Rejected { rejection } => {
                phrases::rejected(rejection.code, self.language).to_owned()
            }
            ActionOutcome::Unknown => {
                // It may have been placed: this draft is neither offered nor cancelled any more.
                self.mind.briefing.draft = None;
                phrases::fixed(Fixed::Unknown, self.language).to_owned()
            }
            _ => phrases::fixed(Fixed::StoreDown, self.language).to_owned(),
        };
        let summary = serde_json::to_string(&outcome).unwrap_or_default();
        self.note(Note::Gave { tool: "confirm_order".into(), summary: summary.clone() });
        self.mind
            .history
            .push(Message::Note { text: format!("the caller agreed; the store answered: {summary}") });
        self.mind.remember_agent(&text);
        self.say_surely(&text);
        self.go_on();
    }

    fn cancel_settled(&mut self, outcome: ActionOutcome) {
        let text = match &outcome {
            ActionOutcome::Drafted { order } => {
                // "Cancel" came while the draft was being made.
                let action =
                    OrderAction::Cancel { order_id: order.id, reason: "the caller cancelled".into() };
                return self.act(Purpose::Cancel, action, Some(order));
            }
            ActionOutcome::Rejected { rejection }
                if matches!(
                    rejection.code,
                    ProblemCode::AlreadyConfirmed | ProblemCode::InvalidTransition
                ) =>
            {
                phrases::rejected(rejection.code, self.language)
            }
            // A draft that could not be cancelled expires unconfirmed: for the caller nothing is ordered either way.
            _ => phrases::fixed(Fixed::Cancelled, self.language),
        };
        let summary = serde_json::to_string(&outcome).unwrap_or_default();
        self.note(Note::Gave { tool: "cancel_order_draft".into(), summary });
        self.mind.remember_agent(text);
        self.say_surely(text);
        self.go_on();
    }
}
