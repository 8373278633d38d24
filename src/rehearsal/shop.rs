//! A shop in memory: it answers every order action as the reference store does through its client, at once and always the
//! same.
//!
//! What it leaves out is what no call sees: materials, payments' providers, messages, accounts, and drafts that expire (a
//! call is shorter than a draft's two hours). Online payment is taken, as where `pay_url` of `[shop]` is set.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::ids::{PhoneNumber, Pii};
use crate::orders::{
    ActionOutcome, ActionRequest, Delivery, Evidence, Money, Order, OrderAction, OrderLine, OrderStatus,
    OrderSummary, PaymentMethod, ProblemCode, Product, Rejection,
};

mod catalogue;
mod orders;
mod past;

use catalogue::tidy;
pub use catalogue::{Catalogue, CatalogueError};

/// Orders that a search brings (`orders/client.rs`).
const SEARCH_LIMIT: usize = 5;
/// Products that a search brings (`orders/client.rs`).
const PRODUCT_LIMIT: usize = 10;

/// One call's shop: the catalogue, and what this call has changed.
pub struct Shop {
    catalogue: Arc<Catalogue>,
    today: NaiveDate,
    seed: u64,
    placed: Vec<Placed>,
    /// Pieces held for orders, by item.
    reserved: BTreeMap<usize, u32>,
    /// Names by telephone number.
    names: BTreeMap<PhoneNumber, String>,
    /// What was answered under which key.
    kept: BTreeMap<Uuid, (OrderAction, ActionOutcome)>,
    /// Numbers given today.
    given: u32,
    /// Ids given.
    made: u64,
}

masked!(Shop);

/// An order as the shop keeps it.
#[derive(Clone)]
pub struct Placed {
    /// The order as the voice server sees it.
    pub order: Order,
    /// Whose it is.
    pub phone: PhoneNumber,
    /// The name it is kept under.
    pub name: Option<String>,
    /// How it is paid, once that is known.
    pub payment: Option<PaymentMethod>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Whether this call made it.
    pub of_this_call: bool,
    /// Whether it was ever more than a draft.
    pub confirmed: bool,
    paid: bool,
}

masked!(Placed);

impl Placed {
    /// Short names of its goods and how many pieces, sorted.
    pub fn goods(&self, catalogue: &Catalogue) -> Vec<(String, u32)> {
        let line = |line: &OrderLine| {
            let sku = line.product_id.and_then(|id| catalogue.sku(id));
            (sku.unwrap_or(&line.name).to_owned(), line.quantity)
        };
        let mut goods: Vec<_> = self.order.lines.iter().map(line).collect();
        goods.sort();
        goods
    }

    /// The order as scripts write one: `4 x SKU; delivery Москва, улица Ленина, дом 5; cash; name Иван`.
    pub fn shown(&self, catalogue: &Catalogue) -> String {
        let goods: Vec<String> =
            self.goods(catalogue).into_iter().map(|(sku, count)| format!("{count} x {sku}")).collect();
        let mut parts = vec![goods.join(", ")];
        if let Some(terms) = &self.order.delivery {
            parts.push(match &terms.delivery {
                // A rehearsed caller's address: nobody lives there.
                Delivery::Delivery { city, address } => format!("delivery {city}, {}", address.reveal()),
                Delivery::Pickup { city, .. } => {
                    format!("pickup {city}, {}", terms.pickup_address.as_deref().unwrap_or(""))
                }
            });
        }
        parts.extend(self.payment.map(|payment| {
            let name = match payment {
                PaymentMethod::CashOnDelivery => "cash",
                PaymentMethod::CardOnDelivery => "card",
                PaymentMethod::Online => "online",
            };
            name.to_owned()
        }));
        parts.extend(self.name.as_ref().map(|name| format!("name {name}")));
        parts.join("; ")
    }
}

/// The shop's no: its code, its name on the wire with its status, and the order it is about.
struct No {
    code: ProblemCode,
    name: &'static str,
    detail: String,
    order: Option<String>,
}

