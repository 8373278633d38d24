//! T2 to T4: where a draft goes, what that costs, and its confirmation.

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;
use sqlx::{FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::command::Confirmation;
use super::draft::refuse_too_many;
use crate::store::money::Amount;
use crate::store::places::{self, Rate};
use crate::store::problem::{Code, Fault, Part, Problem};
use crate::store::state::Event;
use crate::store::transition::{Context, Step};

/// The body of `PATCH /orders/{id}/delivery`, and the question of `GET /delivery/calculate`.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    pub(crate) delivery_type: DeliveryType,
    /// Needed for delivery, in any of the city's names; a pick-up point has its own.
    pub(crate) city: Option<String>,
    /// Needed for delivery.
    #[schema(max_length = 500)]
    pub(crate) address: Option<String>,
    /// Needed for pick-up.
    pub(crate) pickup_point_id: Option<Uuid>,
}

masked!(Destination);

/// How an order reaches its buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryType {
    /// To the door.
    Delivery,
    /// To a pick-up point.
    Pickup,
}

impl DeliveryType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Pickup => "pickup",
        }
    }
}

/// Longest address, in characters. Chosen: the longest real one is below half of it.
const MAX_ADDRESS: usize = 500;

impl Destination {
    /// What it costs and how long it takes. Of a pick-up only the point counts: its city is the point's own.
    pub(crate) async fn rate(&self, conn: &mut PgConnection, currency: &str) -> Result<Rate, Fault> {
        let rate = match (self.delivery_type, &self.city, self.pickup_point_id) {
            (DeliveryType::Pickup, _, Some(point)) => places::pickup(conn, point, currency).await?,
            (DeliveryType::Pickup, _, None) => {
                let detail = "pickup_point_id: expected for pick-up, found none";
                return Err(Problem::new(Code::PickupPointMissing, detail).into());
            }
            (DeliveryType::Delivery, Some(city), _) => places::rate(conn, city).await?,
            (DeliveryType::Delivery, None, _) => {
                return Err(Problem::new(Code::Invalid, "city: expected for delivery, found none").into());
            }
        };
        if rate.currency != currency {
            let detail = format!("{}: expected a rate in {currency}, found {}", rate.city, rate.currency);
            return Err(Problem::new(Code::CityNotServed, detail).into());
        }
        Ok(rate)
    }

    /// The address to deliver to; none for a pick-up.
    fn door(&self) -> Result<Option<&str>, Problem> {
        if self.delivery_type == DeliveryType::Pickup {
            return Ok(None);
        }
        match self.address.as_deref().map(str::trim) {
            None | Some("") => {
                Err(Problem::new(Code::AddressMissing, "address: expected for delivery, found none"))
            }
            Some(address) if address.chars().count() > MAX_ADDRESS => Err(Problem::new(
                Code::Invalid,
                format!("address: expected at most {MAX_ADDRESS} characters"),
            )),
            Some(address) => Ok(Some(address)),
        }
    }
}

/// T2: sets the delivery, takes today's prices for the lines, and adds up anew.
pub(crate) async fn set_delivery(
    conn: &mut PgConnection,
    context: &Context<'_>,
    id: Uuid,
    destination: Destination,
) -> Result<(), Fault> {
    let step = Step::plan(conn, context, id, Event::DeliverySet).await?;
    let address = destination.door()?;
    let rate = destination.rate(conn, &step.order.currency).await?;
    sqlx::query(
        "insert into orders.order_delivery (order_id, type, city, address, pickup_point_id, cost_minor, days_min, \
         days_max, estimated_on) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         on conflict (order_id) do update set type = excluded.type, city = excluded.city, address = excluded.address, \
         pickup_point_id = excluded.pickup_point_id, cost_minor = excluded.cost_minor, \
         days_min = excluded.days_min, days_max = excluded.days_max, estimated_on = excluded.estimated_on",
    )
    .bind(id)
    .bind(destination.delivery_type.name())
    .bind(&rate.city)
    .bind(address)
    .bind(destination.pickup_point_id.filter(|_| address.is_none()))
    .bind(rate.cost_minor)
    .bind(rate.days_min)
    .bind(rate.days_max)
    .bind(context.today() + TimeDelta::days(i64::from(rate.days_max)))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update orders.order_items i set unit_minor = p.price_minor, total_minor = p.price_minor * i.quantity \
         from catalog.products p where i.order_id = $1 and p.id = i.product_id and p.is_active \
         and p.currency = $2 and p.price_minor <> i.unit_minor",
    )
    .bind(id)
    .bind(&step.order.currency)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update orders.orders o set subtotal_minor = s.sum, delivery_minor = $2, total_minor = s.sum + $2 \
         from (select coalesce(sum(total_minor), 0)::bigint as sum from orders.order_items where order_id = $1) s \
         where o.id = $1",
    )
    .bind(id)
    .bind(rate.cost_minor)
    .execute(&mut *conn)
    .await?;
    step.carry_out(conn, context).await
}

