//! Orders as rows and as the Store API shows them.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::money::Amount;
use super::problem::{Code, Fault, Problem};
use super::state::{DRAFT_EXPIRED, Facts, State};

/// A row of `orders.orders`, with what the table of transitions wants to know besides.
#[derive(Clone, FromRow)]
pub(crate) struct OrderRow {
    pub(crate) id: Uuid,
    pub(crate) order_number: String,
    pub(crate) seq: i64,
    pub(crate) source: String,
    pub(crate) state: State,
    state_reason: Option<String>,
    /// The CRM's manager.
    pub(crate) user_id: Option<Uuid>,
    pub(crate) customer_id: Option<Uuid>,
    pub(crate) customer_name: Option<String>,
    pub(crate) customer_phone: Option<String>,
    pub(crate) customer_email: Option<String>,
    pub(crate) prepayment_minor: Amount,
    pub(crate) currency: String,
    pub(crate) subtotal_minor: Amount,
    pub(crate) total_minor: Amount,
    pub(crate) version: i32,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) has_delivery: bool,
    has_payment: bool,
    pub(crate) paid: bool,
    pub(crate) reserved: bool,
    pub(crate) taken: bool,
}

masked!(OrderRow);

impl OrderRow {
    /// The row as it is now.
    pub(crate) async fn read(conn: &mut PgConnection, id: Uuid) -> Result<Self, Fault> {
        let row = sqlx::query_as(
            "select o.*, exists (select from orders.order_delivery d where d.order_id = o.id) as has_delivery, \
             exists (select from pay.payments p where p.order_id = o.id) as has_payment, \
             exists (select from pay.payments p where p.order_id = o.id and p.status = 'paid') as paid, \
             exists (select from stock.reservations r where r.order_id = o.id and r.status = 'active') as reserved, \
             exists (select from stock.reservations r where r.order_id = o.id and r.status = 'confirmed') as taken \
             from orders.orders o where o.id = $1",
        );
        row.bind(id).fetch_optional(conn).await?.ok_or_else(|| no_such_order(id))
    }

    /// The row, locked until the transaction ends: of two changes of one order the second sees what the first did.
    pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Self, Fault> {
        let found: Option<Uuid> = sqlx::query_scalar("select id from orders.orders where id = $1 for update")
            .bind(id)
            .fetch_optional(&mut *conn)
            .await?;
        found.ok_or_else(|| no_such_order(id))?;
        Self::read(conn, id).await
    }

    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            state: self.state,
            order_number: &self.order_number,
            expires_at: self.expires_at,
            swept: self.state_reason.as_deref() == Some(DRAFT_EXPIRED),
            has_delivery: self.has_delivery,
            paid: self.paid,
            reserved: self.reserved,
            taken: self.taken,
        }
    }
}

/// The no to an id that is no order's, or no order of whoever asks.
pub(crate) fn no_such_order(id: Uuid) -> Fault {
    Problem::new(Code::NotFound, format!("expected an order, found none with the id {id}")).into()
}

/// A line of an order, as a row and on the wire.
#[derive(Clone, Debug, FromRow, Serialize, ToSchema)]
pub(crate) struct Line {
    pub(crate) product_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) quantity: i32,
    #[sqlx(rename = "unit_minor")]
    pub(crate) price: Amount,
    #[sqlx(rename = "total_minor")]
    pub(crate) total: Amount,
}

/// The lines in their order.
pub(crate) async fn lines(conn: &mut PgConnection, order_id: Uuid) -> sqlx::Result<Vec<Line>> {
    sqlx::query_as(
        "select product_id, name, quantity, unit_minor, total_minor from orders.order_items \
         where order_id = $1 order by position",
    )
    .bind(order_id)
    .fetch_all(conn)
    .await
}

/// So many days at least and at most.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Days {
    pub(crate) min: i32,
    pub(crate) max: i32,
}

/// Delivery as the store priced it.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    /// `delivery` to the door, or `pickup`.
    pub(crate) r#type: String,
    pub(crate) city: String,
    pub(crate) address: Option<String>,
    pub(crate) pickup_point_id: Option<Uuid>,
    pub(crate) pickup_address: Option<String>,
    pub(crate) cost: Amount,
    pub(crate) estimated_days: Option<Days>,
    pub(crate) days_min: Option<i32>,
    pub(crate) days_max: Option<i32>,
    pub(crate) estimated_delivery: Option<NaiveDate>,
}

masked!(DeliveryView);

#[derive(FromRow)]
struct DeliveryRow {
    r#type: String,
    city: String,
    address: Option<String>,
    pickup_point_id: Option<Uuid>,
    pickup_address: Option<String>,
    cost_minor: Amount,
    days_min: Option<i32>,
    days_max: Option<i32>,
    estimated_on: Option<NaiveDate>,
}

