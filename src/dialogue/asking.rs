//! Asking: shortly, then with an example or the keys, then a person is offered; never the same sentence twice running.

use serde_json::json;

use crate::orders::ToolName;

use super::policy::{Decision, joined};
use super::question::Question;
use super::state::{Asked, State, View};

impl State {
    pub(super) fn sentence(&self, view: &View<'_>, id: &str) -> String {
        if id.is_empty() { String::new() } else { view.messages.say(id, view.language, &[]) }
    }

    /// Says this, and asks.
    pub(super) fn ask_after(&mut self, view: &View<'_>, id: &str, question: Question) -> Decision {
        let said = self.sentence(view, id);
        self.ask_with(view, &said, question)
    }

    pub(super) fn ask_with(&mut self, view: &View<'_>, before: &str, question: Question) -> Decision {
        let asked = self.ask(view, question);
        Decision { say: joined(before, &asked.say), call: asked.call }
    }

    /// Asks: shortly, then with an example or the keys, then a person is offered.
    pub(super) fn ask(&mut self, view: &View<'_>, question: Question) -> Decision {
        let again = self.asked.as_ref().filter(|asked| asked.question == question && !self.turn.progressed);
        // An answer to the caller's own question is no miss.
        let times = again.map_or(1, |asked| if self.turn.answered { asked.times } else { asked.times + 1 });
        if times > 2 && question != Question::Person && question != Question::Open {
            return if self.declined_person {
                self.transfer(view)
            } else {
                self.offer_person(view, "person-helps")
            };
        }
        let text = self.words(view, &question, times > 1);
        self.asked = Some(Asked { question, times });
        Decision { say: text, call: None }
    }

    /// The question that stands, or what the desk is for, after this.
    pub(super) fn again(&mut self, view: &View<'_>, id: &str) -> Decision {
        let said = self.sentence(view, id);
        if view.read_back && self.stands(view) {
            return Decision { say: said, call: None };
        }
        let mut decision = self.ask_again(view);
        decision.say = joined(&said, &decision.say);
        decision
    }

    pub(super) fn ask_again(&mut self, view: &View<'_>) -> Decision {
        let question = self.question().cloned().unwrap_or(Question::Open);
        self.ask(view, question)
    }

    /// Offers a person, as far as there is one.
    pub(super) fn offer_person(&mut self, view: &View<'_>, id: &str) -> Decision {
        let mut said = std::mem::take(&mut self.turn.say).join(" ");
        said = joined(&said, &self.sentence(view, id));
        if !view.can(ToolName::TransferToOperator) {
            self.asked = Some(Asked { question: Question::Open, times: 1 });
            return Decision { say: joined(&said, &self.sentence(view, "no-person")), call: None };
        }
        let text = self.words(view, &Question::Person, false);
        self.asked = Some(Asked { question: Question::Person, times: 1 });
        Decision { say: joined(&said, &text), call: None }
    }

    pub(super) fn transfer(&mut self, view: &View<'_>) -> Decision {
        if view.can(ToolName::TransferToOperator) {
            return Decision { say: String::new(), call: Some((ToolName::TransferToOperator, json!({}))) };
        }
        Decision { say: self.sentence(view, "no-person"), call: None }
    }

    pub(super) fn farewell(&self, view: &View<'_>) -> Decision {
        Decision { say: self.sentence(view, "farewell"), call: None }
    }

    pub(super) fn greet(&mut self, view: &View<'_>) -> Decision {
        if self.is_busy(view) {
            let said = self.sentence(view, "listening");
            let mut decision = self.next(view);
            decision.say = joined(&said, &decision.say);
            return decision;
        }
        self.asked = Some(Asked { question: Question::Open, times: 1 });
        Decision { say: self.sentence(view, "hello"), call: None }
    }

    pub(super) fn next_or_read_back(&mut self, view: &View<'_>) -> Decision {
        // Asking for the confirmation again has the order read again, whole.
        self.confirming = None;
        self.next(view)
    }
}
