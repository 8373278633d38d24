//! From acts to what is wanted.

use crate::orders::Product;

use super::act::{Act, AddressPart, Choice, Method, Target, Understood};
use super::question::Question;
use super::state::{State, View};
use super::understand::{Context, understand};

impl State {
    pub(super) fn caller_said(&mut self, text: &str, view: &View<'_>) {
        let told: Vec<Product> = self.told.iter().filter_map(|id| view.product(*id)).cloned().collect();
        let line = self.line().and_then(|line| line.product).and_then(|id| view.product(id)).cloned();
        let listed = matches!(self.question(), Some(Question::Point));
        if let Ok(key) = text.trim().parse::<u32>()
            && text.trim().len() <= 2
            && self.keyed(key, view)
        {
            self.turn.understood = true;
            self.turn.progressed = true;
            return;
        }
        let context = Context {
            language: view.language,
            shop: view.shop,
            asked: self.question(),
            told: &told,
            points: if listed { view.points } else { &[] },
            line: line.as_ref(),
            ordering: self.is_busy(view),
        };
        let understood = understand(text, &context);
        let mut understood = understood;
        self.tidy(&mut understood, text, view);
        self.take(&understood, view);
        self.point_by_words(view);
    }

    /// What the acts mean here and now: a street may be a pick-up point's, and "can you deliver to Denver?" an answer.
    fn tidy(&mut self, understood: &mut Understood, text: &str, view: &View<'_>) {
        use super::act::Topic;
        let words = crate::language::text::words(text);
        let asks_terms = |act: &Act| matches!(act, Act::Ask { topic: Topic::DeliveryTerms });
        let addressed = understood.any(|act| matches!(act, Act::Address { .. }));
        let wants_figures = words.iter().any(|word| FIGURES.iter().any(|stem| word.starts_with(stem)));
        let choosing = view.draft.is_some() && self.hand_over.method.is_none();
        if understood.any(asks_terms) && (addressed || choosing && !wants_figures) {
            understood.acts.retain(|act| !asks_terms(act));
            if !understood.any(|act| matches!(act, Act::Method { .. })) {
                understood.acts.insert(0, Act::Method { method: Method::Delivery });
            }
        }
        // "In Boston, Main Street": a city that the street swallowed.
        if !understood.any(|act| matches!(act, Act::City { .. })) {
            let mut found = None;
            for act in &mut understood.acts {
                let Act::Address { part } = act else { continue };
                let Some(street) = part.street.take() else { continue };
                let (city, rest) = view.shop.without_city(&street);
                part.street = Some(rest);
                found = city;
            }
            if let Some(city) = found {
                understood.acts.insert(0, Act::City { city });
            }
        }
        let fetched = understood.any(|act| matches!(act, Act::Method { method: Method::Pickup }))
            || self.hand_over.method == Some(Method::Pickup)
                && !understood.any(|act| matches!(act, Act::Method { .. }))
            || self.is_asked(&Question::Point);
        let housed = understood.any(|act| matches!(act, Act::Address { part } if part.house.is_some()));
        if fetched && (!housed || self.is_asked(&Question::Point)) && addressed {
            understood.acts.retain(|act| !matches!(act, Act::Address { .. }));
            self.point_said = Some(text.to_owned());
            self.turn.understood = true;
            if !understood.any(|act| matches!(act, Act::Method { .. })) {
                understood.acts.insert(0, Act::Method { method: Method::Pickup });
            }
        }
        if self.is_asked(&Question::Point) && self.point_said.is_none() {
            self.point_said = Some(text.to_owned());
        }
    }