/// How the order goes out; `None` until that has been said.
pub(crate) async fn delivery(conn: &mut PgConnection, order_id: Uuid) -> sqlx::Result<Option<DeliveryView>> {
    let row: Option<DeliveryRow> = sqlx::query_as(
        "select d.type, d.city, d.address, d.pickup_point_id, p.address as pickup_address, d.cost_minor, \
         d.days_min, d.days_max, d.estimated_on \
         from orders.order_delivery d left join catalog.pickup_points p on p.id = d.pickup_point_id \
         where d.order_id = $1",
    )
    .bind(order_id)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| DeliveryView {
        r#type: row.r#type,
        city: row.city,
        address: row.address,
        pickup_point_id: row.pickup_point_id,
        pickup_address: row.pickup_address,
        cost: row.cost_minor,
        estimated_days: row.days_min.zip(row.days_max).map(|(min, max)| Days { min, max }),
        days_min: row.days_min,
        days_max: row.days_max,
        estimated_delivery: row.estimated_on,
    }))
}

/// How an order is paid.
#[derive(Clone, Debug, FromRow, Serialize, ToSchema)]
#[schema(as = Payment)]
pub(crate) struct PaymentView {
    /// `cash_on_delivery`, `card_on_delivery`, `online`, `card` or `phone`.
    pub(crate) method: String,
    /// `on_delivery`, `pending`, `paid`, `failed`, `cancelled`, `refund_pending` or `refunded`.
    pub(crate) status: String,
    /// Where to pay, if it is paid online.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) pay_url: Option<String>,
}

/// The newest payment of an order.
pub(crate) async fn payment(conn: &mut PgConnection, order_id: Uuid) -> sqlx::Result<Option<PaymentView>> {
    sqlx::query_as(
        "select method, status, pay_url from pay.payments where order_id = $1 order by created_at desc, id desc \
         limit 1",
    )
    .bind(order_id)
    .fetch_optional(conn)
    .await
}

/// One step of an order's way.
#[derive(Clone, FromRow, Serialize, ToSchema)]
pub(crate) struct Change {
    #[sqlx(rename = "state")]
    #[serde(rename = "status", serialize_with = "as_store_status")]
    #[schema(value_type = String, example = "confirmed")]
    state: State,
    /// The status in the shop's language.
    #[sqlx(default)]
    status_label: String,
    changed_at: DateTime<Utc>,
    notes: Option<String>,
}

masked!(Change);

fn as_store_status<S: serde::Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.store_status())
}

/// An order whole, as every reply about one order shows it.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderView {
    pub(crate) id: Uuid,
    #[schema(example = "ORD-20260214-4521")]
    pub(crate) order_number: String,
    /// `draft`, `confirmed`, `pending_payment`, `processing`, `shipped`, `delivered` or `cancelled`.
    pub(crate) status: &'static str,
    /// The status in the shop's language.
    pub(crate) status_label: &'static str,
    /// Counts the order's changes; what `ETag` carries and `If-Match` expects.
    pub(crate) version: i32,
    pub(crate) items: Vec<Line>,
    /// The lines in a few words.
    #[schema(example = "Nokian winter × 4")]
    pub(crate) items_summary: String,
    pub(crate) subtotal: Amount,
    pub(crate) total: Amount,
    pub(crate) currency: String,
    pub(crate) delivery: Option<DeliveryView>,
    pub(crate) estimated_delivery: Option<NaiveDate>,
    pub(crate) payment: Option<PaymentView>,
    pub(crate) status_history: Vec<Change>,
    pub(crate) customer_name: Option<String>,
    pub(crate) customer_phone: Option<String>,
    /// When a draft is dropped; none once it is confirmed.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

masked!(OrderView);

impl OrderView {
    /// The order as this transaction sees it.
    pub(crate) async fn read(conn: &mut PgConnection, id: Uuid) -> Result<Self, Fault> {
        let order = OrderRow::read(conn, id).await?;
        let items = lines(conn, id).await?;
        // What is not there is not looked for: most views are of drafts.
        let delivery = if order.has_delivery { delivery(conn, id).await? } else { None };
        let payment = if order.has_payment { payment(conn, id).await? } else { None };
        let mut status_history: Vec<Change> = sqlx::query_as(
            "select state, changed_at, notes from orders.order_status_history where order_id = $1 order by id",
        )
        .bind(id)
        .fetch_all(conn)
        .await?;
        for change in &mut status_history {
            change.status_label = change.state.label().to_owned();
        }
        Ok(Self {
            id,
            order_number: order.order_number,
            status: order.state.store_status(),
            status_label: order.state.label(),
            version: order.version,
            items_summary: summary(items.iter().map(|line| (line.name.as_str(), line.quantity))),
            items,
            subtotal: order.subtotal_minor,
            total: order.total_minor,
            currency: order.currency,
            estimated_delivery: delivery.as_ref().and_then(|delivery| delivery.estimated_delivery),
            delivery,
            payment,
            status_history,
            customer_name: order.customer_name,
            customer_phone: order.customer_phone,
            expires_at: order.expires_at,
            created_at: order.created_at,
            updated_at: order.updated_at,
        })
    }
}

/// `Nokian winter × 4, …`: the first three lines and how many more.
pub(crate) fn summary<'a>(lines: impl ExactSizeIterator<Item = (&'a str, i32)>) -> String {
    let more = lines.len().saturating_sub(3);
    let shown: Vec<String> = lines.take(3).map(|(name, quantity)| format!("{name} × {quantity}")).collect();
    let tail = if more > 0 { format!(" +{more}") } else { String::new() };
    shown.join(", ") + &tail
}
