//! From a tool call to an order action, and from its outcome to what the thinker and the caller are told.
//!
//! Tool calls of one completion are carried out one after the other. A mutation that has begun is never abandoned: when
//! the caller goes on speaking, its outcome still counts and still enters history.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::conversation::consent::{Pending, Twin};
use crate::conversation::dialogue::Called;
use crate::conversation::drafting::unknown_ref;
use crate::conversation::event::{Message, Note};
use crate::conversation::parting::Why;
use crate::conversation::phrases::{self, Fixed};
use crate::conversation::{Conversation, Output, Timer, facts};
use crate::ids::{Pii, PresentedNumber, RequestId};
use crate::orders::tools::{self, OrderScope, RequestedDelivery, ToolRequest};
use crate::orders::{
    ActionOutcome, ActionRequest, Delivery, DraftLine, Evidence, Order, OrderAction, OrderSummary,
    Unavailable,
};

/// Why an action is under way, and so what its outcome leads to.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// A tool call; its result goes back to the thinker.
    Tool(Called),
    /// A status question that wants only some of the orders.
    Status(Called, Option<OrderScope>),
    /// The caller's yes.
    Confirm(Pending),
    /// The caller's yes, and then "cancel" before the store had answered.
    Undo(Pending),
    /// The cancellation after it: until it is done, the order may stand.
    Revoke,
    /// The caller's "cancel".
    Cancel,
    /// A draft that nobody waits for any more.
    DropDraft,
    /// An old draft that makes room for a new one, in a shop that cannot change it.
    Replace(Called),
    /// A look for orders placed minutes ago, before the first draft of the call.
    Recent(Called),
    /// The price had changed when the yes came: the delivery is set again, which takes the new prices.
    Reprice(Pending),
    /// The order had changed when the yes came: it is read anew.
    Reread(Pending),
    /// The draft was not what it was known as when its lines were to be changed: it is read anew, and then changed.
    Refresh(Called),
    /// The talk has gone on as if its outcome were unknown; a draft that comes of it after all is nobody's.
    Late,
}

/// The actions under way.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// Tool calls still to be carried out.
    calls: VecDeque<Called>,
    /// The action that the talk waits for.
    pub(super) current: Option<(RequestId, Purpose, OrderAction)>,
    /// Actions whose outcome is taken note of, but not waited for.
    pub(super) behind: Vec<(RequestId, Purpose, OrderAction)>,
    /// When the last action of a thought is settled, the thinker goes on. Not so once the caller has moved on.
    pub(super) goes_on: bool,
    /// Tool calls carried out in this call.
    called: u32,
    /// Drafts made in this call: the basket revision in the next one's key.
    pub(super) baskets: u32,
    /// Orders of this number were looked for.
    pub(super) looked: bool,
    /// The newest of them, if it was placed minutes ago and the caller has not been told of it yet.
    pub(super) recent: Option<OrderSummary>,
    /// What the order was made of that this call placed last.
    pub(super) placed: Option<Vec<DraftLine>>,
    /// What the draft in hand was made of.
    pub(super) lines: Vec<DraftLine>,
    /// The shop cannot change a draft's lines: others take a new draft.
    pub(super) remakes: bool,
    /// Goods that the caller has said yes to although an order of the like stands.
    pub(super) allowed: Option<Vec<DraftLine>>,
    /// What the caller was asked about and did not say yes to.
    pub(super) withheld: Option<Twin>,
    /// How often the store had changed the order when the yes came, or its lines were to be changed.
    pub(super) changed: u32,
    /// Definite rejections so far; part of later keys, so that a stored "no" does not answer a later try.
    pub(super) rejections: u32,
}

impl Desk {
    /// Whether the talk has to reckon with an outcome that is still to come.
    pub(super) fn is_busy(&self) -> bool {
        self.current.is_some() || self.behind.iter().any(|(_, purpose, _)| !matches!(purpose, Purpose::Late))
    }

    /// Whether no outcome is to come, not even a late one.
    pub(super) fn is_settled(&self) -> bool {
        self.current.is_none() && self.behind.is_empty()
    }

    /// Whether a draft is being made just now, or will be when the old one is gone.
    pub(super) fn is_drafting(&self) -> bool {
        matches!(
            self.current,
            Some((_, _, OrderAction::CreateDraft { .. }) | (_, Purpose::Replace(_) | Purpose::Recent(_), _))
        )
    }