    /// The pick-up point that was named by a word of its street or name, once the points are known; named and not found, it
    /// is forgotten.
    pub(super) fn point_by_words(&mut self, view: &View<'_>) {
        let Some(text) = &self.point_said else { return };
        let here = self.points_here(view);
        if here.is_empty() {
            return;
        }
        let stem =
            |word: &str| word.chars().take(word.chars().count().saturating_sub(1).max(3)).collect::<String>();
        let said: Vec<String> = crate::language::text::words(text).iter().map(|word| stem(word)).collect();
        let own = |point: &crate::orders::PickupPoint| -> Vec<String> {
            crate::language::text::words(&format!("{} {}", point.name, point.address))
                .into_iter()
                .filter(|word| word.chars().count() > 3 && !GENERAL.contains(&word.as_str()))
                .map(|word| stem(&word))
                .collect()
        };
        let names: Vec<Vec<String>> = here.iter().map(|point| own(point)).collect();
        let fits = |at: usize| {
            names[at].iter().any(|word| {
                said.contains(word)
                    && names.iter().enumerate().all(|(other, own)| other == at || !own.contains(word))
            })
        };
        let mut fitting = (0..here.len()).filter(|at| fits(*at));
        let found = fitting.next().filter(|_| fitting.next().is_none());
        let id = found.map(|at| here[at].id);
        self.point_said = None;
        if let Some(id) = id {
            self.hand_over.point = Some(id);
            self.hand_over.method = Some(Method::Pickup);
            self.turn.progressed = true;
            self.turn.understood = true;
        }
    }

    /// A number alone, as the keypad gives it: what it means follows from what was asked. True where it means something
    /// else than it does in words.
    fn keyed(&mut self, key: u32, view: &View<'_>) -> bool {
        let yes = match key {
            1 => true,
            2 => false,
            _ => key == 3 && self.is_asked(&Question::Payment),
        };
        if key == 0 || key > 3 && !self.is_asked(&Question::Choice) {
            return false;
        }
        match self.question().cloned() {
            Some(Question::Choice | Question::Point | Question::WhichOrder) => {
                let asked = self.question().cloned();
                self.choose(&Choice::Nth(key), asked.as_ref(), view);
            }
            Some(Question::Method) if key < 3 => {
                self.method(if yes { Method::Delivery } else { Method::Pickup });
            }
            Some(Question::Payment) => {
                use crate::orders::PaymentMethod;
                self.payment = Some(match key {
                    1 => PaymentMethod::CashOnDelivery,
                    2 => PaymentMethod::CardOnDelivery,
                    _ => PaymentMethod::Online,
                });
            }
            Some(question @ (Question::OrderIt | Question::Person | Question::Retry)) if key < 3 => {
                (self.turn.affirmed, self.turn.denied) = (yes, !yes);
                self.answer(Some(&question), &Understood::default(), view);
                if question != Question::OrderIt {
                    self.turn.understood = true;
                    // Not progress of the order: the offer is answered by its own rule.
                    return self.turn.answered;
                }
            }
            _ => return false,
        }
        true
    }

    /// Applies all acts of an utterance, in their order.
    pub(super) fn take(&mut self, understood: &Understood, view: &View<'_>) {
        let known = understood.acts.iter().any(|act| !says_only_unknown(act));
        self.turn.understood |=
            known && (understood.coverage_permille() >= SURE || understood.acts.len() > 1);
        self.turn.whole = understood.coverage_permille() >= WHOLE;
        self.turn.affirmed |= understood.any(|act| matches!(act, Act::Affirm));
        self.turn.denied |= understood.any(|act| matches!(act, Act::Deny));
        let before = (
            self.lines.clone(),
            self.hand_over.clone(),
            self.payment,
            self.name.clone(),
            self.extras.clone(),
        );
        let asked = self.question().cloned();
        let mut goods = 0;
        for act in &understood.acts {
            if let Act::Goods { goods: said } = act {
                // Words that nothing is called, beside what was surely understood, are no wish for goods.
                if says_only_unknown(act) && understood.acts.len() > 1 {
                    continue;
                }
                self.goods(said, goods == 0, view);
                goods += 1;
            } else {
                self.take_one(act, asked.as_ref(), view);
            }
        }
        if goods == 0 {
            self.answer(asked.as_ref(), understood, view);
        }
        let after = (&self.lines, &self.hand_over, &self.payment, &self.name, &self.extras);
        if (&before.0, &before.1, &before.2, &before.3, &before.4) != after {
            self.turn.progressed = true;
            self.turn.understood = true;
        }
        if self.turn.progressed {
            self.declined_person = false;
        }
    }

