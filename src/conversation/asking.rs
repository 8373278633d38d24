//! A question about an order: put after the read-back, put again after anything else was said, answered by words or a key.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::conversation::consent::{Agreed, Consent, Matter, Pending, Refusal};
use crate::conversation::event::{Message, Note};
use crate::conversation::parting::Why;
use crate::conversation::phrases::{self, Fixed};
use crate::conversation::{CallTime, Conversation, Timer};
use crate::ids::RequestId;
use crate::language::{self, Reply};
use crate::orders::Assent;

impl Conversation {
    /// What the caller says to a question about an order. False where it is no answer, and means something else.
    pub(super) fn answer_to_question(&mut self, text: &str) -> bool {
        self.consent.forget_key();
        let Some(matter) = self.consent.matter() else { return false };
        let reply = language::reply(text, matter.text());
        if !matches!(reply, Reply::Agreed { .. }) && self.steers(text) {
            return false;
        }
        match reply {
            Reply::Agreed { takes_leave } => {
                if self.turn.is_sure() && !self.is_own_echo(text) {
                    self.mind.takes_leave = takes_leave;
                    self.agreed(Assent::Spoken { transcript: text.to_owned() }, self.turn.began());
                } else {
                    self.ask_again(Some(Fixed::NotHeard));
                }
            }
            Reply::Refused => {
                if language::in_either(language::says_goodbye, text) {
                    self.say_goodbye()
                } else {
                    self.refused()
                }
            }
            Reply::Doubtful => self.ask_again(Some(Fixed::NotClear)),
            // Nothing is said, so that the question stays the last thing that was asked.
            Reply::Moment => self.watch_silence(),
            Reply::Other => return false,
        }
        true
    }

    /// Whether the caller cancels, or wants a person.
    fn steers(&self, text: &str) -> bool {
        language::in_either(language::cancels_this, text)
            || language::in_either(language::wants_operator, text)
    }

    /// The caller asked for time, or did not: with it, nothing is asked for a while.
    pub(super) fn give_a_moment(&mut self, asked: bool) {
        self.moment = asked.then(|| self.now + MOMENT);
        if asked && self.timers.contains_key(&Timer::Silence) {
            self.watch_silence();
        }
    }

    /// Whether these words are what the agent has just said, come back from the line.
    fn is_own_echo(&self, text: &str) -> bool {
        let [before, last] = &self.spoken;
        let matter = self.consent.matter().map_or("", Matter::text);
        language::is_echo(text, before) || language::is_echo(text, &format!("{matter} {before} {last}"))
    }

    pub(super) fn agreed(&mut self, assent: Assent, began: CallTime) {
        let draft = self.mind.briefing.draft.clone();
        self.mind.briefing.awaiting_yes = false;
        match self.consent.agree(draft.as_ref(), assent, began) {
            Ok(Agreed::Order(pending, evidence)) => {
                self.note(Note::Agreed { order_number: pending.order.order_number.clone() });
                self.confirm(&pending, evidence);
            }
            Ok(Agreed::Twin(twin)) => self.allow_twin(twin),
            Err(Refusal::NotAsked) => self.ask_again(None),
            Err(Refusal::OtherOrder) => match (self.consent.pending().cloned(), draft) {
                (Some(pending), Some(order)) => self.read_back(Pending { order, ..pending }),
                _ => {
                    self.void_consent();
                    self.think();
                }
            },
        }
    }

    /// A plain no, by word or key.
    pub(super) fn refused(&mut self) {
        let order = self.consent.pending().is_some();
        self.void_consent();
        self.say_fixed(if order { Fixed::WhatToChange } else { Fixed::NothingToCancel });
    }

    /// Reads an order back; the caller's yes is asked for. Of one that they have heard whole, what is different now.
    pub(super) fn read_back(&mut self, mut pending: Pending) {
        let found = &self.mind.briefing.products;
        let is = (&pending.order, pending.payment);
        // After one change told so, the next one has the whole order read: nobody keeps two changes in mind.
        let heard = self.mind.read.as_ref().filter(|_| !self.mind.read_in_part);
        let heard = heard.map(|read| (&read.order, read.payment));
        let change = heard.and_then(|was| phrases::read_back_change(was, is, found, self.language));
        self.mind.reads_in_part = change.is_some();
        pending.text = change.unwrap_or_else(|| phrases::read_back(is.0, found, is.1, self.language));
        self.ask(Matter::Order(pending));
    }

