//! What came since the last decision, taken into the state: the caller's words, what tools gave, what the agent really
//! said. So the rules can go on where a language model stopped.

use serde_json::Value;
use uuid::Uuid;

use crate::language::text::fold;
use crate::orders::{Delivery, ToolName};

use super::act::Method;
use super::question::Question;
use super::state::{Asked, Entry, HandOver, Line, OrderTold, State, View};

impl State {
    /// Takes in what the history has more.
    pub(super) fn catch_up(&mut self, view: &View<'_>) {
        // A history that is shorter than what was seen is another call's.
        let begin = self.seen.min(view.history.len());
        let new = &view.history[begin..];
        self.seen = view.history.len();
        let words = new.iter().any(|entry| matches!(entry, Entry::Caller(_)));
        let before = std::mem::take(&mut self.turn);
        if !words {
            // The same turn goes on after a tool: what it asked is still to be answered.
            self.turn.topics = before.topics;
            self.turn.city = before.city;
            self.turn.say = before.say;
            self.turn.news = before.news;
            self.turn.progressed = before.progressed;
            self.turn.chose = before.chose;
        }
        let ended = new.iter().any(|entry| is_end(entry));
        let failed = new
            .iter()
            .any(|entry| matches!(entry, Entry::Gave { content, .. } if content.contains("\"error\"")));
        if ended || self.had_draft && view.draft.is_none() && !failed {
            self.forget_order();
        }
        self.had_draft = view.draft.is_some();
        self.adopt(view);
        let mut query = None;
        let mut heard = false;
        for entry in new {
            match entry {
                Entry::Agent(text) => {
                    if heard {
                        // What the caller said before it was answered: by the gate, or by a model.
                        let turn = std::mem::take(&mut self.turn);
                        self.turn.progressed = turn.progressed;
                        heard = false;
                    }
                    self.agent_said(text, view);
                }
                Entry::Caller(text) => {
                    self.turn.tool = None;
                    self.turn.failed = None;
                    heard = true;
                    self.caller_said(text, view);
                }
                Entry::Called { tool, arguments } => {
                    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
                    if *tool == ToolName::FindProducts.as_str() {
                        query = arguments["query"].as_str().map(str::to_owned);
                    }
                }
                Entry::Gave { tool, content } => {
                    let content: Value = serde_json::from_str(content).unwrap_or_default();
                    if let Some(tool) = ToolName::from_str(tool) {
                        self.tool_gave(tool, &content, query.as_deref(), view);
                    }
                }
                Entry::Note(_) => {}
            }
        }
        if words {
            self.turn.spoke = true;
        }
        if self.name.is_none() {
            self.name = view.customer_name.map(str::to_owned);
        }
    }

    /// A draft that somebody else made (a language model that has failed since) is what is wanted.
    fn adopt(&mut self, view: &View<'_>) {
        let Some(draft) = view.draft else { return };
        if !self.lines.is_empty() {
            return;
        }
        self.ordering = true;
        for line in &draft.lines {
            let known = view.products.iter().chain(&view.shop.products);
            let product = line.product_id.or_else(|| {
                known.into_iter().find(|product| product.name == line.name).map(|product| product.id)
            });
            let Some(product) = product else { continue };
            self.lines.push(Line {
                product: Some(product),
                quantity: Some(line.quantity),
                wanted: true,
                offered: true,
                ..Line::default()
            });
        }
        self.focus = self.lines.len().saturating_sub(1);
        if let Some(terms) = &draft.delivery {
            let hand_over = match &terms.delivery {
                Delivery::Delivery { city, .. } => HandOver {
                    method: Some(Method::Delivery),
                    city: Some(city.clone()),
                    ..HandOver::default()
                },
                Delivery::Pickup { pickup_point_id, city } => HandOver {
                    method: Some(Method::Pickup),
                    city: Some(city.clone()),
                    point: Some(*pickup_point_id),
                    ..HandOver::default()
                },
            };
            self.sent = Some(hand_over.clone());
            self.hand_over = hand_over;
        }
    }

    /// The agent's words. Those of the state's own last decision change nothing, whole or cut off; others may ask something.
    fn agent_said(&mut self, text: &str, view: &View<'_>) {
        let heard = text.trim_end_matches('…').trim();
        if !heard.is_empty() && self.said.starts_with(heard) {
            return;
        }
        if let Some(question) = asked_of(text) {
            let same = self.is_asked(&question);
            let times = self.asked.as_ref().filter(|_| same).map_or(1, |asked| asked.times + 1);
            if question == Question::Choice && !same {
                // A list of somebody else's making, in the order of what was found.
                self.told = view.found.iter().filter_map(|n| product_at(view, *n)).collect();
            }
            self.asked = Some(Asked { question, times });
        }
        text.clone_into(&mut self.said);
    }

