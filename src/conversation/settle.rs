//! From an order action's outcome to what the thinker and the caller are told.

use serde_json::Value;

use crate::conversation::consent::Pending;
use crate::conversation::desk::Purpose;
use crate::conversation::dialogue::Called;
use crate::conversation::event::{Message, Note};
use crate::conversation::parting::Why;
use crate::conversation::phrases::{self, Fixed};
use crate::conversation::{Conversation, Timer, facts};
use crate::ids::RequestId;
use crate::orders::tools::OrderScope;
use crate::orders::{ActionOutcome, Delivery, Order, OrderAction, OrderStatus, PickupPoint, ProblemCode};

impl Conversation {
    pub(super) fn settled(&mut self, id: RequestId, outcome: ActionOutcome) {
        if let Some(place) = self.desk.behind.iter().position(|(behind, ..)| *behind == id) {
            let (_, purpose, action) = self.desk.behind.remove(place);
            self.settled_behind(&purpose, &action, outcome);
            if self.draining {
                self.drain();
            }
            return;
        }
        if self.desk.current.as_ref().is_none_or(|(current, ..)| *current != id) {
            return;
        }
        let Some((_, purpose, action)) = self.desk.current.take() else { return };
        self.timers.remove(&Timer::Filler);
        self.timers.remove(&Timer::Action);
        if matches!(outcome, ActionOutcome::Rejected { .. }) && action.mutates() {
            self.desk.rejections += 1;
        }
        if self.hung_up || self.left {
            return self.settled_behind(&purpose, &action, outcome);
        }
        match purpose {
            Purpose::Tool(call) => self.tool_settled(&call, &action, outcome),
            Purpose::Status(call, which) => self.status_settled(&call, which, outcome),
            Purpose::Confirm(pending) => self.confirm_settled(pending, outcome),
            Purpose::Undo(pending) => self.undo(&pending, &outcome),
            Purpose::Revoke => self.revoke_settled(outcome),
            Purpose::Cancel => self.cancel_settled(outcome),
            Purpose::Recent(call) => self.recent_settled(call, outcome),
            Purpose::Reprice(pending) => self.repriced(pending, outcome),
            Purpose::Reread(pending) => self.reread(pending, outcome),
            Purpose::Refresh(call) => self.refreshed(call, outcome),
            // Whether or not the old draft could be cancelled, it expires; the new one is made now.
            Purpose::Replace(call) => self.carry_out_anew(call),
            Purpose::DropDraft | Purpose::Late => {}
        }
        if self.draining {
            self.drain();
        }
    }

    /// An outcome that nobody waits for: what matters is an order that would be left in a state that nobody wants.
    fn settled_behind(&mut self, purpose: &Purpose, action: &OrderAction, outcome: ActionOutcome) {
        match (purpose, outcome) {
            (purpose, ActionOutcome::Drafted { order }) => self.drafted_behind(purpose, order),
            // Of the draft in hand, and newer than what is known of it. Of one that was cancelled meanwhile it says nothing.
            (_, ActionOutcome::DeliverySet { order } | ActionOutcome::LinesChanged { order }) => {
                let draft = self.mind.briefing.draft.as_ref();
                if draft.is_some_and(|old| old.id == order.id && old.version < order.version) {
                    self.take_draft(action, order);
                }
            }
            // The caller's last word was "cancel", whatever became of the yes before it.
            (Purpose::Undo(pending), _) => self.drop_order(&pending.order, "the caller cancelled"),
            (Purpose::Confirm(pending), outcome) if is_no(&outcome) => {
                self.drop_order(&pending.order, UNFINISHED)
            }
            _ => {}
        }
    }

    fn drafted_behind(&mut self, purpose: &Purpose, order: Order) {
        self.desk.baskets += 1;
        let in_hand = self.mind.briefing.draft.as_ref().is_some_and(|draft| draft.id == order.id);
        // The same creation asked for again will bring the same draft.
        let asked_again = matches!(purpose, Purpose::Late) && self.desk.is_drafting();
        if in_hand || asked_again {
            return;
        }
        match purpose {
            Purpose::Tool(call) if !self.hung_up && !self.left && self.mind.briefing.draft.is_none() => {
                self.record(call, facts::draft(&order, &self.mind.briefing.products, self.language));
                self.mind.briefing.draft = Some(order);
            }
            _ => self.drop_order(&order, UNFINISHED),
        }
    }

    pub(super) fn drop_order(&mut self, order: &Order, reason: &str) {
        let action = OrderAction::Cancel { order_id: order.id, reason: reason.to_owned() };
        self.act(Purpose::DropDraft, action, Some(order));
    }

