//! T1: a draft, its lines at today's prices, and its number.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::catalog::{self, Offer};
use crate::store::money::Amount;
use crate::store::phone::phone;
use crate::store::problem::{Code, Fault, Part, Problem};
use crate::store::state::Event;
use crate::store::stock::{out_of_stock, short_line};
use crate::store::transition::{self, Context, Opening};

/// The body of `POST /orders`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    #[schema(min_items = 1, max_items = 50)]
    items: Vec<Item>,
    /// In any usual spelling.
    #[schema(example = "+79161234567")]
    customer_phone: String,
    #[schema(max_length = 200)]
    customer_name: Option<String>,
    /// Who takes the order; `ai_agent` when absent.
    #[serde(default)]
    source: Source,
    /// The call in which it was made.
    #[schema(max_length = 200)]
    call_id: Option<String>,
}

masked!(NewOrder);

/// So many pieces of one product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrderItem)]
struct Item {
    product_id: Uuid,
    #[schema(minimum = 1, maximum = 999)]
    quantity: i32,
}

/// Who takes the order.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Source {
    #[default]
    AiAgent,
    Website,
    Crm,
    Market,
    Telegram,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::AiAgent => "ai_agent",
            Self::Website => "website",
            Self::Crm => "crm",
            Self::Market => "market",
            Self::Telegram => "telegram",
        }
    }
}

/// Lines of one order.
const MAX_LINES: usize = 50;
/// Pieces of one product in one order.
const MAX_QUANTITY: i32 = 999;

impl NewOrder {
    /// Everything about it that can be wrong without looking at the shop; the telephone number is brought to E.164 and
    /// lines of one product are put together.
    pub(crate) fn checked(mut self) -> Result<Self, Problem> {
        let mut parts = Vec::new();
        let mut wrong = |pointer: String, message: String| {
            parts.push(Part { pointer, code: "invalid", message, ..Part::default() });
        };
        match phone(&self.customer_phone) {
            Some(number) => self.customer_phone = number,
            None => wrong("/customer_phone".into(), "expected a number such as +79161234567".into()),
        }
        if self.items.is_empty() || self.items.len() > MAX_LINES {
            let found = self.items.len();
            wrong("/items".into(), format!("expected 1 to {MAX_LINES} lines, found {found}"));
        }
        let mut merged: Vec<Item> = Vec::new();
        for (n, item) in std::mem::take(&mut self.items).into_iter().enumerate() {
            let known = merged.iter_mut().find(|other| other.product_id == item.product_id);
            let quantity = known.as_ref().map_or(0, |other| other.quantity).saturating_add(item.quantity);
            if item.quantity < 1 || quantity > MAX_QUANTITY {
                let message = format!("expected 1 to {MAX_QUANTITY} pieces, found {quantity}");
                wrong(format!("/items/{n}/quantity"), message);
            }
            match known {
                Some(other) => other.quantity = quantity,
                None => merged.push(item),
            }
        }
        self.items = merged;
        for (name, text, most) in
            [("customer_name", &self.customer_name, 200), ("call_id", &self.call_id, 200)]
        {
            if text.as_ref().is_some_and(|text| text.chars().count() > most) {
                wrong(format!("/{name}"), format!("expected at most {most} characters"));
            }
        }
        if parts.is_empty() {
            return Ok(self);
        }
        let said: Vec<String> =
            parts.iter().map(|part| format!("{}: {}", part.pointer, part.message)).collect();
        Err(Problem::new(Code::Invalid, said.join("; ")).with_parts(parts))
    }
}

/// Writes the draft; gives its id.
pub(crate) async fn create(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: NewOrder,
) -> Result<Uuid, Fault> {
    let (origin_key, known) = transition::origin(conn, context).await?;
    if let Some(id) = known {
        return Ok(id);
    }
    refuse_too_many(conn, context, &order.customer_phone).await?;
    let offers = offers(conn, &order.items).await?;
    let currency = currency(&offers)?;
    let mut subtotal = 0_i64;
    for (item, offer) in order.items.iter().zip(&offers) {
        let line = offer.price_minor.0.checked_mul(i64::from(item.quantity));
        let sum = line.and_then(|line| subtotal.checked_add(line));
        subtotal = sum.ok_or_else(|| Problem::new(Code::Invalid, "the order's total is too large"))?;
    }
    let (customer_id, customer_name, customer_email): (Uuid, Option<String>, Option<String>) =
        sqlx::query_as(
            "insert into identity.customers (id, phone_e164, name) values ($1, $2, $3) \
         on conflict (phone_e164) do update set name = coalesce(customers.name, excluded.name) \
         returning id, name, email",
        )
        .bind(Uuid::now_v7())
        .bind(&order.customer_phone)
        .bind(&order.customer_name)
        .fetch_one(&mut *conn)
        .await?;
    let id = Uuid::now_v7();
    let order_number = next_number(conn, context.today()).await?;
    let opening = Opening {
        id,
        order_number: &order_number,
        source: order.source.name(),
        customer_id: Some(customer_id),
        customer_name: order.customer_name.as_deref().or(customer_name.as_deref()),
        customer_phone: Some(&order.customer_phone),
        customer_email: customer_email.as_deref(),
        currency,
        subtotal: Amount(subtotal),
        call_id: order.call_id.as_deref(),
        origin_key: origin_key.as_deref(),
        ..Opening::default()
    };
    transition::begin(conn, context, &Event::Drafted, &opening).await?;
    let ids: Vec<Uuid> = offers.iter().map(|offer| offer.id).collect();
    let names: Vec<&str> = offers.iter().map(|offer| offer.name.as_str()).collect();
    let quantities: Vec<i32> = order.items.iter().map(|item| item.quantity).collect();
    let prices: Vec<i64> = offers.iter().map(|offer| offer.price_minor.0).collect();
    sqlx::query(
        "insert into orders.order_items (order_id, position, product_id, name, quantity, unit_minor, total_minor) \
         select $1, n - 1, product, name, quantity, price, price * quantity \
         from unnest($2::uuid[], $3::text[], $4::integer[], $5::bigint[]) \
         with ordinality as l (product, name, quantity, price, n)",
    )
    .bind(id)
    .bind(&ids)
    .bind(&names)
    .bind(&quantities)
    .bind(&prices)
    .execute(&mut *conn)
    .await?;
    Ok(id)
}

