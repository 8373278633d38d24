//! The mind: what a turn means here and now, and what the thinker says to it.
//!
//! A few things never depend on a thinker: cancelling, reaching a person, saying goodbye, and the yes to a read-back.

use std::sync::Arc;
use std::time::Duration;

use crate::conversation::event::{Answer, Briefing, Completion, Message, Note, Thought};
use crate::conversation::parting::{Parting, Why};
use crate::conversation::phrases::Fixed;
use crate::conversation::playout::Item;
use crate::conversation::{Conversation, Output, Timer};
use crate::ids::RequestId;
use crate::language::{self, ClauseSplitter};
use crate::orders::{Assent, Order, ToolName};

/// A tool call as the thinker made it, to be carried out when its completion is whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Called {
    pub(super) call_ref: String,
    pub(super) tool: String,
    pub(super) arguments: String,
}

/// What the call knows and thinks.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    pub(super) briefing: Briefing,
    pub(super) history: Vec<Message>,
    /// The order as the caller last heard it read whole to its end, changes with it; until it is placed or dropped.
    pub(super) read: Option<crate::conversation::consent::Pending>,
    /// What is being read back is a change alone; and so was what was heard to its end last.
    pub(super) reads_in_part: bool,
    pub(super) read_in_part: bool,
    /// The caller asked something after the read-back, and it is being answered.
    pub(super) digressed: bool,
    /// An order that was agreed to and may or may not have been placed.
    pub(super) doubtful: Option<Order>,
    /// The caller took leave with their yes: once it is carried out the call ends.
    pub(super) takes_leave: bool,
    /// The completion being waited for.
    thinking: Option<RequestId>,
    /// Its words, cut into clauses as they come.
    splitter: Option<ClauseSplitter>,
    /// Its words so far.
    words: String,
    /// Its tool calls so far.
    calls: Vec<Called>,
    /// The dialogue's state that it came to.
    state: Option<Box<crate::dialogue::State>>,
    /// Completions since the caller's last words.
    rounds: u32,
    /// Failures in a row.
    failures: u32,
    detect: bool,
    understood: u32,
    hints: Option<Arc<[String]>>,
}

impl Dialogue {
    pub(super) fn begin(&mut self, answer: &Answer) {
        self.briefing.today = Some(answer.today);
        self.briefing.can_transfer = true;
        self.briefing.nobody_answered = answer.returning;
        self.detect = answer.detect_language;
    }

    /// Whether the recogniser should find the language out: only in the caller's first words.
    pub(super) fn detects_language(&self) -> bool {
        self.detect && self.understood == 0
    }

    /// Words that are likely now: the products that were told last.
    pub(super) fn hints(&mut self) -> Arc<[String]> {
        Arc::clone(self.hints.get_or_insert_with(|| {
            self.briefing.found_products().iter().map(|(_, product)| product.name.clone()).collect()
        }))
    }

    /// The facts have changed.
    pub(super) fn refresh_hints(&mut self) {
        self.hints = None;
    }

    pub(super) fn is_thinking(&self) -> bool {
        self.thinking.is_some()
    }

    /// The agent says this.
    pub(super) fn remember_agent(&mut self, text: &str) {
        if !text.is_empty() {
            self.history.push(Message::Agent { text: text.to_owned() });
        }
    }

    /// Of what was to be said, these clauses were cut: history forgets what the caller did not hear.
    pub(super) fn heard_only(&mut self, unsaid: &[Item]) {
        if unsaid.is_empty() {
            return;
        }
        let last = self.history.iter_mut().rev().find_map(|message| match message {
            Message::Agent { text } => Some(text),
            _ => None,
        });
        let Some(text) = last else { return };
        for item in unsaid.iter().rev() {
            if let Some(start) = text.rfind(item.text.trim()) {
                let end = start + item.heard().trim_start().len();
                text.truncate(end);
            }
        }
        text.push('…');
    }
}

impl Conversation {
    /// The caller's words, whole.
    pub(super) fn caller_said(&mut self, text: &str) {
        self.mind.understood += 1;
        self.mind.rounds = 0;
        self.mind.briefing.fell_back = false;
        self.abandon_thought();
        self.mind.history.push(Message::Caller { text: text.to_owned() });
        if self.leaving.is_some() {
            if self.leaving != Some(Parting::HangUp) || language::says_goodbye(text, self.language) {
                return;
            }
            // The caller has thought of something else before the line dropped.
            self.leaving = None;
            self.timers.remove(&Timer::Leaving);
        }
        if language::in_either(language::refuses_recording, text) && self.refuse_recording() {
            return;
        }
        self.give_a_moment(language::in_either(language::asks_wait, text));
        // Before the words that steer: "да, не надо ничего отменять" is a yes.
        if self.consent.matter().is_some() && self.answer_to_question(text) {
            return;
        }
        let cancels = language::in_either(language::cancels_this, text);
        if cancels && (self.has_something_to_cancel() || self.has_something_to_undo()) {
            return self.cancel_by_word();
        }
        if language::in_either(language::wants_operator, text) {
            return self.transfer(Why::Asked);
        }
        if language::in_either(language::says_goodbye, text) {
            // Perhaps the caller thinks that the order is placed.
            if self.consent.matter().is_some() && self.consent.times_again() == 0 {
                return self.ask_again(None);
            }
            return self.say_goodbye();
        }
        // What the words change is known when they were thought about; until then no yes counts.
        self.consent.suspend();
        if self.desk.hold_thought() {
            self.void_consent();
        } else {
            self.think();
        }
    }

