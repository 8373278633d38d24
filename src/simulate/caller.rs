//! The caller: a goal, a temper, and what was told and heard so far. It answers what the agent really asks, checks what the
//! agent repeats, and gives its yes to nothing but the truth.

use std::collections::BTreeMap;

use crate::dialogue::Question;
use crate::language::text;

use super::asked::asked_of;
use super::dice::Dice;
use super::ear::Ear;
use super::goal::{Basket, Change, Goal, Handover, Kind, Temper};
use super::mouth::{Mouth, Slots};
use super::readback::{self, Fault, Heard};

mod answer;
mod correct;

/// What the caller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    Say(Said),
    Press { keys: String, consents: bool },
    Wait { ms: u64 },
    HangUp(Why),
}

/// Words, and what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub words: String,
    /// The acts of the book.
    pub acts: Vec<&'static str>,
    /// It is the yes to an order that was read back as it is wanted.
    pub consents: bool,
}

/// Why a caller hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Such is the caller.
    Meant,
    /// All that was wanted is done.
    Done,
    /// The same was asked once too often.
    AskedAgain,
    TooManyTurns,
    /// Asked for a person, and got none.
    NoPerson,
}

/// What the agent has just done.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'s> {
    pub said: &'s str,
    /// A read-back was played whole.
    pub read_back: bool,
    /// The agent's question, where the agent tells it besides its words.
    pub asked: Option<&'s Question>,
    /// An order stands.
    pub placed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Status,
    Ordering,
    Cancelling,
    WantsPerson,
    Leaving,
}

/// A caller within a call.
#[derive(Debug)]
pub struct Caller<'a> {
    mouth: Mouth<'a>,
    ear: &'a Ear,
    goal: &'a Goal,
    /// As it is wanted now.
    basket: Basket,
    change: Option<&'a Change>,
    stage: Stage,
    turns: u32,
    /// Lines that were told to the agent.
    told: Vec<bool>,
    /// The line spoken of last.
    line: usize,
    heard: Heard,
    faults: Vec<Fault>,
    /// How often the same was answered.
    answers: BTreeMap<String, u32>,
    /// The question that waits while something else is spoken of.
    waiting: Option<Question>,
    asides: u32,
    was_aside: bool,
    was_read_back: bool,
    /// Which of the pick-up points told is the one wanted.
    point_told: Option<usize>,
    goodbyes: u32,
    /// The turn at which the temper shows.
    moment: u32,
    /// What was asked three times.
    pub thrice: bool,
    pub status_told: bool,
    pub wanted_person: bool,
    pub cancelled: bool,
    /// Questions in between, and those that got no answer.
    pub asides_asked: u32,
    pub offered_person: u32,
}

/// A caller answers the same so often at most.
const PATIENCE: u32 = 3;
const MAX_TURNS: u32 = 40;
/// Longer than the agent's patience with silence.
const SILENCE_MS: u64 = 12_500;

impl<'a> Caller<'a> {
    /// A caller with this goal.
    pub fn new(goal: &'a Goal, mut mouth: Mouth<'a>, ear: &'a Ear) -> Self {
        let stage = if goal.status.is_some() { Stage::Status } else { Stage::Ordering };
        let moment = 2 + u32::try_from(mouth.dice.below(4)).unwrap_or(0);
        Self {
            basket: goal.basket.clone(),
            change: goal.change.as_ref(),
            stage,
            turns: 0,
            told: vec![false; goal.basket.lines.len()],
            line: 0,
            heard: Heard::default(),
            faults: Vec::new(),
            answers: BTreeMap::new(),
            waiting: None,
            asides: 3,
            was_aside: false,
            was_read_back: false,
            point_told: None,
            goodbyes: 0,
            moment,
            thrice: false,
            status_told: false,
            wanted_person: false,
            cancelled: false,
            asides_asked: 0,
            offered_person: 0,
            goal,
            mouth,
            ear,
        }
    }

    /// What the caller wants by now.
    pub fn basket(&self) -> &Basket {
        &self.basket
    }

    /// Whether the change of mind was spoken.
    pub fn has_changed(&self) -> bool {
        self.change.is_none()
    }