    fn take_one(&mut self, act: &Act, asked: Option<&Question>, view: &View<'_>) {
        let turn = &mut self.turn;
        match act {
            Act::Goods { .. } | Act::Affirm | Act::Deny => {}
            Act::Choose { choice } => self.choose(choice, asked, view),
            Act::Amount { amount } => self.amount(*amount, asked),
            Act::Remove { what } => self.remove(what, view),
            Act::Method { method } => self.method(*method),
            Act::Any => self.any(asked, view),
            Act::City { city } => {
                // "Сколько стоит доставка в Казань?" chooses no city yet.
                self.turn.city = Some(city.clone());
                if self.topic == Some(super::act::Topic::DeliveryTerms)
                    && !self.turn.topics.contains(&super::act::Topic::DeliveryTerms)
                    && view.draft.is_none()
                {
                    // "А в Казань?"
                    self.turn.topics.push(super::act::Topic::DeliveryTerms);
                }
                self.city(city);
            }
            Act::Address { part } => self.address(part),
            Act::Payment { method } => self.payment = Some(*method),
            Act::OtherPayment => turn.other_payment = true,
            Act::Name { name } => {
                self.name = Some(name.clone());
                self.name_done = true;
            }
            Act::Withhold => self.withhold(asked),
            Act::Phone { .. } | Act::Code { .. } => {}
            Act::Extra { slot, value } => {
                self.extras.insert(slot.clone(), value.clone());
            }
            Act::WantsToOrder => {
                turn.progressed |= !self.ordering;
                self.ordering = true;
                self.lines.iter_mut().for_each(|line| line.wanted = true);
            }
            Act::Ask { topic } => {
                // "А где можно забрать?" in an order.
                if *topic == super::act::Topic::Points
                    && self.hand_over.method.is_none()
                    && view.draft.is_some()
                {
                    self.hand_over.method = Some(Method::Pickup);
                    turn.progressed = true;
                }
                turn.topics.push(topic.clone());
                self.topic = Some(topic.clone());
            }
            Act::Status { number } => turn.status = Some(number.clone()),
            Act::Cancel => turn.cancel = true,
            Act::ChangePlaced { .. } => turn.change_placed = true,
            Act::Change { target } => self.change(*target),
            Act::StartOver => turn.start_over = true,
            Act::SameAsLast => turn.same_as_last = true,
            Act::Repeat => turn.repeat = true,
            Act::Slower => turn.slower = true,
            Act::Wait => turn.wait = true,
            Act::Person => turn.person = true,
            Act::Greet => turn.greeted = true,
            Act::Thanks => turn.thanked = true,
            Act::Goodbye => turn.goodbye = true,
            Act::Enough => turn.enough = true,
            Act::Complain => turn.complained = true,
            Act::CardNumber => turn.card = true,
        }
    }

    /// A yes or a no to what was asked.
    fn answer(&mut self, asked: Option<&Question>, understood: &Understood, view: &View<'_>) {
        let others = understood.any(|act| {
            matches!(
                act,
                Act::Amount { .. } | Act::Choose { .. } | Act::Any | Act::Remove { .. } | Act::Change { .. }
            )
        });
        if others {
            return;
        }
        match (asked, self.turn.affirmed, self.turn.denied) {
            (Some(Question::OrderIt), true, _) => {
                self.ordering = true;
                if let Some(line) = self.line_mut() {
                    line.wanted = true;
                    line.near = true;
                }
            }
            (Some(Question::OrderIt), _, true) => self.drop_line(self.focus),
            (Some(Question::Choice), true, _) => {
                if let [only] = self.told.clone().as_slice() {
                    self.pick(*only);
                }
            }
            (Some(Question::Choice), false, true) => self.turn.chose = Some(Choice::None),
            // "В наличии только две. Записать?" "Да."
            (Some(Question::Quantity), true, _) => {
                let stock =
                    self.line().and_then(|l| l.product).and_then(|id| view.product(id)).map(|p| p.stock);
                if let (Some(stock), Some(line)) = (stock, self.line_mut())
                    && stock > 0
                    && line.quantity.is_some_and(|quantity| quantity > stock)
                {
                    line.quantity = Some(stock);
                }
            }
            (Some(Question::Name), _, true) => self.name_done = true,
            (Some(Question::Extra { slot }), _, true) => {
                self.extras.entry(slot.clone()).or_default();
            }
            _ => {}
        }
    }

