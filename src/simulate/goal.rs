//! What a caller wants, drawn from the shop by seed.

use std::collections::BTreeSet;

use crate::language::Language;
use crate::orders::PaymentMethod;

use super::book::{Book, FixedGoal};
use super::dice::Dice;
use super::market::Market;

/// What a caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    pub kind: Kind,
    pub temper: Temper,
    pub basket: Basket,
    /// What is wanted differently once the order has been read back.
    pub change: Option<Change>,
    /// The order asked about, and the number it was made from.
    pub status: Option<(String, u32)>,
}

/// An order as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    pub lines: Vec<Line>,
    pub handover: Handover,
    pub payment: PaymentMethod,
    pub name: Option<String>,
}

/// A product, by its place in the shop, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub item: usize,
    pub n: u32,
}

/// How it is handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handover {
    Delivery(Address),
    /// A pick-up point, by its place in the shop.
    Pickup(usize),
}

/// Where it is brought.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// In the shop's spelling.
    pub city: String,
    /// As it is said.
    pub street: String,
    /// What of it must stand in the order.
    pub key: String,
    pub house: u32,
    pub flat: Option<u32>,
}

masked!(Address);

/// A change of mind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Quantity { line: usize, n: u32 },
    Address(Address),
    Payment(PaymentMethod),
    Remove { line: usize },
    Add(Line),
}

/// Kinds of goals, for the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    OneLine,
    Lines,
    Change,
    Cancel,
    Status,
    StatusAndOrder,
}

/// Ways to be a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Temper {
    Plain,
    Terse,
    Talkative,
    Corrects,
    Asks,
    AllAtOnce,
    Unasked,
    HangsUp,
    Silent,
    Uhu,
    Person,
    Keys,
}

const KINDS: &[(Kind, &str, u32)] = &[
    (Kind::OneLine, "one_line", 45),
    (Kind::Lines, "lines", 22),
    (Kind::Change, "change", 15),
    (Kind::Cancel, "cancel", 5),
    (Kind::Status, "status", 10),
    (Kind::StatusAndOrder, "status_and_order", 3),
];

const TEMPERS: &[(Temper, &str, u32)] = &[
    (Temper::Plain, "plain", 20),
    (Temper::Terse, "terse", 15),
    (Temper::Talkative, "talkative", 12),
    (Temper::Corrects, "corrects", 9),
    (Temper::Asks, "asks", 11),
    (Temper::AllAtOnce, "all_at_once", 10),
    (Temper::Unasked, "unasked", 8),
    (Temper::HangsUp, "hangs_up", 2),
    (Temper::Silent, "silent", 3),
    (Temper::Uhu, "uhu", 4),
    (Temper::Person, "person", 2),
    (Temper::Keys, "keys", 4),
];

impl Kind {
    /// Its name in files and figures.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }
}

impl Temper {
    /// Its name in files and figures.
    pub fn name(self) -> &'static str {
        TEMPERS.iter().find(|(temper, ..)| *temper == self).map_or("", |(_, name, _)| name)
    }
}

/// Whether `[mix]` may weigh this.
pub fn is_mixed(name: &str) -> bool {
    KINDS.iter().any(|(_, known, _)| *known == name) || TEMPERS.iter().any(|(_, known, _)| *known == name)
}

fn drawn<T: Copy>(table: &[(T, &str, u32)], book: &Book, dice: &mut Dice) -> Option<T> {
    let weight = |name: &str, own: u32| book.mix.get(name).copied().unwrap_or(own);
    let weighted: Vec<(T, u32)> = table.iter().map(|(one, name, own)| (*one, weight(name, *own))).collect();
    dice.weighted(&weighted).copied()
}

const PAYMENTS: [PaymentMethod; 3] =
    [PaymentMethod::CashOnDelivery, PaymentMethod::CardOnDelivery, PaymentMethod::Online];

