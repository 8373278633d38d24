//! A shop in memory: it answers every order action as the reference store does through its client, at once and always the
//! same.
//!
//! What it leaves out is what no call sees: materials, payments' providers, messages, accounts, and drafts that expire (a
//! call is shorter than a draft's two hours). Online payment is taken, as where `pay_url` of `[shop]` is set.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::ids::{PhoneNumber, Pii};
use crate::orders::{
    ActionOutcome, ActionRequest, Confirmation, Delivery, DeliveryTerms, DraftLine, Evidence, Money, Order,
    OrderAction, OrderLine, OrderStatus, OrderSummary, PaymentMethod, ProblemCode, Product, Rejection,
};

mod catalogue;

use catalogue::tidy;
pub use catalogue::{Catalogue, CatalogueError};

/// Orders that a search brings (`orders/client.rs`).
const SEARCH_LIMIT: usize = 5;
/// Products that a search brings (`orders/client.rs`).
const PRODUCT_LIMIT: usize = 10;
/// Orders of one telephone number that nobody has paid or begun (`store/settings.rs`, `max_unpaid_orders`).
const MAX_UNPAID: usize = 3;
/// Lines of one order, pieces of one product, characters of an address (`store/api`).
const MAX_LINES: usize = 50;
const MAX_QUANTITY: u32 = 999;
const MAX_ADDRESS: usize = 500;

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
            OrderAction::CreateDraft { lines, phone, name } => {
                let name = name.as_ref().map(Pii::reveal).map(String::as_str);
                ActionOutcome::Drafted { order: self.create(lines, phone, name, now)? }
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

    fn refuse_too_many(&self, phone: &PhoneNumber) -> Result<(), No> {
        let waits = |order: &&Placed| {
            order.phone == *phone
                && !order.paid
                && matches!(order.order.status, OrderStatus::Confirmed | OrderStatus::PendingPayment)
        };
        let open = self.placed.iter().filter(waits).count();
        if open < MAX_UNPAID {
            return Ok(());
        }
        let detail =
            format!("expected fewer than {MAX_UNPAID} unpaid orders of this telephone number, found {open}");
        Err(no(ProblemCode::TooManyOrders, "409 too-many-orders", detail))
    }

    fn create(
        &mut self,
        lines: &[DraftLine],
        phone: &PhoneNumber,
        name: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Order, No> {
        let lines = merged(lines)?;
        self.refuse_too_many(phone)?;
        let mut known = Vec::with_capacity(lines.len());
        for line in &lines {
            let at = self.catalogue.index(line.product_id).ok_or_else(|| {
                let detail =
                    format!("expected an active product, found none with the id {}", line.product_id);
                no(ProblemCode::UnknownProduct, "422 unknown-product", detail)
            })?;
            known.push((at, line.quantity));
        }
        self.refuse_short(&known)?;
        let name = name.filter(|name| !name.is_empty());
        if let Some(name) = name {
            self.names.entry(phone.clone()).or_insert_with(|| name.to_owned());
        }
        let name = name.map(str::to_owned).or_else(|| self.names.get(phone).cloned());
        let lines: Vec<OrderLine> = known.iter().map(|(at, quantity)| self.line(*at, *quantity)).collect();
        let subtotal = self.money(lines.iter().map(|line| line.total.minor).sum());
        let order = Order {
            id: self.next_id(),
            order_number: self.next_number(),
            status: OrderStatus::Draft,
            version: 1,
            lines,
            subtotal,
            total: subtotal,
            delivery: None,
            estimated_delivery: None,
        };
        self.placed.push(Placed {
            order: order.clone(),
            phone: phone.clone(),
            name,
            payment: None,
            created_at: now,
            of_this_call: true,
            confirmed: false,
            paid: false,
        });
        Ok(order)
    }

    fn refuse_short(&self, lines: &[(usize, u32)]) -> Result<(), No> {
        let short = lines.iter().filter(|(at, quantity)| self.available(*at) < i64::from(*quantity));
        let said: Vec<String> = short
            .map(|(at, quantity)| {
                let name = &self.catalogue.items[*at].product.name;
                format!("{name}: expected {quantity} in stock, found {}", self.available(*at))
            })
            .collect();
        if said.is_empty() {
            return Ok(());
        }
        Err(no(ProblemCode::OutOfStock, "409 out-of-stock", said.join("; ")))
    }

    fn line(&self, at: usize, quantity: u32) -> OrderLine {
        let product = &self.catalogue.items[at].product;
        OrderLine {
            product_id: Some(product.id),
            name: product.name.clone(),
            quantity,
            unit: product.price,
            total: self.money(product.price.minor * i64::from(quantity)),
        }
    }

    fn set_delivery(&mut self, id: Uuid, delivery: &Delivery) -> Result<Order, No> {
        let at = self.find(id)?;
        let placed = &self.placed[at];
        if placed.order.status != OrderStatus::Draft {
            return Err(impossible(placed, "delivery_set"));
        }
        let terms = self.terms(delivery)?;
        let days = Days::new(u64::from(terms.days_max));
        let order = &mut self.placed[at].order;
        order.total.minor = order.subtotal.minor + terms.cost.minor;
        order.estimated_delivery = self.today.checked_add_days(days);
        order.delivery = Some(terms);
        order.version += 1;
        Ok(order.clone())
    }

    fn terms(&self, delivery: &Delivery) -> Result<DeliveryTerms, No> {
        match delivery {
            Delivery::Delivery { city, address } => {
                let address = address.reveal().trim();
                if address.is_empty() {
                    let detail = "address: expected for delivery, found none";
                    return Err(no(ProblemCode::AddressMissing, "422 address-missing", detail));
                }
                if address.chars().count() > MAX_ADDRESS {
                    let detail = format!("address: expected at most {MAX_ADDRESS} characters");
                    return Err(no(ProblemCode::Other, "422 invalid-request", detail));
                }
                let rate = self.catalogue.city(city).ok_or_else(|| {
                    let detail = format!("expected a city of the shop's list, found {city:?}");
                    no(ProblemCode::CityNotServed, "422 city-not-served", detail)
                })?;
                Ok(DeliveryTerms {
                    delivery: Delivery::Delivery {
                        city: rate.name.clone(),
                        address: Pii::new(tidy(address)),
                    },
                    pickup_address: None,
                    cost: self.money(rate.cost),
                    days_min: rate.days.0,
                    days_max: rate.days.1,
                })
            }
            Delivery::Pickup { pickup_point_id, .. } => {
                let point = self.catalogue.points.iter().find(|point| point.point.id == *pickup_point_id);
                let point = point.ok_or_else(|| {
                    let detail =
                        format!("expected a pick-up point, found none with the id {pickup_point_id}");
                    no(ProblemCode::Other, "422 pickup-point-unknown", detail)
                })?;
                Ok(DeliveryTerms {
                    delivery: Delivery::Pickup {
                        pickup_point_id: *pickup_point_id,
                        city: point.point.city.clone(),
                    },
                    pickup_address: Some(point.point.address.clone()),
                    cost: self.money(0),
                    days_min: point.days.0,
                    days_max: point.days.1,
                })
            }
        }
    }

    fn confirm(
        &mut self,
        id: Uuid,
        version: Option<u32>,
        payment: PaymentMethod,
        name: Option<&str>,
    ) -> Result<Confirmation, No> {
        let at = self.find(id)?;
        let placed = &self.placed[at];
        let number = &placed.order.order_number;
        if let Some(expected) = version.filter(|expected| *expected != placed.order.version) {
            let detail = format!("expected version {expected}, found version {}", placed.order.version);
            return Err(no(ProblemCode::VersionMismatch, "412 version-mismatch", detail));
        }
        match placed.order.status {
            OrderStatus::Draft if placed.order.delivery.is_none() => {
                let detail = "expected a delivery to be set before confirmation";
                let no = no(ProblemCode::DeliveryMissing, "409 delivery-missing", detail);
                return Err(No { order: Some(number.clone()), ..no });
            }
            OrderStatus::Draft => {}
            OrderStatus::Cancelled => return Err(impossible(placed, "confirmed")),
            _ => {
                let detail = format!("order {number} is confirmed already");
                let no = no(ProblemCode::AlreadyConfirmed, "409 already-confirmed", detail);
                return Err(No { order: Some(number.clone()), ..no });
            }
        }
        self.refuse_too_many(&placed.phone)?;
        let lines = self.lines_of(at);
        self.refuse_short(&lines)?;
        for (item, quantity) in lines {
            *self.reserved.entry(item).or_default() += quantity;
        }
        let today = self.today;
        let placed = &mut self.placed[at];
        if let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) {
            placed.name = Some(name.to_owned());
            self.names.entry(placed.phone.clone()).or_insert_with(|| name.to_owned());
        }
        placed.confirmed = true;
        placed.payment = Some(payment);
        let order = &mut placed.order;
        let online = payment == PaymentMethod::Online;
        order.status = if online { OrderStatus::PendingPayment } else { OrderStatus::Confirmed };
        order.version += 1;
        let days = order.delivery.as_ref().map_or(0, |terms| terms.days_max);
        order.estimated_delivery = today.checked_add_days(Days::new(u64::from(days)));
        Ok(Confirmation {
            order_id: id,
            order_number: order.order_number.clone(),
            status: order.status,
            total: order.total,
            estimated_delivery: order.estimated_delivery,
            sms_sent: true,
            pay_url: online.then(|| format!("https://pay.example/{}", id.simple())),
        })
    }

    fn cancel(&mut self, id: Uuid) -> Result<(), No> {
        let at = self.find(id)?;
        let placed = &self.placed[at];
        match placed.order.status {
            OrderStatus::Draft => {}
            OrderStatus::Confirmed | OrderStatus::PendingPayment | OrderStatus::Processing => {
                for (item, quantity) in self.lines_of(at) {
                    let held = self.reserved.entry(item).or_default();
                    *held = held.saturating_sub(quantity);
                }
            }
            _ => return Err(impossible(placed, "cancelled_by_customer")),
        }
        let order = &mut self.placed[at].order;
        order.status = OrderStatus::Cancelled;
        order.version += 1;
        Ok(())
    }

    fn lines_of(&self, at: usize) -> Vec<(usize, u32)> {
        let item = |line: &OrderLine| Some((self.catalogue.index(line.product_id?)?, line.quantity));
        self.placed[at].order.lines.iter().filter_map(item).collect()
    }

    fn next_id(&mut self) -> Uuid {
        self.made += 1;
        Uuid::new_v5(&Uuid::from_u64_pair(self.seed, self.made), b"order")
    }

    /// The next number of the day (`store/api/draft.rs`, `nth_number`).
    fn next_number(&mut self) -> String {
        loop {
            let given = i64::from(self.given);
            self.given += 1;
            let group = if given < 9000 {
                let start = i64::from(self.today.num_days_from_ce()) * 2731;
                1000 + (start + given * 4507).rem_euclid(9000)
            } else {
                1001 + given
            };
            let number = format!("ORD-{}-{group}", self.today.format("%Y%m%d"));
            if self.placed.iter().all(|order| order.order.order_number != number) {
                return number;
            }
        }
    }

    fn remember_past(&mut self) {
        let catalogue = Arc::clone(&self.catalogue);
        for past in &catalogue.past {
            let day = self.today - TimeDelta::days(i64::from(past.days_ago));
            let lines: Vec<OrderLine> =
                past.lines.iter().map(|(at, quantity)| self.line(*at, *quantity)).collect();
            let subtotal: i64 = lines.iter().map(|line| line.total.minor).sum();
            let point = past.point.map(|at| &catalogue.points[at].point);
            let delivery = match (&past.address, point) {
                (None, Some(point)) => {
                    Delivery::Pickup { pickup_point_id: point.id, city: past.city.clone() }
                }
                (address, _) => Delivery::Delivery {
                    city: past.city.clone(),
                    address: Pii::new(address.clone().unwrap_or_default()),
                },
            };
            let estimated = self.today + TimeDelta::days(i64::from(past.expected_in_days));
            let order = Order {
                id: past.id,
                order_number: format!("ORD-{}-{:04}", day.format("%Y%m%d"), past.number),
                status: past.status,
                version: 1,
                subtotal: self.money(subtotal),
                total: self.money(subtotal + past.cost),
                delivery: Some(DeliveryTerms {
                    delivery,
                    pickup_address: point.map(|point| point.address.clone()),
                    cost: self.money(past.cost),
                    days_min: past.days.0,
                    days_max: past.days.1,
                }),
                estimated_delivery: Some(estimated),
                lines,
            };
            if matches!(past.status, OrderStatus::Confirmed | OrderStatus::Processing) {
                for (at, quantity) in &past.lines {
                    *self.reserved.entry(*at).or_default() += quantity;
                }
            }
            self.placed.push(Placed {
                order,
                phone: past.phone.clone(),
                name: self.names.get(&past.phone).cloned(),
                payment: Some(PaymentMethod::CashOnDelivery),
                created_at: noon(day),
                of_this_call: false,
                confirmed: true,
                paid: past.status == OrderStatus::Delivered,
            });
        }
    }
}

