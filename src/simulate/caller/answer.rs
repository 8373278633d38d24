//! The answers to the agent's questions about an order.

use crate::dialogue::Question;
use crate::language::text;

use super::super::goal::{Handover, Temper};
use super::super::goods::Which;
use super::super::mouth::Slots;
use super::super::readback::payments;
use super::super::{ear, goal};
use super::{Caller, Move, Why};

/// Whether the agent says that keys may be pressed.
pub(super) fn offers_keys(said: &str) -> bool {
    let folded = text::fold(said);
    ["нажм", "клавиш", "press", " key"].iter().any(|stem| folded.contains(stem))
}

impl Caller<'_> {
    /// Goes on with the order.
    pub(super) fn order(&mut self, said: &str, question: Option<&Question>) -> Move {
        if self.told.iter().all(|told| !told) && !matches!(question, Some(Question::ReadBack)) {
            return self.open();
        }
        if let Some(aside) = self.aside(question) {
            return aside;
        }
        let Some(question) = question.cloned() else { return self.volunteer() };
        let closed = matches!(
            question,
            Question::Choice
                | Question::Quantity
                | Question::Attribute { .. }
                | Question::OrderIt
                | Question::ReadBack
                | Question::Person
                | Question::Twin
        );
        let untold = self.told.iter().position(|told| !told);
        if let Some(line) = untold
            && !closed
            && (matches!(question, Question::Open | Question::Goods) || self.mouth.dice.chance(600))
        {
            return self.want_more(line);
        }
        match question {
            Question::Open if self.has_patience("open") => self.plainly("no_more"),
            Question::Goods if self.has_patience("goods") => self.goods_again(),
            Question::Open | Question::Goods => Move::HangUp(Why::AskedAgain),
            Question::Attribute { key } => self.attribute(said, &key),
            Question::Choice => self.choose(said),
            Question::OrderIt => self.take(said),
            Question::Quantity => self.quantity(said),
            Question::Change if !self.faults.is_empty() => self.correct(),
            Question::Change | Question::WhichOrder if self.has_patience("change") => {
                self.plainly("nothing_to_change")
            }
            Question::Retry if self.has_patience("retry") => self.plainly("yes"),
            Question::Person | Question::Twin if self.has_patience("person") => self.plainly("no"),
            // Who gets it is who orders it; of a note or a time nothing is wanted.
            Question::Extra { slot } if slot == "recipient" && self.basket.name.is_some() => {
                self.slot(said, &Question::Name)
            }
            Question::Extra { slot } if self.has_patience(&slot) => self.plainly("no"),
            Question::Code if self.has_patience("code") => self.plainly("no"),
            Question::ReadBack => self.read_back(said),
            Question::Change
            | Question::WhichOrder
            | Question::Retry
            | Question::Person
            | Question::Twin
            | Question::Extra { .. }
            | Question::Phone
            | Question::Code => Move::HangUp(Why::AskedAgain),
            other => self.slot(said, &other),
        }
    }

    /// The first words.
    fn open(&mut self) -> Move {
        if !self.has_patience("opening") {
            return Move::HangUp(Why::AskedAgain);
        }
        let temper = self.goal.temper;
        let again = self.answers.get("opening").is_some_and(|count| *count > 1);
        if !again && matches!(temper, Temper::Plain | Temper::Talkative) && self.mouth.dice.chance(100) {
            return self.plainly("vague");
        }
        let greets = temper != Temper::Terse && self.mouth.dice.chance(400);
        let mut words = if greets { self.mouth.say("greet", &Slots::default()) } else { String::new() };
        let mut acts = vec!["want"];
        let first = self.basket.lines[0];
        self.told[0] = true;
        self.line = 0;
        let mut add = |said: String| {
            words.push(' ');
            words.push_str(&said);
        };
        if temper == Temper::Terse {
            let (act, slot) = if self.mouth.dice.chance(500) { ("hint", "hint") } else { ("goods", "goods") };
            let which = if act == "hint" { Which::Hint } else { Which::Whole };
            let goods = self.mouth.goods(which, first, self.mouth.style.digits);
            add(self.mouth.say(act, &Slots::default().with(slot, goods)));
            return self.spoken(&words.clone(), vec![act]);
        }
        let with_number = self.mouth.dice.chance(850);
        let goods = self.mouth.goods(Which::Whole, first, with_number);
        add(self.mouth.say("want", &Slots::default().with("goods", goods)));
        if self.basket.lines.len() > 1 && (temper == Temper::AllAtOnce || self.mouth.dice.chance(450)) {
            for line in 1..self.basket.lines.len() {
                let goods = self.mouth.goods(Which::Whole, self.basket.lines[line], true);
                self.told[line] = true;
                self.line = line;
                acts.push("want_more");
                add(self.mouth.say("want_more", &Slots::default().with("goods", goods)));
            }
        }
        let is_all = temper == Temper::AllAtOnce;
        let is_one = |mouth: &mut super::Mouth<'_>| temper == Temper::Unasked && mouth.dice.chance(500);
        if is_all || is_one(&mut self.mouth) {
            let (act, said) = self.whole_handover();
            acts.push(act);
            add(said);
        }
        if is_all || is_one(&mut self.mouth) {
            let slots = self.mouth.payment(self.basket.payment);
            acts.push("payment");
            add(self.mouth.say("payment", &slots));
        }
        if is_all && let Some(name) = self.basket.name.clone() {
            let slots = self.mouth.name(&name);
            acts.push("name");
            add(self.mouth.say("name", &slots));
        }
        let words = words.clone();
        self.spoken(&words, acts)
    }

    fn whole_handover(&mut self) -> (&'static str, String) {
        let slots = self.mouth.place(&self.basket);
        let act = match self.basket.handover {
            Handover::Delivery(_) => "delivery_full",
            Handover::Pickup(_) => "pickup_at",
        };
        (act, self.mouth.say(act, &slots))
    }

    fn want_more(&mut self, line: usize) -> Move {
        self.told[line] = true;
        self.line = line;
        let goods = self.mouth.goods(Which::Whole, self.basket.lines[line], true);
        self.say("want_more", &Slots::default().with("goods", goods))
    }

    fn goods_again(&mut self) -> Move {
        let goods = self.mouth.goods(Which::Whole, self.basket.lines[self.line], true);
        self.say("goods", &Slots::default().with("goods", goods))
    }

    /// The agent has asked nothing: the next thing that it may not know.
    fn volunteer(&mut self) -> Move {
        if let Some(line) = self.told.iter().position(|told| !told) {
            return self.want_more(line);
        }
        if !self.has_patience("volunteer") {
            return Move::HangUp(Why::AskedAgain);
        }
        if self.heard.handover {
            return self.plainly("no_more");
        }
        let (act, said) = self.whole_handover();
        self.spoken(&said, vec![act])
    }

    /// A question of the caller's own.
    fn aside(&mut self, question: Option<&Question>) -> Option<Move> {
        let was = std::mem::take(&mut self.was_aside);
        if self.goal.temper != Temper::Asks || was || self.asides == 0 || !self.mouth.dice.chance(350) {
            return None;
        }
        let act = match question? {
            Question::Choice => "ask_difference",
            Question::Method | Question::City => "ask_delivery",
            Question::Street | Question::Quantity => "ask_when",
            Question::Payment | Question::Name => "ask_total",
            Question::ReadBack if self.faults.is_empty() => "ask_when",
            Question::Open | Question::Attribute { .. } => "ask_hours",
            _ => return None,
        };
        self.asides -= 1;
        self.asides_asked += 1;
        self.was_aside = true;
        let slots = match &self.basket.handover {
            Handover::Delivery(address) => self.mouth.city(&address.city.clone()),
            Handover::Pickup(at) => self.mouth.city(&self.mouth.market.points[*at].city),
        };
        Some(self.say(act, &slots))
    }

    /// The line that the agent speaks of.
    fn line_of(&self, said: &str) -> usize {
        let mentions = self.ear.mentions(said);
        let fits = |line: &usize| {
            mentions
                .iter()
                .rev()
                .take(1)
                .any(|mention| mention.items.contains(&self.basket.lines[*line].item))
        };
        let own = Some(self.line).filter(|line| *line < self.basket.lines.len()).filter(fits);
        own.or_else(|| (0..self.basket.lines.len()).find(fits))
            .unwrap_or(self.line.min(self.basket.lines.len() - 1))
    }

    fn attribute(&mut self, said: &str, key: &str) -> Move {
        self.line = self.line_of(said);
        if !self.has_patience(&format!("{key} of {}", self.line)) {
            return Move::HangUp(Why::AskedAgain);
        }
        let item = &self.mouth.market.items[self.basket.lines[self.line].item];
        match self.mouth.book.goods.attribute(item, key, None, self.mouth.style, &mut self.mouth.dice) {
            Some(value) => self.say("attribute", &Slots::default().with("value", value)),
            None => self.goods_again(),
        }
    }

    fn choose(&mut self, said: &str) -> Move {
        let mut offers: Vec<Vec<usize>> = Vec::new();
        for mention in self.ear.mentions(said) {
            if !offers.contains(&mention.items) {
                offers.push(mention.items);
            }
        }
        // "Мишлен" may be the plain one or the studded one; the closest that may be it is meant.
        let of = |line: usize| {
            let wanted = self.basket.lines[line].item;
            let fitting = offers.iter().enumerate().filter(|(_, items)| items.contains(&wanted));
            fitting.min_by_key(|(_, items)| items.len()).map(|(at, _)| at)
        };
        let lines = std::iter::once(self.line).chain(0..self.basket.lines.len());
        let found = lines
            .filter(|line| *line < self.basket.lines.len())
            .find_map(|line| of(line).map(|at| (line, at)));
        if !self.has_patience(&format!("choice of {}", self.line)) {
            return Move::HangUp(Why::AskedAgain);
        }
        let Some((line, at)) = found else {
            if offers.is_empty() {
                return self.goods_again();
            }
            let goods = self.mouth.goods(Which::Whole, self.basket.lines[self.line], true);
            return self.say("not_this", &Slots::default().with("goods", goods));
        };
        self.line = line;
        if self.goal.temper == Temper::Keys && at < 9 {
            return Move::Press { keys: (at + 1).to_string(), consents: false };
        }
        let way = self.mouth.dice.below(10);
        if way < 3 {
            let goods = self.mouth.goods(Which::Whole, self.basket.lines[line], true);
            return self.say("goods", &Slots::default().with("goods", goods));
        }
        if way < 6
            && let Some(value) = self.telling_value(self.basket.lines[line].item, &offers)
        {
            return self.say("by_value", &Slots::default().with("value", value));
        }
        if at < 3 {
            let slots = self.mouth.nth(at + 1);
            return self.say("nth", &slots);
        }
        self.goods_again()
    }

    /// What this one has and none of the other offers can have.
    fn telling_value(&mut self, item: usize, offers: &[Vec<usize>]) -> Option<String> {
        let items = &self.mouth.market.items;
        let keys: Vec<&String> = self.mouth.book.goods.values.keys().map(|(key, _)| key).collect();
        let tells = |key: &&&String| {
            let own = items[item].attributes.get(**key);
            let other = |other: &&usize| items[**other].attributes.get(**key) == own;
            let others = offers.iter().filter(|offer| !offer.contains(&item));
            own.is_some() && offers.len() > 1 && others.flatten().all(|at| !other(&at))
        };
        let key = (*keys.iter().find(tells)?).clone();
        let goods = &self.mouth.book.goods;
        goods.attribute(&items[item], &key, None, self.mouth.style, &mut self.mouth.dice)
    }

    fn take(&mut self, said: &str) -> Move {
        let mentions = self.ear.mentions(said);
        self.line = self.line_of(said);
        let wanted = self.basket.lines[self.line].item;
        let is_other =
            !mentions.is_empty() && mentions.iter().all(|mention| !mention.items.contains(&wanted));
        if !self.has_patience(&format!("offer of {}", self.line)) {
            return Move::HangUp(Why::AskedAgain);
        }
        if is_other {
            let goods = self.mouth.goods(Which::Whole, self.basket.lines[self.line], true);
            return self.say("not_this", &Slots::default().with("goods", goods));
        }
        self.plainly("take")
    }

    fn quantity(&mut self, said: &str) -> Move {
        self.line = self.line_of(said);
        if !self.has_patience(&format!("quantity of {}", self.line)) {
            return Move::HangUp(Why::AskedAgain);
        }
        let line = self.basket.lines[self.line];
        let slots = self.mouth.amount(line);
        if self.goal.temper == Temper::Corrects && self.mouth.dice.chance(600) {
            let wrong = if line.n > 2 { line.n - 1 } else { line.n + 1 };
            let wrong = self.mouth.count(wrong);
            return self.say("self_quantity", &slots.with("wrong", wrong));
        }
        let words = self.mouth.say("quantity", &slots);
        if self.goal.temper == Temper::Unasked && self.mouth.dice.chance(500) {
            let (act, said) = self.whole_handover();
            return self.spoken(&format!("{words} {said}"), vec!["quantity", act]);
        }
        self.spoken(&words, vec!["quantity"])
    }

    /// Hand-over, payment and name.
    fn slot(&mut self, said: &str, question: &Question) -> Move {
        if !self.has_patience(&format!("{question:?}")) {
            return Move::HangUp(Why::AskedAgain);
        }
        if self.goal.temper == Temper::Keys
            && offers_keys(said)
            && let Some(key) = self.key(said, question)
        {
            return Move::Press { keys: key.to_string(), consents: false };
        }
        let place = self.mouth.place(&self.basket);
        let way = self.mouth.dice.below(10);
        if let (Question::Point, Some(at @ 0..=2)) = (question, self.point_told) {
            if self.goal.temper == Temper::Keys {
                return Move::Press { keys: (at + 1).to_string(), consents: false };
            }
            if way < 3 {
                let slots = self.mouth.nth(at + 1);
                return self.say("nth", &slots);
            }
        }
        let terse = self.goal.temper == Temper::Terse;
        let handover = self.basket.handover.clone();
        let act = match (question, &handover) {
            (Question::Method, Handover::Delivery(_)) if terse || way < 4 => "delivery",
            (Question::Method, Handover::Delivery(_)) if way < 7 => "delivery_to",
            (Question::Method, Handover::Delivery(_)) => "delivery_full",
            (Question::Method, Handover::Pickup(_)) if terse || way < 6 => "pickup",
            // Asked for an address, someone who fetches it says so.
            (Question::Method | Question::Street | Question::House, Handover::Pickup(_)) => "pickup_at",
            (Question::City, Handover::Delivery(_)) if !terse && way < 3 => "city_address",
            (Question::City, _) => "city",
            (Question::Street, Handover::Delivery(_)) if way < 1 => "city_address",
            (Question::Street, Handover::Delivery(_)) => "address",
            (Question::Point, Handover::Pickup(_)) => "point",
            (Question::Point | Question::House, Handover::Delivery(_)) => "house",
            (Question::Payment, _) => "payment",
            _ => "name",
        };
        let slots = match (act, &handover) {
            ("house", Handover::Delivery(_)) if *question == Question::Point => {
                return self.say("wrong_method_delivery", &place);
            }
            ("house", Handover::Delivery(address)) => {
                Slots::default().with("house", self.mouth.house_alone(address))
            }
            ("payment", _) => self.mouth.payment(self.basket.payment),
            ("name", _) => match self.basket.name.clone() {
                Some(name) => self.mouth.name(&name),
                None => return self.plainly("no_name"),
            },
            _ => place,
        };
        let mut words = self.mouth.say(act, &slots);
        let mut acts = vec![act];
        let unasked = self.goal.temper == Temper::Unasked && self.mouth.dice.chance(400);
        if unasked && matches!(act, "delivery_full" | "pickup_at" | "address" | "city_address" | "point") {
            let slots = self.mouth.payment(self.basket.payment);
            words = format!("{words} {}", self.mouth.say("payment", &slots));
            acts.push("payment");
        }
        self.spoken(&words, acts)
    }

    /// The key of the answer, where the agent tells keys in the order of its choices.
    fn key(&self, said: &str, question: &Question) -> Option<usize> {
        let tokens = ear::tokens(said, self.mouth.style.language);
        match question {
            Question::Payment => {
                payments(&tokens).iter().position(|p| *p == self.basket.payment).map(|at| at + 1)
            }
            Question::Method => {
                let at =
                    |stems: &[&str]| tokens.iter().position(|t| stems.iter().any(|stem| t.starts_with(stem)));
                let delivery = at(&["достав", "deliver"])?;
                let pickup = at(&["самовывоз", "забрать", "pick", "collect"])?;
                let is_delivery = matches!(self.basket.handover, goal::Handover::Delivery(_));
                Some(if is_delivery == (delivery < pickup) { 1 } else { 2 })
            }
            _ => None,
        }
    }
}
