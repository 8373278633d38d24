//! Lines of a draft: what they must be, what the catalogue says of them, and how they are replaced by others.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fulfil::{DeliveryType, Destination};
use crate::store::catalog::{self, Offer};
use crate::store::money::Amount;
use crate::store::problem::{Code, Fault, Part, Problem};
use crate::store::state::Event;
use crate::store::stock::{out_of_stock, short_line};
use crate::store::transition::{Context, Step};

/// The body of `PUT /orders/{id}/lines`: all lines that the order shall have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLines {
    /// Lines of one product count as one.
    #[schema(min_items = 1, max_items = 50)]
    lines: Vec<Item>,
}

/// So many pieces of one product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrderItem)]
pub(crate) struct Item {
    pub(super) product_id: Uuid,
    #[schema(minimum = 1, maximum = 999)]
    pub(super) quantity: i32,
}

/// Lines of one order.
const MAX_LINES: usize = 50;
/// Pieces of one product in one order.
const MAX_QUANTITY: i32 = 999;

impl NewLines {
    /// Everything about them that can be wrong without looking at the shop; lines of one product are put together.
    pub(crate) fn checked(self) -> Result<Self, Problem> {
        let mut parts = Vec::new();
        let lines = merged(self.lines, "lines", &mut parts);
        if parts.is_empty() { Ok(Self { lines }) } else { Err(invalid(parts)) }
    }
}

/// Puts lines of one product together, and adds to `parts` what is wrong with them. `field` is where they stand in the
/// request.
pub(super) fn merged(items: Vec<Item>, field: &str, parts: &mut Vec<Part>) -> Vec<Item> {
    if items.is_empty() || items.len() > MAX_LINES {
        let message = format!("expected 1 to {MAX_LINES} lines, found {}", items.len());
        parts.push(wrong(format!("/{field}"), message));
    }
    let mut merged: Vec<Item> = Vec::new();
    for (n, item) in items.into_iter().enumerate() {
        let known = merged.iter_mut().find(|other| other.product_id == item.product_id);
        let quantity = known.as_ref().map_or(0, |other| other.quantity).saturating_add(item.quantity);
        if item.quantity < 1 || quantity > MAX_QUANTITY {
            let message = format!("expected 1 to {MAX_QUANTITY} pieces, found {quantity}");
            parts.push(wrong(format!("/{field}/{n}/quantity"), message));
        }
        match known {
            Some(other) => other.quantity = quantity,
            None => merged.push(item),
        }
    }
    merged
}

/// A part of the request that is not as expected.
pub(super) fn wrong(pointer: String, message: String) -> Part {
    Part { pointer, code: "invalid", message, ..Part::default() }
}

/// The no to a request with these wrong parts.
pub(super) fn invalid(parts: Vec<Part>) -> Problem {
    let said: Vec<String> = parts.iter().map(|part| format!("{}: {}", part.pointer, part.message)).collect();
    Problem::new(Code::Invalid, said.join("; ")).with_parts(parts)
}

/// Lines with what the catalogue says of each today.
pub(super) struct Goods<'a> {
    items: &'a [Item],
    /// In the order of the lines.
    offers: Vec<Offer>,
    pub(super) subtotal: Amount,
}

impl<'a> Goods<'a> {
    /// Looks the lines up; `field` is where they stand in the request.
    ///
    /// # Errors
    /// `unknown-product`, `out-of-stock`, or `invalid-request` for two currencies or a sum that is too large.
    pub(super) async fn of(conn: &mut PgConnection, items: &'a [Item], field: &str) -> Result<Self, Fault> {
        let offers = offers(conn, items, field).await?;
        let first = offers.first().map_or("", |offer| offer.currency.as_str());
        if let Some(other) = offers.iter().find(|offer| offer.currency != first) {
            let detail = format!("expected one currency, found {first} and {}", other.currency);
            return Err(Problem::new(Code::Invalid, detail).into());
        }
        let mut subtotal = 0_i64;
        for (item, offer) in items.iter().zip(&offers) {
            let line = offer.price_minor.0.checked_mul(i64::from(item.quantity));
            let sum = line.and_then(|line| subtotal.checked_add(line));
            subtotal = sum.ok_or_else(|| Problem::new(Code::Invalid, "the order's total is too large"))?;
        }
        Ok(Self { items, offers, subtotal: Amount(subtotal) })
    }

    pub(super) fn currency(&self) -> &str {
        self.offers.first().map_or("RUB", |offer| offer.currency.as_str())
    }

    /// Writes them as the lines of an order that has none.
    pub(super) async fn write(&self, conn: &mut PgConnection, order_id: Uuid) -> Result<(), Fault> {
        let ids: Vec<Uuid> = self.offers.iter().map(|offer| offer.id).collect();
        let names: Vec<&str> = self.offers.iter().map(|offer| offer.name.as_str()).collect();
        let quantities: Vec<i32> = self.items.iter().map(|item| item.quantity).collect();
        let prices: Vec<i64> = self.offers.iter().map(|offer| offer.price_minor.0).collect();
        sqlx::query(
            "insert into orders.order_items (order_id, position, product_id, name, quantity, unit_minor, total_minor) \
             select $1, n - 1, product, name, quantity, price, price * quantity \
             from unnest($2::uuid[], $3::text[], $4::integer[], $5::bigint[]) \
             with ordinality as l (product, name, quantity, price, n)",
        )
        .bind(order_id)
        .bind(&ids)
        .bind(&names)
        .bind(&quantities)
        .bind(&prices)
        .execute(conn)
        .await?;
        Ok(())
    }
}