    fn withhold(&mut self, asked: Option<&Question>) {
        match asked {
            Some(Question::Extra { slot }) => {
                self.extras.entry(slot.clone()).or_default();
            }
            _ => self.name_done = true,
        }
    }

    // === Handing over ===

    fn method(&mut self, method: Method) {
        if self.hand_over.method != Some(method) {
            self.hand_over.method = Some(method);
            if method == Method::Delivery {
                self.hand_over.point = None;
            }
        }
    }

    fn city(&mut self, city: &str) {
        let hand_over = &mut self.hand_over;
        if hand_over.city.as_deref() != Some(city) {
            // In another city it is another street and another point.
            if hand_over.city.is_some() {
                hand_over.address = AddressPart::default();
            }
            hand_over.point = None;
            hand_over.city = Some(city.to_owned());
        }
    }

    fn address(&mut self, part: &AddressPart) {
        let address = &mut self.hand_over.address;
        if part.street.is_some() && part.street != address.street {
            // Another street: its house is not the old one's.
            *address = part.clone();
        } else {
            for (own, new) in [
                (&mut address.street, &part.street),
                (&mut address.house, &part.house),
                (&mut address.block, &part.block),
                (&mut address.entrance, &part.entrance),
                (&mut address.floor, &part.floor),
                (&mut address.flat, &part.flat),
            ] {
                if new.is_some() {
                    own.clone_from(new);
                }
            }
        }
        self.hand_over.method = Some(Method::Delivery);
        self.hand_over.point = None;
    }

    /// Something is to be different, and it was not said how: it is asked for again.
    fn change(&mut self, target: Target) {
        let said = self.turn.progressed;
        self.turn.change = Some(target);
        if said {
            return;
        }
        match target {
            Target::Address => self.hand_over.address = AddressPart::default(),
            Target::City => {
                self.hand_over.city = None;
                self.hand_over.point = None;
                self.hand_over.address = AddressPart::default();
            }
            Target::Method => self.hand_over = super::state::HandOver::default(),
            Target::Point => self.hand_over.point = None,
            Target::Payment => self.payment = None,
            Target::Name => {
                self.name = None;
                self.name_done = false;
            }
            Target::Quantity => {
                if let Some(line) = self.line_mut() {
                    line.quantity = None;
                }
            }
            Target::Goods | Target::Something => {}
        }
    }

    /// The pick-up points of the city that is meant, in the order in which they are told.
    pub(super) fn points_here<'a>(&self, view: &View<'a>) -> Vec<&'a crate::orders::PickupPoint> {
        let city = self.hand_over.city.as_deref().map(crate::language::text::fold);
        let here = |point: &&crate::orders::PickupPoint| {
            city.as_ref().is_none_or(|city| crate::language::text::fold(&point.city) == *city)
        };
        view.points.iter().filter(here).collect()
    }
}

/// Of an utterance with a single act, so much has to be explained for it to count.
const SURE: u16 = 350;
/// From here on nothing that matters is left over.
const WHOLE: u16 = 750;

/// Beginnings of words that ask for a price or a time.
const FIGURES: &[&str] = &[
    "скольк",
    "стоит",
    "стоим",
    "цен",
    "срок",
    "долго",
    "когда",
    "how",
    "much",
    "cost",
    "price",
    "what",
    "when",
    "long",
];
/// Words of addresses that tell no two of them apart.
const GENERAL: &[&str] = &["улица", "проспект", "переулок", "street", "avenue", "road", "пункт", "point"];

fn says_only_unknown(act: &Act) -> bool {
    matches!(act, Act::Goods { goods }
        if goods.amount.is_none() && goods.what.with.is_empty() && goods.what.without.is_empty()
            && goods.what.extreme.is_none() && goods.what.price_max.is_none() && goods.what.price_min.is_none())
}
