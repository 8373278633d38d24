//! The consent gate: an order is confirmed only after it was read back whole and the caller agreed to that very order.
//!
//! ```text
//! none ──confirm_order──> asking ──played whole──> awaiting ──yes──> (it is carried out) none
//!   ^                      │   ^                       │
//!   │        cut by words  │   │ the question again    │ anything else is said
//!   │                      v   │                       v
//!   │                     suspended <──────────────────┘
//!   └── a change, a no, other words of the caller, a synthesis that failed: from anywhere
//! ```
//! A yes belongs to one question: it counts in `awaiting` alone, and `awaiting` ends with the first sound of the agent that
//! is not the question's. What suspends a read-back that was played whole costs the question again; one that was cut is
//! read again from its beginning.
//!
//! The model cannot pass it: it may ask for a confirmation, and what happens then is up to the caller.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::conversation::CallTime;
use crate::conversation::dialogue::Called;
use crate::ids::RequestId;
use crate::orders::{Assent, DraftLine, Evidence, Order, PaymentMethod};

/// An order that the caller is asked to agree to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pending {
    /// The order as it stood when it was read back.
    pub(super) order: Order,
    pub(super) payment: PaymentMethod,
    pub(super) name: Option<String>,
    /// The sentences that were read back.
    pub(super) text: String,
}

/// A second order, beside one that was placed minutes ago.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Twin {
    /// The tool call that asks for it; carried out when the caller agrees.
    pub(super) call: Called,
    pub(super) lines: Vec<DraftLine>,
    /// What the caller is told: the order that there is.
    pub(super) text: String,
}

/// What the caller is asked to agree to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Matter {
    Order(Pending),
    Twin(Twin),
}

impl Matter {
    /// What was said before the question.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Order(pending) => &pending.text,
            Self::Twin(twin) => &twin.text,
        }
    }
}

/// Where an agreement stands.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Consent {
    state: State,
    /// The key 1, pressed while it was being said: it counts when that has been played whole, unless the caller speaks or
    /// presses another one.
    key: Option<CallTime>,
    /// How often the caller was asked again.
    again: u32,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    /// Nothing is to be agreed to.
    #[default]
    None,
    /// It is being said; these clauses are still to be played whole. `whole`: all of it was played before, and these are
    /// the question's.
    Asking { matter: Matter, clauses: BTreeSet<RequestId>, whole: bool },
    /// The question was the last thing played, whole, at this time; a yes counts.
    Awaiting { matter: Matter, ended: CallTime },
    /// Something else was said since, or the caller spoke over it.
    Suspended { matter: Matter, whole: bool },
}

/// Why a yes did not count.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    /// The question is not the last thing that was played whole, or the yes began too early for it.
    NotAsked,
    /// The order is not the one that was read back.
    OtherOrder,
}

/// What was agreed to.
#[derive(Debug, PartialEq)]
pub(super) enum Agreed {
    Order(Box<Pending>, Evidence),
    Twin(Twin),
}

impl Consent {
    /// Begins with a matter whose words are these clauses.
    pub(super) fn begin(matter: Matter, clauses: BTreeSet<RequestId>) -> Self {
        Self { state: State::Asking { matter, clauses, whole: false }, key: None, again: 0 }
    }

    /// The matter is said again, by these clauses: its question alone if it was played whole before.
    /// A caller who asked something in between `missed` nothing.
    pub(super) fn ask_again(&mut self, clauses: BTreeSet<RequestId>, missed: bool) {
        self.again += u32::from(missed);
        self.state = match std::mem::take(&mut self.state) {
            State::None => State::None,
            State::Asking { matter, whole, .. } | State::Suspended { matter, whole } => {
                State::Asking { matter, clauses, whole }
            }
            State::Awaiting { matter, .. } => State::Asking { matter, clauses, whole: true },
        };
    }

    /// How often the caller was asked again.
    pub(super) fn times_again(&self) -> u32 {
        self.again
    }

    /// A clause was played to its end; true when it was the last of what is asked.
    pub(super) fn played(&mut self, clause: RequestId, at: CallTime) -> bool {
        let State::Asking { matter, clauses, .. } = &mut self.state else { return false };
        clauses.remove(&clause);
        if !clauses.is_empty() {
            return false;
        }
        self.state = State::Awaiting { matter: matter.clone(), ended: at };
        true
    }

    /// The agent says something that is not the question, or is going to: no yes counts until the question is asked again.
    pub(super) fn suspend(&mut self) {
        if let State::Awaiting { matter, .. } = &self.state {
            self.state = State::Suspended { matter: matter.clone(), whole: true };
        }
    }