/// T3 and T4: confirms the draft; tells whether an SMS is durably queued.
pub(crate) async fn confirm(
    conn: &mut PgConnection,
    context: &Context<'_>,
    id: Uuid,
    confirmation: Confirmation,
) -> Result<bool, Fault> {
    let mut step = Step::plan(conn, context, id, Event::Confirmed(confirmation.payment_method)).await?;
    step.tell_customer = confirmation.send_sms_confirmation;
    if let Some(phone) = &step.order.customer_phone {
        refuse_too_many(conn, context, phone).await?;
    }
    refuse_changed_prices(conn, id, &step.order.currency).await?;
    if let Some(name) = confirmation.customer_name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        if name.chars().count() > 200 {
            return Err(Problem::new(Code::Invalid, "customer_name: expected at most 200 characters").into());
        }
        sqlx::query("update orders.orders set customer_name = $2 where id = $1")
            .bind(id)
            .bind(name)
            .execute(&mut *conn)
            .await?;
        sqlx::query(
            "update identity.customers set name = $2, updated_at = $3 where id = $1 and name is null",
        )
        .bind(step.order.customer_id)
        .bind(name)
        .bind(context.now)
        .execute(&mut *conn)
        .await?;
    }
    // A draft may be confirmed a day after its delivery was set; the days count from the confirmation.
    sqlx::query("update orders.order_delivery set estimated_on = $2::date + days_max where order_id = $1")
        .bind(id)
        .bind(context.today())
        .execute(&mut *conn)
        .await?;
    step.carry_out(conn, context).await?;
    let queued: bool = sqlx::query_scalar(
        "select exists (select from notify.notifications where order_id = $1 and channel = 'sms')",
    )
    .bind(id)
    .fetch_one(conn)
    .await?;
    Ok(queued)
}

#[derive(FromRow)]
struct Repriced {
    position: i32,
    product_id: Uuid,
    name: String,
    was: Amount,
    now: Amount,
}

/// The caller agreed to the prices of the draft; others need another yes.
async fn refuse_changed_prices(conn: &mut PgConnection, id: Uuid, currency: &str) -> Result<(), Fault> {
    let changed: Vec<Repriced> = sqlx::query_as(
        "select i.position, p.id as product_id, i.name, i.unit_minor as was, p.price_minor as now \
         from orders.order_items i join catalog.products p on p.id = i.product_id \
         where i.order_id = $1 and (p.price_minor <> i.unit_minor or p.currency <> $2) order by i.position",
    )
    .bind(id)
    .bind(currency)
    .fetch_all(conn)
    .await?;
    if changed.is_empty() {
        return Ok(());
    }
    let parts: Vec<Part> = changed
        .iter()
        .map(|line| Part {
            pointer: format!("/items/{}", line.position),
            code: "price-changed",
            message: format!("{}: was {}, is {}", line.name, line.was, line.now),
            facts: [
                ("product_id".to_owned(), json!(line.product_id)),
                ("was".to_owned(), json!(line.was.to_string())),
                ("now".to_owned(), json!(line.now.to_string())),
            ]
            .into_iter()
            .collect(),
        })
        .collect();
    let said: Vec<&str> = parts.iter().map(|part| part.message.as_str()).collect();
    let detail = format!("{}; set the delivery again to take the new prices", said.join("; "));
    Err(Problem::new(Code::PriceChanged, detail).with_parts(parts).into())
}