    fn has_something_to_cancel(&self) -> bool {
        self.mind.briefing.draft.is_some() || self.consent.matter().is_some() || self.desk.is_drafting()
    }

    /// The order that this call placed, while nothing else is being ordered: "отмените" then means that one.
    fn has_something_to_undo(&self) -> bool {
        let facts = &self.mind.briefing;
        facts.placed.is_some() && facts.dialogue.lines.is_empty() && !self.desk.is_busy()
    }

    /// Asks the thinker what to say or do next.
    pub(super) fn think(&mut self) {
        if self.draining && !self.desk.is_busy() && self.consent.matter().is_none() {
            return self.drain();
        }
        self.mind.rounds += 1;
        if self.mind.rounds > ROUNDS {
            return self.not_understood();
        }
        let id = self.next_id();
        self.mind.thinking = Some(id);
        self.mind.splitter = Some(ClauseSplitter::new());
        self.mind.words.clear();
        self.mind.calls.clear();
        self.mind.state = None;
        self.mind.briefing.read_back = self.consent.pending().is_some();
        let request = Completion {
            id,
            language: self.language,
            briefing: self.mind.briefing.clone(),
            history: self.mind.history.clone(),
            tools: self.tools(),
        };
        self.timers.insert(Timer::Completion, self.now + Duration::from_secs(12));
        self.out.push_back(Output::Complete { request: Box::new(request) });
    }

    /// A tool is offered only in a state in which it can do something.
    fn tools(&self) -> Vec<ToolName> {
        let facts = &self.mind.briefing;
        let draft = facts.draft.as_ref();
        let mut tools = vec![ToolName::FindProducts, ToolName::GetDeliveryTerms];
        if facts.identified {
            tools.push(ToolName::GetOrderStatus);
            if !facts.products.is_empty() && !self.draining {
                tools.push(ToolName::CreateOrderDraft);
            }
        }
        if draft.is_some() {
            tools.extend([ToolName::UpdateOrderDelivery, ToolName::CancelOrderDraft]);
        }
        if draft.is_some_and(|order| order.delivery.is_some()) {
            tools.push(ToolName::ConfirmOrder);
        }
        if facts.can_transfer {
            tools.push(ToolName::TransferToOperator);
        }
        tools
    }

    /// What the thinker was thinking is no longer wanted. Its half-said words stay in history as far as they were heard.
    pub(super) fn abandon_thought(&mut self) {
        self.timers.remove(&Timer::Completion);
        if let Some(id) = self.mind.thinking.take() {
            self.out.push_back(Output::Abandon { id });
            let words = std::mem::take(&mut self.mind.words);
            self.mind.remember_agent(&words);
        }
        self.mind.calls.clear();
        self.mind.splitter = None;
        self.desk.forget_calls();
    }

    pub(super) fn completed(&mut self, id: RequestId, piece: Thought) {
        if self.mind.thinking != Some(id) {
            return;
        }
        match piece {
            Thought::Delta { text } => {
                self.timers.insert(Timer::Completion, self.now + Duration::from_secs(12));
                self.mind.words.push_str(&text);
                let clauses = self.mind.splitter.as_mut().map_or_else(Vec::new, |s| s.push(&text));
                for clause in clauses {
                    self.say_thought(&clause);
                }
            }
            Thought::ToolCall { call_ref, tool, arguments } => {
                self.mind.calls.push(Called { call_ref, tool, arguments });
            }
            Thought::FellBack { from, to, why } => {
                self.mind.briefing.fell_back = true;
                self.note(Note::FellBack { from, to, why });
            }
            Thought::State { state } => self.mind.state = Some(state),
            Thought::Done => self.thought_whole(),
            Thought::Failed { fault } => self.thinker_failed(id, &format!("{fault:?}")),
        }
    }

    /// Says a thinker's clause, unless it claims an order that nothing committed stands behind: success is spoken from an
    /// outcome and from nothing else, whatever a model believes or was talked into.
    fn say_thought(&mut self, clause: &str) {
        let facts = &self.mind.briefing;
        // A status that was told may rightly be "confirmed".
        let may_be_true = facts.placed.is_some() || facts.draft.is_none() && !facts.orders.is_empty();
        // In whatever language it was talked into.
        if !may_be_true && language::in_either(language::claims_placed, clause) {
            self.mind.words = self.mind.words.replacen(clause.trim(), "", 1);
            let why = "it says that an order is placed, and none is".to_owned();
            return self.note(Note::FellBack { from: "thinking".into(), to: "silence".into(), why });
        }
        self.say_clause(clause, false);
    }

