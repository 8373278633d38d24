//! The handlers that only look.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::fulfil::{DeliveryType, Destination};
use crate::store::App;
use crate::store::catalog;
use crate::store::http::{Asked, asked, json, limit, path_id};
use crate::store::money::Amount;
use crate::store::order::{Days, OrderRow, OrderView, summary};
use crate::store::phone::phone;
use crate::store::places;
use crate::store::problem::{Code, Fault, Problem};
use crate::store::state;

#[derive(Debug, Deserialize)]
pub(crate) struct OrderQuestion {
    phone: Option<String>,
    order_number: Option<String>,
    status: Option<String>,
    limit: Option<i64>,
}

#[derive(FromRow)]
struct Found {
    id: Uuid,
    order_number: String,
    state: state::State,
    total_minor: Amount,
    currency: String,
    estimated_on: Option<NaiveDate>,
    created_at: DateTime<Utc>,
    total: i64,
}

#[derive(Serialize)]
struct FoundView {
    id: Uuid,
    order_number: String,
    status: &'static str,
    status_label: &'static str,
    total: Amount,
    currency: String,
    items_summary: String,
    estimated_delivery: Option<NaiveDate>,
    created_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Page {
    items: Vec<FoundView>,
    total: i64,
}

/// `GET /orders/search`: by telephone number, by order number (whole, or its last group as callers say it), newest first.
/// Drafts, and orders that were never more, are found only when they are asked for.
pub(crate) async fn search(State(app): State<App>, query: Asked<OrderQuestion>) -> Result<Response, Fault> {
    let question = asked(query)?;
    let limit = limit(question.limit, 5)?;
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let (asked_phone, asked_number) = (given(question.phone), given(question.order_number));
    if asked_phone.is_none() && asked_number.is_none() {
        return Err(Problem::new(Code::Invalid, "expected phone or order_number, found neither").into());
    }
    let customer = asked_phone.map(|text| {
        let wrong = || Problem::new(Code::Invalid, "phone: expected a number such as +79161234567");
        phone(&text).ok_or_else(wrong)
    });
    let customer = customer.transpose()?;
    let digits = asked_number.map(|text| text.chars().filter(char::is_ascii_digit).collect::<String>());
    if digits.as_deref() == Some("") {
        let detail = "order_number: expected ORD-20260214-4521 or its last group";
        return Err(Problem::new(Code::Invalid, detail).into());
    }
    // Eight digits of the day and a last group of four or more.
    let whole = digits.clone().filter(|digits| digits.len() >= 12);
    let tail = digits.filter(|digits| digits.len() < 12).map(|d| d.trim_start_matches('0').to_owned());
    let state = question.status.filter(|status| !status.is_empty()).map(|status| {
        let wrong = || Problem::new(Code::Invalid, format!("status: expected a status, found {status:?}"));
        state::State::from_store_status(&status).ok_or_else(wrong)
    });
    let state = state.transpose()?;
    let found: Vec<Found> = sqlx::query_as(
        "select o.id, o.order_number, o.state, o.total_minor, o.currency, d.estimated_on, o.created_at, \
         count(*) over () as total \
         from orders.orders o left join orders.order_delivery d on d.order_id = o.id \
         where ($1::text is null or o.customer_phone = $1) and ($2::text is null or o.number_tail = $2) \
         and ($3::text is null or o.number_digits = $3) \
         and case when $4::text is null then o.expires_at is null else o.state = $4 end \
         order by o.created_at desc, o.id desc limit $5",
    )
    .bind(customer)
    .bind(tail)
    .bind(whole)
    .bind(state.map(state::State::name))
    .bind(limit)
    .fetch_all(&app.pool)
    .await?;
    let ids: Vec<Uuid> = found.iter().map(|order| order.id).collect();
    let lines: Vec<(Uuid, String, i32)> = sqlx::query_as(
        "select order_id, name, quantity from orders.order_items where order_id = any ($1) order by order_id, position",
    )
    .bind(&ids)
    .fetch_all(&app.pool)
    .await?;
    let total = found.first().map_or(0, |order| order.total);
    let items = found
        .into_iter()
        .map(|order| {
            let own: Vec<(&str, i32)> = lines
                .iter()
                .filter(|line| line.0 == order.id)
                .map(|line| (line.1.as_str(), line.2))
                .collect();
            FoundView {
                id: order.id,
                order_number: order.order_number,
                status: order.state.store_status(),
                status_label: order.state.label(),
                total: order.total_minor,
                currency: order.currency,
                items_summary: summary(own.into_iter()),
                estimated_delivery: order.estimated_on,
                created_at: order.created_at,
            }
        })
        .collect();
    json(&Page { items, total })
}

/// `GET /orders/{id}`.
pub(crate) async fn order(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    let id = path_id(&id)?;
    // One snapshot for the order, its lines and its history.
    let mut transaction = app.pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    let order = OrderView::read(&mut transaction, id).await?;
    let mut response = json(&order)?;
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", order.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
pub(crate) struct DeliveryQuestion {
    delivery_type: DeliveryType,
    city: Option<String>,
    pickup_point_id: Option<Uuid>,
    order_id: Option<Uuid>,
    /// `PRODUCT_ID:QUANTITY,…`
    items: Option<String>,
}

/// `GET /delivery/calculate`: what bringing something somewhere would cost; changes nothing.
pub(crate) async fn calculate(
    State(app): State<App>,
    query: Asked<DeliveryQuestion>,
) -> Result<Response, Fault> {
    #[derive(Serialize)]
    struct Calculation {
        delivery_type: &'static str,
        city: String,
        cost: Amount,
        currency: String,
        estimated_days: Days,
        #[serde(skip_serializing_if = "Option::is_none")]
        total: Option<Amount>,
    }
    let question = asked(query)?;
    let mut conn = app.pool.acquire().await?;
    let goods = match (question.order_id, &question.items) {
        (Some(id), _) => {
            let order = OrderRow::read(&mut conn, id).await?;
            Some((order.subtotal_minor, order.currency))
        }
        (None, Some(items)) => Some(priced(&mut conn, items).await?),
        (None, None) => None,
    };
    let (subtotal, currency) = match goods {
        Some((subtotal, currency)) => (Some(subtotal), currency),
        None => (None, shop_currency(&mut conn).await?),
    };
    let destination = Destination {
        delivery_type: question.delivery_type,
        city: question.city,
        address: None,
        pickup_point_id: question.pickup_point_id,
    };
    let rate = destination.rate(&mut conn, &currency).await?;
    json(&Calculation {
        delivery_type: question.delivery_type.name(),
        city: rate.city,
        cost: rate.cost_minor,
        currency: rate.currency,
        estimated_days: Days { min: rate.days_min, max: rate.days_max },
        total: subtotal.map(|subtotal| Amount(subtotal.0.saturating_add(rate.cost_minor.0))),
    })
}

/// The currency that the shop's rates are in.
async fn shop_currency(conn: &mut PgConnection) -> sqlx::Result<String> {
    let currency: Option<String> = sqlx::query_scalar(
        "select currency from catalog.delivery_rates group by 1 order by count(*) desc limit 1",
    )
    .fetch_optional(conn)
    .await?;
    Ok(currency.unwrap_or_else(|| "RUB".to_owned()))
}

/// The sum of `PRODUCT_ID:QUANTITY,…` at today's prices.
async fn priced(conn: &mut PgConnection, items: &str) -> Result<(Amount, String), Fault> {
    let wrong = || Problem::new(Code::Invalid, "items: expected PRODUCT_ID:QUANTITY, separated by commas");
    let parsed: Option<Vec<(Uuid, i64)>> = items
        .split(',')
        .take(51)
        .map(|item| {
            let (id, quantity) = item.split_once(':')?;
            let quantity = quantity.parse().ok().filter(|n| (1..=999).contains(n))?;
            Some((id.parse().ok()?, quantity))
        })
        .collect();
    let parsed = parsed.filter(|items| items.len() <= 50).ok_or_else(wrong)?;
    let ids: Vec<Uuid> = parsed.iter().map(|(id, _)| *id).collect();
    let offers = catalog::offers(conn, &ids).await?;
    let mut sum = 0_i64;
    for (id, quantity) in &parsed {
        let offer = offers.iter().find(|offer| offer.id == *id);
        let unknown = || {
            Problem::new(
                Code::UnknownProduct,
                format!("expected an active product, found none with the id {id}"),
            )
        };
        sum = sum.saturating_add(offer.ok_or_else(unknown)?.price_minor.0.saturating_mul(*quantity));
    }
    let currency = offers.first().map_or_else(|| "RUB".to_owned(), |offer| offer.currency.clone());
    Ok((Amount(sum), currency))
}

#[derive(Debug, Deserialize)]
pub(crate) struct CityQuestion {
    city: Option<String>,
}

/// `GET /pickup-points`.
pub(crate) async fn pickup_points(
    State(app): State<App>,
    query: Asked<CityQuestion>,
) -> Result<Response, Fault> {
    let city = asked(query)?.city.filter(|city| !city.trim().is_empty());
    let items = places::pickup_points(&app.pool, city.as_deref()).await?;
    json(&serde_json::json!({ "items": items }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct ProductQuestion {
    q: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// `GET /products`: with `q` what matches best, without it everything, a page at a time.
pub(crate) async fn products(
    State(app): State<App>,
    query: Asked<ProductQuestion>,
) -> Result<Response, Fault> {
    let question = asked(query)?;
    let limit = limit(question.limit, 20)?;
    let found = match question.q.as_deref().map(str::trim) {
        Some(words) if !words.is_empty() => catalog::search(&app.pool, words, limit).await?,
        _ => catalog::list(&app.pool, question.cursor.as_deref(), limit).await?,
    };
    json(&found)
}

/// `GET /products/{id}`.
pub(crate) async fn product(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    json(&catalog::product(&app.pool, path_id(&id)?).await?)
}
