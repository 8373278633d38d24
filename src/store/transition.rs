//! The one place that writes an order's state: the table of [`super::state`], carried out in the caller's transaction.

use chrono::{DateTime, FixedOffset, NaiveDate, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::order::OrderRow;
use super::outbox;
use super::problem::{Code, Fault, Part, Problem};
use super::settings::Settings;
use super::state::{self, Effects, Event, Method, Payment, State, Stock};

/// Who wants a change, and under which rules.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) now: DateTime<Utc>,
    /// `agent`, `timer`.
    pub(crate) actor: &'a str,
    /// The request's Idempotency-Key.
    pub(crate) key: Option<&'a str>,
    pub(crate) request_id: &'a str,
    /// The version that the caller has seen (`If-Match`).
    pub(crate) expected_version: Option<i32>,
}

impl Context<'_> {
    /// Today in the shop's own zone.
    pub(crate) fn today(&self) -> NaiveDate {
        let seconds = self.settings.utc_offset_min.saturating_mul(60);
        FixedOffset::east_opt(seconds)
            .map_or(self.now.date_naive(), |zone| self.now.with_timezone(&zone).date_naive())
    }
}

/// A transition that is allowed and not yet carried out. Between [`Step::plan`] and [`Step::carry_out`] the order is
/// locked, and the handler writes what belongs to the event (lines, delivery).
#[derive(Debug)]
pub(crate) struct Step {
    /// The order before the change.
    pub(crate) order: OrderRow,
    event: Event,
    effects: Effects,
    /// Whether the customer hears of it by message, where the table says so. True until the handler knows better.
    pub(crate) tell_customer: bool,
}

impl Step {
    /// Locks the order and asks the table.
    pub(crate) async fn plan(
        conn: &mut PgConnection,
        context: &Context<'_>,
        id: Uuid,
        event: Event,
    ) -> Result<Self, Fault> {
        let order = OrderRow::lock(conn, id).await?;
        if let Some(expected) = context.expected_version.filter(|expected| *expected != order.version) {
            let detail = format!("expected version {expected}, found version {}", order.version);
            return Err(Problem::new(Code::VersionMismatch, detail).into());
        }
        let effects = state::apply(Some(order.facts()), &event, context.now)?;
        Ok(Self { order, event, effects, tell_customer: true })
    }

    /// Writes the state and everything that follows from it.
    pub(crate) async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<(), Fault> {
        let Self { order, event, effects, tell_customer } = self;
        let version: i32 = sqlx::query_scalar(
            "update orders.orders set state = $2, status_id = $3, state_reason = $4, version = version + 1, \
             expires_at = case when $5 then null else expires_at end, updated_at = $6 \
             where id = $1 returning version",
        )
        .bind(order.id)
        .bind(effects.to.name())
        .bind(effects.to.status_id())
        .bind(&effects.reason)
        .bind(effects.lift_expiry)
        .bind(context.now)
        .fetch_one(&mut *conn)
        .await?;
        match effects.stock {
            Stock::Untouched => {}
            Stock::Reserve { timed } => reserve(conn, context, order.id, timed).await?,
            Stock::Release => release(conn, context, order.id, "released").await?,
            Stock::Expire => release(conn, context, order.id, "expired").await?,
        }
        settle(conn, context, &order, effects.payment).await?;
        if effects.to != order.state {
            note_status(conn, context, order.id, effects.to, effects.reason.as_deref()).await?;
        }
        record(conn, context, order.id, version, &event, Some(order.state), effects.to).await?;
        if let Some(template) = effects.message.filter(|_| tell_customer) {
            outbox::enqueue(conn, context, order.id, template).await?;
        }
        Ok(())
    }
}

