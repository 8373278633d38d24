//! How the core leaves: the last words, the time they need to be heard, and what a person is told who takes over.
//!
//! What a person is told is put together here from what the core knows, in one line. No word of it is a model's or the
//! caller's: it reaches a dialplan and a telephone's display.

use std::time::Duration;

use crate::conversation::event::{Handover, Leave};
use crate::conversation::phrases::{self, Fixed};
use crate::conversation::{Conversation, Output, Timer};
use crate::language::Language::{self, English, Russian};
use crate::orders::{Order, OrderLine};

/// How the agent leaves once everything is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    HangUp,
    /// To a person, for this reason.
    Transfer(Why),
}

/// Why a person is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The caller asked, or a thinker for them.
    Asked,
    /// The agent cannot go on.
    Trouble,
    /// The server goes away.
    Draining,
    /// The call has reached its limit.
    TooLong,
}

impl Why {
    /// What the caller is told.
    fn words(self) -> Fixed {
        match self {
            Self::Asked => Fixed::Transferring,
            Self::Trouble => Fixed::Trouble,
            Self::Draining => Fixed::Draining,
            Self::TooLong => Fixed::TooLong,
        }
    }

    /// What the person is told.
    fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Russian, Self::Asked) => "Просит оператора",
            (English, Self::Asked) => "Asks for an operator",
            (Russian, Self::Trouble) => "Помощник не справился",
            (English, Self::Trouble) => "The assistant could not help",
            (Russian, Self::Draining) => "Помощник остановлен",
            (English, Self::Draining) => "The assistant was stopped",
            (Russian, Self::TooLong) => "Очень долгий разговор",
            (English, Self::TooLong) => "A very long call",
        }
    }
}

impl Conversation {
    /// Says goodbye, then hangs up.
    pub(super) fn say_goodbye(&mut self) {
        self.leave_after(Fixed::Farewell, Parting::HangUp);
    }

    /// Says why a person takes over, then transfers.
    pub(super) fn transfer(&mut self, why: Why) {
        self.leave_after(why.words(), Parting::Transfer(why));
    }

    fn leave_after(&mut self, words: Fixed, how: Parting) {
        if self.leaving.is_some() || self.hung_up || self.left {
            return;
        }
        self.abandon_thought();
        self.consent.void();
        self.say_fixed(words);
        self.leave_when_said(how);
    }

    /// Leaves when what is being said is out.
    pub(super) fn leave_when_said(&mut self, how: Parting) {
        self.leaving = Some(how);
        self.timers.insert(Timer::Leaving, self.now + LEAVING);
    }

    /// A farewell whose sound never came is not waited for; what is being said is said to its end.
    pub(super) fn leaving_overdue(&mut self) {
        if self.mouth.is_speaking() {
            self.timers.insert(Timer::Leaving, self.now + LEAVING);
        } else {
            self.leave_now();
        }
    }

    /// Leaves once the last word is out and has had the time to be heard.
    pub(super) fn maybe_leave(&mut self) {
        // Neither while the caller has thought of something else, nor before what they must know of their order.
        let holds = self.ear.in_turn() || self.turn.awaits_words() || self.desk.owes_an_outcome();
        if self.leaving.is_none() || !self.mouth.is_idle() || holds {
            self.lingered = 0;
        } else if self.lingered < LINGER_FRAMES {
            self.lingered += 1;
        } else {
            self.leave_now();
        }
    }

    fn leave_now(&mut self) {
        let Some(how) = self.leaving.take() else { return };
        if self.left || self.hung_up {
            return;
        }
        let how = match how {
            Parting::HangUp => Leave::HangUp,
            Parting::Transfer(why) => Leave::Transfer { handover: self.handover(why) },
        };
        self.left = true;
        self.timers.retain(|timer, _| *timer == Timer::Action);
        if matches!(how, Leave::Transfer { .. }) {
            // The person finishes it, or the store lets it expire.
            self.mind.briefing.draft = None;
        }
        self.drop_draft();
        self.out.push_back(Output::Leave { how });
    }

    /// What a person should know who takes the call over.
    fn handover(&self, why: Why) -> Handover {
        let language = self.language;
        let about = self.about();
        let order = about.as_ref().and_then(|about| about.order.clone());
        let about = about.map_or_else(|| no_order(language).to_owned(), |about| about.text);
        Handover { summary: format!("{}. {about}", why.label(language)), order, language }
    }

    /// The order that the call was about: what may have been placed, the draft, what was placed, what was asked about.
    fn about(&self) -> Option<About> {
        let (facts, language) = (&self.mind.briefing, self.language);
        let told = |order: &Order, state: &str| {
            let total = if order.lines.is_empty() { String::new() } else { format!(". {}", order.total) };
            let text =
                format!("{}{state}. {}{total}", of(&order.order_number, language), goods(&order.lines));
            About {
                order: Some(order.order_number.clone()),
                text: text.trim_end_matches([' ', '.']).to_owned(),
            }
        };
        let confirming = self.desk.confirming().map(|pending| &pending.order);
        if let Some(order) = confirming.or(self.mind.doubtful.as_ref()) {
            return Some(told(order, phrases::doubtful(language)));
        }
        if let Some(order) = &facts.draft {
            return Some(told(order, phrases::drafted(language)));
        }
        if let Some(order) = &facts.placed {
            return Some(told(order, phrases::placed(language)));
        }
        match facts.orders.as_slice() {
            [] => None,
            [order] => {
                let (number, state) = (&order.order_number, phrases::status(order.status, language));
                let asked = match language {
                    Russian => "Вопрос о заказе",
                    English => "Asked about order",
                };
                let text = format!("{asked} {number} {state}. {}. {}", order.items_summary, order.total);
                Some(About { order: Some(number.clone()), text })
            }
            orders => {
                let numbers: Vec<&str> =
                    orders.iter().take(SHOWN).map(|order| order.order_number.as_str()).collect();
                let numbers = numbers.join(", ");
                let text = match language {
                    Russian => format!("Вопрос о заказах {numbers}"),
                    English => format!("Asked about orders {numbers}"),
                };
                Some(About { order: None, text })
            }
        }
    }
}

/// What the call was about.
struct About {
    order: Option<String>,
    text: String,
}

fn no_order(language: Language) -> &'static str {
    match language {
        Russian => "О заказе речи не было",
        English => "No order was spoken of",
    }
}

fn of(number: &str, language: Language) -> String {
    match language {
        Russian => format!("Заказ {number}"),
        English => format!("Order {number}"),
    }
}

fn goods(lines: &[OrderLine]) -> String {
    let told = lines.iter().take(SHOWN).map(|line| format!("{} × {}", line.name, line.quantity));
    let mut told = told.collect::<Vec<_>>().join(", ");
    if lines.len() > SHOWN {
        told.push('…');
    }
    told
}

/// Lines or orders that a summary names. Chosen: a telephone's display shows no more.
const SHOWN: usize = 3;
/// How long a farewell's sound is waited for. Chosen: a synthesis may fail once and be asked for again.
const LEAVING: Duration = Duration::from_secs(12);
/// Silence after the last word before leaving, in frames of 20 ms: 300 ms. A telephone's jitter buffer is thrown away with
/// the call: measured with a real telephone behind a real Asterisk, the last 100 ms of the goodbye were never heard.
/// Chosen: three times that; adaptive buffers of the network hold 200 ms as a rule.
const LINGER_FRAMES: u32 = 15;