/// The offers in the order of the lines; an unknown or inactive product, or one that is short, refuses them all.
async fn offers(conn: &mut PgConnection, items: &[Item], field: &str) -> Result<Vec<Offer>, Fault> {
    let ids: Vec<Uuid> = items.iter().map(|item| item.product_id).collect();
    let known: BTreeMap<Uuid, Offer> =
        catalog::offers(conn, &ids).await?.into_iter().map(|offer| (offer.id, offer)).collect();
    let mut found = Vec::with_capacity(items.len());
    let (mut unknown, mut short) = (Vec::new(), Vec::new());
    for (position, item) in (0_i32..).zip(items) {
        match known.get(&item.product_id) {
            None => unknown.push(Part {
                pointer: format!("/{field}/{position}/product_id"),
                code: "unknown-product",
                message: format!("expected an active product, found none with the id {}", item.product_id),
                ..Part::default()
            }),
            Some(offer) => {
                if offer.available < item.quantity {
                    let line = short_line(position, offer.id, &offer.name, item.quantity, offer.available);
                    short.push(Part { pointer: format!("/{field}/{position}"), ..line });
                }
                found.push(offer.clone());
            }
        }
    }
    if !unknown.is_empty() {
        let said: Vec<&str> = unknown.iter().map(|part| part.message.as_str()).collect();
        return Err(Problem::new(Code::UnknownProduct, said.join("; ")).with_parts(unknown).into());
    }
    if !short.is_empty() {
        return Err(out_of_stock(short).into());
    }
    Ok(found)
}

/// T2: replaces the lines of a draft. Its delivery stays where it is, at today's rate, and everything is added up anew. A
/// draft holds no goods, so the shelf is only looked at; the confirmation takes from it.
pub(crate) async fn change(
    conn: &mut PgConnection,
    context: &Context<'_>,
    id: Uuid,
    new: NewLines,
) -> Result<(), Fault> {
    let step = Step::plan(conn, context, id, Event::LinesChanged).await?;
    let goods = Goods::of(conn, &new.lines, "lines").await?;
    let currency = step.order.currency.as_str();
    if goods.currency() != currency {
        let detail = format!("expected products in {currency}, found {}", goods.currency());
        return Err(Problem::new(Code::Invalid, detail).into());
    }
    let delivery = rerated(conn, context, id, currency).await?;
    let total = goods.subtotal.0.checked_add(delivery.0);
    let total = total.ok_or_else(|| Problem::new(Code::Invalid, "the order's total is too large"))?;
    sqlx::query("delete from orders.order_items where order_id = $1").bind(id).execute(&mut *conn).await?;
    goods.write(conn, id).await?;
    sqlx::query(
        "update orders.orders set subtotal_minor = $2, delivery_minor = $3, total_minor = $4 where id = $1",
    )
    .bind(id)
    .bind(goods.subtotal)
    .bind(delivery)
    .bind(Amount(total))
    .execute(&mut *conn)
    .await?;
    step.carry_out(conn, context).await
}

#[derive(sqlx::FromRow)]
struct Place {
    r#type: String,
    city: String,
    pickup_point_id: Option<Uuid>,
}

/// Brings a draft's delivery to today's rate of the same place; what it costs, nothing where none is set.
///
/// # Errors
/// The shop does not serve that place any more.
async fn rerated(
    conn: &mut PgConnection,
    context: &Context<'_>,
    id: Uuid,
    currency: &str,
) -> Result<Amount, Fault> {
    let place: Option<Place> =
        sqlx::query_as("select type, city, pickup_point_id from orders.order_delivery where order_id = $1")
            .bind(id)
            .fetch_optional(&mut *conn)
            .await?;
    let Some(place) = place else { return Ok(Amount(0)) };
    let pickup = place.r#type == DeliveryType::Pickup.name();
    let destination = Destination {
        delivery_type: if pickup { DeliveryType::Pickup } else { DeliveryType::Delivery },
        city: Some(place.city),
        address: None,
        pickup_point_id: place.pickup_point_id,
    };
    let rate = destination.rate(conn, currency).await?;
    sqlx::query(
        "update orders.order_delivery set city = $2, cost_minor = $3, days_min = $4, days_max = $5, estimated_on = $6 \
         where order_id = $1",
    )
    .bind(id)
    .bind(&rate.city)
    .bind(rate.cost_minor)
    .bind(rate.days_min)
    .bind(rate.days_max)
    .bind(context.today() + TimeDelta::days(i64::from(rate.days_max)))
    .execute(conn)
    .await?;
    Ok(rate.cost_minor)
}