    fn tool_settled(&mut self, call: &Called, action: &OrderAction, outcome: ActionOutcome) {
        let language = self.language;
        let result = match outcome {
            ActionOutcome::Products { products } => {
                self.mind.briefing.take_products(products);
                let result = facts::products(&self.mind.briefing.found_products(), language);
                self.mind.refresh_hints();
                result
            }
            ActionOutcome::Quoted { quote } => facts::quote(&quote, language),
            ActionOutcome::PickupPoints { points } => return self.points_settled(call, points),
            ActionOutcome::Drafted { order } => {
                self.desk.baskets += 1;
                let result = facts::draft(&order, &self.mind.briefing.products, language);
                self.mind.briefing.draft = Some(order);
                result
            }
            ActionOutcome::LinesChanged { order } => {
                let result = facts::draft(&order, &self.mind.briefing.products, language);
                self.take_draft(action, order);
                result
            }
            ActionOutcome::Rejected { rejection } if matches!(action, OrderAction::ChangeLines { .. }) => {
                return self.lines_refused(call, &rejection);
            }
            ActionOutcome::Unknown
                if matches!(action, OrderAction::SetDelivery { .. } | OrderAction::ChangeLines { .. }) =>
            {
                // It may go somewhere else now, or be of other goods, than what is known of it: nothing to be read back and
                // agreed to. Once its delivery is set again, the whole order is known again.
                if let Some(draft) = &mut self.mind.briefing.draft {
                    draft.delivery = None;
                }
                self.failure(&ActionOutcome::Unknown)
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
        self.mind.briefing.take_points(points);
        let listed = self.mind.briefing.listed_points();
        let result = if listed.is_empty() {
            facts::error("no_pickup_point", "there is no pick-up point in that city")
        } else {
            facts::pickup_points(&listed)
        };
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
    pub(super) fn failure(&self, outcome: &ActionOutcome) -> Value {
        match outcome {
            ActionOutcome::Rejected { rejection } => facts::error(
                &facts::rejection_code(rejection.code),
                phrases::rejected(rejection.code, self.language),
            ),
            ActionOutcome::Unknown => facts::error("unknown", phrases::fixed(Fixed::Unknown, self.language)),
            _ => facts::error("store_unavailable", phrases::fixed(Fixed::StoreDown, self.language)),
        }
    }

    /// The store had other prices than were read back: the caller hears what changed, and the order as it is now.
    fn repriced(&mut self, pending: Pending, outcome: ActionOutcome) {
        match outcome {
            ActionOutcome::DeliverySet { order } => {
                let changed = order.total != pending.order.total;
                let text = phrases::price_changed(pending.order.total, order.total, self.language);
                self.mind.briefing.draft = Some(order.clone());
                if changed {
                    return self.read_changed(&text, Pending { order, ..pending });
                }
                // This store does not tell what it will cost.
                self.cannot_go_on(phrases::rejected(ProblemCode::PriceChanged, self.language));
            }
            outcome => self.change_failed(&outcome),
        }
    }

    /// The order was changed by somebody else before the yes: the caller hears it as it is now, if it is still a draft.
    fn reread(&mut self, pending: Pending, outcome: ActionOutcome) {
        match outcome {
            ActionOutcome::Details { order } if order.status == OrderStatus::Draft => {
                self.mind.briefing.draft = Some(order.clone());
                let text = phrases::fixed(Fixed::OrderChanged, self.language);
                self.read_changed(text, Pending { order, ..pending });
            }
            ActionOutcome::Details { .. } => {
                // It is no draft any more, so it is neither offered nor cancelled.
                self.mind.briefing.draft = None;
                self.cannot_go_on(phrases::fixed(Fixed::OrderChanged, self.language));
            }
            outcome => self.change_failed(&outcome),
        }
    }

    fn read_changed(&mut self, text: &str, pending: Pending) {
        // What the caller said meanwhile was about the order of before.
        self.desk.forget_calls();
        self.mind.remember_agent(text);
        self.say(text);
        self.read_back(pending);
    }

    /// What changed could not be found out. The draft stands, if it is one.
    fn change_failed(&mut self, outcome: &ActionOutcome) {
        let text = match outcome {
            ActionOutcome::Rejected { rejection } => phrases::rejected(rejection.code, self.language),
            ActionOutcome::Unknown => return self.cannot_go_on(""),
            _ => phrases::fixed(Fixed::StoreDown, self.language),
        };
        self.mind.remember_agent(text);
        self.say_surely(text);
        self.go_on();
    }

    fn cannot_go_on(&mut self, text: &str) {
        self.mind.remember_agent(text);
        self.say_surely(text);
        self.transfer(Why::Trouble);
    }

    /// The store had another order than was read back, by its price or its version. True when that is seen to.
    fn changed_meanwhile(&mut self, pending: &Pending, code: ProblemCode) -> bool {
        let delivery = pending.order.delivery.as_ref().map(|terms| terms.delivery.clone());
        let order_id = pending.order.id;
        let (purpose, action) = match (code, delivery) {
            (ProblemCode::PriceChanged, Some(delivery)) => {
                (Purpose::Reprice(pending.clone()), OrderAction::SetDelivery { order_id, delivery })
            }
            (ProblemCode::VersionMismatch, _) => {
                (Purpose::Reread(pending.clone()), OrderAction::OrderDetails { order_id })
            }
            _ => return false,
        };
        self.desk.changed += 1;
        if self.desk.changed > CHANGES {
            self.cannot_go_on(phrases::rejected(code, self.language));
        } else {
            self.act(purpose, action, Some(&pending.order));
        }
        true
    }

    /// The answer to the caller's yes is spoken from the committed outcome, and from nothing else.
    fn confirm_settled(&mut self, pending: Pending, outcome: ActionOutcome) {
        let today = self.mind.briefing.today.unwrap_or_default();
        let leaves = std::mem::take(&mut self.mind.takes_leave)
            && matches!(outcome, ActionOutcome::Confirmed { .. } | ActionOutcome::Unknown);
        let summary = serde_json::to_string(&outcome).unwrap_or_default();
        self.mind
            .history
            .push(Message::Note { text: format!("the caller agreed; the store answered: {summary}") });
        self.note(Note::Gave { tool: "confirm_order".into(), summary });
        if let ActionOutcome::Rejected { rejection } = &outcome
            && self.changed_meanwhile(&pending, rejection.code)
        {
            return;
        }
        let text = match &outcome {
            ActionOutcome::Confirmed { confirmation } => {
                self.mind.briefing.draft = None;
                self.mind.read = None;
                // What was wanted is placed; what is said from now on is of something else.
                self.mind.briefing.dialogue.lines.clear();
                self.remember_placed();
                self.desk.changed = 0;
                let number = confirmation.order_number.clone();
                self.mind.briefing.placed =
                    Some(Order { order_number: number, status: confirmation.status, ..pending.order });
                phrases::confirmed(confirmation, today, !leaves, self.language)
            }
            ActionOutcome::Rejected { rejection } => {
                if !is_no(&outcome) {
                    // It is no draft any more, so it is neither offered nor cancelled.
                    self.mind.briefing.draft = None;
                }
                phrases::rejected(rejection.code, self.language).to_owned()
            }
            ActionOutcome::Unknown => {
                // It may have been placed: this draft is neither offered nor cancelled any more.
                self.mind.briefing.draft = None;
                self.mind.doubtful = Some(pending.order);
                phrases::fixed(Fixed::Unknown, self.language).to_owned()
            }
            _ => phrases::fixed(Fixed::StoreDown, self.language).to_owned(),
        };
        self.mind.remember_agent(&text);
        self.say_surely(&text);
        if leaves {
            return self.say_goodbye();
        }
        self.go_on();
    }

    /// What came of a yes after which the caller said "cancel": it is undone.
    fn undo(&mut self, pending: &Pending, outcome: &ActionOutcome) {
        self.mind.briefing.draft = None;
        if let ActionOutcome::Confirmed { confirmation } = outcome {
            let order_number = confirmation.order_number.clone();
            self.mind.briefing.placed =
                Some(Order { order_number, status: confirmation.status, ..pending.order.clone() });
        }
        let purpose = if is_no(outcome) { Purpose::Cancel } else { Purpose::Revoke };
        self.mind.doubtful = (!is_no(outcome)).then(|| pending.order.clone());
        let reason = "the caller cancelled".to_owned();
        self.act(purpose, OrderAction::Cancel { order_id: pending.order.id, reason }, Some(&pending.order));
    }

    /// An order that may have been placed is spoken of as cancelled only when it is. Otherwise a person sees to it.
    fn revoke_settled(&mut self, outcome: ActionOutcome) {
        match outcome {
            ActionOutcome::Cancelled { .. } => {
                self.mind.briefing.placed = None;
                self.mind.doubtful = None;
                self.cancel_settled(outcome);
            }
            outcome => {
                let summary = serde_json::to_string(&outcome).unwrap_or_default();
                self.note(Note::Gave { tool: "cancel_order_draft".into(), summary });
                self.transfer(Why::Trouble);
            }
        }
    }

    fn cancel_settled(&mut self, outcome: ActionOutcome) {
        let text = match &outcome {
            ActionOutcome::Drafted { order } => {
                self.desk.baskets += 1;
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

/// How often an order may have changed at the store when the caller's yes came; then a person is needed.
pub(super) const CHANGES: u32 = 2;

/// Whether a confirmation certainly left a draft behind.
fn is_no(outcome: &ActionOutcome) -> bool {
    match outcome {
        ActionOutcome::Unavailable { .. } => true,
        ActionOutcome::Rejected { rejection } => !matches!(
            rejection.code,
            ProblemCode::AlreadyConfirmed
                | ProblemCode::InvalidTransition
                | ProblemCode::NotFound
                | ProblemCode::Expired
        ),
        _ => false,
    }
}

/// Why a draft that nobody waits for is cancelled.
pub(super) const UNFINISHED: &str = "the call ended before the order was confirmed";
