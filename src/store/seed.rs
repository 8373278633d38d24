//! Loading a shop from a file: cities, pick-up points, goods, customers and their earlier orders.
//!
//! A shop can be loaded again: everything has an id made from its own name, goods and terms are brought up to date, and
//! what has happened since (stock, orders) stays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveTime, TimeZone, Utc};
use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::{Uuid, uuid};

use super::catalog;
use super::materials::Measure;
use super::money::Amount;
use super::places::fold;
use super::state::State;

mod materials;

/// A shop as its file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shop {
    /// ISO 4217.
    currency: String,
    /// Words under which goods are found, by a word of their attributes: `winter` finds what is `зимние` too.
    #[serde(default)]
    forms: BTreeMap<String, String>,
    cities: Vec<City>,
    #[serde(default)]
    pickup_points: Vec<Point>,
    products: Vec<Item>,
    #[serde(default)]
    materials: Vec<materials::Material>,
    #[serde(default)]
    customers: Vec<Customer>,
    #[serde(default)]
    orders: Vec<PastOrder>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct City {
    name: String,
    /// Other spellings and grammatical forms.
    #[serde(default)]
    also: Vec<String>,
    cost: Amount,
    /// From, to.
    days: (i32, i32),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    city: String,
    name: String,
    address: String,
    hours: String,
    phone: Option<String>,
    days: (i32, i32),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    /// The shop's own short name of it, unique and stable.
    sku: String,
    name: String,
    #[serde(default)]
    description: String,
    price: Amount,
    stock: i32,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// What one piece takes of the shop's materials, by their names.
    #[serde(default)]
    materials: BTreeMap<String, Measure>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    phone: String,
    name: String,
    language: Option<String>,
    email: Option<String>,
}

masked!(Customer);

/// An order from before, its days counted from the day of loading.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PastOrder {
    phone: String,
    /// The last group of the order's number.
    number: u32,
    state: String,
    days_ago: u32,
    /// The expected day, from today; negative in the past.
    expected_in_days: i32,
    lines: Vec<PastLine>,
    city: String,
    /// To the door when given, else to the city's first pick-up point.
    address: Option<String>,
}

masked!(PastOrder);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PastLine {
    sku: String,
    quantity: i32,
}

/// What has been loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    pub products: usize,
    pub cities: usize,
    pub pickup_points: usize,
    pub customers: usize,
    /// Orders that were not there yet.
    pub orders: usize,
}

/// Why a shop cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file cannot be read.
    #[error("while reading {path:?}")]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is no shop.
    #[error("{path:?}: expected a shop")]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    /// One part names another that is not there.
    #[error("expected {what} {name:?} in the shop's file, found none")]
    Missing { what: &'static str, name: String },
    /// The database refuses.
    #[error("while loading the shop")]
    Sql(#[from] sqlx::Error),
}

/// The namespace of the ids of loaded things (a random UUID, fixed for ever).
const NAMESPACE: Uuid = uuid!("6f1d3b52-8c64-4a1b-9d0e-3f6f3c1b7a55");

fn id(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{kind}:{name}").as_bytes())
}

impl Shop {
    /// Reads a shop's TOML file.
    ///
    /// # Errors
    /// A file that cannot be read or is no shop.
    pub fn load(path: &Path) -> Result<Self, SeedError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SeedError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|source| SeedError::Parse { path: path.to_owned(), source: Box::new(source) })
    }

    /// The attributes of an item with the words under which it is found.
    fn attributes(&self, item: &Item) -> BTreeMap<String, String> {
        let mut attributes = item.attributes.clone();
        let own = attributes.remove("keywords");
        let known: Vec<String> = attributes.values().flat_map(|value| catalog::words(value)).collect();
        let forms = known.iter().filter_map(|word| self.forms.get(word).map(String::as_str));
        let mut keywords: Vec<&str> = Vec::new();
        for word in own.as_deref().into_iter().chain(forms).flat_map(str::split_whitespace) {
            if !keywords.contains(&word) {
                keywords.push(word);
            }
        }
        if !keywords.is_empty() {
            attributes.insert("keywords".to_owned(), keywords.join(" "));
        }
        attributes
    }

    fn item(&self, sku: &str) -> Result<&Item, SeedError> {
        let missing = || SeedError::Missing { what: "a product with the sku", name: sku.to_owned() };
        self.products.iter().find(|item| item.sku == sku).ok_or_else(missing)
    }

    fn city(&self, name: &str) -> Result<&City, SeedError> {
        let missing = || SeedError::Missing { what: "the city", name: name.to_owned() };
        self.cities.iter().find(|city| city.name == name).ok_or_else(missing)
    }
}