fn no(code: ProblemCode, name: &'static str, detail: impl Into<String>) -> No {
    No { code, name, detail: detail.into(), order: None }
}

impl Shop {
    /// A shop on this day, with the orders of its file. The seed makes the ids of what is ordered.
    pub fn open(catalogue: Arc<Catalogue>, today: NaiveDate, seed: u64) -> Self {
        let names =
            catalogue.customers.iter().map(|customer| (customer.phone.clone(), customer.name.clone()));
        let mut shop = Self {
            names: names.collect(),
            today,
            seed,
            placed: Vec::with_capacity(catalogue.past.len() + 2),
            reserved: BTreeMap::new(),
            kept: BTreeMap::new(),
            given: 0,
            made: 0,
            catalogue,
        };
        shop.remember_past();
        shop
    }

    /// What the shop sells.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The orders that this call placed and that stand, in their order.
    pub fn placed(&self) -> impl Iterator<Item = &Placed> {
        let stands = |order: &&Placed| order.confirmed && order.order.status != OrderStatus::Cancelled;
        self.placed.iter().filter(|order| order.of_this_call).filter(stands)
    }

    /// The draft of this call that was made last, if it still is one.
    pub fn draft(&self) -> Option<&Placed> {
        self.placed.iter().rev().find(|order| order.order.status == OrderStatus::Draft)
    }

    /// Every order that the shop knows, the file's first.
    pub fn orders(&self) -> &[Placed] {
        &self.placed
    }

    /// Pieces of a product that can be ordered now.
    pub fn stock(&self, sku: &str) -> Option<u32> {
        let at = self.catalogue.items.iter().position(|item| item.sku == sku)?;
        Some(u32::try_from(self.available(at)).unwrap_or(0))
    }

    /// Carries an action out, at this time. A mutation under a key that was used before gets its first answer again.
    pub fn perform(&mut self, request: &ActionRequest, now: DateTime<Utc>) -> ActionOutcome {
        if let Some((action, outcome)) = request.key.and_then(|key| self.kept.get(&key)) {
            if *action == request.action {
                return outcome.clone();
            }
            let no = no(ProblemCode::Other, "422 idempotency-key-reused", "another request has this key");
            return rejected(no);
        }
        let outcome = self.act(&request.action, request.evidence.as_ref(), now).unwrap_or_else(rejected);
        if let Some(key) = request.key {
            self.kept.insert(key, (request.action.clone(), outcome.clone()));
        }
        outcome
    }

    fn act(
        &mut self,
        action: &OrderAction,
        evidence: Option<&Evidence>,
        now: DateTime<Utc>,
    ) -> Result<ActionOutcome, No> {
        Ok(match action {
            OrderAction::SearchOrders { phone, order_number } => {
                ActionOutcome::Orders { orders: self.search(phone.as_ref(), order_number.as_deref())? }
            }
            OrderAction::OrderDetails { order_id } => {
                ActionOutcome::Details { order: self.placed[self.find(*order_id)?].order.clone() }
            }
            OrderAction::FindProducts { query } => ActionOutcome::Products { products: self.products(query) },
            OrderAction::PickupPoints { city } => {
                ActionOutcome::PickupPoints { points: self.catalogue.pickup_points(city.as_deref()) }
            }
            OrderAction::DeliveryQuote { city } => ActionOutcome::Quoted { quote: self.quote(city)? },
            OrderAction::CreateDraft { lines, phone, name } => {
                let name = name.as_ref().map(Pii::reveal).map(String::as_str);
                ActionOutcome::Drafted { order: self.create(lines, phone, name, now)? }
            }
            OrderAction::ChangeLines { order_id, lines, version } => {
                ActionOutcome::LinesChanged { order: self.change_lines(*order_id, *version, lines)? }
            }
            OrderAction::SetDelivery { order_id, delivery } => {
                ActionOutcome::DeliverySet { order: self.set_delivery(*order_id, delivery)? }
            }
            OrderAction::Confirm { order_id, payment, name } => {
                let version = evidence.map(|evidence| evidence.order_version).filter(|version| *version > 0);
                let name = name.as_ref().map(Pii::reveal).map(String::as_str);
                ActionOutcome::Confirmed { confirmation: self.confirm(*order_id, version, *payment, name)? }
            }
            OrderAction::Cancel { order_id, .. } => {
                self.cancel(*order_id)?;
                ActionOutcome::Cancelled { order_id: *order_id }
            }
        })
    }