    /// The chance of this caller, for what is done around its words.
    pub fn dice(&mut self) -> &mut Dice {
        &mut self.mouth.dice
    }

    /// A murmur.
    pub fn uhu(&mut self) -> String {
        self.mouth.say("uhu", &Slots::default())
    }

    /// Listens and decides.
    pub fn next(&mut self, now: Situation<'_>) -> Move {
        self.turns += 1;
        if self.turns > MAX_TURNS {
            return Move::HangUp(Why::TooManyTurns);
        }
        self.listen(now.said);
        let extra =
            || self.mouth.market.extra_asked(now.said).map(|slot| Question::Extra { slot: slot.to_owned() });
        let heard = now.asked.cloned().or_else(extra).or_else(|| asked_of(now.said, &self.mouth.book.goods));
        let question = if now.read_back { Some(Question::ReadBack) } else { heard.or(self.waiting.clone()) };
        // "Оформить заказ?" before anything was read back, or with goods, is about what was offered.
        let is_early = question == Some(Question::ReadBack)
            && !now.read_back
            && (!self.was_read_back || !self.ear.mentions(now.said).is_empty());
        let question = if is_early && now.asked.is_none() { Some(Question::OrderIt) } else { question };
        self.was_read_back |= now.read_back;
        // "Первый или второй?" after points were told is about them.
        let of_points = question == Some(Question::Choice) && self.waiting == Some(Question::Point);
        let of_points = of_points && self.ear.mentions(now.said).is_empty();
        let question = if of_points { Some(Question::Point) } else { question };
        if question == Some(Question::Point) {
            self.point_told = self.point_in(now.said).or(self.point_told);
        }
        if question == Some(Question::Person) {
            self.offered_person += 1;
        }
        if question == Some(Question::ReadBack) {
            self.check(now.said);
        }
        self.waiting.clone_from(&question);
        if now.placed && self.stage == Stage::Ordering {
            self.stage = Stage::Leaving;
        }
        if let Some(shown) = self.temper(question.as_ref()) {
            return shown;
        }
        match self.stage {
            Stage::Status => self.status(question.as_ref()),
            Stage::WantsPerson => self.person(question.as_ref()),
            Stage::Cancelling => self.cancel(now.said, question.as_ref()),
            Stage::Leaving => self.leave(),
            Stage::Ordering => self.order(now.said, question.as_ref()),
        }
    }

    fn listen(&mut self, said: &str) {
        if let Some((_, number)) = &self.goal.status
            && self.answers.contains_key("status")
        {
            let language = self.mouth.style.language;
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            let spoken = super::ear::tokens(said, language).join("");
            if digits(&spoken).contains(&format!("{number:04}")) && !self.status_told {
                self.status_told = true;
                self.waiting = None;
                let goes_on = self.goal.kind == Kind::StatusAndOrder;
                self.stage = if goes_on { Stage::Ordering } else { Stage::Leaving };
            }
        }
    }

    /// Which of the points that a text tells is the one wanted, from 0.
    fn point_in(&self, said: &str) -> Option<usize> {
        let Handover::Pickup(wanted) = self.basket.handover else { return None };
        let market = self.mouth.market;
        let tokens = super::ear::tokens(said, self.mouth.style.language);
        let at = |point: &super::market::Point| {
            let street = text::words(&point.address);
            let key = street.iter().filter(|word| word.chars().all(char::is_alphabetic));
            // The proper name is the last long word but for the kind of street.
            let kinds = ["улица", "проспект", "дом", "street", "avenue", "road"];
            key.filter(|word| !kinds.contains(&word.as_str()))
                .find_map(|word| super::ear::speaks_of(&tokens, word))
        };
        let city = &market.points[wanted].city;
        let mut told: Vec<(usize, usize)> = (0..market.points.len())
            .filter(|point| market.points[*point].city == *city)
            .filter_map(|point| at(&market.points[point]).map(|at| (at, point)))
            .collect();
        told.sort_unstable();
        told.iter().position(|(_, point)| *point == wanted).filter(|_| told.len() > 1)
    }