    /// Whether an action is under way whose outcome the caller must be told.
    pub(super) fn owes_an_outcome(&self) -> bool {
        let purpose = self.current.as_ref().map(|(_, purpose, _)| purpose);
        matches!(purpose, Some(Purpose::Confirm(_) | Purpose::Undo(_) | Purpose::Revoke | Purpose::Cancel))
    }

    /// Whether a confirmation is under way.
    pub(super) fn is_confirming(&self) -> bool {
        self.confirming().is_some()
    }

    /// What is being confirmed just now.
    pub(super) fn confirming(&self) -> Option<&Pending> {
        match &self.current {
            Some((_, Purpose::Confirm(pending) | Purpose::Undo(pending), _)) => Some(pending),
            _ => None,
        }
    }

    pub(super) fn queue(&mut self, calls: Vec<Called>) {
        self.goes_on = true;
        self.calls = calls.into();
    }

    /// The caller has moved on: tool calls that have not begun never will.
    pub(super) fn forget_calls(&mut self) {
        self.calls.clear();
        self.goes_on = false;
    }

    /// Whether an action is under way that the talk should wait for; the thinker then goes on once it is settled.
    pub(super) fn hold_thought(&mut self) -> bool {
        self.goes_on |= self.current.is_some();
        self.current.is_some()
    }
}

impl Conversation {
    /// Carries out the next tool call of the thought, or thinks again when all are done.
    pub(super) fn next_call(&mut self) {
        if self.desk.current.is_some() {
            return;
        }
        let Some(call) = self.desk.calls.pop_front() else {
            return self.go_on();
        };
        self.desk.called += 1;
        if self.desk.called > TOOL_CALLS {
            self.desk.forget_calls();
            return self.transfer(Why::Trouble);
        }
        self.note(Note::Called { tool: call.tool.clone(), arguments: call.arguments.clone() });
        self.mind.history.push(Message::ToolCall {
            call_ref: call.call_ref.clone(),
            tool: call.tool.clone(),
            arguments: call.arguments.clone(),
        });
        match tools::parse(&call.tool, &call.arguments) {
            Ok(request) => self.carry_out(call, request),
            Err(error) => self.answer_call(&call, facts::error(error.code(), &error.to_string())),
        }
    }

    /// A tool call that something else had to come before: what stood in its way has been seen to.
    pub(super) fn carry_out_anew(&mut self, call: Called) {
        match tools::parse(&call.tool, &call.arguments) {
            Ok(request) => self.carry_out(call, request),
            Err(_) => self.next_call(),
        }
    }

    /// The thinker goes on, if it still has a thought to finish.
    pub(super) fn go_on(&mut self) {
        if std::mem::take(&mut self.desk.goes_on) && self.leaving.is_none() && !self.hung_up {
            self.think();
        }
    }

    /// The tool's result goes into history, and the next call begins.
    pub(super) fn answer_call(&mut self, call: &Called, result: Value) {
        self.record(call, result);
        self.next_call();
    }

    pub(super) fn record(&mut self, call: &Called, result: Value) {
        let content = result.to_string();
        self.note(Note::Gave { tool: call.tool.clone(), summary: content.clone() });
        self.mind.history.push(Message::ToolResult {
            call_ref: call.call_ref.clone(),
            tool: call.tool.clone(),
            content,
        });
    }

    pub(super) fn refuse(&mut self, call: &Called, code: &str, say: &str) {
        self.answer_call(call, facts::error(code, say));
    }