impl Goal {
    /// The goal of this stream; none where the shop has nothing to order.
    pub fn draw(market: &Market, book: &Book, dice: &mut Dice) -> Option<Self> {
        let temper = drawn(TEMPERS, book, dice)?;
        if let Some(fixed) = dice.pick(&book.goals) {
            return Self::fixed(fixed, market, dice).ok();
        }
        let mut kind = drawn(KINDS, book, dice)?;
        if market.orders.is_empty() && matches!(kind, Kind::Status | Kind::StatusAndOrder) {
            kind = Kind::OneLine;
        }
        let count = match kind {
            Kind::Lines => 2 + usize::from(dice.chance(250)),
            Kind::Change => 1 + usize::from(dice.chance(350)),
            _ => 1,
        };
        let mut lines: Vec<Line> = Vec::new();
        for _ in 0..count {
            lines.push(line(market, &lines, dice)?);
        }
        let basket = Basket {
            lines,
            handover: handover(market, book, dice)?,
            payment: *dice.pick(&PAYMENTS)?,
            name: if dice.chance(750) { dice.pick(&book.names).cloned() } else { None },
        };
        let change = if kind == Kind::Change { change(&basket, market, book, dice) } else { None };
        let status = matches!(kind, Kind::Status | Kind::StatusAndOrder)
            .then(|| dice.pick(&market.orders))
            .flatten()
            .map(|order| (order.phone.clone(), order.number));
        Some(Self { kind, temper, basket, change, status })
    }

    /// A goal that a file tells.
    ///
    /// # Errors
    /// What of it is not in the shop.
    pub fn fixed(fixed: &FixedGoal, market: &Market, dice: &mut Dice) -> Result<Self, String> {
        let at = &fixed.at;
        let mut lines = Vec::new();
        for (sku, n) in &fixed.lines {
            let item = market.items.iter().position(|item| item.sku == *sku);
            let item = item.ok_or_else(|| format!("{at}: expected a product of the shop, found {sku:?}"))?;
            lines.push(Line { item, n: *n });
        }
        if lines.is_empty() || lines.iter().any(|line| line.n == 0) {
            return Err(format!("{at}: expected lines with a sku and a quantity each"));
        }
        let handover = if fixed.point.is_empty() {
            if !market.cities.iter().any(|city| city.name == fixed.city) {
                return Err(format!("{at}: expected a city of the shop, found {:?}", fixed.city));
            }
            let house = fixed.house.parse();
            let house = house.map_err(|_| format!("{at}: expected a house, found {:?}", fixed.house))?;
            let key = fixed.street.split_whitespace().max_by_key(|word| word.chars().count());
            let key = key.ok_or_else(|| format!("{at}: expected a street"))?.to_lowercase();
            let street = fixed.street.to_lowercase();
            let flat = fixed.flat.parse().ok();
            Handover::Delivery(Address { city: fixed.city.clone(), street, key, house, flat })
        } else {
            let point = market.points.iter().position(|point| point.name == fixed.point);
            let none = || format!("{at}: expected a pick-up point of the shop, found {:?}", fixed.point);
            Handover::Pickup(point.ok_or_else(none)?)
        };
        let payment = match fixed.payment.as_str() {
            "cash" => PaymentMethod::CashOnDelivery,
            "card" => PaymentMethod::CardOnDelivery,
            "online" => PaymentMethod::Online,
            other => return Err(format!("{at}: expected payment cash, card or online, found {other:?}")),
        };
        let temper = match fixed.temper.as_str() {
            "" => dice.pick(TEMPERS).map(|(temper, ..)| *temper),
            name => TEMPERS.iter().find(|(_, known, _)| *known == name).map(|(temper, ..)| *temper),
        };
        let temper = temper.ok_or_else(|| format!("{at}: expected a temper, found {:?}", fixed.temper))?;
        let kind = if lines.len() > 1 { Kind::Lines } else { Kind::OneLine };
        let name = Some(fixed.name.clone()).filter(|name| !name.is_empty());
        let basket = Basket { lines, handover, payment, name };
        Ok(Self { kind, temper, basket, change: None, status: None })
    }
}

