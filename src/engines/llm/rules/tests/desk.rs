//! A call as the core conducts it, with a small shop behind it: what a tool gives, what the core says itself.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::conversation::event::{Briefing, Completion, Message};
use crate::engines::llm::rules::{Lexicon, decide};
use crate::ids::{Pii, RequestId};
use crate::language::{self, Language, Reply};
use crate::orders::tools::{self, RequestedDelivery, ToolRequest};
use crate::orders::{
    Currency, Delivery, DeliveryTerms, Money, Order, OrderLine, OrderStatus, PickupPoint, Product, ToolName,
};

/// Brand in both languages, season, studs, size, price in roubles, stock.
type Goods = (&'static str, &'static str, &'static str, &'static str, [&'static str; 3], i64, u32);

const GOODS: &[Goods] = &[
    ("Нокиан", "Nokian", "winter", "studless", ["205", "55", "16"], 8990, 40),
    ("Нокиан", "Nokian", "winter", "studded", ["205", "55", "16"], 9490, 24),
    ("Нокиан", "Nokian", "summer", "", ["205", "55", "16"], 7990, 20),
    ("Нокиан", "Nokian", "winter", "studless", ["185", "65", "15"], 6790, 32),
    ("Мишлен", "Michelin", "winter", "studless", ["205", "55", "16"], 11_290, 16),
    ("Мишлен", "Michelin", "summer", "", ["225", "45", "17"], 13_990, 2),
    ("Кама", "Kama", "summer", "", ["175", "70", "13"], 2890, 60),
    ("Тойо", "Toyo", "winter", "studless", ["225", "45", "17"], 12_490, 0),
];

pub(in super::super) fn shop() -> Vec<Product> {
    GOODS
        .iter()
        .zip(1..)
        .map(|((ru, en, season, studs, size, price, stock), n)| {
            let season_ru = if *season == "winter" { "зимняя" } else { "летняя" };
            let studs_ru = if *studs == "studded" { " шипованная" } else { "" };
            let studs_en = if *studs == "studded" { " studded" } else { "" };
            let [w, p, d] = size;
            let forms = match *season {
                "winter" => "зимняя зимние зимних зимнюю winter",
                _ => "летняя летние летних летнюю summer",
            };
            let studs_forms = match *studs {
                "studded" => "шипованная шипованные",
                "studless" => "нешипованная нешипованные",
                _ => "",
            };
            let name_ru = format!("{ru} {season_ru}{studs_ru} {w}/{p} R{d}");
            let attributes = [
                ("kind", "tire".to_owned()),
                ("brand", en.to_lowercase()),
                ("season", (*season).to_owned()),
                ("studs", (*studs).to_owned()),
                ("width", (*w).to_owned()),
                ("profile", (*p).to_owned()),
                ("diameter", (*d).to_owned()),
                ("name_en", format!("{en}{studs_en} {season} tire {w}/{p} R{d}")),
                ("name_ru", name_ru.clone()),
                (
                    "keywords",
                    format!(
                        "шина шины резина покрышка колеса tire tires {forms} {studs_forms} {} {en}",
                        ru.to_lowercase()
                    ),
                ),
            ];
            Product {
                id: Uuid::from_u128(n),
                name: name_ru,
                price: roubles(*price),
                stock: *stock,
                attributes: attributes
                    .into_iter()
                    .filter(|(_, v)| !v.is_empty())
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect::<BTreeMap<_, _>>(),
            }
        })
        .collect()
}

fn roubles(amount: i64) -> Money {
    Money { minor: amount * 100, currency: Currency::Rub }
}

/// A call being conducted.
pub(super) struct Call {
    pub(super) language: Language,
    pub(super) briefing: Briefing,
    pub(super) history: Vec<Message>,
    /// Orders of this caller: number, status label, whether open.
    pub(super) orders: Vec<(&'static str, &'static str, bool)>,
    /// Every tool called, as `name{arguments}`.
    pub(super) calls: Vec<String>,
    /// What the next call of this tool fails with.
    pub(super) fails: Option<(ToolName, &'static str)>,
    pub(super) transferred: bool,
    /// The shop cannot change a draft: other goods take a new one, without a delivery.
    pub(super) remakes: bool,
    pub(super) lexicon: Lexicon,
    pending: bool,
}

impl Call {
    pub(super) fn new(language: Language) -> Self {
        let greeting = match language {
            Language::Russian => "Здравствуйте! Это магазин шин. Чем могу помочь?",
            Language::English => "Hello! This is the tire shop. How can I help you?",
        };
        Self {
            language,
            briefing: Briefing {
                identified: true,
                can_transfer: true,
                today: NaiveDate::from_ymd_opt(2026, 11, 21),
                ..Briefing::default()
            },
            history: vec![Message::Agent { text: greeting.to_owned() }],
            orders: Vec::new(),
            calls: Vec::new(),
            fails: None,
            transferred: false,
            remakes: false,
            lexicon: Lexicon::of(&shop()),
            pending: false,
        }
    }

    /// The caller says this; everything that the agent then says, until it waits.
    pub(super) fn say(&mut self, text: &str) -> String {
        self.history.push(Message::Caller { text: text.to_owned() });
        // As the core does it: the reply first, then the words that steer.
        let reply = language::reply(text, "");
        if self.pending && matches!(reply, Reply::Agreed { .. }) {
            self.pending = false;
            let draft = self.briefing.draft.take().expect("a read-back has a draft");
            self.briefing.placed = Some(draft);
            let text = r#"the caller agreed; the store answered: {"outcome":"confirmed"}"#;
            self.history.push(Message::Note { text: text.to_owned() });
            return self.agent("ЗАКАЗ ОФОРМЛЕН. Чем ещё могу помочь?");
        }
        if language::cancels_this(text, self.language) && (self.briefing.draft.is_some() || self.pending) {
            self.briefing.draft = None;
            self.pending = false;
            return self.agent("Хорошо, оформление отменено. Могу помочь чем-нибудь ещё?");
        }
        if language::wants_operator(text, self.language) {
            self.transferred = true;
            return self.agent("Соединяю с оператором.");
        }
        if self.pending {
            self.pending = false;
            let note = "the caller did not agree to the read-back";
            self.history.push(Message::Note { text: note.to_owned() });
            if reply == Reply::Refused {
                return self.agent("Хорошо, не оформляю. Что изменить?");
            }
        }
        self.think()
    }

    fn agent(&mut self, text: &str) -> String {
        self.history.push(Message::Agent { text: text.to_owned() });
        text.to_owned()
    }

    fn think(&mut self) -> String {
        let mut said = Vec::new();
        for round in 0.. {
            assert!(round < 8, "the rules go round in circles: {:?}", self.calls);
            let request = Completion {
                id: RequestId(1),
                language: self.language,
                briefing: self.briefing.clone(),
                history: self.history.clone(),
                tools: self.tools(),
            };
            let decision = decide(&request, &self.lexicon);
            assert_eq!(decision, decide(&request, &self.lexicon), "the same request, the same decision");
            if let Some(text) = &decision.say {
                assert!(!text.chars().any(|c| c.is_ascii_digit()), "digits in {text:?}");
                said.push(text.clone());
                self.history.push(Message::Agent { text: text.clone() });
            }
            let Some((tool, arguments)) = decision.call else {
                assert!(decision.say.is_some(), "neither word nor deed");
                break;
            };
            assert!(request.tools.contains(&tool), "{tool} was not offered");
            self.calls.push(format!("{tool}{arguments}"));
            let parsed = tools::parse(tool.as_str(), &arguments.to_string()).expect("the rules call well");
            self.history.push(Message::ToolCall {
                call_ref: "r".into(),
                tool: tool.to_string(),
                arguments: arguments.to_string(),
            });
            let failing = self.fails.take_if(|(failing, _)| *failing == tool);
            let result = match failing {
                Some((_, code)) => json!({ "error": code, "say": "Магазин не может. Что дальше?" }),
                None => self.carry_out(parsed),
            };
            self.history.push(Message::ToolResult {
                call_ref: "r".into(),
                tool: tool.to_string(),
                content: result.to_string(),
            });
            if self.pending {
                said.push(self.agent("ЗАЧИТЫВАЮ. Всё верно, оформляем заказ?"));
                break;
            }
            if self.transferred {
                said.push("СОЕДИНЯЮ".to_owned());
                break;
            }
            if tool == ToolName::CancelOrderDraft {
                said.push(self.agent("Хорошо, оформление отменено."));
                break;
            }
        }
        said.join(" | ")
    }

    /// As the core offers them.
    fn tools(&self) -> Vec<ToolName> {
        let facts = &self.briefing;
        let mut tools = vec![ToolName::FindProducts];
        if facts.identified {
            tools.push(ToolName::GetOrderStatus);
            if !facts.products.is_empty() {
                tools.push(ToolName::CreateOrderDraft);
            }
        }
        if facts.draft.is_some() {
            tools.extend([ToolName::UpdateOrderDelivery, ToolName::CancelOrderDraft]);
        }
        if facts.draft.as_ref().is_some_and(|d| d.delivery.is_some()) {
            tools.push(ToolName::ConfirmOrder);
        }
        if facts.can_transfer {
            tools.push(ToolName::TransferToOperator);
        }
        tools
    }

    fn carry_out(&mut self, request: ToolRequest) -> Value {
        let spoken = |m: Money| language::money(m.minor, m.currency.code(), self.language);
        match request {
            ToolRequest::GetOrderStatus { order_number, .. } => {
                let list: Vec<Value> = self
                    .orders
                    .iter()
                    .filter(|(number, ..)| order_number.as_ref().is_none_or(|n| number.ends_with(n)))
                    .zip(1..)
                    .map(|((number, status, open), n)| {
                        json!({"n": n, "order_number": number, "status_label": status, "open": open,
                            "order_number_spoken": language::order_number(number, self.language),
                            "total_spoken": "тысяча рублей", "items_summary": format!("шины {n}"), "eta_spoken": "завтра"})
                    })
                    .collect();
                json!({ "count": list.len(), "orders": list })
            }
            ToolRequest::FindProducts { query } => {
                self.briefing.take_products(search(&query));
                let list: Vec<Value> = self
                    .briefing
                    .found_products()
                    .iter()
                    .map(|(n, p)| json!({"product_ref": n, "name": p.name, "in_stock": p.stock}))
                    .collect();
                json!({ "count": list.len(), "products": list })
            }
            ToolRequest::CreateOrderDraft { items, .. } => {
                let item = items[0];
                let product =
                    self.briefing.product(item.product_ref).expect("a product that was found").clone();
                let total = roubles(product.price.minor / 100 * i64::from(item.quantity));
                let line = OrderLine {
                    product_id: Some(product.id),
                    name: product.name.clone(),
                    quantity: item.quantity,
                    unit: product.price,
                    total,
                };
                let mut result = json!({"draft": true, "subtotal_spoken": spoken(total), "missing": ["delivery"],
                    "lines": [{"name": line.name, "quantity": line.quantity, "total_spoken": spoken(total)}]});
                // A draft that there is gets other lines and keeps its delivery.
                let delivery =
                    self.briefing.draft.take().and_then(|draft| draft.delivery).filter(|_| !self.remakes);
                if let Some(terms) = &delivery {
                    result["missing"] = json!([]);
                    result["cost_spoken"] = json!(spoken(terms.cost));
                    result["days_spoken"] = json!(language::days(2, 4, self.language));
                    result["total_spoken"] = json!(spoken(total));
                }
                self.briefing.draft = Some(Order {
                    id: Uuid::from_u128(99),
                    order_number: "ORD-20261121-0007".into(),
                    status: OrderStatus::Draft,
                    version: 1,
                    lines: vec![line],
                    subtotal: total,
                    total,
                    delivery,
                    estimated_delivery: None,
                });
                result
            }
            ToolRequest::UpdateOrderDelivery { delivery } => self.deliver(delivery),
            ToolRequest::ConfirmOrder { .. } => {
                self.pending = true;
                json!({ "status": "read_back" })
            }
            ToolRequest::CancelOrderDraft => {
                self.briefing.draft = None;
                json!({ "status": "cancelling" })
            }
            ToolRequest::TransferToOperator { .. } => {
                self.transferred = true;
                json!({ "status": "transferring" })
            }
        }
    }

    fn deliver(&mut self, delivery: RequestedDelivery) -> Value {
        let point = |city: &str, n: u128, address: &str| PickupPoint {
            id: Uuid::from_u128(n),
            name: format!("Пункт {n}"),
            city: city.into(),
            address: address.into(),
            working_hours: "10-20".into(),
        };
        let (delivery, cost) = match delivery {
            RequestedDelivery::Delivery { city, address } => {
                let city = city.expect("a city");
                if city == "Гатчина" {
                    return json!({ "error": "city_not_served", "say": "Туда не возим." });
                }
                (
                    Delivery::Delivery { city, address: address.unwrap_or_else(|| Pii::new(String::new())) },
                    500,
                )
            }
            RequestedDelivery::Pickup { pickup_point_ref: Some(n), .. } => {
                let point = self.briefing.pickup_point(n).expect("a point that was listed");
                (Delivery::Pickup { pickup_point_id: point.id, city: point.city.clone() }, 0)
            }
            RequestedDelivery::Pickup { city, .. } => {
                let city = city.expect("a city");
                self.briefing.take_points(match city.as_str() {
                    "Москва" => {
                        vec![point(&city, 1, "Проспект Мира, 7"), point(&city, 2, "Улица Ленина, 12")]
                    }
                    "Сочи" => vec![],
                    _ => vec![point(&city, 3, "Улица Пушкина, 1")],
                });
                match self.briefing.listed_points().as_slice() {
                    [] => return json!({ "error": "no_pickup_point", "say": "there is none" }),
                    [(_, only)] => (Delivery::Pickup { pickup_point_id: only.id, city }, 0),
                    points => {
                        let list: Vec<Value> =
                            points.iter().map(|(_, p)| json!({"address": p.address})).collect();
                        return json!({ "pickup_points": list });
                    }
                }
            }
        };
        let order = self.briefing.draft.as_mut().expect("a draft to deliver");
        order.delivery = Some(DeliveryTerms {
            delivery,
            pickup_address: None,
            cost: roubles(cost),
            days_min: 2,
            days_max: 4,
        });
        json!({"cost_spoken": language::money(cost * 100, "RUB", self.language),
            "days_spoken": language::days(2, 4, self.language), "total_spoken": "много рублей"})
    }
}

/// As the reference store: a size is strict, other words rank.
fn search(query: &str) -> Vec<Product> {
    let words = language::text::words(query);
    let numbers: Vec<&String> =
        words.iter().filter(|w| w.len() > 1 && w.bytes().all(|b| b.is_ascii_digit())).collect();
    let terms = |p: &Product| -> Vec<String> {
        p.attributes.values().chain([&p.name]).flat_map(|t| language::text::words(t)).collect()
    };
    let mut found: Vec<(usize, Product)> = shop()
        .into_iter()
        .filter(|p| numbers.iter().all(|n| terms(p).contains(n)))
        .map(|p| (words.iter().filter(|w| terms(&p).contains(w)).count(), p))
        .filter(|(score, _)| *score > 0)
        .collect();
    found.sort_by_key(|(score, p)| (std::cmp::Reverse(*score), p.stock == 0, p.price.minor));
    found.into_iter().map(|(_, p)| p).collect()
}
