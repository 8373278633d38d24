//! Orders as their buyer sees them: one word for the state and its side axes.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::money::Amount;
use crate::store::problem::{Code, Fault, Problem};
use crate::store::state::State;

/// The marketplace's word for an order's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum MarketStatus {
    Created,
    Reserved,
    PaymentPending,
    Paid,
    Confirmed,
    Shipped,
    Delivered,
    Cancelled,
}

impl MarketStatus {
    /// From the state, whether the goods are held, and whether the money is here.
    fn of(state: State, reserved: bool, paid: bool) -> Self {
        match state {
            State::Draft | State::New if reserved => Self::Reserved,
            State::Draft | State::New => Self::Created,
            State::PendingPayment if paid => Self::Paid,
            State::PendingPayment => Self::PaymentPending,
            State::Processing => Self::Confirmed,
            State::Shipped => Self::Shipped,
            State::Delivered => Self::Delivered,
            State::Cancelled => Self::Cancelled,
        }
    }
}

/// A line of an order.
#[derive(Debug, FromRow, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MarketLine)]
pub(crate) struct LineView {
    /// None for what is not in the catalogue.
    product_id: Option<Uuid>,
    name: String,
    quantity: i32,
    #[sqlx(rename = "unit_minor")]
    price: Amount,
    #[sqlx(rename = "total_minor")]
    total: Amount,
}

/// An order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MarketOrder)]
pub(crate) struct OrderView {
    id: Uuid,
    /// As it is said on the telephone: `ORD-20260214-4521`.
    order_number: String,
    pub(crate) status: MarketStatus,
    /// Lines and delivery.
    total_amount: Amount,
    delivery_amount: Amount,
    /// ISO 4217.
    currency: String,
    items: Vec<LineView>,
    country: Option<String>,
    region: Option<String>,
    city: Option<String>,
    street: Option<String>,
    /// Who holds the goods.
    reservation_id: Option<Uuid>,
    /// When the goods are held no longer.
    expires_at: Option<DateTime<Utc>>,
    payment_id: Option<Uuid>,
    payment_status: Option<String>,
    /// Why it was cancelled.
    reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[serde(skip)]
    pub(crate) version: i32,
}

masked!(OrderView);

/// What a new order is answered with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlacedMarketOrder)]
pub(crate) struct PlacedView {
    order_id: Uuid,
    order_number: String,
    status: MarketStatus,
    total_amount: Amount,
    currency: String,
    items: Vec<LineView>,
    created_at: DateTime<Utc>,
}

impl From<OrderView> for PlacedView {
    fn from(order: OrderView) -> Self {
        let OrderView { id, order_number, status, total_amount, currency, items, created_at, .. } = order;
        Self { order_id: id, order_number, status, total_amount, currency, items, created_at }
    }
}

/// An order in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ListedMarketOrder)]
pub(crate) struct ListedView {
    id: Uuid,
    order_number: String,
    status: MarketStatus,
    total_amount: Amount,
    currency: String,
    created_at: DateTime<Utc>,
}

/// Some of a buyer's orders, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MarketOrderPage)]
pub(crate) struct PageView {
    items: Vec<ListedView>,
    /// Where the next page begins; none on the last.
    next_cursor: Option<String>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    order_number: String,
    state: State,
    state_reason: Option<String>,
    total_minor: Amount,
    delivery_minor: Amount,
    currency: String,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    country: Option<String>,
    region: Option<String>,
    city: Option<String>,
    street: Option<String>,
    reservation_id: Option<Uuid>,
    reserved: bool,
    expires_at: Option<DateTime<Utc>>,
    payment_id: Option<Uuid>,
    payment_status: Option<String>,
}

impl Row {
    fn status(&self) -> MarketStatus {
        MarketStatus::of(self.state, self.reserved, self.payment_status.as_deref() == Some("paid"))
    }
}

/// An order with its live reservation, else its last one, and its last payment.
const ROWS: &str = "select o.id, o.order_number, o.state, o.state_reason, o.total_minor, o.delivery_minor, o.currency, \
    o.version, o.created_at, o.updated_at, d.country, d.region, d.city, coalesce(d.street, d.address) as street, \
    r.id as reservation_id, coalesce(r.status in ('active', 'confirmed'), false) as reserved, \
    case when r.status = 'active' then r.expires_at end as expires_at, \
    p.id as payment_id, p.status as payment_status \
    from orders.orders o left join orders.order_delivery d on d.order_id = o.id \
    left join lateral (select id, status, expires_at from stock.reservations where order_id = o.id \
        order by status in ('active', 'confirmed') desc, created_at desc, id desc limit 1) r on true \
    left join lateral (select id, status from pay.payments where order_id = o.id \
        order by created_at desc, id desc limit 1) p on true ";