/// T1: the row of an order that did not exist. The caller writes its lines and totals.
pub(crate) async fn begin(
    conn: &mut PgConnection,
    context: &Context<'_>,
    draft: &Draft<'_>,
) -> Result<(), Fault> {
    let effects = state::apply(None, &Event::Drafted, context.now)?;
    let lifetime = TimeDelta::seconds(i64::from(context.settings.draft_ttl_s));
    sqlx::query(
        "insert into orders.orders (id, order_number, source, state, status_id, customer_id, customer_name, \
         customer_phone, customer_email, currency, subtotal_minor, total_minor, call_id, origin_key, expires_at, \
         created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13, $14, $15, $15)",
    )
    .bind(draft.id)
    .bind(draft.order_number)
    .bind(draft.source)
    .bind(effects.to.name())
    .bind(effects.to.status_id())
    .bind(draft.customer_id)
    .bind(draft.customer_name)
    .bind(draft.customer_phone)
    .bind(draft.customer_email)
    .bind(draft.currency)
    .bind(draft.subtotal)
    .bind(draft.call_id)
    .bind(draft.origin_key)
    .bind(context.now + lifetime)
    .bind(context.now)
    .execute(&mut *conn)
    .await?;
    note_status(conn, context, draft.id, effects.to, None).await?;
    record(conn, context, draft.id, 1, &Event::Drafted, None, effects.to).await
}

/// What a new order is made of, lines apart.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) id: Uuid,
    pub(crate) order_number: &'a str,
    pub(crate) source: &'a str,
    pub(crate) customer_id: Uuid,
    pub(crate) customer_name: Option<&'a str>,
    pub(crate) customer_phone: &'a str,
    pub(crate) customer_email: Option<&'a str>,
    pub(crate) currency: &'a str,
    pub(crate) subtotal: super::money::Amount,
    pub(crate) call_id: Option<&'a str>,
    pub(crate) origin_key: Option<&'a str>,
}