/// Noon of a day, when earlier orders were made.
fn noon(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12)
}

/// The lines with those of one product put together.
fn merged(lines: &[DraftLine]) -> Result<Vec<DraftLine>, No> {
    let invalid = |detail: String| no(ProblemCode::Other, "422 invalid-request", detail);
    if lines.is_empty() || lines.len() > MAX_LINES {
        return Err(invalid(format!("/items: expected 1 to {MAX_LINES} lines, found {}", lines.len())));
    }
    let mut merged: Vec<DraftLine> = Vec::with_capacity(lines.len());
    for (n, line) in lines.iter().enumerate() {
        let known = merged.iter_mut().find(|other| other.product_id == line.product_id);
        let quantity = known.as_ref().map_or(0, |other| other.quantity).saturating_add(line.quantity);
        if line.quantity < 1 || quantity > MAX_QUANTITY {
            let detail =
                format!("/items/{n}/quantity: expected 1 to {MAX_QUANTITY} pieces, found {quantity}");
            return Err(invalid(detail));
        }
        match known {
            Some(other) => other.quantity = quantity,
            None => merged.push(line.clone()),
        }
    }
    Ok(merged)
}

fn impossible(placed: &Placed, event: &str) -> No {
    let status = serde_json::to_string(&placed.order.status).unwrap_or_default();
    let detail = format!("an order that is {} cannot be {event}", status.trim_matches('"'));
    let order = Some(placed.order.order_number.clone());
    No { order, ..no(ProblemCode::InvalidTransition, "409 invalid-transition", detail) }
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