/// A buyer's own: ordered with their account, or under the telephone number that they have proved to be theirs. What never
/// was more than a draft of a telephone call is not shown.
const OWN: &str =
    "(o.customer_id = $1 or o.customer_phone = $2) and o.state <> 'draft' and o.expires_at is null ";

/// Whose orders are looked for.
#[derive(Clone, FromRow)]
pub(crate) struct Owner {
    /// The user's row among the customers, once there is one.
    customer_id: Option<Uuid>,
    /// Verified.
    phone: Option<String>,
}

masked!(Owner);

impl Owner {
    /// What belongs to a user.
    pub(crate) async fn of(conn: &mut PgConnection, user: Uuid) -> Result<Self, Fault> {
        let owner: Option<Self> = sqlx::query_as(
            "select c.id as customer_id, case when u.phone_verified then u.phone_e164 end as phone \
             from identity.users u left join identity.customers c on c.user_id = u.id where u.id = $1",
        )
        .bind(user)
        .fetch_optional(conn)
        .await?;
        let gone =
            || Problem::new(Code::Unauthorized, "expected the token of an account that is still there");
        Ok(owner.ok_or_else(gone)?)
    }

    /// Refuses an order of somebody else, in the words for none at all.
    pub(crate) async fn must_own(&self, conn: &mut PgConnection, order: Uuid) -> Result<(), Fault> {
        let statement = format!("select exists (select from orders.orders o where {OWN} and o.id = $3)");
        // Only constants of this file went into the statement.
        let own: bool = sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(self.customer_id)
            .bind(&self.phone)
            .bind(order)
            .fetch_one(conn)
            .await?;
        if own { Ok(()) } else { Err(no_such_order(order).into()) }
    }

    /// A page of orders after the one of the cursor.
    pub(crate) async fn page(
        &self,
        conn: &mut PgConnection,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: i64,
    ) -> Result<PageView, Fault> {
        let statement = format!(
            "{ROWS} where {OWN} and ($3::timestamptz is null or (o.created_at, o.id) < ($3, $4)) \
             order by o.created_at desc, o.id desc limit $5"
        );
        // Only constants of this file went into the statement.
        let mut rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(statement))
            .bind(self.customer_id)
            .bind(&self.phone)
            .bind(after.map(|(at, _)| at))
            .bind(after.map(|(_, id)| id))
            .bind(limit + 1)
            .fetch_all(conn)
            .await?;
        let page = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > page;
        rows.truncate(page);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| crate::store::catalog::write_cursor(row.created_at, row.id));
        let items = rows.into_iter().map(|row| ListedView {
            status: row.status(),
            id: row.id,
            order_number: row.order_number,
            total_amount: row.total_minor,
            currency: row.currency,
            created_at: row.created_at,
        });
        Ok(PageView { items: items.collect(), next_cursor })
    }
}

fn no_such_order(id: Uuid) -> Problem {
    Problem::new(Code::NotFound, format!("expected an order, found none with the id {id}"))
}

impl OrderView {
    /// The order as this transaction sees it, whoever it belongs to.
    pub(crate) async fn read(conn: &mut PgConnection, id: Uuid) -> Result<Self, Fault> {
        let statement = format!("{ROWS} where o.id = $1");
        // Only constants of this file went into the statement.
        let row: Option<Row> =
            sqlx::query_as(AssertSqlSafe(statement)).bind(id).fetch_optional(&mut *conn).await?;
        let row = row.ok_or_else(|| no_such_order(id))?;
        let items = sqlx::query_as(
            "select product_id, name, quantity, unit_minor, total_minor from orders.order_items \
             where order_id = $1 order by position",
        )
        .bind(id)
        .fetch_all(conn)
        .await?;
        Ok(Self {
            status: row.status(),
            id,
            order_number: row.order_number,
            total_amount: row.total_minor,
            delivery_amount: row.delivery_minor,
            currency: row.currency,
            items,
            country: row.country,
            region: row.region,
            city: row.city,
            street: row.street,
            reservation_id: row.reservation_id.filter(|_| row.reserved),
            expires_at: row.expires_at,
            payment_id: row.payment_id,
            payment_status: row.payment_status,
            reason: row.state_reason.filter(|_| row.state == State::Cancelled),
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_state_and_its_side_axes() {
        use MarketStatus as M;
        for (state, reserved, paid, expected) in [
            (State::New, false, false, M::Created),
            (State::New, true, false, M::Reserved),
            (State::PendingPayment, true, false, M::PaymentPending),
            (State::PendingPayment, true, true, M::Paid),
            (State::Processing, true, true, M::Confirmed),
            (State::Shipped, true, true, M::Shipped),
            (State::Delivered, true, true, M::Delivered),
            (State::Cancelled, false, false, M::Cancelled),
        ] {
            assert_eq!(MarketStatus::of(state, reserved, paid), expected, "{state:?}");
        }
    }
}
