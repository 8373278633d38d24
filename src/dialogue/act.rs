//! Dialogue acts: what one utterance of the caller does. An utterance has any number of them, in the order of the words.

use serde::{Deserialize, Serialize};

use crate::orders::PaymentMethod;

/// All that was made of an utterance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Understood {
    /// In the order of the words that say them.
    pub acts: Vec<Act>,
    /// Words that an act explains, fillers and politeness among them.
    pub explained: u16,
    /// Words in all.
    pub words: u16,
}

impl Understood {
    /// The share of words that some act explains, 0 to 1000; 1000 of none.
    pub fn coverage_permille(&self) -> u16 {
        if self.words == 0 {
            return 1000;
        }
        let share = u32::from(self.explained) * 1000 / u32::from(self.words);
        u16::try_from(share).unwrap_or(1000)
    }

    /// Whether an act of this kind is among them.
    pub fn any(&self, is: impl Fn(&Act) -> bool) -> bool {
        self.acts.iter().any(is)
    }
}

/// One thing that the caller does with words.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Goods are spoken of: wanted, asked about, added, changed.
    Goods {
        goods: Goods,
    },
    /// One of what was offered last is meant.
    Choose {
        choice: Choice,
    },
    /// An amount without goods: of the line that is being spoken of.
    Amount {
        amount: Amount,
    },
    /// A line is not wanted any more; none described: the one being spoken of.
    Remove {
        what: Description,
    },
    /// To the door or fetched.
    Method {
        method: Method,
    },
    /// Neither matters: whichever suits the shop ("любой", "без разницы").
    Any,
    /// A city, in its nominative as the shop writes it, where the shop or the world's list knows it; else as said.
    City {
        city: String,
    },
    /// Parts of an address.
    Address {
        part: AddressPart,
    },
    /// How it is paid.
    Payment {
        method: PaymentMethod,
    },
    /// A way to pay that is not taken (credit, invoice, transfer).
    OtherPayment,
    /// The customer's name, capitalised.
    Name {
        name: String,
    },
    /// The customer does not want to give what was asked.
    Withhold,
    /// A telephone number: its digits.
    Phone {
        digits: String,
    },
    /// A code that was sent by SMS: its digits.
    Code {
        digits: String,
    },
    /// A value of an extra slot of the shop's profile (a note, a time, a recipient).
    Extra {
        slot: String,
        value: String,
    },
    /// Yes, to whatever was asked.
    Affirm,
    /// No, to whatever was asked.
    Deny,
    /// The caller wants to order, and has not said what.
    WantsToOrder,
    /// A question of the caller.
    Ask {
        topic: Topic,
    },
    /// What has become of an order placed before; the digits of its number where they were said.
    Status {
        number: Option<String>,
    },
    /// The order being made is dropped.
    Cancel,
    /// An order placed before is to be cancelled or changed.
    ChangePlaced {
        number: Option<String>,
    },
    /// Something of the order being made is to be different, and it was not said how.
    Change {
        target: Target,
    },
    /// Everything from the beginning.
    StartOver,
    /// As the last time.
    SameAsLast,
    Repeat,
    Slower,
    Wait,
    Person,
    Greet,
    Thanks,
    Goodbye,
    /// Nothing more is wanted ("это всё").
    Enough,
    Complain,
    /// A card's number or code is being told.
    CardNumber,
}

masked!(Act);

/// Goods as they were spoken of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// What is done with them.
    pub mode: Mode,
    /// What they are.
    pub what: Description,
    /// How many, if it was said.
    pub amount: Option<Amount>,
    /// What they stand for instead ("вместо нокиан").
    pub instead_of: Option<Description>,
}

/// What is done with goods that are spoken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Spoken of, with no word that says more: "четыре зимние нокиан". What it does follows from where the talk stands.
    #[default]
    Mention,
    /// Wanted: "мне нужны", "I'd like".
    Want,
    /// Wanted besides what is there: "и ещё две мишлен", "also", "добавьте".
    Add,
    /// Wanted instead of what is there: "лучше мишлен", "поменяйте на", "make it".
    Replace,
    /// Asked about: "сколько стоят", "do you have".
    Inquire,
}

/// What goods were described by. All of it is to be true of the product meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// What the product is or has, as the shop's goods have it.
    pub with: Vec<Term>,
    /// What it is not or has not: "без шипов", "не летние".
    pub without: Vec<Term>,
    /// Words about goods that nothing in the shop is called.
    pub unknown: Vec<String>,
    /// Of the same attributes as the line spoken of before: their keys ("того же размера"); `*` is all ("таких же").
    pub same: Vec<String>,
    /// At most this price a piece, in minor units.
    pub price_max: Option<i64>,
    /// At least this price a piece, in minor units.
    pub price_min: Option<i64>,
    /// By its price among those that fit.
    pub extreme: Option<Extreme>,
    /// By its place in the order or in what was told, from 1 ("вторую не надо").
    pub nth: Option<u32>,
}

impl Description {
    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One attribute of goods and a value of it, as the catalogue writes both, and the word that said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// `brand`, `season`, `width`.
    pub key: String,
    /// `nokian`, `winter`, `205`.
    pub value: String,
    /// The caller's word, folded, for the search at the store.
    pub said: String,
}

/// Which product by its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extreme {
    Cheapest,
    Dearest,
    /// Cheaper than the one spoken of.
    Cheaper,
    /// Dearer than the one spoken of.
    Dearer,
    /// Any will do.
    Any,
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// So many pieces in all; sets and dozens are counted out.
    Exactly(u32),
    /// So many more than there are.
    More(u32),
    /// So many fewer.
    Fewer(u32),
}

/// Which one of a list that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// From 1.
    Nth(u32),
    Last,
    /// By what it costs, in minor units ("тот что за девять тысяч"; the nearest is meant).
    Price(i64),
    /// The other one of two.
    Other,
    /// Neither of them.
    None,
}

/// How an order is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Delivery,
    Pickup,
}

/// Parts of an address as they were said, in the nominative where the language has one.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressPart {
    /// `улица Ленина`, `Main Street`.
    pub street: Option<String>,
    /// `12`, `12А`, `12/3`.
    pub house: Option<String>,
    /// `корпус 2`, `строение 1`.
    pub block: Option<String>,
    pub entrance: Option<String>,
    pub floor: Option<String>,
    /// The flat's or office's number.
    pub flat: Option<String>,
}

masked!(AddressPart);

/// What of an order is to be different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Goods,
    Quantity,
    Method,
    City,
    Address,
    Point,
    Payment,
    Name,
    /// It was not said.
    Something,
}

/// What a caller asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "topic", rename_all = "snake_case")]
pub enum Topic {
    /// One of the shop's everyday questions, by its key in the profile (`hours`, `address`, `warranty`).
    Everyday { key: String },
    /// What the goods spoken of cost.
    Price,
    /// What it costs in all.
    Total,
    /// What delivery costs and how long it takes; the city stands as an act of its own where it was said.
    DeliveryTerms,
    /// When the order being made would come.
    When,
    /// How one can pay.
    Payments,
    /// What tells the offers apart.
    Difference,
    /// What else there is.
    Others,
    /// What there is at all.
    Assortment,
    /// How many there are.
    Stock,
    /// Where one can fetch it.
    Points,
    /// Whether it can be cancelled later.
    CanCancel,
    /// What the order contains so far.
    Summary,
    /// Discounts.
    Discount,
    /// Whether it speaks to a machine.
    Robot,
}
