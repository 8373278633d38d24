//! What comes next: an ordered table of rules, the dangerous first, then repair, then the caller's question, then what can
//! be done, then the one thing that is missing.

use serde_json::{Value, json};

use crate::language;
use crate::orders::ToolName;

use super::act::Choice;
use super::question::Question;
use super::state::{Asked, State, View};

/// What the agent says and does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// To be said, numbers already in words; empty for nothing.
    pub say: String,
    /// A tool to be called, with its arguments.
    pub call: Option<(ToolName, Value)>,
}

/// The state after what came, and what to do about it. The same state and view always give the same answer.
pub fn decide(state: &State, view: &View<'_>) -> (State, Decision) {
    let mut state = state.clone();
    state.catch_up(view);
    let mut decision = state.rule(view);
    state.keeps_read_back = view.read_back && decision.call.is_none() && state.stands(view);
    if !decision.say.is_empty() {
        decision.say = language::spoken(&decision.say, view.language);
        state.said.clone_from(&decision.say);
    }
    (state, decision)
}

/// One rule: what it decides, if it has an answer.
type Rule = fn(&mut State, &View<'_>) -> Option<Decision>;

/// The rules that look only at what the caller did, in their order: the first that has an answer decides.
const RULES: &[(&str, Rule)] = &[
    ("a card's number is never taken", State::on_card),
    ("who wants a person gets one", State::on_person),
    ("who cancels, cancels", State::on_cancel),
    ("a placed order is a person's", State::on_change_placed),
    ("everything from the beginning", State::on_start_over),
    ("what is said again is said again", State::on_repeat),
    ("who asks for time has it", State::on_wait),
    ("which of the orders told", State::on_which_order),
    ("as the last time", State::on_same_as_last),
    ("where an order is", State::on_status),
    ("a yes or a no to a person", State::on_offered_person),
    ("goodbye", State::on_goodbye),
    ("nothing more is wanted", State::on_enough),
    ("nothing was understood", State::on_nothing),
];

impl State {
    fn rule(&mut self, view: &View<'_>) -> Decision {
        if self.turn.tool.is_some()
            && !self.turn.spoke
            && let Some(decision) = self.after_tool(view)
        {
            return decision;
        }
        if self.turn.spoke {
            for (_, rule) in RULES {
                if let Some(decision) = rule(self, view) {
                    return decision;
                }
            }
            self.misses = 0;
        }
        self.go_on(view)
    }

    /// Answers what was asked, then does what can be done or asks for what is missing.
    fn go_on(&mut self, view: &View<'_>) -> Decision {
        let answers = match self.answers(view) {
            Ok(answers) => answers,
            Err(call) => return call,
        };
        let mut before: Vec<String> = std::mem::take(&mut self.turn.say);
        self.turn.answered |= !answers.is_empty();
        before.extend(answers);
        if self.turn.other_payment {
            before.push(self.sentence(view, "no-such-payment"));
            let asked_next =
                self.payment.is_none() && view.draft.is_some_and(|draft| draft.delivery.is_some());
            if !asked_next {
                before.push(self.sentence(view, "payment-ways"));
            }
        }
        if self.turn.complained {
            before.push(self.sentence(view, "sorry"));
        }
        if before.is_empty() && self.turn.thanked && !self.turn.progressed {
            before.push(self.sentence(view, "welcome"));
        }
        if before.is_empty() && self.turn.greeted && !self.turn.progressed {
            return self.greet(view);
        }
        if view.read_back && self.stands(view) {
            // The gate asks its question again when this is said.
            let said = if before.is_empty() { self.sentence(view, "all-right") } else { before.join(" ") };
            self.asked = Some(Asked { question: Question::ReadBack, times: 1 });
            return Decision { say: said, call: None };
        }
        let before = before.join(" ");
        if self.turn.denied
            && self.is_asked(&Question::ReadBack)
            && !self.turn.progressed
            && before.is_empty()
        {
            return self.ask(view, Question::Change);
        }
        let news = std::mem::take(&mut self.turn.news);
        let mut decision = self.next(view);
        match &decision.call {
            // The read-back says it all.
            Some((ToolName::ConfirmOrder, _)) => decision.say = before,
            // It is told when the last tool has answered.
            Some(_) => {
                self.turn.news = news;
                self.turn.say = vec![before].into_iter().filter(|text| !text.is_empty()).collect();
            }
            None => decision.say = joined(&joined(&before, &news.join(" ")), &decision.say),
        }
        decision
    }

    // === The rules ===

    fn on_card(&mut self, view: &View<'_>) -> Option<Decision> {
        self.turn.card.then(|| self.again(view, "no-cards"))
    }

    fn on_person(&mut self, view: &View<'_>) -> Option<Decision> {
        self.turn.person.then(|| self.transfer(view))
    }

    fn on_cancel(&mut self, view: &View<'_>) -> Option<Decision> {
        if !self.turn.cancel {
            return None;
        }
        if view.draft.is_some() && view.can(ToolName::CancelOrderDraft) {
            return Some(Decision {
                say: String::new(),
                call: Some((ToolName::CancelOrderDraft, json!({}))),
            });
        }
        if self.is_busy(view) {
            self.forget_order();
            return Some(self.ask_after(view, "nothing-to-cancel", Question::Open));
        }
        Some(self.offer_person(view, "person-changes"))
    }

    fn on_change_placed(&mut self, view: &View<'_>) -> Option<Decision> {
        self.turn.change_placed.then(|| self.offer_person(view, "person-changes"))
    }

    fn on_start_over(&mut self, view: &View<'_>) -> Option<Decision> {
        if !self.turn.start_over {
            return None;
        }
        if view.draft.is_some() && view.can(ToolName::CancelOrderDraft) {
            return Some(Decision {
                say: String::new(),
                call: Some((ToolName::CancelOrderDraft, json!({}))),
            });
        }
        let lines = std::mem::take(&mut self.lines);
        self.forget_order();
        self.ordering = true;
        if self.turn.progressed && lines.len() == 1 {
            // "Давайте заново: две мишлен".
            self.lines = lines;
            return None;
        }
        Some(self.ask_after(view, "all-right", Question::Goods))
    }

    fn on_repeat(&mut self, view: &View<'_>) -> Option<Decision> {
        if !(self.turn.repeat || self.turn.slower) || self.turn.progressed {
            return None;
        }
        let said = self.said.trim();
        let whole = !said.is_empty() && !said.ends_with('…');
        if view.read_back || !whole {
            // The read-back is the gate's to say again.
            return Some(self.next_or_read_back(view));
        }
        Some(Decision { say: said.to_owned(), call: None })
    }

    fn on_wait(&mut self, view: &View<'_>) -> Option<Decision> {
        (self.turn.wait && !self.turn.progressed)
            .then(|| Decision { say: self.sentence(view, "wait"), call: None })
    }

    fn on_which_order(&mut self, view: &View<'_>) -> Option<Decision> {
        if !self.is_asked(&Question::WhichOrder) {
            return None;
        }
        let order = match (&self.turn.chose, &self.turn.status) {
            (Some(Choice::Nth(n)), _) => self.orders.get(usize::try_from(*n).ok()?.checked_sub(1)?).cloned(),
            // Newest first, so the last one made is the first told.
            (Some(Choice::Last), _) => self.orders.first().cloned(),
            (_, Some(Some(digits))) => self.by_digits(digits),
            _ => None,
        }?;
        self.turn.status = None;
        Some(self.tell(view, &order))
    }

    fn on_same_as_last(&mut self, view: &View<'_>) -> Option<Decision> {
        if !self.turn.same_as_last || self.turn.progressed {
            return None;
        }
        if !view.identified || !view.can(ToolName::GetOrderStatus) {
            return Some(self.offer_person(view, "not-identified"));
        }
        self.repeating = true;
        self.ordering = true;
        let call = (ToolName::GetOrderStatus, json!({ "which": "last" }));
        Some(Decision { say: String::new(), call: Some(call) })
    }

    /// The goods of the last order are wanted again, as far as the catalogue still has them.
    fn repeat_last(&mut self, view: &View<'_>) -> Decision {
        self.repeating = false;
        let lines =
            self.orders.first().map_or_else(Vec::new, |order| super::goods::lines_of(&order.items, view));
        self.orders.clear();
        if lines.is_empty() {
            return self.ask_after(view, "no-last-order", Question::Goods);
        }
        self.lines = lines;
        self.focus = 0;
        self.turn.progressed = true;
        self.next(view)
    }

    fn on_status(&mut self, view: &View<'_>) -> Option<Decision> {
        let number = self.turn.status.clone()?;
        if !view.identified || !view.can(ToolName::GetOrderStatus) {
            return Some(self.offer_person(view, "not-identified"));
        }
        let arguments = match &number {
            Some(digits) => json!({ "order_number": digits }),
            None => json!({}),
        };
        Some(Decision { say: String::new(), call: Some((ToolName::GetOrderStatus, arguments)) })
    }

    fn on_offered_person(&mut self, view: &View<'_>) -> Option<Decision> {
        if !self.is_asked(&Question::Person) || self.turn.progressed || !self.turn.topics.is_empty() {
            return None;
        }
        if self.turn.affirmed && !self.turn.thanked && !self.turn.denied {
            return Some(self.transfer(view));
        }
        if self.turn.denied || self.turn.thanked || self.turn.enough {
            self.declined_person = true;
            self.asked = None;
            if self.is_busy(view) {
                let mut decision = self.next(view);
                if decision.call.is_none() {
                    decision.say = joined(&self.sentence(view, "all-right"), &decision.say);
                }
                return Some(decision);
            }
            return Some(self.ask_after(view, "all-right", Question::Open));
        }
        None
    }

    fn on_goodbye(&mut self, view: &View<'_>) -> Option<Decision> {
        (self.turn.goodbye && !self.turn.progressed).then(|| self.farewell(view))
    }

    fn on_enough(&mut self, view: &View<'_>) -> Option<Decision> {
        let nothing_more = self.turn.denied && self.is_asked(&Question::Open) && !self.turn.progressed;
        if !(self.turn.enough || nothing_more) || self.is_busy(view) || !self.turn.topics.is_empty() {
            return None;
        }
        // "Нет, девушка, вы послушайте": more than a no was said.
        if nothing_more && !self.turn.enough && !self.turn.whole {
            return Some(Decision { say: self.sentence(view, "listening"), call: None });
        }
        // Nothing was done for this caller yet: perhaps the no was meant for something else.
        let served = view.placed.is_some() || !self.orders.is_empty() || self.offered_once;
        if !served {
            self.offered_once = true;
            let said = self.sentence(view, "all-right");
            let text = self.words(view, &Question::Open, true);
            self.asked = Some(Asked { question: Question::Open, times: 2 });
            return Some(Decision { say: joined(&said, &text), call: None });
        }
        Some(self.farewell(view))
    }

    fn on_nothing(&mut self, view: &View<'_>) -> Option<Decision> {
        let turn = &self.turn;
        let did = turn.understood
            || turn.progressed
            || turn.affirmed
            || turn.denied
            || turn.greeted
            || turn.thanked
            || turn.enough
            || turn.complained
            || turn.chose.is_some()
            || !turn.topics.is_empty();
        if did {
            return None;
        }
        self.misses += 1;
        if self.misses >= 2 && !self.declined_person {
            return Some(self.offer_person(view, "not-understood"));
        }
        if view.read_back && self.stands(view) {
            return Some(Decision { say: self.sentence(view, "not-understood"), call: None });
        }
        let before = match self.is_busy(view) {
            true => self.sentence(view, "not-understood"),
            false => joined(&self.sentence(view, "not-understood"), &self.sentence(view, "scope")),
        };
        let mut decision = self.next(view);
        if decision.call.is_some() {
            // Nothing is done on words that were not understood.
            decision = self.ask_again(view);
        }
        decision.say = joined(&before, &decision.say);
        Some(decision)
    }

    // === After a tool ===

    fn after_tool(&mut self, view: &View<'_>) -> Option<Decision> {
        let tool = self.turn.tool?;
        if let Some((code, say)) = self.turn.failed.clone() {
            return self.failed(view, tool, &code, &say);
        }
        match tool {
            ToolName::GetOrderStatus if self.repeating => Some(self.repeat_last(view)),
            ToolName::GetOrderStatus => Some(self.status(view)),
            ToolName::CreateOrderDraft => {
                let said = self.taken(view);
                self.turn.news.push(said);
                None
            }
            ToolName::UpdateOrderDelivery => {
                let said = self.delivered(view);
                self.turn.news.extend(said);
                None
            }
            _ => None,
        }
    }

    fn failed(&mut self, view: &View<'_>, tool: ToolName, code: &str, say: &str) -> Option<Decision> {
        let line = |state: &Self, id: &str| state.sentence(view, id);
        Some(match code {
            "not_identified" => self.offer_person(view, "not-identified"),
            "not_found" if tool == ToolName::GetOrderStatus => {
                self.ask_after(view, "no-such-order", Question::Open)
            }
            "out_of_stock" => {
                // What there is now is asked for again, and the amount with it.
                let whole = self.lines.len() == 1;
                if whole && let Some(line) = self.line_mut() {
                    line.quantity = None;
                }
                self.asked = Some(Asked { question: Question::Quantity, times: 1 });
                Decision { say: say.to_owned(), call: None }
            }
            "city_not_served" => self.ask_after(view, "no-city", Question::City),
            "no_pickup_point" => self.ask_after(view, "no-points", Question::City),
            "city_missing" | "address_missing" | "delivery_missing" | "unknown_pickup_point_ref" => {
                return None;
            }
            "unknown_product" | "unknown_product_ref" | "no_draft" | "expired" => {
                self.turn.say.push(if code == "unknown_product" { say.to_owned() } else { String::new() });
                self.turn.say.retain(|text| !text.is_empty());
                return None;
            }
            "unknown" => Decision { say: say.to_owned(), call: None },
            // The sentence asks whether to try again.
            "store_unavailable" => {
                self.asked = Some(Asked { question: Question::Retry, times: 1 });
                Decision { say: say.to_owned(), call: None }
            }
            "too_many_orders" => {
                self.turn.say.push(say.to_owned());
                self.offer_person(view, "")
            }
            "closing" => {
                let said = line(self, "not-now");
                self.turn.say.push(said);
                self.offer_person(view, "")
            }
            _ => self.offer_person(view, "person-helps"),
        })
    }
}

/// So many are told at once; more nobody keeps in mind.
pub(super) const LISTED: usize = 3;

/// Two sentences as one text.
pub(super) fn joined(first: &str, second: &str) -> String {
    match (first.is_empty(), second.is_empty()) {
        (true, _) => second.to_owned(),
        (_, true) => first.to_owned(),
        _ => format!("{first} {second}"),
    }
}
