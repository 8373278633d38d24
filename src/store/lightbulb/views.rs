//! What the light bulb store shows of an order, in its own words.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::money::Amount;
use crate::store::order::{self, OrderRow};
use crate::store::problem::Fault;
use crate::store::state::State;

/// One of the six statuses.
#[derive(Clone, Debug, FromRow, Serialize, ToSchema)]
#[schema(as = OrderStatus)]
pub(super) struct StatusView {
    id: Uuid,
    /// For programmes.
    #[schema(example = "SHIPPED")]
    code: String,
    /// For people.
    #[schema(example = "Отправлен")]
    name: String,
    #[schema(example = "Заказ отправлен")]
    description: String,
}

/// The statuses in the order in which an order goes through them.
pub(super) async fn statuses(conn: &mut PgConnection) -> sqlx::Result<Vec<StatusView>> {
    sqlx::query_as("select id, code, name, description from orders.order_statuses order by sort")
        .fetch_all(conn)
        .await
}

/// An order whole.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderView {
    pub(super) id: Uuid,
    #[schema(example = "ORD-20250602-001")]
    order_number: String,
    /// Which way it came: `ai_agent`, `website`, `crm`, `market` or `telegram`.
    source: String,
    customer_name: Option<String>,
    customer_phone: Option<String>,
    customer_email: Option<String>,
    status_id: Uuid,
    status: StatusView,
    /// Whether nobody has confirmed it yet. A draft can only be cancelled here.
    is_draft: bool,
    items: Vec<LineView>,
    /// What the goods cost, and bringing them.
    total_amount: Amount,
    #[schema(example = "RUB")]
    currency: String,
    delivery: Option<DeliveryView>,
    payment: Option<PaymentView>,
    /// Counts the order's changes; what `ETag` carries and `If-Match` expects.
    pub(super) version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

masked!(OrderView);

/// A line of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderLine)]
struct LineView {
    /// None for what is not in the catalogue.
    product_id: Option<Uuid>,
    name: String,
    quantity: i32,
    price: Amount,
    total: Amount,
}

/// Where an order goes.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderDelivery)]
struct DeliveryView {
    /// `delivery` to the door, or `pickup`.
    r#type: String,
    city: String,
    address: Option<String>,
    pickup_point_id: Option<Uuid>,
    pickup_address: Option<String>,
    cost: Amount,
    estimated_delivery: Option<NaiveDate>,
}

masked!(DeliveryView);

/// The newest payment of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPayment)]
struct PaymentView {
    method: String,
    /// `on_delivery`, `pending`, `paid`, `failed`, `cancelled`, `refund_pending` or `refunded`.
    status: String,
}

impl OrderView {
    /// The order as this transaction sees it.
    pub(super) async fn read(conn: &mut PgConnection, id: Uuid) -> Result<Self, Fault> {
        let order = OrderRow::read(conn, id).await?;
        let status_id = order.state.status_id();
        let status =
            sqlx::query_as("select id, code, name, description from orders.order_statuses where id = $1")
                .bind(status_id)
                .fetch_one(&mut *conn)
                .await?;
        let lines = order::lines(conn, id).await?;
        let delivery = order::delivery(conn, id).await?;
        let payment = order::payment(conn, id).await?;
        Ok(Self {
            id,
            order_number: order.order_number,
            source: order.source,
            customer_name: order.customer_name,
            customer_phone: order.customer_phone,
            customer_email: order.customer_email,
            status_id,
            status,
            is_draft: order.state == State::Draft,
            items: lines.into_iter().map(LineView::from).collect(),
            total_amount: order.total_minor,
            currency: order.currency,
            delivery: delivery.map(DeliveryView::from),
            payment: payment.map(|payment| PaymentView { method: payment.method, status: payment.status }),
            version: order.version,
            created_at: order.created_at,
            updated_at: order.updated_at,
        })
    }
}

impl From<order::Line> for LineView {
    fn from(line: order::Line) -> Self {
        let order::Line { product_id, name, quantity, price, total } = line;
        Self { product_id, name, quantity, price, total }
    }
}

impl From<order::DeliveryView> for DeliveryView {
    fn from(delivery: order::DeliveryView) -> Self {
        Self {
            r#type: delivery.r#type,
            city: delivery.city,
            address: delivery.address,
            pickup_point_id: delivery.pickup_point_id,
            pickup_address: delivery.pickup_address,
            cost: delivery.cost,
            estimated_delivery: delivery.estimated_delivery,
        }
    }
}

/// One row of an order's history.
#[derive(FromRow, Serialize, ToSchema)]
#[schema(as = OrderStatusChange)]
pub(super) struct ChangeView {
    id: i64,
    order_id: Uuid,
    status_id: Uuid,
    #[schema(example = "SHIPPED")]
    status_code: String,
    #[schema(example = "Отправлен")]
    status_name: String,
    changed_at: DateTime<Utc>,
    actor_details: Option<String>,
    notes: Option<String>,
}

masked!(ChangeView);
