//! What the history amounts to. The rules keep nothing between turns: everything is read out of the call's history and
//! facts again, so they can go on where a model stopped, and the same call always gives the same answer.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use crate::conversation::event::{Completion, Message};
use crate::language::{Answer, Pick};
use crate::orders::{PaymentMethod, Product, ToolName};

use super::address::AddressPart;
use super::heard::{Context, Extreme, Heard, Method};
use super::intent::{Intent, Target};
use super::lexicon::{Lexicon, stem, tokens};
use super::phrases::{self, Ask};
use super::wish::Wish;

/// Everything that was said and done, as far as it still counts.
pub(super) struct State<'a> {
    pub(super) request: &'a Completion,
    /// The products last found, in the shop's order.
    pub(super) found: Vec<&'a Product>,
    /// Under which words each of them is known.
    pub(super) tokens: Vec<BTreeSet<String>>,
    /// The caller asks about goods and has not yet said that they want them.
    pub(super) inquiring: bool,
    /// An order is wanted.
    pub(super) ordering: bool,
    pub(super) wish: Wish,
    /// The query of the last search that gave anything, and whether it covers the wish.
    pub(super) searched: Option<String>,
    pub(super) chosen: Option<Uuid>,
    pub(super) extreme: Option<Extreme>,
    pub(super) quantity: Option<u32>,
    /// The draft's quantity no longer stands.
    pub(super) quantity_open: bool,
    pub(super) method: Option<Method>,
    pub(super) city: Option<String>,
    pub(super) address: AddressPart,
    /// The pick-up point, by its reference.
    pub(super) point: Option<u32>,
    /// The city whose pick-up points stand in the briefing.
    pub(super) points_of: Option<String>,
    pub(super) payment: Option<PaymentMethod>,
    pub(super) name: Option<String>,
    pub(super) name_asked: bool,
    /// The goods or their number differ from the draft.
    pub(super) goods_changed: bool,
    /// Which goods, not only how many.
    pub(super) wish_changed: bool,
    /// The delivery differs from the draft's.
    pub(super) delivery_changed: bool,
    /// The last answer of `get_order_status`.
    pub(super) orders: Option<Value>,
    pub(super) order_digits: Option<String>,
    pub(super) asked: Option<Ask>,
    pub(super) last_agent: Option<&'a str>,
    /// How often in a row nothing was understood.
    pub(super) misses: u32,
    /// The newest utterance that has not been answered.
    pub(super) heard: Option<Heard>,
    /// It changed something that is wanted.
    pub(super) progressed: bool,
    /// The result that came after everything else.
    pub(super) result: Option<(ToolName, Value)>,
    drafted: bool,
}