    /// Says what the caller is to agree to, and the question.
    pub(super) fn ask(&mut self, matter: Matter) {
        let clauses = self.say_matter(matter.text(), phrases::question(&matter, self.language));
        self.consent = Consent::begin(matter, clauses);
    }

    /// Asks again for the yes that was not given, after these words: the question alone, or all of it where it was cut. The
    /// third time that leads nowhere a person takes over.
    pub(super) fn ask_again(&mut self, why: Option<Fixed>) {
        let Some(matter) = self.consent.matter() else { return };
        if self.consent.times_again() >= AGAIN {
            return self.transfer(Why::Trouble);
        }
        let language = self.language;
        let digressed = std::mem::take(&mut self.mind.digressed) && why.is_none();
        let (text, question) = match self.consent.suspended() {
            Some(false) => (matter.text().to_owned(), phrases::question(matter, language)),
            _ if digressed => (String::new(), phrases::question_back(matter, language)),
            _ => (String::new(), phrases::question_again(matter, language)),
        };
        if let Some(why) = why {
            self.say_fixed(why);
        }
        let clauses = self.say_matter(&text, question);
        self.consent.ask_again(clauses, !digressed);
    }

    /// Queues what counts only when it is played whole. The question is a clause of its own.
    fn say_matter(&mut self, text: &str, question: &str) -> BTreeSet<RequestId> {
        self.mind.remember_agent(format!("{text} {question}").trim());
        let clauses = language::clauses(text).into_iter().chain(language::clauses(question));
        let clauses: Vec<String> = clauses.map(str::to_owned).collect();
        clauses.iter().map(|clause| self.say_clause(clause, true)).collect()
    }

    /// What was asked is asked again once something else was said, and nothing is under way.
    pub(super) fn ask_again_when_due(&mut self) {
        if self.consent.suspended().is_none() {
            return;
        }
        let speaks = !self.mouth.is_idle() || !self.interrupted.is_empty();
        let hears = self.ear.in_turn() || self.turn.awaits_words() || !self.keys.is_empty();
        let works = self.mind.is_thinking() || self.desk.current.is_some();
        let gone = self.leaving.is_some() || self.held || self.hung_up || self.left;
        let later = self.moment.is_some_and(|until| self.now < until);
        if !(speaks || hears || works || gone || later) {
            self.ask_again(None);
        }
    }

    /// The pending confirmation no longer stands.
    pub(super) fn void_consent(&mut self) {
        self.mind.briefing.awaiting_yes = false;
        let order = self.consent.pending().is_some();
        if self.consent.void() {
            let text = if order {
                "the caller did not agree to the read-back; it is void until confirm_order is called again"
            } else {
                "the caller did not say yes to a second order beside the one that was placed minutes ago"
            };
            self.mind.history.push(Message::Note { text: text.to_owned() });
        }
    }

    /// A clause begins to be heard, or goes on. With any that is not the question's own, no yes counts until that is asked
    /// again.
    pub(super) fn sounds(&mut self, id: RequestId) {
        let item = self.mouth.item(id);
        let read_back = item.as_ref().is_some_and(|item| item.read_back);
        if let Some(text) = item.map(|item| item.text.clone()).filter(|text| *text != self.spoken[1]) {
            let last = std::mem::replace(&mut self.spoken[1], text);
            self.spoken[0] = last;
        }
        if !read_back {
            self.consent.suspend();
        }
    }

    /// What the caller is to agree to was played whole: a yes now counts.
    pub(super) fn asked_whole(&mut self) {
        if let Some(pending) = self.consent.pending() {
            let order_number = pending.order.order_number.clone();
            self.mind.read = Some(pending.clone());
            self.mind.read_in_part = self.mind.reads_in_part;
            self.mind.briefing.awaiting_yes = true;
            self.note(Note::ReadBack { order_number });
        }
        self.take_kept_key();
    }

    /// The key 1 that was pressed during the read-back counts now, unless the caller is saying something: their words may
    /// take it back.
    pub(super) fn take_kept_key(&mut self) {
        if self.ear.in_turn() || self.turn.awaits_words() {
            return;
        }
        if let Some(pressed) = self.consent.take_key() {
            self.mind.takes_leave = false;
            self.agreed(Assent::Keyed, pressed);
        }
    }
}

/// How often the caller is asked again for a yes or a no that was not understood; then a person is needed.
const AGAIN: u32 = 3;
/// A caller who asks for a moment has this long before anything is said. Chosen: to look at a wheel, or ask at home.
const MOMENT: Duration = Duration::from_secs(60);
