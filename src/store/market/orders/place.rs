//! T5: a buyer's order, whole in one step.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::buyer::Profile;
use super::view::{OrderView, PlacedView};
use crate::store::api::{next_number, refuse_too_many};
use crate::store::catalog::{self, Offer};
use crate::store::idempotency::Answer;
use crate::store::market::payments::source::Source;
use crate::store::money::Amount;
use crate::store::mutation::Effect;
use crate::store::places::{self, Rate};
use crate::store::problem::{Code, Fault, Part, Problem};
use crate::store::state::Event;
use crate::store::stock::{out_of_stock, short_line};
use crate::store::transition::{self, Context, Opening};

/// What a buyer orders: one piece of `productId`, or `items`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewMarketOrder)]
pub(crate) struct NewOrder {
    product_id: Option<Uuid>,
    #[schema(min_items = 1, max_items = 50)]
    items: Option<Vec<Item>>,
    #[schema(min_length = 1, max_length = 200)]
    country: String,
    #[schema(min_length = 1, max_length = 200)]
    region: String,
    #[schema(min_length = 1, max_length = 200)]
    city: String,
    #[schema(min_length = 1, max_length = 500)]
    street: String,
    /// A payment provider's token of a card, never its number: the order is then paid by card.
    card: Option<String>,
    /// A telephone number: the order is then paid from its account.
    phone: Option<String>,
}

masked!(NewOrder);

/// A line.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewMarketLine)]
struct Item {
    product_id: Uuid,
    #[schema(minimum = 1, maximum = 999)]
    quantity: i32,
}

/// Lines of one order.
const MAX_LINES: usize = 50;
/// Pieces of one product in one order.
const MAX_QUANTITY: i32 = 999;

/// A buyer's order, read and good in itself.
pub(crate) struct Place {
    user: Uuid,
    items: Vec<Item>,
    country: String,
    region: String,
    city: String,
    street: String,
    source: Option<Source>,
}

masked!(Place);

impl NewOrder {
    /// Everything about it that can be wrong without looking at the shop; lines of one product are put together.
    pub(crate) fn checked(self, user: Uuid) -> Result<Place, Problem> {
        let mut parts = Vec::new();
        let mut wrong = |pointer: String, message: String| {
            parts.push(Part { pointer, code: "invalid", message, ..Part::default() });
        };
        let given = match (self.product_id, self.items) {
            (Some(product_id), None) => vec![Item { product_id, quantity: 1 }],
            (None, Some(items)) => items,
            (Some(_), Some(_)) => {
                wrong("/productId".into(), "expected productId or items, found both".into());
                Vec::new()
            }
            (None, None) => {
                wrong("/productId".into(), "expected productId or items, found neither".into());
                Vec::new()
            }
        };
        if given.len() > MAX_LINES || given.is_empty() {
            wrong("/items".into(), format!("expected 1 to {MAX_LINES} lines, found {}", given.len()));
        }
        let mut items: Vec<Item> = Vec::new();
        for (n, item) in given.into_iter().take(MAX_LINES).enumerate() {
            let known = items.iter_mut().find(|other| other.product_id == item.product_id);
            let quantity = known.as_ref().map_or(0, |other| other.quantity).saturating_add(item.quantity);
            if item.quantity < 1 || quantity > MAX_QUANTITY {
                let message = format!("expected 1 to {MAX_QUANTITY} pieces, found {quantity}");
                wrong(format!("/items/{n}/quantity"), message);
            }
            match known {
                Some(other) => other.quantity = quantity,
                None => items.push(item),
            }
        }
        let mut place = |name: &str, text: String, most: usize| {
            let text = text.trim().to_owned();
            if !(1..=most).contains(&text.chars().count()) || text.chars().any(char::is_control) {
                wrong(format!("/{name}"), format!("expected 1 to {most} characters in one line"));
            }
            text
        };
        let country = place("country", self.country, 200);
        let region = place("region", self.region, 200);
        let city = place("city", self.city, 200);
        let street = place("street", self.street, 500);
        let source = Source::of(None, ("/card", self.card.as_deref()), self.phone.as_deref())?;
        if parts.is_empty() {
            return Ok(Place { user, items, country, region, city, street, source });
        }
        let said: Vec<String> =
            parts.iter().map(|part| format!("{}: {}", part.pointer, part.message)).collect();
        Err(Problem::new(Code::Invalid, said.join("; ")).with_parts(parts))
    }
}

impl Effect for Place {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let (origin_key, known) = transition::origin(conn, context).await?;
        let id = match known {
            Some(id) => id,
            None => self.write(conn, context, origin_key.as_deref()).await?,
        };
        let order = OrderView::read(conn, id).await?;
        let version = order.version;
        let answer = Answer::json(StatusCode::CREATED, &PlacedView::from(order))?;
        Ok(answer.of_order(id, version).at(format!("/api/v1/orders/{id}")))
    }
}