    /// What is being asked was cut for good.
    pub(super) fn cut(&mut self) {
        self.key = None;
        if let State::Asking { matter, whole, .. } = &self.state {
            self.state = State::Suspended { matter: matter.clone(), whole: *whole };
        }
    }

    /// Forgets it; true when there was something to forget.
    pub(super) fn void(&mut self) -> bool {
        !matches!(std::mem::take(self).state, State::None)
    }

    /// Whether a yes would count.
    pub(super) fn is_awaiting(&self) -> bool {
        matches!(self.state, State::Awaiting { .. })
    }

    /// Whether it is being said.
    pub(super) fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking { .. })
    }

    /// Whether the question has to be asked again before a yes counts; then, whether all of it was played before.
    pub(super) fn suspended(&self) -> Option<bool> {
        match self.state {
            State::Suspended { whole, .. } => Some(whole),
            _ => None,
        }
    }

    /// What is to be agreed to, said whole or not.
    pub(super) fn matter(&self) -> Option<&Matter> {
        match &self.state {
            State::None => None,
            State::Asking { matter, .. }
            | State::Awaiting { matter, .. }
            | State::Suspended { matter, .. } => Some(matter),
        }
    }

    /// The order that is to be agreed to, said whole or not.
    pub(super) fn pending(&self) -> Option<&Pending> {
        match self.matter() {
            Some(Matter::Order(pending)) => Some(pending),
            _ => None,
        }
    }

    /// The key 1 while the question is still to be heard to its end.
    pub(super) fn keep_key(&mut self, at: CallTime) {
        self.key = Some(at);
    }

    /// The key 1 that was kept, when what it answers has been played whole.
    pub(super) fn take_key(&mut self) -> Option<CallTime> {
        if self.is_awaiting() { self.key.take() } else { None }
    }

    /// The caller speaks, or presses another key: what was kept is no answer.
    pub(super) fn forget_key(&mut self) {
        self.key = None;
    }

    /// The caller agrees, by a key or by words that `began` then. `current` is the draft as it stands: if it is not what
    /// was read back, nothing was agreed to.
    ///
    /// # Errors
    /// Why it does not count; then the matter is suspended, or gone with the order that it was about.
    pub(super) fn agree(
        &mut self,
        current: Option<&Order>,
        assent: Assent,
        began: CallTime,
    ) -> Result<Agreed, Refusal> {
        let ended = match &self.state {
            State::Awaiting { ended, .. } => *ended,
            _ => {
                self.cut();
                return Err(Refusal::NotAsked);
            }
        };
        if matches!(assent, Assent::Spoken { .. }) && began < ended + EAR {
            self.suspend();
            return Err(Refusal::NotAsked);
        }
        if let Some(pending) = self.pending()
            && current.map(digest) != Some(digest(&pending.order))
        {
            self.suspend();
            return Err(Refusal::OtherOrder);
        }
        match std::mem::take(self).state {
            State::Awaiting { matter: Matter::Order(pending), .. } => {
                let evidence = Evidence {
                    order_digest: digest(&pending.order),
                    order_version: pending.order.version,
                    read_back_digest: hex(&Sha256::digest(pending.text.as_bytes())),
                    assent,
                    read_back_ended_ms: ended.as_ms(),
                    assent_began_ms: began.as_ms(),
                };
                Ok(Agreed::Order(Box::new(pending), evidence))
            }
            State::Awaiting { matter: Matter::Twin(twin), .. } => Ok(Agreed::Twin(twin)),
            _ => Err(Refusal::NotAsked),
        }
    }
}

/// SHA-256 over what a caller agrees to: order, version, lines, delivery, total.
pub fn digest(order: &Order) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(order.id.as_bytes());
    part(&order.version.to_be_bytes());
    part(&order.total.minor.to_be_bytes());
    part(order.total.currency.code().as_bytes());
    for line in &order.lines {
        part(line.name.as_bytes());
        part(&line.quantity.to_be_bytes());
        part(&line.total.minor.to_be_bytes());
    }
    // The delivery as serde writes it: field order is the type's, so it is stable.
    part(&serde_json::to_vec(&order.delivery).unwrap_or_default());
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// So much later than its last frame was sent, the question has been heard to its end and an answer to it can be heard
/// here. What began before was said over it, or is its echo. Chosen: a packet of 20 ms and a short jitter buffer of 40 ms
/// on the way there, the same on the way back, less what the ear dates an onset back.
const EAR: Duration = Duration::from_millis(100);