/// Loads a shop in one transaction.
///
/// # Errors
/// Nothing is loaded when any part fails.
pub async fn seed(pool: &PgPool, shop: &Shop, utc_offset_min: i32) -> Result<Seeded, SeedError> {
    let mut transaction = pool.begin().await?;
    let conn = &mut *transaction;
    places(conn, shop).await?;
    products(conn, shop).await?;
    materials::load(conn, shop).await?;
    for customer in &shop.customers {
        sqlx::query(
            "insert into identity.customers (id, phone_e164, name, email, language) values ($1, $2, $3, $4, $5) \
             on conflict (phone_e164) do update set name = excluded.name, email = excluded.email, \
             language = excluded.language, updated_at = now()",
        )
        .bind(id("customer", &customer.phone))
        .bind(&customer.phone)
        .bind(&customer.name)
        .bind(&customer.email)
        .bind(&customer.language)
        .execute(&mut *conn)
        .await?;
    }
    let zone = FixedOffset::east_opt(utc_offset_min.saturating_mul(60));
    let mut orders = 0;
    for order in &shop.orders {
        orders += usize::from(past_order(conn, shop, order, zone).await?);
    }
    transaction.commit().await?;
    Ok(Seeded {
        products: shop.products.len(),
        cities: shop.cities.len(),
        pickup_points: shop.pickup_points.len(),
        customers: shop.customers.len(),
        orders,
    })
}