impl Place {
    async fn write(
        &self,
        conn: &mut PgConnection,
        context: &Context<'_>,
        origin_key: Option<&str>,
    ) -> Result<Uuid, Fault> {
        let buyer = Profile::of(conn, context, self.user).await?;
        if let Some(phone) = &buyer.phone {
            refuse_too_many(conn, context, phone).await?;
        }
        buyer.refuse_too_many(conn, context).await?;
        let offers = self.offers(conn).await?;
        let currency = currency(&offers)?;
        let mut subtotal = 0_i64;
        for (item, offer) in self.items.iter().zip(&offers) {
            let line = offer.price_minor.0.checked_mul(i64::from(item.quantity));
            let sum = line.and_then(|line| subtotal.checked_add(line));
            subtotal = sum.ok_or_else(|| Problem::new(Code::Invalid, "the order's total is too large"))?;
        }
        let id = Uuid::now_v7();
        let order_number = next_number(conn, context.today()).await?;
        let opening = Opening {
            id,
            order_number: &order_number,
            source: "market",
            customer_id: Some(buyer.customer),
            customer_name: Some(&buyer.name),
            customer_phone: buyer.phone.as_deref(),
            customer_email: buyer.email.as_deref(),
            currency,
            subtotal: Amount(subtotal),
            origin_key,
            ..Opening::default()
        };
        transition::begin(conn, context, &Event::Placed, &opening).await?;
        for (position, (item, offer)) in (0_i32..).zip(self.items.iter().zip(&offers)) {
            sqlx::query(
                "insert into orders.order_items \
                 (order_id, position, product_id, name, quantity, unit_minor, total_minor) \
                 values ($1, $2, $3, $4, $5, $6, $5::bigint * $6)",
            )
            .bind(id)
            .bind(position)
            .bind(offer.id)
            .bind(&offer.name)
            .bind(item.quantity)
            .bind(offer.price_minor)
            .execute(&mut *conn)
            .await?;
        }
        self.deliver(conn, context, id, currency).await?;
        if let Some(source) = &self.source {
            sqlx::query(
                "insert into pay.chosen (order_id, method, source, created_at) values ($1, $2, $3, $4)",
            )
            .bind(id)
            .bind(source.means.method().name())
            .bind(&source.value)
            .bind(context.now)
            .execute(&mut *conn)
            .await?;
        }
        transition::announce(conn, context, &Event::Placed, id).await?;
        Ok(id)
    }

    /// Where it goes. A city of the shop's list has its rate; elsewhere the goods go without one.
    async fn deliver(
        &self,
        conn: &mut PgConnection,
        context: &Context<'_>,
        id: Uuid,
        currency: &str,
    ) -> Result<(), Fault> {
        let rate: Option<Rate> = match places::rate(conn, &self.city).await {
            Ok(rate) => Some(rate).filter(|rate| rate.currency == currency),
            Err(Fault::No(_)) => None,
            Err(fault) => return Err(fault),
        };
        let cost = rate.as_ref().map_or(Amount(0), |rate| rate.cost_minor);
        let days = rate.as_ref().map(|rate| (rate.days_min, rate.days_max));
        sqlx::query(
            "insert into orders.order_delivery (order_id, type, city, address, country, region, street, cost_minor, \
             days_min, days_max, estimated_on) values ($1, 'delivery', $2, $3, $4, $5, $3, $6, $7, $8, $9)",
        )
        .bind(id)
        .bind(rate.as_ref().map_or(self.city.as_str(), |rate| rate.city.as_str()))
        .bind(&self.street)
        .bind(&self.country)
        .bind(&self.region)
        .bind(cost)
        .bind(days.map(|(min, _)| min))
        .bind(days.map(|(_, max)| max))
        .bind(days.map(|(_, max)| context.today() + TimeDelta::days(i64::from(max))))
        .execute(&mut *conn)
        .await?;
        sqlx::query(
            "update orders.orders set delivery_minor = $2, total_minor = subtotal_minor + $2 where id = $1",
        )
        .bind(id)
        .bind(cost)
        .execute(conn)
        .await?;
        Ok(())
    }

    /// The offers in the order of the lines; an unknown or inactive product, or one that is short, refuses the order.
    async fn offers(&self, conn: &mut PgConnection) -> Result<Vec<Offer>, Fault> {
        let ids: Vec<Uuid> = self.items.iter().map(|item| item.product_id).collect();
        let known: BTreeMap<Uuid, Offer> =
            catalog::offers(conn, &ids).await?.into_iter().map(|offer| (offer.id, offer)).collect();
        let mut found = Vec::with_capacity(self.items.len());
        let (mut unknown, mut short) = (Vec::new(), Vec::new());
        for (position, item) in (0_i32..).zip(&self.items) {
            match known.get(&item.product_id) {
                None => unknown.push(Part {
                    pointer: format!("/items/{position}/productId"),
                    code: "unknown-product",
                    message: format!(
                        "expected an active product, found none with the id {}",
                        item.product_id
                    ),
                    ..Part::default()
                }),
                Some(offer) => {
                    if offer.available < item.quantity {
                        let (name, available) = (&offer.name, offer.available);
                        short.push(short_line(position, offer.id, name, item.quantity, available));
                    }
                    found.push(offer.clone());
                }
            }
        }
        if !unknown.is_empty() {
            let said: Vec<&str> = unknown.iter().map(|part| part.message.as_str()).collect();
            return Err(Problem::new(Code::UnknownProduct, said.join("; ")).with_parts(unknown).into());
        }
        if short.is_empty() { Ok(found) } else { Err(out_of_stock(short).into()) }
    }
}

fn currency(offers: &[Offer]) -> Result<&str, Problem> {
    let first = offers.first().map_or("RUB", |offer| offer.currency.as_str());
    match offers.iter().find(|offer| offer.currency != first) {
        None => Ok(first),
        Some(other) => {
            let detail = format!("expected one currency, found {first} and {}", other.currency);
            Err(Problem::new(Code::Invalid, detail))
        }
    }
}
