//! The handlers that only look.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, QueryBuilder};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::fulfil::{DeliveryType, Destination};
use crate::store::App;
use crate::store::catalog::{self, ProductView, Products};
use crate::store::documents::answers::{Asked as Answers, Missing, NotAllowed, Unreadable, Wrong};
use crate::store::http::{Asked, asked, json, limit, path_id};
use crate::store::money::Amount;
use crate::store::order::{Days, OrderRow, OrderView, summary};
use crate::store::phone::phone;
use crate::store::places::{self, PointView};
use crate::store::problem::{Code, Fault, Problem};
use crate::store::state;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrderQuestion {
    /// The buyer's telephone number, in any usual spelling. This or `order_number` is needed.
    #[param(nullable = false, example = "+79161234567")]
    phone: Option<String>,
    /// An order's number, or its last group, as callers say it.
    #[param(nullable = false, example = "4521")]
    order_number: Option<String>,
    /// Only orders in this status.
    #[param(nullable = false, schema_with = statuses)]
    status: Option<String>,
    /// How many at most; 5 when absent.
    #[param(nullable = false, minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

masked!(OrderQuestion);

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
    names: Vec<String>,
    quantities: Vec<i32>,
}

/// An order in brief.
#[derive(Serialize, ToSchema)]
#[schema(as = FoundOrder)]
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

/// What was found; nothing is no error.
#[derive(Serialize, ToSchema)]
#[schema(as = FoundOrders)]
pub(crate) struct Page {
    items: Vec<FoundView>,
    /// How many there are in all.
    total: i64,
}

/// Orders of a telephone number or with an order number, the newest first.
///
/// Drafts, and orders that were never more, are found only when they are asked for by `status`.
#[utoipa::path(
    get,
    path = "/api/v1/orders/search",
    operation_id = "search_orders",
    tag = "orders",
    params(OrderQuestion),
    responses((status = 200, description = "What was found.", body = Page), Answers, NotAllowed, Wrong)
)]
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
    // Only what was asked stands in the statement: one plan fits all who ask the same way, and none is made anew.
    let mut statement = QueryBuilder::new(
        "select o.id, o.order_number, o.state, o.total_minor, o.currency, d.estimated_on, o.created_at, \
         count(*) over () as total, \
         array(select name from orders.order_items where order_id = o.id order by position) as names, \
         array(select quantity from orders.order_items where order_id = o.id order by position) as quantities \
         from orders.orders o left join orders.order_delivery d on d.order_id = o.id where true",
    );
    for (column, value) in
        [("o.customer_phone", customer), ("o.number_tail", tail), ("o.number_digits", whole)]
    {
        if let Some(value) = value {
            statement.push(" and ").push(column).push(" = ").push_bind(value);
        }
    }
    match state {
        Some(state) => statement.push(" and o.state = ").push_bind(state.name()),
        None => statement.push(" and o.expires_at is null"),
    };
    statement.push(" order by o.created_at desc, o.id desc limit ").push_bind(limit);
    let found: Vec<Found> = statement.build_query_as().fetch_all(&app.pool).await?;
    let total = found.first().map_or(0, |order| order.total);
    let items = found
        .into_iter()
        .map(|order| {
            let lines = order.names.iter().map(String::as_str).zip(order.quantities);
            let items_summary = summary(lines);
            FoundView {
                id: order.id,
                order_number: order.order_number,
                status: order.state.store_status(),
                status_label: order.state.label(),
                total: order.total_minor,
                currency: order.currency,
                items_summary,
                estimated_delivery: order.estimated_on,
                created_at: order.created_at,
            }
        })
        .collect();
    json(&Page { items, total })
}