/// The offers in the order of the lines; an unknown or inactive product, or one that is short, refuses the order.
async fn offers(conn: &mut PgConnection, items: &[Item]) -> Result<Vec<Offer>, Fault> {
    let ids: Vec<Uuid> = items.iter().map(|item| item.product_id).collect();
    let known: BTreeMap<Uuid, Offer> =
        catalog::offers(conn, &ids).await?.into_iter().map(|offer| (offer.id, offer)).collect();
    let mut found = Vec::with_capacity(items.len());
    let (mut unknown, mut short) = (Vec::new(), Vec::new());
    for (position, item) in (0_i32..).zip(items) {
        match known.get(&item.product_id) {
            None => unknown.push(Part {
                pointer: format!("/items/{position}/product_id"),
                code: "unknown-product",
                message: format!("expected an active product, found none with the id {}", item.product_id),
                ..Part::default()
            }),
            Some(offer) => {
                if offer.available < item.quantity {
                    short.push(short_line(position, offer.id, &offer.name, item.quantity, offer.available));
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

/// Refuses one more order of a telephone number that has too many which nobody has paid or begun. The number stays
/// locked until the transaction ends, so that two orders at once cannot both be the last one allowed.
pub(crate) async fn refuse_too_many(
    conn: &mut PgConnection,
    context: &Context<'_>,
    phone: &str,
) -> Result<(), Fault> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("phone:{phone}"))
        .execute(&mut *conn)
        .await?;
    let open: i64 = sqlx::query_scalar(
        "select count(*) from orders.orders o where customer_phone = $1 and state in ('new', 'pending_payment') \
         and not exists (select from pay.payments p where p.order_id = o.id and p.status = 'paid')",
    )
    .bind(phone)
    .fetch_one(conn)
    .await?;
    let most = context.settings.max_unpaid_orders;
    if open < i64::from(most) {
        return Ok(());
    }
    let detail = format!("expected fewer than {most} unpaid orders of this telephone number, found {open}");
    Err(Problem::new(Code::TooManyOrders, detail).into())
}

/// The next number of the day: `ORD-20260214-4521`. Nobody waits for another's transaction to get one, but for the first
/// of a day; what is rolled back leaves a gap.
pub(crate) async fn next_number(conn: &mut PgConnection, day: NaiveDate) -> Result<String, Fault> {
    loop {
        let given: Option<i64> = sqlx::query_scalar(
            "select nextval('orders.numbers') - before from orders.order_days where day = $1",
        )
        .bind(day)
        .fetch_optional(&mut *conn)
        .await?;
        let Some(given) = given else {
            sqlx::query(
                "insert into orders.order_days (day, before) values ($1, nextval('orders.numbers')) \
                 on conflict (day) do nothing",
            )
            .bind(day)
            .execute(&mut *conn)
            .await?;
            continue;
        };
        let number = nth_number(day, given);
        // An imported order may carry it already.
        let taken: bool =
            sqlx::query_scalar("select exists (select from orders.orders where order_number = $1)")
                .bind(&number)
                .fetch_one(&mut *conn)
                .await?;
        if !taken {
            return Ok(number);
        }
    }
}

/// The `given`-th number of a day, from 1. The last group is what callers say: four digits that begin with none of the
/// zeros, all 9000 of them once a day in a scattered order (4507 has no factor in common with 9000), so that one caller's
/// number does not tell the next one's; after that it grows.
fn nth_number(day: NaiveDate, given: i64) -> String {
    let given = given - 1;
    let group = if given < 9000 {
        let start = i64::from(day.num_days_from_ce()) * 2731;
        1000 + (start + given * 4507).rem_euclid(9000)
    } else {
        1000 + given
    };
    format!("ORD-{}-{group}", day.format("%Y%m%d"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_day_gives_each_number_once() {
        let day = NaiveDate::from_ymd_opt(2026, 2, 14).unwrap();
        let numbers: BTreeSet<String> = (1..=12_000).map(|n| nth_number(day, n)).collect();
        assert_eq!(numbers.len(), 12_000);
        assert_eq!(numbers.first().unwrap().len(), "ORD-20260214-1000".len());
        assert_eq!(nth_number(day, 9001), "ORD-20260214-10000");
    }

    #[test]
    fn every_fault_of_a_draft_is_named_and_lines_of_one_product_are_one() {
        let order = |text: &str| serde_json::from_str::<NewOrder>(text).unwrap().checked();
        let id = Uuid::from_u128(1);
        let ok = format!(
            r#"{{"customer_phone":"+79161234567","items":[{{"product_id":"{id}","quantity":2}},{{"product_id":"{id}","quantity":3}}]}}"#
        );
        assert_eq!(order(&ok).unwrap().items[0].quantity, 5);
        let bad = format!(r#"{{"customer_phone":"12","items":[{{"product_id":"{id}","quantity":0}}]}}"#);
        let problem = String::from_utf8(order(&bad).unwrap_err().body("/", "r")).unwrap();
        assert!(problem.contains("/customer_phone") && problem.contains("/items/0/quantity"), "{problem}");
    }
}
