//! A draft: made, changed in place where the shop can, else made anew.

use std::ops::RangeInclusive;

use crate::conversation::Conversation;
use crate::conversation::consent::Matter;
use crate::conversation::desk::Purpose;
use crate::conversation::dialogue::Called;
use crate::conversation::settle::CHANGES;
use crate::ids::Pii;
use crate::orders::tools::RequestedItem;
use crate::orders::{ActionOutcome, DraftLine, Order, OrderAction, OrderStatus, ProblemCode, Rejection};

impl Conversation {
    pub(super) fn draft(&mut self, call: Called, items: &[RequestedItem], name: Option<Pii<String>>) {
        let Some(phone) = self.phone() else {
            return self.refuse(&call, "not_identified", "the caller's number is not known");
        };
        if self.draining {
            return self.refuse(&call, "closing", "no new order can be begun in this call");
        }
        let briefing = &self.mind.briefing;
        let mut lines = Vec::with_capacity(items.len());
        for item in items {
            let Some(product) = briefing.product(item.product_ref) else {
                let refs = briefing.product_refs();
                let say = unknown_ref("product_ref", item.product_ref, &refs, "call find_products first");
                return self.refuse(&call, "unknown_product_ref", &say);
            };
            lines.push(DraftLine { product_id: product.id, quantity: item.quantity });
        }
        if !self.desk.looked {
            let action = OrderAction::SearchOrders { phone: Some(phone), order_number: None };
            return self.act(Purpose::Recent(call), action, None);
        }
        if let Some(twin) = self.twin(&call, &lines) {
            let note = "the desk tells the caller of the order that was placed minutes ago, and asks whether to make another";
            self.record(&call, serde_json::json!({ "status": "asked", "note": note }));
            self.desk.forget_calls();
            self.desk.withheld = Some(twin.clone());
            return self.ask(Matter::Twin(twin));
        }
        if let Some(name) = &name {
            self.mind.briefing.customer_name = Some(name.reveal().clone());
        }
        if let Some(old) = self.mind.briefing.draft.clone() {
            // What was read back is no longer what the order will be.
            self.void_consent();
            if self.desk.remakes {
                return self.remake(call);
            }
            let action = OrderAction::ChangeLines { order_id: old.id, version: old.version, lines };
            return self.act(Purpose::Tool(call), action, Some(&old));
        }
        self.desk.lines.clone_from(&lines);
        self.act(Purpose::Tool(call), OrderAction::CreateDraft { lines, phone, name }, None);
    }

    /// A new draft instead of the one in hand; the call is carried out when that is gone.
    fn remake(&mut self, call: Called) {
        let Some(old) = self.mind.briefing.draft.take() else { return self.carry_out_anew(call) };
        let reason = "replaced by a new draft of the same call".to_owned();
        self.act(Purpose::Replace(call), OrderAction::Cancel { order_id: old.id, reason }, Some(&old));
    }

    /// The draft in hand is this one now, by this action.
    pub(super) fn take_draft(&mut self, action: &OrderAction, order: Order) {
        if let OrderAction::ChangeLines { lines, .. } = action {
            self.desk.lines.clone_from(lines);
        }
        self.mind.briefing.draft = Some(order);
    }

    /// The store did not change the draft.
    pub(super) fn lines_refused(&mut self, call: &Called, rejection: &Rejection) {
        match rejection.code {
            // The goods cannot be had: the draft stands as it was.
            ProblemCode::OutOfStock | ProblemCode::UnknownProduct | ProblemCode::TooManyOrders => {}
            // It is no draft any more, so it is neither offered nor cancelled.
            ProblemCode::AlreadyConfirmed | ProblemCode::InvalidTransition => {
                self.mind.briefing.draft = None;
            }
            // It is not what it was known as: an earlier change of which nobody knew what became.
            ProblemCode::VersionMismatch if self.desk.changed < CHANGES => {
                self.desk.changed += 1;
                if let Some(draft) = self.mind.briefing.draft.clone() {
                    let action = OrderAction::OrderDetails { order_id: draft.id };
                    return self.act(Purpose::Refresh(call.clone()), action, None);
                }
            }
            // This draft cannot be changed, or goes where nothing is brought any more; a new one may do.
            code => {
                self.desk.remakes |= code == ProblemCode::Unsupported;
                return self.remake(call.clone());
            }
        }
        let result = self.failure(&ActionOutcome::Rejected { rejection: rejection.clone() });
        self.answer_call(call, result);
    }

    /// The draft as the store has it: its lines are changed now, if it is one still.
    pub(super) fn refreshed(&mut self, call: Called, outcome: ActionOutcome) {
        match outcome {
            ActionOutcome::Details { order } if order.status == OrderStatus::Draft => {
                self.mind.briefing.draft = Some(order);
                self.carry_out_anew(call);
            }
            ActionOutcome::Details { .. } => {
                let detail = "the order is no draft any more".to_owned();
                let code = ProblemCode::InvalidTransition;
                self.lines_refused(&call, &Rejection { code, detail, order_number: None });
            }
            other => {
                // What it holds is not known, so it is not read back.
                if let Some(draft) = &mut self.mind.briefing.draft {
                    draft.delivery = None;
                }
                let result = self.failure(&other);
                self.answer_call(&call, result);
            }
        }
    }
}

/// A reference that means nothing, and which ones do. It is never taken for another one.
pub(super) fn unknown_ref(field: &str, found: u32, refs: &RangeInclusive<u32>, before: &str) -> String {
    if refs.is_empty() {
        return format!("expected a {field} that was told, and none was: {before}");
    }
    format!("expected a {field} from {} to {}, found {found}", refs.start(), refs.end())
}