async fn note_status(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    to: State,
    notes: Option<&str>,
) -> Result<(), Fault> {
    sqlx::query(
        "insert into orders.order_status_history (order_id, status_id, state, changed_at, actor_subject, notes) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(order_id)
    .bind(to.status_id())
    .bind(to.name())
    .bind(context.now)
    .bind(context.actor)
    .bind(notes)
    .execute(conn)
    .await?;
    Ok(())
}

async fn record(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    version: i32,
    event: &Event,
    from: Option<State>,
    to: State,
) -> Result<(), Fault> {
    sqlx::query(
        "insert into orders.events (order_id, version, event, from_state, to_state, actor, idem_key, request_id, at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(order_id)
    .bind(version)
    .bind(event.name())
    .bind(from.map(State::name))
    .bind(to.name())
    .bind(context.actor)
    .bind(context.key)
    .bind(context.request_id)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Wanted {
    position: i32,
    product_id: Uuid,
    name: String,
    quantity: i32,
    available: i32,
}

/// Takes every line out of what is available, or says which lines are short and takes nothing.
async fn reserve(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    timed: bool,
) -> Result<(), Fault> {
    // One order of locking for everybody, so that two orders with the same goods cannot wait for each other.
    sqlx::query(
        "select 1 from stock.stock_items where product_id in \
         (select product_id from orders.order_items where order_id = $1) order by product_id for update",
    )
    .bind(order_id)
    .execute(&mut *conn)
    .await?;
    let wanted: Vec<Wanted> = sqlx::query_as(
        "select i.position, i.product_id, i.name, i.quantity, \
         case when p.is_active then coalesce(s.on_hand - s.reserved, 0) else 0 end as available \
         from orders.order_items i join catalog.products p on p.id = i.product_id \
         left join stock.stock_items s on s.product_id = i.product_id where i.order_id = $1 order by i.position",
    )
    .bind(order_id)
    .fetch_all(&mut *conn)
    .await?;
    let short: Vec<Part> = wanted
        .iter()
        .filter(|line| line.available < line.quantity)
        .map(|line| short_line(line.position, line.product_id, &line.name, line.quantity, line.available))
        .collect();
    if !short.is_empty() {
        return Err(out_of_stock(short).into());
    }
    let reservation = Uuid::now_v7();
    let lifetime = TimeDelta::seconds(i64::from(context.settings.payment_ttl_s));
    sqlx::query(
        "insert into stock.reservations (id, order_id, status, expires_at) values ($1, $2, 'active', $3)",
    )
    .bind(reservation)
    .bind(order_id)
    .bind(timed.then(|| context.now + lifetime))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert into stock.reservation_items (reservation_id, product_id, quantity) \
         select $1, product_id, quantity from orders.order_items where order_id = $2 and product_id is not null",
    )
    .bind(reservation)
    .bind(order_id)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update stock.stock_items s set reserved = reserved + i.quantity, updated_at = $2 \
         from stock.reservation_items i where i.reservation_id = $1 and i.product_id = s.product_id",
    )
    .bind(reservation)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}

/// A line of which there is not enough.
pub(crate) fn short_line(position: i32, product: Uuid, name: &str, requested: i32, available: i32) -> Part {
    let facts = json!({
        "product_id": product, "name": name, "requested": requested, "available": available,
    });
    Part {
        pointer: format!("/items/{position}"),
        code: "out-of-stock",
        message: format!("{name}: expected {requested} in stock, found {available}"),
        facts: facts.as_object().cloned().unwrap_or_else(Map::<String, Value>::new),
    }
}

/// The no of a shelf.
pub(crate) fn out_of_stock(short: Vec<Part>) -> Problem {
    let said: Vec<&str> = short.iter().map(|part| part.message.as_str()).collect();
    let detail = said.join("; ");
    Problem::new(Code::OutOfStock, detail).with_parts(short)
}

/// Gives back what an active reservation holds; nothing when there is none.
async fn release(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    status: &str,
) -> Result<(), Fault> {
    sqlx::query(
        "select 1 from stock.stock_items where product_id in \
         (select i.product_id from stock.reservation_items i join stock.reservations r on r.id = i.reservation_id \
          where r.order_id = $1 and r.status = 'active') order by product_id for update",
    )
    .bind(order_id)
    .execute(&mut *conn)
    .await?;
    let reservation: Option<Uuid> = sqlx::query_scalar(
        "update stock.reservations set status = $2, updated_at = $3 where order_id = $1 and status = 'active' \
         returning id",
    )
    .bind(order_id)
    .bind(status)
    .bind(context.now)
    .fetch_optional(&mut *conn)
    .await?;
    sqlx::query(
        "update stock.stock_items s set reserved = reserved - i.quantity, updated_at = $2 \
         from stock.reservation_items i where i.reservation_id = $1 and i.product_id = s.product_id",
    )
    .bind(reservation)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}

async fn settle(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: &OrderRow,
    payment: Payment,
) -> Result<(), Fault> {
    let statement = match payment {
        Payment::Untouched => return Ok(()),
        Payment::Await(method) => return await_payment(conn, context, order, method).await,
        Payment::Drop => {
            "update pay.payments set status = 'cancelled', updated_at = $2 \
             where order_id = $1 and status in ('on_delivery', 'pending')"
        }
        Payment::Refund => {
            "update pay.payments set status = 'refund_pending', updated_at = $2 \
             where order_id = $1 and status = 'paid'"
        }
    };
    sqlx::query(statement).bind(order.id).bind(context.now).execute(conn).await?;
    Ok(())
}

async fn await_payment(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: &OrderRow,
    method: Method,
) -> Result<(), Fault> {
    let id = Uuid::now_v7();
    let (status, pay_url) = match (method, &context.settings.pay_url) {
        (Method::CashOnDelivery | Method::CardOnDelivery, _) => ("on_delivery", None),
        (Method::Online, Some(template)) => {
            ("pending", Some(template.replace("{payment_id}", &id.to_string())))
        }
        (Method::Online, None) => {
            let detail = "expected payment on delivery: this shop takes no online payment";
            return Err(Problem::new(Code::PaymentUnavailable, detail).into());
        }
    };
    sqlx::query(
        "insert into pay.payments (id, order_id, method, amount_minor, currency, status, pay_url, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(order.id)
    .bind(method.name())
    .bind(order.total_minor)
    .bind(&order.currency)
    .bind(status)
    .bind(pay_url)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}