impl Basket {
    /// The basket after a change of mind.
    pub fn changed(&self, change: &Change) -> Self {
        let mut basket = self.clone();
        match change {
            Change::Quantity { line, n } => basket.lines[*line].n = *n,
            Change::Address(address) => basket.handover = Handover::Delivery(address.clone()),
            Change::Payment(payment) => basket.payment = *payment,
            Change::Remove { line } => drop(basket.lines.remove(*line)),
            Change::Add(line) => basket.lines.push(*line),
        }
        basket
    }
}

/// A line of something that is not in the basket yet and in stock.
fn line(market: &Market, lines: &[Line], dice: &mut Dice) -> Option<Line> {
    let taken: BTreeSet<usize> = lines.iter().map(|line| line.item).collect();
    let free: Vec<usize> =
        (0..market.items.len()).filter(|at| !taken.contains(at) && market.items[*at].stock >= 4).collect();
    let item = *dice.pick(&free)?;
    let most = usize::try_from(market.items[item].stock).unwrap_or(4);
    let n = *dice.weighted(&[(4, 50), (2, 18), (1, 7), (3, 5), (6, 6), (8, 8), (5, 3), (12, 3)])?;
    Some(Line { item, n: u32::try_from(most.min(n)).unwrap_or(1) })
}

fn handover(market: &Market, book: &Book, dice: &mut Dice) -> Option<Handover> {
    let points = market.points(book.language);
    if !points.is_empty() && dice.chance(300) {
        return dice.pick(&points).map(|at| Handover::Pickup(*at));
    }
    let cities = market.cities(book.language);
    let city = dice.pick(&cities).map(|city| city.name.clone());
    match city {
        Some(city) => address(city, book, dice).map(Handover::Delivery),
        None => dice.pick(&points).map(|at| Handover::Pickup(*at)),
    }
}

fn address(city: String, book: &Book, dice: &mut Dice) -> Option<Address> {
    let street = dice.pick(&book.streets)?;
    let number = |dice: &mut Dice, most: usize| u32::try_from(1 + dice.below(most)).unwrap_or(1);
    let house = match book.language {
        Language::Russian => number(dice, 99),
        Language::English => number(dice, 250),
    };
    let flat = dice.chance(600).then(|| number(dice, 150));
    Some(Address { city, street: dice.pick(&street.say)?.clone(), key: street.key.clone(), house, flat })
}

fn change(basket: &Basket, market: &Market, book: &Book, dice: &mut Dice) -> Option<Change> {
    let at = dice.below(basket.lines.len());
    let other = |dice: &mut Dice| {
        let now = basket.lines[at];
        let most = market.items[now.item].stock;
        let free: Vec<u32> =
            [1, 2, 3, 4, 5, 6, 8].into_iter().filter(|n| *n != now.n && *n <= most).collect();
        dice.pick(&free).map(|n| Change::Quantity { line: at, n: *n })
    };
    match (dice.below(10), &basket.handover) {
        (0..=3, _) => other(dice),
        (4..=5, Handover::Delivery(now)) => {
            let new = (0..20).find_map(|_| {
                address(now.city.clone(), book, dice)
                    .filter(|new| new.key != now.key && new.house != now.house)
            });
            new.map(Change::Address)
        }
        (6..=7, _) => {
            let free: Vec<PaymentMethod> =
                PAYMENTS.into_iter().filter(|payment| *payment != basket.payment).collect();
            dice.pick(&free).map(|payment| Change::Payment(*payment))
        }
        (8, _) if basket.lines.len() > 1 => Some(Change::Remove { line: at }),
        (8 | 9, _) => line(market, &basket.lines, dice).map(Change::Add),
        _ => other(dice),
    }
}