    fn tool_gave(&mut self, tool: ToolName, content: &Value, query: Option<&str>, view: &View<'_>) {
        self.turn.tool = Some(tool);
        self.turn.failed = content["error"]
            .as_str()
            .map(|code| (code.to_owned(), content["say"].as_str().unwrap_or_default().to_owned()));
        let code = self.turn.failed.as_ref().map(|(code, _)| code.as_str());
        match (tool, code) {
            (ToolName::FindProducts, None) => {
                let found = view.found.iter().filter_map(|n| product_at(view, *n)).collect();
                let at = self.searching.take().unwrap_or(self.focus);
                if let Some(line) = self.lines.get_mut(at) {
                    line.found = found;
                    line.searched = query.map(str::to_owned).or_else(|| line.searched.take());
                }
            }
            (ToolName::GetDeliveryTerms, None) => {
                let text = |key: &str| content[key].as_str().unwrap_or_default().to_owned();
                self.quote = Some((text("city"), text("cost_spoken"), text("days_spoken")));
            }
            (ToolName::GetOrderStatus, None) => self.orders = orders_of(content),
            (ToolName::UpdateOrderDelivery, None) if content["cost_spoken"].is_string() => {
                self.sent = Some(self.hand_over.clone());
                // The one point of a city was taken without a question.
                if let Some(Delivery::Pickup { pickup_point_id, .. }) =
                    view.draft.and_then(|draft| draft.delivery.as_ref()).map(|terms| &terms.delivery)
                {
                    self.hand_over.point = Some(*pickup_point_id);
                    self.sent = Some(self.hand_over.clone());
                }
            }
            (ToolName::CreateOrderDraft, Some("out_of_stock")) => {}
            (_, Some("unknown_product" | "unknown_product_ref")) => {
                self.lines.iter_mut().for_each(Line::reopen);
            }
            (_, Some("city_not_served" | "no_pickup_point" | "city_missing")) => {
                self.hand_over.city = None;
                self.hand_over.point = None;
            }
            (_, Some("address_missing")) => self.hand_over.address = super::act::AddressPart::default(),
            (_, Some("unknown_pickup_point_ref" | "pickup_point_unknown")) => self.hand_over.point = None,
            _ => {}
        }
        if tool == ToolName::FindProducts && code.is_some() {
            self.searching = None;
        }
    }
}

/// An order was placed, or may have been.
fn is_end(entry: &Entry<'_>) -> bool {
    matches!(entry, Entry::Note(text)
        if text.contains(r#""outcome":"confirmed""#) || text.contains(r#""outcome":"unknown""#))
}

fn product_at(view: &View<'_>, reference: u32) -> Option<Uuid> {
    let at = usize::try_from(reference.checked_sub(view.first_refs.0)?).ok()?;
    view.products.get(at).map(|product| product.id)
}

fn orders_of(content: &Value) -> Vec<OrderTold> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let orders = content["orders"].as_array().map(Vec::as_slice).unwrap_or_default();
    orders
        .iter()
        .map(|order| OrderTold {
            number: text(order, "order_number"),
            spoken: text(order, "order_number_spoken"),
            items: text(order, "items_summary"),
            status: text(order, "status_label"),
            total: text(order, "total_spoken"),
            eta: order["eta_spoken"].as_str().map(str::to_owned),
            open: order["open"].as_bool() != Some(false),
        })
        .collect()
}

/// What was asked, by the agent's last words, whoever composed them.
pub(super) fn asked_of(agent: &str) -> Option<Question> {
    // The last question decides; what was said before it may name anything.
    let sentences: Vec<&str> =
        agent.split_inclusive(['.', '?', '!']).filter(|s| !fold(s).is_empty()).collect();
    let last = sentences.last()?;
    by_words(&fold(last)).or_else(|| {
        let question = sentences.iter().rev().find(|s| s.trim_end().ends_with('?'))?;
        by_words(&fold(question))
    })
}

fn by_words(said: &str) -> Option<Question> {
    // In this order: the more special question first.
    let table: &[(&[&str], Question)] = &[
        (&["оформляем заказ", "place the order"], Question::ReadBack),
        (&["еще один заказ", "another order"], Question::Twin),
        (&["оператор", "operator"], Question::Person),
        (&["попробовать еще раз", "попробуем еще раз", "try again"], Question::Retry),
        (&["что изменить", "what should i change", "what would you like to change"], Question::Change),
        (&["на чье имя", "как вас зовут", "ваше имя", "what name", "your name"], Question::Name),
        (&["платить", "оплат", "наличными", "to pay", "payment", "cash"], Question::Payment),
        (&["пункт", "pickup point", "pick up point"], Question::Point),
        (&["самовывоз", "delivery or pickup", "pickup or delivery", "pick it up"], Question::Method),
        (&["город", "city"], Question::City),
        (&["номер дома", "какой дом", "house number is", "what is the house number"], Question::House),
        (&["улиц", "адрес", "street", "address"], Question::Street),
        (&["сколько", "количеств", "how many", "quantity"], Question::Quantity),
        (
            &[
                "о каком",
                "какой заказ",
                "каком заказе",
                "номер заказа",
                "which order",
                "asking about",
                "order number",
            ],
            Question::WhichOrder,
        ),
        (&["оформить заказ", "заказать его", "order it"], Question::OrderIt),
        (
            &[
                "чем еще",
                "что нибудь еще",
                "чем могу помочь",
                "anything else",
                "help with",
                "can i help",
                "help you",
            ],
            Question::Open,
        ),
        (
            &["что хотите заказать", "что вас интересует", "what would you like to order", "looking for"],
            Question::Goods,
        ),
        (&["вариант", "который", "которую", "which one", "which of", "which"], Question::Choice),
    ];
    table.iter().find(|(marks, _)| marks.iter().any(|mark| said.contains(mark))).map(|(_, q)| q.clone())
}