    fn thought_whole(&mut self) {
        self.timers.remove(&Timer::Completion);
        self.mind.thinking = None;
        // Only a thinker that knows what is wanted can say that the order is still the one that was read.
        let mut keeps = false;
        if let Some(state) = self.mind.state.take() {
            keeps = state.keeps_read_back;
            self.mind.briefing.dialogue = *state;
        }
        self.mind.digressed = keeps;
        if !keeps {
            self.void_consent();
        }
        let rest = self.mind.splitter.take().map_or_else(Vec::new, |mut splitter| splitter.finish());
        for clause in rest {
            self.say_thought(&clause);
        }
        let words = std::mem::take(&mut self.mind.words);
        let calls = std::mem::take(&mut self.mind.calls);
        self.mind.remember_agent(words.trim());
        if !words.trim().is_empty() {
            self.mind.failures = 0;
        }
        if !calls.is_empty() {
            self.desk.queue(calls);
            return self.next_call();
        }
        if words.trim().is_empty() {
            return self.not_understood();
        }
        if language::says_goodbye(words.trim(), self.language) {
            // The thinker has closed the talk; leave when it is said.
            self.leave_when_said(Parting::HangUp);
        }
    }

    pub(super) fn thinker_silent(&mut self) {
        if let Some(id) = self.mind.thinking {
            self.out.push_back(Output::Abandon { id });
            self.thinker_failed(id, "nothing came for 12 s");
        }
    }

    /// No engine had an answer. Whole clauses already being said stay; a tool call of a broken stream is not carried out.
    pub(super) fn thinker_failed(&mut self, id: RequestId, why: &str) {
        if self.mind.thinking != Some(id) {
            return;
        }
        self.timers.remove(&Timer::Completion);
        self.mind.thinking = None;
        self.mind.calls.clear();
        self.mind.splitter = None;
        let words = std::mem::take(&mut self.mind.words);
        self.mind.remember_agent(words.trim());
        self.note(Note::FellBack { from: "thinking".into(), to: "apology".into(), why: why.into() });
        self.not_understood();
    }

    /// Nothing sensible came of the caller's turn: ask again, and the third time hand over to a person.
    pub(super) fn not_understood(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        self.mind.failures += 1;
        if self.mind.failures >= 3 {
            return self.transfer(Why::Trouble);
        }
        if self.consent.matter().is_some() {
            return self.ask_again(Some(Fixed::NotHeard));
        }
        self.say_fixed(Fixed::Again);
    }

    /// A key of the telephone: `*` cancels, `0` reaches a person, `1` and `2` answer a read-back, digits are words.
    pub(super) fn keyed(&mut self, digit: char) {
        if self.answer.is_none() || self.hung_up || self.left || self.leaving.is_some() {
            return;
        }
        if self.timers.contains_key(&Timer::Silence) {
            // Not every key has an answer after which it would begin anew.
            self.watch_silence();
        }
        self.silences = 0;
        self.moment = None;
        self.consent.forget_key();
        match digit {
            '*' => {
                self.silence_agent();
                if self.has_something_to_cancel() {
                    self.cancel_by_word();
                } else {
                    self.say_fixed(Fixed::NothingToCancel);
                }
            }
            '0' if self.keys.is_empty() => {
                self.silence_agent();
                self.transfer(Why::Asked);
            }
            '1' if self.consent.is_awaiting() && self.keys.is_empty() => {
                self.silence_agent();
                self.mind.takes_leave = false;
                self.agreed(Assent::Keyed, self.now);
            }
            // Pressed early: it is the answer once the question has been heard, unless another one comes before.
            '1' if self.consent.matter().is_some() && self.keys.is_empty() => self.consent.keep_key(self.now),
            '2' if self.consent.matter().is_some() && self.keys.is_empty() => {
                self.silence_agent();
                self.refused();
            }
            // Before anything is keyed in, it is the answer to the notice that the call is recorded.
            '#' if self.keys.is_empty() => {
                self.refuse_recording();
            }
            '#' => self.take_keys(),
            '0'..='9' if self.keys.len() < KEYS => {
                self.keys.push(digit);
                self.timers.insert(Timer::Keypad, self.now + Duration::from_secs(2));
            }
            _ => {}
        }
    }

    pub(super) fn take_keys(&mut self) {
        self.timers.remove(&Timer::Keypad);
        let keys = std::mem::take(&mut self.keys);
        if !keys.is_empty() {
            self.silence_agent();
            if !self.is_card(&keys) {
                self.caller_said(&keys);
            }
        }
    }

    /// The agent stops for a key as it stops for words.
    pub(super) fn silence_agent(&mut self) {
        let rest = self.mouth.cut();
        self.interrupted.extend(rest);
        self.drop_interrupted();
    }
}

/// Completions for one turn of the caller: a search, a draft, a delivery and an answer fit; a loop does not.
const ROUNDS: u32 = 8;
/// The longest thing that is keyed in: an order number, a phone number, or the number of a card, which is refused when it is
/// whole (ISO/IEC 7812: 19 digits).
const KEYS: usize = 19;