    pub(super) fn carry_out(&mut self, call: Called, request: ToolRequest) {
        match request {
            ToolRequest::GetOrderStatus { order_number, which } => {
                let Some(phone) = self.phone() else {
                    return self.refuse(&call, "not_identified", "the caller's number is not known");
                };
                let action = OrderAction::SearchOrders { phone: Some(phone), order_number };
                self.act(Purpose::Status(call, which), action, None);
            }
            ToolRequest::FindProducts { query } => {
                self.act(Purpose::Tool(call), OrderAction::FindProducts { query }, None);
            }
            ToolRequest::GetDeliveryTerms { city } => {
                self.act(Purpose::Tool(call), OrderAction::DeliveryQuote { city }, None);
            }
            ToolRequest::CreateOrderDraft { items, customer_name } => {
                self.draft(call, &items, customer_name);
            }
            ToolRequest::UpdateOrderDelivery { delivery } => self.deliver(call, delivery),
            ToolRequest::ConfirmOrder { payment_method, customer_name } => {
                let Some(order) = self.mind.briefing.draft.clone() else {
                    return self.refuse(&call, "no_draft", "there is no draft to confirm");
                };
                if order.delivery.is_none() {
                    return self.refuse(&call, "delivery_missing", "the delivery is not set yet");
                }
                if let Some(name) = &customer_name {
                    self.mind.briefing.customer_name = Some(name.reveal().clone());
                }
                let name = self.mind.briefing.customer_name.clone();
                let note = "the desk is reading the order back and takes the caller's yes itself";
                self.record(&call, serde_json::json!({ "status": "read_back", "note": note }));
                self.desk.forget_calls();
                self.read_back(Pending { order, payment: payment_method, name, text: String::new() });
            }
            ToolRequest::CancelOrderDraft => {
                if self.mind.briefing.draft.is_none() {
                    return self.refuse(&call, "no_draft", "there is no draft to cancel");
                }
                self.record(&call, serde_json::json!({ "status": "cancelling" }));
                self.cancel_by_word();
            }
            ToolRequest::TransferToOperator { .. } => {
                self.record(&call, serde_json::json!({ "status": "transferring" }));
                self.desk.forget_calls();
                self.transfer(Why::Asked);
            }
        }
    }

    pub(super) fn phone(&self) -> Option<crate::ids::PhoneNumber> {
        match self.identity.as_ref().map(|identity| &identity.number) {
            Some(PresentedNumber::Number(number)) => Some(number.clone()),
            _ => None,
        }
    }

    fn deliver(&mut self, call: Called, delivery: RequestedDelivery) {
        let Some(order) = self.mind.briefing.draft.clone() else {
            return self.refuse(&call, "no_draft", "there is no draft to deliver");
        };
        let set = |delivery| OrderAction::SetDelivery { order_id: order.id, delivery };
        match delivery {
            RequestedDelivery::Delivery { city: None, .. } => {
                self.refuse(&call, "city_missing", "the city is not known yet");
            }
            RequestedDelivery::Delivery { address: None, .. } => {
                self.refuse(&call, "address_missing", "the street and house are not known yet");
            }
            RequestedDelivery::Delivery { city: Some(city), address: Some(address) } => {
                self.void_consent();
                self.act(Purpose::Tool(call), set(Delivery::Delivery { city, address }), Some(&order));
            }
            RequestedDelivery::Pickup { pickup_point_ref: Some(n), .. } => {
                let Some(point) = self.mind.briefing.pickup_point(n).cloned() else {
                    let refs = self.mind.briefing.pickup_point_refs();
                    let say =
                        unknown_ref("pickup_point_ref", n, &refs, "ask for the points of the city first");
                    return self.refuse(&call, "unknown_pickup_point_ref", &say);
                };
                self.void_consent();
                let delivery = Delivery::Pickup { pickup_point_id: point.id, city: point.city };
                self.act(Purpose::Tool(call), set(delivery), Some(&order));
            }
            RequestedDelivery::Pickup { city, pickup_point_ref: None } => {
                self.act(Purpose::Tool(call), OrderAction::PickupPoints { city }, None);
            }
        }
    }

    /// The caller has agreed: the one place that makes a [`OrderAction::Confirm`].
    pub(super) fn confirm(&mut self, pending: &Pending, evidence: Evidence) {
        let action = OrderAction::Confirm {
            order_id: pending.order.id,
            payment: pending.payment,
            name: pending.name.clone().map(Pii::new),
        };
        let id = self.start(Purpose::Confirm(pending.clone()), action.clone());
        let key = self.key(&action, Some(&pending.order));
        let request = ActionRequest { id, action, key, evidence: Some(evidence) };
        self.out.push_back(Output::Act { request });
    }