masked!(State<'a>);

impl<'a> State<'a> {
    pub(super) fn of(request: &'a Completion, lexicon: &Lexicon) -> Self {
        let products: Vec<&Product> = request.briefing.found_products().iter().map(|(_, p)| *p).collect();
        let tokens: Vec<_> = products.iter().copied().map(tokens).collect();
        let found = Lexicon::with(&products, &tokens);
        let cities: Vec<String> = request.briefing.pickup_points.iter().map(|p| p.city.clone()).collect();
        let begin = Self::begin(request);
        let mut state = Self::new(request, products, tokens);
        let mut query = None;
        for (at, message) in request.history.iter().enumerate() {
            match message {
                Message::Agent { text } => state.agent_said(text),
                Message::Caller { text } if at >= begin => {
                    let context = Context {
                        language: request.language,
                        asked: state.asked.or_else(|| state.expected()),
                        lexicons: [lexicon, &found],
                        cities: &cities,
                    };
                    let heard = Heard::of(text, &context);
                    state.caller_said(heard);
                }
                Message::Caller { .. } | Message::Note { .. } => {}
                Message::ToolCall { tool, arguments, .. } => {
                    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
                    state.result = None;
                    if tool == ToolName::FindProducts.as_str() {
                        query = arguments["query"].as_str().map(str::to_owned);
                    }
                    if tool == ToolName::UpdateOrderDelivery.as_str() {
                        state.points_of = arguments["city"].as_str().map(str::to_owned);
                    }
                }
                Message::ToolResult { tool, content, .. } => {
                    let content: Value = serde_json::from_str(content).unwrap_or_default();
                    let Some(tool) = ToolName::from_str(tool) else { continue };
                    state.tool_gave(tool, content, query.as_deref(), at >= begin);
                }
            }
        }
        if state.name.is_none() {
            state.name.clone_from(&request.briefing.customer_name);
        }
        state
    }

    fn new(request: &'a Completion, found: Vec<&'a Product>, tokens: Vec<BTreeSet<String>>) -> Self {
        Self {
            request,
            found,
            tokens,
            inquiring: false,
            ordering: false,
            wish: Wish::default(),
            searched: None,
            chosen: None,
            extreme: None,
            quantity: None,
            quantity_open: false,
            method: None,
            city: None,
            address: AddressPart::default(),
            point: None,
            points_of: None,
            payment: None,
            name: None,
            name_asked: false,
            goods_changed: false,
            wish_changed: false,
            delivery_changed: false,
            orders: None,
            order_digits: None,
            asked: None,
            last_agent: None,
            misses: 0,
            heard: None,
            progressed: false,
            result: None,
            drafted: false,
        }
    }

    /// Where the order being made begins in the history: after the last one that was placed or dropped.
    fn begin(request: &Completion) -> usize {
        let history = &request.history;
        let mut begin = 0;
        let mut drafted = None;
        for (at, message) in history.iter().enumerate() {
            match message {
                Message::Note { text }
                    if text.contains(r#""outcome":"confirmed""#)
                        || text.contains(r#""outcome":"unknown""#) =>
                {
                    begin = at + 1;
                    drafted = None;
                }
                Message::Caller { text }
                    if crate::language::cancels_this(text, request.language) && at + 1 < history.len() =>
                {
                    begin = at + 1;
                    drafted = None;
                }
                Message::ToolResult { tool, content, .. }
                    if (tool == "create_order_draft" || tool == "update_order_delivery")
                        && !content.contains(r#""error""#) =>
                {
                    drafted = Some(at + 1);
                }
                _ => {}
            }
        }
        // A draft was made and is no more, and nobody said why: it was cancelled by key.
        match drafted {
            Some(after) if request.briefing.draft.is_none() => after.max(begin),
            _ => begin,
        }
    }

    fn agent_said(&mut self, text: &'a str) {
        self.misses = if phrases::was_not_understood(text) { self.misses + 1 } else { 0 };
        self.asked = phrases::asked(text);
        self.name_asked |= self.asked == Some(Ask::Name);
        self.last_agent = Some(text);
        self.heard = None;
        self.progressed = false;
        self.result = None;
    }

    /// What would be asked next, where the agent's question was cut off.
    fn expected(&self) -> Option<Ask> {
        let draft = self.request.briefing.draft.as_ref()?;
        if draft.delivery.is_some() {
            return Some(Ask::Payment).filter(|_| self.payment.is_none());
        }
        match self.method {
            None => Some(Ask::Method),
            Some(_) if self.city.is_none() => Some(Ask::City),
            Some(Method::Delivery) => Some(Ask::Address),
            Some(Method::Pickup) => Some(Ask::Point),
        }
    }

    fn caller_said(&mut self, heard: Heard) {
        let changed = self.take(&heard);
        self.progressed |= changed;
        self.result = None;
        self.heard = Some(heard);
    }

    fn take(&mut self, heard: &Heard) -> bool {
        let mut changed = false;
        match heard.intent {
            Some(Intent::StartOver) => {
                let fresh = Self::new(
                    self.request,
                    std::mem::take(&mut self.found),
                    std::mem::take(&mut self.tokens),
                );
                let kept = (self.asked, self.last_agent, self.misses, self.drafted);
                *self = fresh;
                (self.asked, self.last_agent, self.misses, self.drafted) = kept;
                self.ordering = true;
                self.wish_changed = true;
                self.goods_changed = true;
                // A draft that is changed in place keeps its delivery; who starts over is asked for it anew.
                self.delivery_changed = true;
                return true;
            }
            Some(Intent::Change(target)) => changed |= self.unset(target, heard),
            Some(Intent::Status) => {
                self.order_digits.clone_from(&heard.order_digits);
                return false;
            }
            _ => {}
        }
        if self.asked == Some(Ask::WhichOrder) || heard.order_digits.is_some() {
            self.order_digits.clone_from(&heard.order_digits);
        }
        changed |= self.take_goods(heard);
        changed |= self.take_delivery(heard);
        if let Some(payment) = heard.payment {
            changed |= self.payment != Some(payment);
            self.payment = Some(payment);
        }
        if let Some(name) = &heard.name {
            self.name = Some(name.clone());
            changed = true;
        }
        if heard.orders && (heard.intent.is_none() || heard.intent == Some(Intent::Greet)) {
            self.ordering = true;
            changed |= heard.answer.is_none();
        }
        if heard.inquires && heard.has_goods() && !heard.orders {
            self.inquiring = true;
        } else if heard.orders || heard.quantity.is_some() {
            self.inquiring = false;
        }
        if self.asked == Some(Ask::OrderIt) && heard.answer == Some(Answer::Yes) {
            self.inquiring = false;
            self.ordering = true;
            changed = true;
        }
        changed
    }

    fn take_goods(&mut self, heard: &Heard) -> bool {
        let mut changed = false;
        // A place in the list refers to the list as it was told, before this sentence narrowed it.
        let listed = self.asked == Some(Ask::Choice);
        let told: Vec<Uuid> = if listed { self.told().iter().map(|p| p.id).collect() } else { Vec::new() };
        if heard.has_goods() && self.wish.merge(heard) {
            self.chosen = None;
            self.extreme = None;
            self.wish_changed = true;
            self.goods_changed = true;
            changed = true;
        }
        if !told.is_empty() {
            let place = match (heard.pick, heard.lone) {
                (Some(Pick::Nth(n)), _) => Some(n),
                (Some(Pick::Last), _) => Some(told.len()),
                (None, Some(n)) => usize::try_from(n).ok(),
                (None, None) => None,
            };
            if let Some(id) = place.and_then(|n| told.get(n.checked_sub(1)?)) {
                self.chosen = Some(*id);
                self.wish_changed |= self.request.briefing.draft.is_some();
                self.goods_changed = true;
                changed = true;
            }
        }
        if heard.extreme.is_some() {
            self.extreme = heard.extreme;
            self.chosen = None;
            self.goods_changed = true;
            self.wish_changed |= self.request.briefing.draft.is_some();
            changed = true;
        }
        let quantity = match (heard.quantity, heard.change) {
            (Some(n), _) => Some(n),
            (None, Some(change)) => self
                .present_quantity()
                .and_then(|n| u32::try_from(i64::from(n) + change).ok().filter(|n| (1..=99).contains(n))),
            // "В наличии только две. Записать?" "Да."
            (None, None) if self.asked == Some(Ask::Quantity) && heard.answer == Some(Answer::Yes) => self
                .product()
                .map(|p| p.stock)
                .filter(|stock| self.quantity.is_some_and(|q| q > *stock) && *stock > 0),
            (None, None) => None,
        };
        if let Some(quantity) = quantity {
            changed |= self.quantity != Some(quantity);
            self.goods_changed |= self.quantity != Some(quantity);
            self.quantity = Some(quantity);
            self.quantity_open = false;
        }
        changed
    }

    fn take_delivery(&mut self, heard: &Heard) -> bool {
        let before = (self.method, self.city.clone(), self.address.clone(), self.point);
        if let Some(method) = heard.method {
            self.method = Some(method);
        }
        if let Some(city) = &heard.city
            && self.city.as_ref() != Some(city)
        {
            // In another city it's another street and another point.
            if self.city.is_some() {
                self.address = AddressPart::default();
            }
            self.point = None;
            self.city = Some(city.clone());
        }
        if !heard.address.is_empty() {
            self.address.merge(heard.address.clone());
            self.method.get_or_insert(Method::Delivery);
        }
        if self.asked == Some(Ask::Point) {
            let points = self.request.briefing.listed_points();
            let place = match (heard.pick, heard.lone) {
                (Some(Pick::Nth(n)), _) => Some(n),
                (Some(Pick::Last), _) => Some(points.len()),
                (None, Some(n)) => usize::try_from(n).ok(),
                // "На Ленина": by a word of its name or address.
                (None, None) => {
                    let said: Vec<String> =
                        heard.address.street.iter().chain(heard.name.iter()).cloned().collect();
                    let words: Vec<&String> = heard.wish.iter().map(|(_, w)| w).collect();
                    points
                        .iter()
                        .position(|(_, point)| {
                            let own =
                                crate::language::text::words(&format!("{} {}", point.name, point.address));
                            let own: Vec<String> =
                                own.iter().map(|w| stem(w)).filter(|w| w.chars().count() > 2).collect();
                            said.iter()
                                .flat_map(|s| crate::language::text::words(s))
                                .chain(words.iter().map(|w| (*w).clone()))
                                .any(|w| own.contains(&stem(&w)) && !matches!(w.as_str(), "улица" | "street"))
                        })
                        .map(|at| at + 1)
                }
            };
            let point = place.and_then(|n| points.get(n.checked_sub(1)?));
            if let Some((reference, _)) = point {
                self.point = Some(*reference);
                self.address = AddressPart::default();
                self.method = Some(Method::Pickup);
            }
        }
        let changed = before != (self.method, self.city.clone(), self.address.clone(), self.point);
        self.delivery_changed |= changed;
        changed
    }

    /// The caller wants this different; a new value may stand in the same sentence.
    fn unset(&mut self, target: Target, heard: &Heard) -> bool {
        match target {
            Target::Address => {
                self.address = AddressPart::default();
                self.delivery_changed = true;
            }
            Target::City => {
                self.city = None;
                self.address = AddressPart::default();
                self.point = None;
                self.delivery_changed = true;
            }
            Target::Quantity => {
                self.quantity = None;
                self.quantity_open = true;
                self.goods_changed = true;
            }
            Target::Goods if !heard.names_goods() => {
                self.wish = Wish::default();
                self.chosen = None;
                self.extreme = None;
                self.goods_changed = true;
                self.wish_changed = true;
                self.ordering = true;
            }
            Target::Goods => {}
            Target::Method if heard.day => return false,
            Target::Method => {
                if heard.method.is_none() || heard.method == self.method {
                    self.method = None;
                }
                self.delivery_changed = true;
            }
            Target::Payment => self.payment = None,
            Target::Name => {
                self.name = None;
                self.name_asked = false;
            }
        }
        true
    }

    fn tool_gave(&mut self, tool: ToolName, content: Value, query: Option<&str>, counts: bool) {
        let error = content["error"].as_str().map(str::to_owned);
        match (tool, error.as_deref()) {
            (ToolName::FindProducts, None) => {
                self.searched = query.map(str::to_owned);
                self.chosen = None;
            }
            (ToolName::GetOrderStatus, None) => self.orders = Some(content.clone()),
            (ToolName::CreateOrderDraft, None) if counts => {
                self.drafted = true;
                self.goods_changed = false;
                self.wish_changed = false;
                // A draft that was changed in place has its delivery still.
                let kept = content["missing"].as_array().is_some_and(Vec::is_empty);
                self.delivery_changed |= !kept;
            }
            (ToolName::UpdateOrderDelivery, None) if counts && content["cost_spoken"].is_string() => {
                self.delivery_changed = false;
            }
            (_, Some("out_of_stock")) => {
                self.quantity = None;
                self.quantity_open = true;
            }
            (_, Some("unknown_product" | "unknown_product_ref")) => {
                self.chosen = None;
                self.searched = None;
            }
            (_, Some("city_not_served" | "city_missing" | "no_pickup_point")) => {
                self.city = None;
                self.address = AddressPart::default();
                self.point = None;
            }
            (_, Some("address_missing")) => self.address = AddressPart::default(),
            (_, Some("unknown_pickup_point_ref" | "pickup_point_unknown")) => self.point = None,
            _ => {}
        }
        self.result = Some((tool, content));
    }
}

/// So many products are told at once; more nobody keeps in mind.
pub(super) const LISTED: usize = 3;