    fn check(&mut self, said: &str) {
        let market = self.mouth.market;
        let language = self.mouth.style.language;
        let before = std::mem::take(&mut self.faults);
        let found = readback::check(said, &self.basket, &mut self.heard, self.ear, market, language);
        // "Всё верно?" alone, again: what was wrong still is.
        self.faults = found
            .into_iter()
            .map(|fault| before.iter().find(|old| fault.repeats(old)).cloned().unwrap_or(fault))
            .collect();
    }

    /// What the temper does at its moment.
    fn temper(&mut self, question: Option<&Question>) -> Option<Move> {
        let is_moment = self.turns == self.moment;
        match self.goal.temper {
            Temper::HangsUp if is_moment => Some(Move::HangUp(Why::Meant)),
            Temper::Silent if is_moment => Some(Move::Wait { ms: SILENCE_MS }),
            Temper::Person if is_moment && self.stage != Stage::Leaving => {
                self.stage = Stage::WantsPerson;
                None
            }
            _ if self.goal.kind == Kind::Cancel
                && self.stage == Stage::Ordering
                && (self.turns >= self.moment + 4 || question == Some(&Question::ReadBack)) =>
            {
                self.stage = Stage::Cancelling;
                None
            }
            _ => None,
        }
    }

    /// Counts an answer to this; the caller's patience ends at the fourth.
    fn has_patience(&mut self, about: &str) -> bool {
        let count = self.answers.entry(about.to_owned()).or_default();
        *count += 1;
        self.thrice |= *count >= PATIENCE;
        *count <= PATIENCE
    }

    fn say(&mut self, act: &'static str, slots: &Slots) -> Move {
        let words = self.mouth.say(act, slots);
        self.spoken(&words, vec![act])
    }

    fn plainly(&mut self, act: &'static str) -> Move {
        self.say(act, &Slots::default())
    }

    fn spoken(&mut self, words: &str, acts: Vec<&'static str>) -> Move {
        Move::Say(Said { words: self.mouth.finish(words), acts, consents: false })
    }

    fn status(&mut self, question: Option<&Question>) -> Move {
        let Some((_, number)) = self.goal.status.as_ref() else { return self.leave() };
        let is_first = !self.answers.contains_key("status");
        if !self.has_patience("status") {
            return Move::HangUp(Why::AskedAgain);
        }
        let digits = self.mouth.digits(&format!("{number:04}"));
        let slots = Slots::default().with("number", digits);
        match question {
            Some(Question::WhichOrder) => self.say("order_number", &slots),
            Some(Question::Person) => self.plainly("no"),
            _ if is_first && self.mouth.dice.chance(500) => self.plainly("status"),
            _ => self.say("status_number", &slots),
        }
    }

    fn person(&mut self, question: Option<&Question>) -> Move {
        if self.wanted_person && question == Some(&Question::Person) {
            return self.plainly("yes");
        }
        self.wanted_person = true;
        if !self.has_patience("person") {
            return Move::HangUp(Why::NoPerson);
        }
        self.plainly("person")
    }

    fn cancel(&mut self, said: &str, question: Option<&Question>) -> Move {
        let folded = text::fold(said);
        let of_cancelling =
            ["отмен", "cancel", "не оформля", "dropped"].iter().any(|stem| folded.contains(stem));
        if self.cancelled && of_cancelling {
            let asks =
                said.contains('?') && !matches!(question, None | Some(Question::Open | Question::Goods));
            if asks && self.has_patience("cancel-yes") {
                return self.plainly("yes");
            }
            self.stage = Stage::Leaving;
            return self.leave();
        }
        if self.cancelled && question == Some(&Question::Open) {
            self.stage = Stage::Leaving;
            return self.leave();
        }
        self.cancelled = true;
        if !self.has_patience("cancel") {
            return Move::HangUp(Why::AskedAgain);
        }
        self.plainly("cancel")
    }

    fn leave(&mut self) -> Move {
        self.goodbyes += 1;
        if self.goodbyes > 2 {
            return Move::HangUp(Why::Done);
        }
        self.plainly("bye")
    }
}
