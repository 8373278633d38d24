//! The answer to a read-back: the yes, a change of mind, or what was wrong.

use super::super::goal::{Change, Handover, Temper};
use super::super::goods::Which;
use super::super::mouth::Slots;
use super::super::readback::{Fault, Unsaid};
use super::{Caller, Move, Said, Why};

impl Fault {
    /// Whether this only says that what was wrong before has not been told anew.
    pub(super) fn repeats(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Missing { line }, Self::Quantity { line: old, .. } | Self::Goods { line: old, .. }) => {
                line == old
            }
            (Self::Unsaid(Unsaid::Handover), Self::Method | Self::City | Self::Address | Self::Point) => true,
            (Self::Unsaid(Unsaid::Payment), Self::Payment) => true,
            _ => false,
        }
    }
}

impl Caller<'_> {
    /// Whether the order as it was read back is wanted.
    pub(super) fn read_back(&mut self, said: &str) -> Move {
        if !self.faults.is_empty() {
            return self.correct();
        }
        if let Some(change) = self.change {
            self.change = None;
            return self.change_mind(change);
        }
        if !self.has_patience("read-back") {
            return Move::HangUp(Why::AskedAgain);
        }
        let presses = self.goal.temper == Temper::Keys && super::answer::offers_keys(said);
        if presses {
            return Move::Press { keys: "1".to_owned(), consents: true };
        }
        let words = self.mouth.say("yes_order", &Slots::default());
        Move::Say(Said { words: self.mouth.finish(&words), acts: vec!["yes_order"], consents: true })
    }

    /// What was wrong with the read-back, told.
    pub(super) fn correct(&mut self) -> Move {
        let Some(fault) = self.faults.first().cloned() else { return self.plainly("nothing_to_change") };
        if !self.has_patience(&format!("{fault:?}")) {
            return Move::HangUp(Why::AskedAgain);
        }
        let items: Vec<usize> = self.basket.lines.iter().map(|line| line.item).collect();
        match fault {
            Fault::Quantity { line, told } => {
                let slots = self.mouth.amount(self.basket.lines[line]).with("old", self.mouth.count(told));
                if items.len() == 1 {
                    return self.say("wrong_quantity", &slots);
                }
                let short = self.mouth.short(items[line], &items);
                self.say("change_line_quantity", &slots.with("short", short))
            }
            Fault::Goods { line, told } => {
                let goods = self.mouth.goods(Which::Whole, self.basket.lines[line], true);
                let old = self.mouth.short(told, &items);
                self.say("wrong_goods", &Slots::default().with("goods", goods).with("old", old))
            }
            Fault::Missing { line } => {
                self.told[line] = true;
                self.line = line;
                let goods = self.mouth.goods(Which::Whole, self.basket.lines[line], true);
                self.say("missing_line", &Slots::default().with("goods", goods))
            }
            Fault::Extra { item } => {
                let old = self.mouth.short(item, &items);
                self.say("extra_line", &Slots::default().with("old", old))
            }
            Fault::City => {
                let city = match &self.basket.handover {
                    Handover::Delivery(address) => address.city.clone(),
                    Handover::Pickup(at) => self.mouth.market.points[*at].city.clone(),
                };
                let slots = self.mouth.city(&city);
                self.say("wrong_city", &slots)
            }
            Fault::Method | Fault::Point | Fault::Unsaid(Unsaid::Handover) => {
                let slots = self.mouth.place(&self.basket);
                match self.basket.handover {
                    Handover::Delivery(_) => self.say("wrong_method_delivery", &slots),
                    Handover::Pickup(_) => self.say("wrong_method_pickup", &slots),
                }
            }
            Fault::Address => {
                let slots = self.mouth.place(&self.basket);
                self.say("wrong_address", &slots)
            }
            Fault::Payment | Fault::Unsaid(Unsaid::Payment) => {
                let slots = self.mouth.payment(self.basket.payment);
                self.say("wrong_payment", &slots)
            }
            Fault::Name => {
                let name = self.basket.name.clone().unwrap_or_default();
                let slots = self.mouth.name(&name);
                self.say("wrong_name", &slots)
            }
        }
    }

    fn change_mind(&mut self, change: &Change) -> Move {
        let was = std::mem::replace(&mut self.basket, self.goal.basket.changed(change));
        let items: Vec<usize> = was.lines.iter().map(|line| line.item).collect();
        match change {
            Change::Quantity { line, .. } => {
                self.heard.lines[*line] = false;
                let old = self.mouth.count(was.lines[*line].n);
                let slots = self.mouth.amount(self.basket.lines[*line]).with("old", old);
                if items.len() == 1 {
                    return self.say("change_quantity", &slots);
                }
                let short = self.mouth.short(items[*line], &items);
                self.say("change_line_quantity", &slots.with("short", short))
            }
            Change::Address(_) => {
                self.heard.handover = false;
                let slots = self.mouth.place(&self.basket);
                self.say("change_address", &slots)
            }
            Change::Payment(payment) => {
                self.heard.payment = false;
                let slots = self.mouth.payment(*payment);
                self.say("change_payment", &slots)
            }
            Change::Remove { line } => {
                self.heard.lines.remove(*line);
                self.told.remove(*line);
                self.line = 0;
                // Until it is told that it's gone, or all is told without it.
                self.heard.extra.push(items[*line]);
                let old = self.mouth.short(items[*line], &items);
                self.say("change_remove", &Slots::default().with("old", old))
            }
            Change::Add(line) => {
                self.told.push(true);
                self.heard.lines.push(false);
                self.line = self.basket.lines.len() - 1;
                let goods = self.mouth.goods(Which::Whole, *line, true);
                self.say("want_more", &Slots::default().with("goods", goods))
            }
        }
    }
}