    fn find(&self, id: Uuid) -> Result<usize, No> {
        let detail = || format!("expected an order, found none with the id {id}");
        let at = self.placed.iter().position(|order| order.order.id == id);
        at.ok_or_else(|| no(ProblemCode::NotFound, "404 not-found", detail()))
    }

    fn available(&self, at: usize) -> i64 {
        let held = self.reserved.get(&at).copied().unwrap_or(0);
        i64::from(self.catalogue.items[at].product.stock) - i64::from(held)
    }

    fn money(&self, minor: i64) -> Money {
        Money { minor, currency: self.catalogue.currency }
    }

    fn products(&self, query: &str) -> Vec<Product> {
        let found = self.catalogue.search(query, |at| self.available(at), PRODUCT_LIMIT);
        let now = |at: usize| {
            let stock = u32::try_from(self.available(at)).unwrap_or(0);
            Product { stock, ..self.catalogue.items[at].product.clone() }
        };
        found.into_iter().map(now).collect()
    }

    fn search(&self, phone: Option<&PhoneNumber>, number: Option<&str>) -> Result<Vec<OrderSummary>, No> {
        let number = number.filter(|number| !number.trim().is_empty());
        if phone.is_none() && number.is_none() {
            let detail = "expected phone or order_number, found neither";
            return Err(no(ProblemCode::Other, "422 invalid-request", detail));
        }
        let digits = number.map(|text| text.chars().filter(char::is_ascii_digit).collect::<String>());
        if digits.as_deref() == Some("") {
            let detail = "order_number: expected ORD-20260214-4521 or its last group";
            return Err(no(ProblemCode::Other, "422 invalid-request", detail));
        }
        let fits = |placed: &&Placed| {
            let own: String = placed.order.order_number.chars().filter(char::is_ascii_digit).collect();
            phone.is_none_or(|phone| *phone == placed.phone)
                && digits.as_ref().is_none_or(|digits| match digits.len() {
                    // Eight digits of the day and a last group of four or more.
                    12.. => own == *digits,
                    _ => own[8..].trim_start_matches('0') == digits.trim_start_matches('0'),
                })
        };
        let mut found: Vec<&Placed> =
            self.placed.iter().filter(|order| order.confirmed).filter(fits).collect();
        found.sort_by_key(|order| std::cmp::Reverse((order.created_at, order.order.id)));
        Ok(found.into_iter().take(SEARCH_LIMIT).map(summary).collect())
    }
}

/// As the client tells a problem document (`orders/client/forms/problem.rs`).
fn rejected(no: No) -> ActionOutcome {
    let No { code, name, detail, order } = no;
    let rejection = Rejection { code, detail: format!("{name}: {detail}"), order_number: order };
    ActionOutcome::Rejected { rejection }
}

/// An order in a list (`store/order.rs`, `summary`).
fn summary(placed: &Placed) -> OrderSummary {
    let order = &placed.order;
    let shown: Vec<String> =
        order.lines.iter().take(3).map(|line| format!("{} × {}", line.name, line.quantity)).collect();
    let more = order.lines.len().saturating_sub(3);
    let tail = if more > 0 { format!(" +{more}") } else { String::new() };
    OrderSummary {
        id: order.id,
        order_number: order.order_number.clone(),
        status: order.status,
        total: order.total,
        items_summary: tidy(&(shown.join(", ") + &tail)),
        estimated_delivery: order.estimated_delivery,
        created_at: placed.created_at,
    }
}