/// An order whole.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}",
    operation_id = "get_order",
    tag = "orders",
    params(("id" = Uuid, Path, description = "The order's id.")),
    responses(
        (status = 200, description = "The order.", body = OrderView, headers(("ETag" = String))),
        Answers, Unreadable, NotAllowed, Missing,
    )
)]
pub(crate) async fn order(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    let id = path_id(&id)?;
    // One snapshot for the order, its lines and its history.
    let mut transaction = app.pool.begin_with("begin isolation level repeatable read, read only").await?;
    let order = OrderView::read(&mut transaction, id).await?;
    let mut response = json(&order)?;
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", order.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuestion {
    #[param(inline)]
    delivery_type: DeliveryType,
    /// Needed for delivery, in any of the city's names.
    #[param(nullable = false)]
    city: Option<String>,
    /// Needed for pick-up.
    #[param(nullable = false)]
    pickup_point_id: Option<Uuid>,
    /// Adds up the total of this order.
    #[param(nullable = false)]
    order_id: Option<Uuid>,
    /// Adds up the total of these goods: `PRODUCT_ID:QUANTITY,…`
    #[param(nullable = false)]
    items: Option<String>,
}

/// What it costs to bring something somewhere.
#[derive(Serialize, ToSchema)]
pub(crate) struct Calculation {
    /// `delivery` or `pickup`.
    delivery_type: &'static str,
    city: String,
    cost: Amount,
    currency: String,
    estimated_days: Days,
    /// Goods and delivery, where goods were named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    total: Option<Amount>,
}

/// What bringing something somewhere would cost; changes nothing.
#[utoipa::path(
    get,
    path = "/api/v1/delivery/calculate",
    operation_id = "calculate_delivery",
    tag = "delivery",
    params(DeliveryQuestion),
    responses(
        (status = 200, description = "The price and the days.", body = Calculation),
        Answers, NotAllowed, Missing, Wrong,
    )
)]
pub(crate) async fn calculate(
    State(app): State<App>,
    query: Asked<DeliveryQuestion>,
) -> Result<Response, Fault> {
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

/// The statuses that can be asked for.
fn statuses() -> Object {
    let names = state::State::ALL.map(state::State::store_status);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
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

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CityQuestion {
    /// Only those of this city, in any of its names.
    #[param(nullable = false)]
    city: Option<String>,
}

/// Where orders can be picked up.
#[derive(Serialize, ToSchema)]
#[schema(as = PickupPoints)]
pub(crate) struct Points {
    items: Vec<PointView>,
}

/// Where orders can be picked up.
#[utoipa::path(
    get,
    path = "/api/v1/pickup-points",
    operation_id = "list_pickup_points",
    tag = "delivery",
    params(CityQuestion),
    responses((status = 200, description = "The points; none is no error.", body = Points), Answers, NotAllowed, Wrong)
)]
pub(crate) async fn pickup_points(
    State(app): State<App>,
    query: Asked<CityQuestion>,
) -> Result<Response, Fault> {
    let city = asked(query)?.city.filter(|city| !city.trim().is_empty());
    let items = places::pickup_points(&app.pool, city.as_deref()).await?;
    json(&Points { items })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProductQuestion {
    /// Words and numbers, as a caller says them.
    #[param(nullable = false, example = "зимние 205 55 16")]
    q: Option<String>,
    /// How many at most; 20 when absent.
    #[param(nullable = false, minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// Products: with `q` what matches best, without it everything, a page at a time.
#[utoipa::path(
    get,
    path = "/api/v1/products",
    operation_id = "list_products",
    tag = "products",
    params(ProductQuestion),
    responses((status = 200, description = "The products; none is no error.", body = Products), Answers, NotAllowed, Wrong)
)]
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

/// One product, also one that is not sold any more.
#[utoipa::path(
    get,
    path = "/api/v1/products/{id}",
    operation_id = "get_product",
    tag = "products",
    params(("id" = Uuid, Path, description = "The product's id.")),
    responses(
        (status = 200, description = "The product.", body = ProductView),
        Answers, Unreadable, NotAllowed, Missing,
    )
)]
pub(crate) async fn product(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    json(&catalog::product(&app.pool, path_id(&id)?).await?)
}
