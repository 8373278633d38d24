//! Orders from before the call.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::{Placed, Shop};
use crate::ids::{PhoneNumber, Pii};
use crate::orders::{Delivery, DeliveryTerms, DraftLine, Order, OrderLine, OrderStatus, PaymentMethod};

impl Shop {
    /// An order that was placed before this call, at this time. It is left out where the shop says no.
    pub fn place_before(
        &mut self,
        lines: &[DraftLine],
        phone: &PhoneNumber,
        delivery: &Delivery,
        payment: PaymentMethod,
        at: DateTime<Utc>,
    ) {
        let placed = self.create(lines, phone, None, at).and_then(|order| {
            self.set_delivery(order.id, delivery)?;
            self.confirm(order.id, None, payment, None)
        });
        if placed.is_ok()
            && let Some(order) = self.placed.last_mut()
        {
            order.of_this_call = false;
        } else {
            self.placed.retain(|order| order.order.status != OrderStatus::Draft);
        }
    }

    /// The orders of the shop's file, which another system has brought to their states.
    pub(super) fn remember_past(&mut self) {
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
