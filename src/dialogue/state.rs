//! What is known of a call's order and talk: a value that the core holds between turns, and that stands in the tape.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::language::Language;
use crate::orders::{Order, OrderSummary, PaymentMethod, PickupPoint, Product, ToolName};

use super::act::{AddressPart, Choice, Description, Method, Target, Topic};
use super::question::Question;
use super::say::Messages;
use super::shop::Shop;

/// The dialogue's state.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// So many entries of the history are taken in.
    pub seen: usize,
    /// What is wanted, in the order in which it came up.
    pub lines: Vec<Line>,
    /// The line that is being spoken of.
    pub focus: usize,
    /// The caller wants to order, whether or not they said what.
    pub ordering: bool,
    pub hand_over: HandOver,
    pub payment: Option<PaymentMethod>,
    pub name: Option<String>,
    /// The name was asked for, or is not given.
    pub name_done: bool,
    /// Values of the profile's extra slots; empty where the caller has none.
    pub extras: BTreeMap<String, String>,
    /// The question that stands.
    pub asked: Option<Asked>,
    /// What was asked before it, and is still open: a digression is answered, then the question returns.
    pub told: Vec<Uuid>,
    /// The orders told last.
    pub orders: Vec<OrderTold>,
    /// What was said last, as it was composed.
    pub said: String,
    /// What the draft's delivery was set from.
    pub sent: Option<HandOver>,
    /// The call has a draft, as far as was seen.
    pub had_draft: bool,
    /// What the last read-back was asked for.
    pub confirming: Option<Confirming>,
    /// After this decision the order is still the one that was read back: the read-back's question goes on standing.
    pub keeps_read_back: bool,
    /// The last order's goods are being looked for, to order them again.
    pub repeating: bool,
    /// What can be done was told to a caller who wanted nothing.
    pub offered_once: bool,
    /// What the caller asked last, for "а в Казань?".
    pub topic: Option<Topic>,
    /// Words that named a pick-up point before its city's points were known.
    pub point_said: Option<String>,
    /// The city of which the store was asked whether it delivers there.
    pub checked: Option<String>,
    /// What delivery to a city costs and takes, as the store has just told: city, cost, days.
    pub quote: Option<(String, String, String)>,
    /// The line whose goods are being searched.
    pub searching: Option<usize>,
    /// Turns in a row of which nothing was understood.
    pub misses: u32,
    /// The caller declined a person since the last progress.
    pub declined_person: bool,
    /// What the caller did since the last decision.
    pub turn: Turn,
}

masked!(State);

/// A line of the order that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// How it was described, all taken together.
    pub what: Description,
    /// The product, once it is certain.
    pub product: Option<Uuid>,
    /// How many pieces.
    pub quantity: Option<u32>,
    /// The caller wants it, and does not only ask about it.
    pub wanted: bool,
    /// The words that the store was asked for it.
    pub searched: Option<String>,
    /// What the store had under them.
    pub found: Vec<Uuid>,
    /// It was told what it is and costs.
    pub offered: bool,
    /// It was wanted besides what there was ("и ещё две").
    pub added: bool,
    /// The caller agreed to something near what they described.
    pub near: bool,
}

/// How the order is handed over.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HandOver {
    pub method: Option<Method>,
    pub city: Option<String>,
    pub address: AddressPart,
    /// A pick-up point.
    pub point: Option<Uuid>,
}

masked!(HandOver);

/// A question that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub question: Question,
    /// How often without progress, from 1.
    pub times: u32,
}

/// What a read-back was asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirming {
    pub order: Uuid,
    pub version: u32,
    pub payment: PaymentMethod,
    pub name: Option<String>,
}

masked!(Confirming);

/// An order as it was told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTold {
    pub number: String,
    pub spoken: String,
    pub items: String,
    pub status: String,
    pub total: String,
    pub eta: Option<String>,
    pub open: bool,
}

masked!(OrderTold);

/// What the caller did with their last words, besides changing what is wanted.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Turn {
    /// There were words.
    pub spoke: bool,
    /// Some act was found in them.
    pub understood: bool,
    /// Something wanted was said or changed.
    pub progressed: bool,
    /// Almost every word was explained.
    pub whole: bool,
    /// A question of the caller was answered.
    pub answered: bool,
    pub affirmed: bool,
    pub denied: bool,
    pub person: bool,
    pub cancel: bool,
    pub start_over: bool,
    pub change_placed: bool,
    /// A status was asked for; the number's digits, if they were said.
    pub status: Option<Option<String>>,
    pub same_as_last: bool,
    pub repeat: bool,
    pub slower: bool,
    pub wait: bool,
    pub goodbye: bool,
    pub enough: bool,
    pub greeted: bool,
    pub thanked: bool,
    pub complained: bool,
    pub card: bool,
    pub other_payment: bool,
    pub chose: Option<Choice>,
    pub change: Option<Target>,
    /// What was asked, in its order.
    pub topics: Vec<Topic>,
    /// A city that was named with a question about it.
    pub city: Option<String>,
    /// Sentences that answer what was said, before anything else is.
    pub say: Vec<String>,
    /// What came of it at the store; left out where the whole order is read next.
    pub news: Vec<String>,
    /// The tool whose result came.
    pub tool: Option<ToolName>,
    /// Why it failed: its code and a sentence that may be said.
    pub failed: Option<(String, String)>,
}

