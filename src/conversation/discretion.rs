//! What must not be kept: the call of somebody who does not want to be recorded, and the number of a card that nobody asked
//! for.

use std::collections::BTreeSet;

use crate::conversation::Conversation;
use crate::conversation::event::{Message, Note};
use crate::conversation::phrases::Fixed;
use crate::conversation::playout::Item;
use crate::ids::RequestId;
use crate::language::{self, CardEar};

/// What the core knows of recording, and of cards.
#[derive(Debug, Default)]
pub(super) struct Discretion {
    /// The call is to be recorded, or is.
    recorded: bool,
    /// Clauses of the notice that are still to be played whole.
    notice: BTreeSet<RequestId>,
    card: CardEar,
}

impl Conversation {
    /// Tells the caller that the call is recorded, before anything else is said. Empty words: they were told before.
    pub(super) fn give_notice(&mut self, notice: &str) {
        self.discretion.recorded = true;
        for clause in language::clauses(notice) {
            let mut item = Item::new(self.next_id(), clause.to_string(), false);
            item.essential = true;
            self.discretion.notice.insert(item.id);
            self.queue_clause(item);
        }
        if self.discretion.notice.is_empty() {
            self.note(Note::RecordingTold);
        }
    }

    /// A clause was played to its end; with the last one of the notice the caller has been told.
    pub(super) fn notice_played(&mut self, clause: RequestId) {
        if self.discretion.notice.remove(&clause) && self.discretion.notice.is_empty() {
            self.note(Note::RecordingTold);
        }
    }

    /// Whether this clause is a part of the notice; then it can't be said, and so the call is not recorded.
    pub(super) fn notice_unspoken(&mut self, clause: RequestId) -> bool {
        let part = self.discretion.notice.contains(&clause);
        if part {
            self.forget_recording();
        }
        part
    }

    /// The caller does not want to be recorded. False where nothing is recorded.
    pub(super) fn refuse_recording(&mut self) -> bool {
        if !self.discretion.recorded {
            return false;
        }
        self.forget_recording();
        self.silence_agent();
        self.say_fixed(Fixed::NotRecorded);
        if self.consent.matter().is_none() {
            self.say_fixed(Fixed::GoOn);
        }
        true
    }

    fn forget_recording(&mut self) {
        self.discretion.recorded = false;
        for id in std::mem::take(&mut self.discretion.notice) {
            self.mouth.remove(id);
            self.interrupted.retain(|item| item.id != id);
        }
        self.note(Note::RecordingRefused);
    }

    /// Whether these words, with those just before, hold the number of a card. Then neither is kept, no thinker and no
    /// store hears of it, and the caller is told how to pay.
    pub(super) fn is_card(&mut self, text: &str) -> bool {
        if !self.discretion.card.hears(text) {
            return false;
        }
        self.discretion.recorded = false;
        self.note(Note::CardHeard { turn: self.turn.id() });
        // The turns before may have been its beginning.
        let callers = self.mind.history.iter_mut().rev().filter_map(|message| match message {
            Message::Caller { text } => Some(text),
            _ => None,
        });
        for text in callers.take(PARTS) {
            if language::dictates(text) {
                *text = language::without_digits(text);
            }
        }
        let note =
            "the caller said a card's number; it was not kept, and they were told how to pay".to_owned();
        self.mind.history.push(Message::Note { text: note });
        // What was asked stands, and is asked again.
        self.consent.suspend();
        self.say_fixed(Fixed::NoCard);
        true
    }
}

/// Turns before that may hold a part of a card's number: four groups, said one by one, with a pause or two.
const PARTS: usize = 6;
