//! A second order that the caller may not want: one was placed on their number minutes ago, or the very same in this call.

use crate::conversation::consent::Twin;
use crate::conversation::dialogue::Called;
use crate::conversation::event::Message;
use crate::conversation::{Conversation, phrases};
use crate::orders::{ActionOutcome, DraftLine, OrderSummary};

impl Conversation {
    /// The orders of this number, looked for before the first draft: what was placed minutes ago is kept.
    pub(super) fn recent_settled(&mut self, call: Called, outcome: ActionOutcome) {
        let orders = match outcome {
            ActionOutcome::Orders { orders } => orders,
            // A store that cannot be asked will say so to the draft.
            _ => Vec::new(),
        };
        let recent = |order: &OrderSummary| {
            order.status.is_open()
                && self.seconds_since(order).is_some_and(|age| (0..=RECENT_S).contains(&age))
        };
        // One is enough: what is asked is whether there shall be another.
        self.desk.recent = orders.into_iter().find(recent);
        self.desk.looked = true;
        self.carry_out_anew(call);
    }

    /// How long ago an order was made, by the store's clock and ours; none where the call has no time.
    fn seconds_since(&self, order: &OrderSummary) -> Option<i64> {
        let passed = i64::try_from(self.now.as_ms() / 1000).ok()?;
        Some(self.answer.as_ref()?.accepted_at_s? + passed - order.created_at.timestamp())
    }

    /// Whether a draft of these goods would be a second order that the caller may not want: one was placed on their number
    /// minutes ago and they have not been told, or they placed the very same in this call.
    pub(super) fn twin(&mut self, call: &Called, lines: &[DraftLine]) -> Option<Twin> {
        if self.desk.allowed.as_deref() == Some(lines) {
            return None;
        }
        if let Some(twin) = self.desk.withheld.as_ref().filter(|twin| twin.lines == lines) {
            return Some(Twin { call: call.clone(), ..twin.clone() });
        }
        let language = self.language;
        if self.desk.placed.as_deref() == Some(lines)
            && let Some(order) = &self.mind.briefing.placed
        {
            let text = phrases::just_placed(order, language);
            return Some(Twin { call: call.clone(), lines: lines.to_vec(), text });
        }
        let order = self.desk.recent.take()?;
        let minutes = self.seconds_since(&order)? / 60;
        let text = phrases::placed_before(&order, u64::try_from(minutes).unwrap_or(0), language);
        Some(Twin { call: call.clone(), lines: lines.to_vec(), text })
    }

    /// The caller wants the second order, too.
    pub(super) fn allow_twin(&mut self, twin: Twin) {
        self.desk.withheld = None;
        self.desk.allowed = Some(twin.lines);
        self.mind.history.push(Message::Note {
            text: "the caller said yes to a second order; the draft is made".to_owned(),
        });
        let call_ref = format!("{}-agreed", twin.call.call_ref);
        self.desk.queue(vec![Called { call_ref, ..twin.call }]);
        self.next_call();
    }

    /// An order of these goods was placed in this call.
    pub(super) fn remember_placed(&mut self) {
        self.desk.allowed = None;
        self.desk.placed = Some(std::mem::take(&mut self.desk.lines));
    }
}

/// An order so old is news to nobody. Chosen: who redials after a dropped line does it within minutes, and an order counts
/// from its draft, which a long call makes early.
const RECENT_S: i64 = 30 * 60;
