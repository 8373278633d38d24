//! Orders that are made, changed, confirmed and cancelled (`store/api/draft.rs`, `store/api/fulfil.rs`, `store/state.rs`).

use chrono::{DateTime, Datelike, Days, Utc};
use uuid::Uuid;

use super::{No, Placed, Shop, no, tidy};
use crate::ids::{PhoneNumber, Pii};
use crate::orders::{
    Confirmation, Delivery, DeliveryQuote, DeliveryTerms, DraftLine, Order, OrderLine, OrderStatus,
    PaymentMethod, ProblemCode,
};

/// Orders of one telephone number that nobody has paid or begun (`store/settings.rs`, `max_unpaid_orders`).
const MAX_UNPAID: usize = 3;
/// Lines of one order, pieces of one product, characters of an address (`store/api`).
const MAX_LINES: usize = 50;
const MAX_QUANTITY: u32 = 999;
const MAX_ADDRESS: usize = 500;

impl Shop {
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

    pub(super) fn create(
        &mut self,
        lines: &[DraftLine],
        phone: &PhoneNumber,
        name: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Order, No> {
        let merged = merged(lines)?;
        self.refuse_too_many(phone)?;
        let known = self.known(&merged)?;
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

    /// The goods of a draft changed; where it goes stays, priced anew.
    pub(super) fn change_lines(&mut self, id: Uuid, version: u32, lines: &[DraftLine]) -> Result<Order, No> {
        let at = self.find(id)?;
        let placed = &self.placed[at];
        if version > 0 && version != placed.order.version {
            let detail = format!("expected version {version}, found version {}", placed.order.version);
            return Err(no(ProblemCode::VersionMismatch, "412 version-mismatch", detail));
        }
        if placed.order.status != OrderStatus::Draft {
            return Err(impossible(placed, "lines_changed"));
        }
        let known = self.known(&merged(lines)?)?;
        self.refuse_short(&known)?;
        let lines: Vec<OrderLine> = known.iter().map(|(at, quantity)| self.line(*at, *quantity)).collect();
        let order = &mut self.placed[at].order;
        order.subtotal.minor = lines.iter().map(|line| line.total.minor).sum();
        order.lines = lines;
        order.total.minor =
            order.subtotal.minor + order.delivery.as_ref().map_or(0, |terms| terms.cost.minor);
        order.version += 1;
        Ok(order.clone())
    }

    fn known(&self, lines: &[DraftLine]) -> Result<Vec<(usize, u32)>, No> {
        lines
            .iter()
            .map(|line| {
                let at = self.catalogue.index(line.product_id).ok_or_else(|| {
                    let detail =
                        format!("expected an active product, found none with the id {}", line.product_id);
                    no(ProblemCode::UnknownProduct, "422 unknown-product", detail)
                })?;
                Ok((at, line.quantity))
            })
            .collect()
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

    pub(super) fn line(&self, at: usize, quantity: u32) -> OrderLine {
        let product = &self.catalogue.items[at].product;
        OrderLine {
            product_id: Some(product.id),
            name: product.name.clone(),
            quantity,
            unit: product.price,
            total: self.money(product.price.minor * i64::from(quantity)),
        }
    }

    pub(super) fn set_delivery(&mut self, id: Uuid, delivery: &Delivery) -> Result<Order, No> {
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

    /// What delivery to a city costs.
    pub(super) fn quote(&self, city: &str) -> Result<DeliveryQuote, No> {
        let rate = self.catalogue.city(city).ok_or_else(|| {
            let detail = format!("expected a city of the shop's list, found {city:?}");
            no(ProblemCode::CityNotServed, "422 city-not-served", detail)
        })?;
        Ok(DeliveryQuote {
            city: rate.name.clone(),
            cost: self.money(rate.cost),
            days_min: rate.days.0,
            days_max: rate.days.1,
        })
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

    pub(super) fn confirm(
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

    pub(super) fn cancel(&mut self, id: Uuid) -> Result<(), No> {
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
