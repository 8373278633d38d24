//! T1: a draft, its lines at today's prices, and its number.

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::lines::{Goods, Item, invalid, merged, wrong};
use crate::store::phone::phone;
use crate::store::problem::{Code, Fault, Problem};
use crate::store::state::Event;
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

impl NewOrder {
    /// Everything about it that can be wrong without looking at the shop; the telephone number is brought to E.164 and
    /// lines of one product are put together.
    pub(crate) fn checked(mut self) -> Result<Self, Problem> {
        let mut parts = Vec::new();
        match phone(&self.customer_phone) {
            Some(number) => self.customer_phone = number,
            None => {
                parts.push(wrong("/customer_phone".into(), "expected a number such as +79161234567".into()))
            }
        }
        self.items = merged(std::mem::take(&mut self.items), "items", &mut parts);
        for (name, text, most) in
            [("customer_name", &self.customer_name, 200), ("call_id", &self.call_id, 200)]
        {
            if text.as_ref().is_some_and(|text| text.chars().count() > most) {
                parts.push(wrong(format!("/{name}"), format!("expected at most {most} characters")));
            }
        }
        if parts.is_empty() { Ok(self) } else { Err(invalid(parts)) }
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
    let goods = Goods::of(conn, &order.items, "items").await?;
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
        currency: goods.currency(),
        subtotal: goods.subtotal,
        call_id: order.call_id.as_deref(),
        origin_key: origin_key.as_deref(),
        ..Opening::default()
    };
    transition::begin(conn, context, &Event::Drafted, &opening).await?;
    goods.write(conn, id).await?;
    Ok(id)
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