masked!(Turn);

/// What surrounds a decision.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub language: Language,
    pub shop: &'a Shop,
    pub messages: &'a Messages,
    /// The products found in this call.
    pub products: &'a [Product],
    /// Which of them the last search found, by their `product_ref`.
    pub found: &'a [u32],
    /// The `product_ref` of the first product and the `pickup_point_ref` of the first point; the others count on from them.
    pub first_refs: (u32, u32),
    /// The pick-up points told in this call.
    pub points: &'a [PickupPoint],
    pub orders: &'a [OrderSummary],
    pub draft: Option<&'a Order>,
    /// The order that was placed last in this call.
    pub placed: Option<&'a Order>,
    /// The caller's number is known.
    pub identified: bool,
    pub customer_name: Option<&'a str>,
    pub today: chrono::NaiveDate,
    /// What may be called now.
    pub tools: &'a [ToolName],
    /// The read-back's question stands, heard or not, and what it reads is still true.
    pub read_back: bool,
    pub history: &'a [Entry<'a>],
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("language", &self.language).finish_non_exhaustive()
    }
}

/// An entry of the history.
#[derive(Clone, Copy)]
pub enum Entry<'a> {
    Caller(&'a str),
    Agent(&'a str),
    Called { tool: &'a str, arguments: &'a str },
    Gave { tool: &'a str, content: &'a str },
    Note(&'a str),
}

impl<'a> View<'a> {
    /// A product of this call or of the catalogue.
    pub(super) fn product(&self, id: Uuid) -> Option<&'a Product> {
        self.products.iter().find(|p| p.id == id).or_else(|| self.shop.products.iter().find(|p| p.id == id))
    }

    /// The reference of a product that was found in this call.
    pub(super) fn product_ref(&self, id: Uuid) -> Option<usize> {
        let at = self.products.iter().position(|p| p.id == id)?;
        Some(at + usize::try_from(self.first_refs.0).ok()?)
    }

    /// The reference of a pick-up point that was told in this call.
    pub(super) fn point_ref(&self, id: Uuid) -> Option<usize> {
        let at = self.points.iter().position(|point| point.id == id)?;
        Some(at + usize::try_from(self.first_refs.1).ok()?)
    }

    pub(super) fn can(&self, tool: ToolName) -> bool {
        self.tools.contains(&tool)
    }
}

impl Line {
    pub(super) fn new(what: Description) -> Self {
        Self { what, ..Self::default() }
    }

    /// Other goods are meant: what was found for the old ones no longer stands.
    pub(super) fn reopen(&mut self) {
        self.product = None;
        self.searched = None;
        self.found.clear();
        self.offered = false;
        self.near = false;
    }

    /// Nothing of it is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.product.is_some() && self.quantity.is_some()
    }
}

impl State {
    /// The line that is being spoken of.
    pub(super) fn line(&self) -> Option<&Line> {
        self.lines.get(self.focus)
    }

    pub(super) fn line_mut(&mut self) -> Option<&mut Line> {
        self.lines.get_mut(self.focus)
    }

    /// What the agent asked last.
    pub(super) fn question(&self) -> Option<&Question> {
        self.asked.as_ref().map(|asked| &asked.question)
    }

    pub(super) fn is_asked(&self, question: &Question) -> bool {
        self.question() == Some(question)
    }

    /// An order is being put together.
    pub(super) fn is_busy(&self, view: &View<'_>) -> bool {
        view.draft.is_some() || self.ordering || !self.lines.is_empty()
    }

    /// The order is placed or dropped: only who calls is kept.
    pub(super) fn forget_order(&mut self) {
        *self = Self {
            seen: self.seen,
            name: self.name.take(),
            asked: self.asked.take(),
            said: std::mem::take(&mut self.said),
            orders: std::mem::take(&mut self.orders),
            misses: self.misses,
            turn: std::mem::take(&mut self.turn),
            ..Self::default()
        };
    }
}

masked!(Entry<'a>);