async fn places(conn: &mut PgConnection, shop: &Shop) -> Result<(), SeedError> {
    for city in &shop.cities {
        let names: Vec<String> =
            std::iter::once(&city.name).chain(&city.also).map(|name| fold(name)).collect();
        sqlx::query(
            "insert into catalog.cities (id, name, names) values ($1, $2, $3) \
             on conflict (id) do update set names = excluded.names",
        )
        .bind(id("city", &city.name))
        .bind(&city.name)
        .bind(&names)
        .execute(&mut *conn)
        .await?;
        sqlx::query(
            "insert into catalog.delivery_rates (city_id, cost_minor, currency, days_min, days_max) \
             values ($1, $2, $3, $4, $5) on conflict (city_id) do update set cost_minor = excluded.cost_minor, \
             currency = excluded.currency, days_min = excluded.days_min, days_max = excluded.days_max",
        )
        .bind(id("city", &city.name))
        .bind(city.cost)
        .bind(&shop.currency)
        .bind(city.days.0)
        .bind(city.days.1)
        .execute(&mut *conn)
        .await?;
    }
    for point in &shop.pickup_points {
        shop.city(&point.city)?;
        sqlx::query(
            "insert into catalog.pickup_points (id, city_id, name, address, working_hours, phone, days_min, days_max) \
             values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do update set address = excluded.address, \
             working_hours = excluded.working_hours, phone = excluded.phone, days_min = excluded.days_min, \
             days_max = excluded.days_max",
        )
        .bind(point_id(point))
        .bind(id("city", &point.city))
        .bind(&point.name)
        .bind(&point.address)
        .bind(&point.hours)
        .bind(&point.phone)
        .bind(point.days.0)
        .bind(point.days.1)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

fn point_id(point: &Point) -> Uuid {
    id("pickup-point", &format!("{}/{}", point.city, point.name))
}

async fn products(conn: &mut PgConnection, shop: &Shop) -> Result<(), SeedError> {
    for item in &shop.products {
        let attributes = shop.attributes(item);
        sqlx::query(
            "insert into catalog.products (id, name, description, price_minor, currency, attributes, terms) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do update set name = excluded.name, \
             description = excluded.description, price_minor = excluded.price_minor, currency = excluded.currency, \
             attributes = excluded.attributes, terms = excluded.terms, updated_at = now()",
        )
        .bind(id("product", &item.sku))
        .bind(&item.name)
        .bind(&item.description)
        .bind(item.price)
        .bind(&shop.currency)
        .bind(Json(&attributes))
        .bind(catalog::terms(&item.name, &item.description, &attributes))
        .execute(&mut *conn)
        .await?;
        sqlx::query(
            "insert into stock.stock_items (product_id, on_hand) values ($1, $2) on conflict do nothing",
        )
        .bind(id("product", &item.sku))
        .bind(item.stock)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Loads an order that another system has brought to its state: the only order that does not go through the table of
/// transitions. Whether it was new.
async fn past_order(
    conn: &mut PgConnection,
    shop: &Shop,
    order: &PastOrder,
    zone: Option<FixedOffset>,
) -> Result<bool, SeedError> {
    let missing = |what, name: &str| SeedError::Missing { what, name: name.to_owned() };
    let state = State::ALL.into_iter().find(|state| state.name() == order.state && *state != State::Draft);
    let state = state.ok_or_else(|| missing("a state such as", &order.state))?;
    let customer = shop.customers.iter().find(|customer| customer.phone == order.phone);
    let customer = customer.ok_or_else(|| missing("the customer", &order.phone))?;
    let order_id = id("order", &format!("{}/{}", order.phone, order.number));
    let known: bool = sqlx::query_scalar("select exists (select from orders.orders where id = $1)")
        .bind(order_id)
        .fetch_one(&mut *conn)
        .await?;
    if known {
        return Ok(false);
    }
    let now = Utc::now();
    let today = zone.map_or(now.date_naive(), |zone| now.with_timezone(&zone).date_naive());
    let day = today - Days::new(u64::from(order.days_ago));
    let created = noon(day, zone).unwrap_or(now).min(now);
    let city = shop.city(&order.city)?;
    let point = shop.pickup_points.iter().find(|point| point.city == order.city);
    let point = match order.address {
        Some(_) => None,
        None => Some(point.ok_or_else(|| missing("a pick-up point in", &order.city))?),
    };
    let cost = if point.is_some() { Amount(0) } else { city.cost };
    let mut subtotal = 0_i64;
    for line in &order.lines {
        subtotal += shop.item(&line.sku)?.price.0 * i64::from(line.quantity);
    }
    sqlx::query(
        "insert into orders.orders (id, order_number, source, state, status_id, customer_id, customer_name, \
         customer_phone, customer_email, currency, subtotal_minor, delivery_minor, total_minor, created_at, updated_at) \
         select $1, $2, 'website', $3, $4, c.id, $5, $6, $7, $8, $9, $10, $9 + $10, $11, $11 \
         from identity.customers c where c.phone_e164 = $6",
    )
    .bind(order_id)
    .bind(format!("ORD-{}-{:04}", day.format("%Y%m%d"), order.number))
    .bind(state.name())
    .bind(state.status_id())
    .bind(&customer.name)
    .bind(&customer.phone)
    .bind(&customer.email)
    .bind(&shop.currency)
    .bind(subtotal)
    .bind(cost)
    .bind(created)
    .execute(&mut *conn)
    .await?;
    for (position, line) in (0_i32..).zip(&order.lines) {
        let item = shop.item(&line.sku)?;
        sqlx::query(
            "insert into orders.order_items (order_id, position, product_id, name, quantity, unit_minor, total_minor) \
             values ($1, $2, $3, $4, $5, $6, $5::bigint * $6)",
        )
        .bind(order_id)
        .bind(position)
        .bind(id("product", &item.sku))
        .bind(&item.name)
        .bind(line.quantity)
        .bind(item.price)
        .execute(&mut *conn)
        .await?;
    }
    let days = point.map_or(city.days, |point| point.days);
    let expected = i64::from(order.expected_in_days);
    sqlx::query(
        "insert into orders.order_delivery (order_id, type, city, address, pickup_point_id, cost_minor, days_min, \
         days_max, estimated_on) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(order_id)
    .bind(if point.is_some() { "pickup" } else { "delivery" })
    .bind(&order.city)
    .bind(&order.address)
    .bind(point.map(point_id))
    .bind(cost)
    .bind(days.0)
    .bind(days.1)
    .bind(today + chrono::TimeDelta::days(expected))
    .execute(&mut *conn)
    .await?;
    imported(conn, order_id, state, created, subtotal + cost.0, &shop.currency).await?;
    Ok(true)
}

/// The payment, history, event and reservation of a loaded order.
async fn imported(
    conn: &mut PgConnection,
    order_id: Uuid,
    state: State,
    created: DateTime<Utc>,
    total: i64,
    currency: &str,
) -> Result<(), SeedError> {
    let paid = if state == State::Delivered { "paid" } else { "on_delivery" };
    sqlx::query(
        "insert into pay.payments (id, order_id, method, amount_minor, captured_minor, currency, status, created_at) \
         values ($1, $2, 'cash_on_delivery', $3, case when $5 = 'paid' then $3 else 0 end, $4, $5, $6)",
    )
    .bind(Uuid::new_v5(&order_id, b"payment"))
    .bind(order_id)
    .bind(total)
    .bind(currency)
    .bind(paid)
    .bind(created)
    .execute(&mut *conn)
    .await?;
    let path = [State::New, State::Processing, State::Shipped, State::Delivered];
    let until = path.iter().position(|step| *step == state).map_or(1, |n| n + 1);
    for (n, step) in path.iter().take(until).enumerate() {
        sqlx::query(
            "insert into orders.order_status_history (order_id, status_id, state, changed_at, actor_subject, notes) \
             values ($1, $2, $3, $4, 'import', 'imported')",
        )
        .bind(order_id)
        .bind(step.status_id())
        .bind(step.name())
        .bind(created + chrono::TimeDelta::hours(i64::try_from(n).unwrap_or_default()))
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query(
        "insert into orders.events (order_id, version, event, to_state, actor, request_id, at) \
         values ($1, 1, 'imported', $2, 'import', $3, $4)",
    )
    .bind(order_id)
    .bind(state.name())
    .bind(order_id.to_string())
    .bind(created)
    .execute(&mut *conn)
    .await?;
    if !matches!(state, State::New | State::Processing) {
        return Ok(());
    }
    let reservation = Uuid::new_v5(&order_id, b"reservation");
    sqlx::query("insert into stock.reservations (id, order_id, status) values ($1, $2, 'active')")
        .bind(reservation)
        .bind(order_id)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "insert into stock.reservation_items (reservation_id, product_id, quantity) \
         select $1, product_id, sum(quantity) from orders.order_items where order_id = $2 group by product_id",
    )
    .bind(reservation)
    .bind(order_id)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update stock.stock_items s set reserved = reserved + i.quantity \
         from stock.reservation_items i where i.reservation_id = $1 and i.product_id = s.product_id",
    )
    .bind(reservation)
    .execute(conn)
    .await?;
    Ok(())
}

fn noon(day: NaiveDate, zone: Option<FixedOffset>) -> Option<DateTime<Utc>> {
    let noon = day.and_time(NaiveTime::from_hms_opt(12, 0, 0)?);
    let at = zone?.from_local_datetime(&noon).single()?;
    Some(at.with_timezone(&Utc))
}