    /// The caller's word (or key) that nothing is to be ordered.
    pub(super) fn cancel_by_word(&mut self) {
        self.void_consent();
        self.mind.read = None;
        self.desk.forget_calls();
        match self.desk.current.as_mut().map(|(_, purpose, _)| purpose) {
            // Too late to stop it, not too late to undo it: one after the other, so that the last word wins.
            Some(purpose @ Purpose::Confirm(_)) => {
                if let Purpose::Confirm(pending) = purpose {
                    *purpose = Purpose::Undo(pending.clone());
                }
                return;
            }
            // The new draft is not made; the old one is being cancelled already.
            Some(purpose @ (Purpose::Replace(_) | Purpose::Recent(_))) => {
                *purpose = Purpose::Cancel;
                return;
            }
            // Said before.
            Some(Purpose::Undo(_) | Purpose::Revoke | Purpose::Cancel) => return,
            _ => {}
        }
        match self.mind.briefing.draft.take() {
            Some(order) => {
                let action =
                    OrderAction::Cancel { order_id: order.id, reason: "the caller cancelled".into() };
                self.act(Purpose::Cancel, action, Some(&order));
            }
            None if self.desk.is_drafting() => {
                // The draft is on its way: it is cancelled as soon as it exists.
                if let Some((_, purpose, _)) = &mut self.desk.current {
                    *purpose = Purpose::Cancel;
                }
            }
            // Placed in this very call, by this caller's own yes: undone by their own word.
            None => match self.mind.briefing.placed.take() {
                Some(order) => {
                    self.mind.doubtful = Some(order.clone());
                    let reason = "the caller cancelled".to_owned();
                    let action = OrderAction::Cancel { order_id: order.id, reason };
                    self.act(Purpose::Revoke, action, Some(&order));
                }
                None => self.say_fixed(Fixed::Cancelled),
            },
        }
    }

    /// A draft that is left behind is cancelled, so that nothing of an unfinished call remains in the store.
    pub(super) fn drop_draft(&mut self) {
        self.timers.remove(&Timer::Filler);
        if let Some(order) = self.mind.briefing.draft.take()
            && !self.desk.is_confirming()
        {
            self.drop_order(&order, super::settle::UNFINISHED);
        }
    }

    pub(super) fn act(&mut self, purpose: Purpose, action: OrderAction, order: Option<&Order>) {
        let key = self.key(&action, order);
        let id = self.start(purpose, action.clone());
        self.out.push_back(Output::Act { request: ActionRequest { id, action, key, evidence: None } });
    }

    /// Marks an action as begun. One that the talk still waits for makes way and is settled behind the scenes.
    fn start(&mut self, purpose: Purpose, action: OrderAction) -> RequestId {
        let id = self.next_id();
        if let Some(earlier) = self.desk.current.take() {
            self.desk.behind.push(earlier);
        }
        let filler = Duration::from_millis(u64::from(self.settings.filler_after_ms));
        if !self.hung_up && !self.left {
            self.timers.insert(Timer::Filler, self.now + filler);
        }
        self.timers.insert(Timer::Action, self.now + Duration::from_secs(8));
        self.desk.current = Some((id, purpose, action));
        id
    }

    /// One key per logical action, the same however often it is sent: UUIDv5 over what makes it that action. What it asks
    /// for is part of it: a store refuses a key that comes with another body. So a creation of which nobody knows what
    /// became finds its own draft when it is asked for again, and another address is another action.
    fn key(&self, action: &OrderAction, order: Option<&Order>) -> Option<Uuid> {
        let call = self.answer.as_ref()?.call;
        if !action.mutates() {
            return None;
        }
        let what = match order {
            Some(order) => format!("{}/{}", order.id, order.version),
            None => format!("basket/{}", self.desk.baskets),
        };
        let mut name = format!("{}/{what}/{}/", action.name(), self.desk.rejections).into_bytes();
        // As serde writes it: field order is the type's, so it is stable.
        name.extend(serde_json::to_vec(action).unwrap_or_default());
        Some(Uuid::new_v5(&call.0, &name))
    }

    pub(super) fn filler(&mut self) {
        if self.desk.current.is_some() && self.mouth.is_idle() && !self.hung_up {
            let text = phrases::fixed(Fixed::OneMoment, self.language);
            self.say(text);
        }
    }

    pub(super) fn action_overdue(&mut self) {
        let Some((id, _, action)) = self.desk.current.clone() else { return };
        if action.mutates() {
            self.settled(id, ActionOutcome::Unknown);
            self.desk.behind.push((id, Purpose::Late, action));
        } else {
            self.settled(id, ActionOutcome::Unavailable { reason: Unavailable::Store });
        }
    }
}

/// Tool calls of a whole call. Chosen: a long purchase takes a dozen; ten times that is a model that was talked into a loop.
const TOOL_CALLS: u32 = 120;
