//! The one place that writes an order's state: the table of [`super::state`], carried out in the caller's transaction.

use chrono::{DateTime, FixedOffset, NaiveDate, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::materials;
use super::money::Amount;
use super::order::OrderRow;
use super::outbox;
use super::payments;
use super::problem::{Code, Fault, Problem};
use super::settings::Settings;
use super::state::{self, Effects, Event, State, Stock};
use super::stock;

/// Who wants a change, and under which rules.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) now: DateTime<Utc>,
    /// The subject of who asks (`agent`, `user:…`, `client:…`), or `timer`, `provider`.
    pub(crate) actor: &'a str,
    /// The request's Idempotency-Key.
    pub(crate) key: Option<&'a str>,
    pub(crate) request_id: &'a str,
    /// The version that the caller has seen (`If-Match`).
    pub(crate) expected_version: Option<i32>,
}

masked!(Context<'a>);

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
    /// What is written into the history beside the new status.
    pub(crate) note: Note,
}

/// Words for the history of an order.
#[derive(Clone, Default)]
pub(crate) struct Note {
    /// Who did it, in the words of whoever asked; at most 255 characters.
    pub(crate) actor_details: Option<String>,
    /// Why; the table's own reason when absent.
    pub(crate) notes: Option<String>,
    /// Whether the history gets a row though the status stays the same.
    pub(crate) always: bool,
}

masked!(Note);

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
        Ok(Self { order, event, effects, tell_customer: true, note: Note::default() })
    }

    /// Writes the state and everything that follows from it.
    pub(crate) async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<(), Fault> {
        let Self { order, event, effects, tell_customer, note } = self;
        let told = effects.to != order.state || note.always;
        // Row, history and event in one statement, which is one way to the database. Of two changes at once the second
        // may have begun first: its time still comes after the first one's. An order that stays what it is keeps the
        // reason for it.
        sqlx::query(
            "with moved as (update orders.orders set state = $2, status_id = $3, version = version + 1, \
              state_reason = coalesce($4, case when state = $2 then state_reason end), \
              expires_at = case when $5 then null else expires_at end, \
              updated_at = greatest($6, updated_at + interval '1 microsecond') \
              where id = $1 returning id, version, updated_at), \
             told as (insert into orders.order_status_history \
              (order_id, status_id, state, changed_at, actor_details, actor_subject, notes) \
              select id, $3, $2, updated_at, $7, $8, $9 from moved where $10) \
             insert into orders.events \
             (order_id, version, event, from_state, to_state, actor, idem_key, request_id, at) \
             select id, version, $11, $12, $2, $8, $13, $14, $6 from moved",
        )
        .bind(order.id)
        .bind(effects.to.name())
        .bind(effects.to.status_id())
        .bind(&effects.reason)
        .bind(effects.lift_expiry)
        .bind(context.now)
        .bind(&note.actor_details)
        .bind(context.actor)
        .bind(note.notes.as_deref().or(effects.reason.as_deref()))
        .bind(told)
        .bind(event.name())
        .bind(order.state.name())
        .bind(context.key)
        .bind(context.request_id)
        .execute(&mut *conn)
        .await?;
        stock::carry_out(conn, context, order.id, effects.stock).await?;
        // Where the goods come back, so do the materials; what is under way brings back neither.
        if effects.to == State::Cancelled && effects.stock != Stock::Untouched {
            materials::put_back(conn, context, order.id).await?;
        }
        payments::carry_out(conn, context, &order, &effects.payment).await?;
        if let Some(template) = effects.message.filter(|_| tell_customer) {
            outbox::enqueue(conn, context, order.id, template).await?;
        }
        Ok(())
    }
}

/// The fence below the memory of idempotency keys: a key that was forgotten after its days still makes no second order.
/// Gives what [`Opening::origin_key`] is to hold, and the order that was made under it before, if one was.
pub(crate) async fn origin(
    conn: &mut PgConnection,
    context: &Context<'_>,
) -> Result<(Option<String>, Option<Uuid>), Fault> {
    let origin_key = context.key.map(|key| format!("{}:{key}", context.actor));
    let known = sqlx::query_scalar("select id from orders.orders where origin_key = $1")
        .bind(&origin_key)
        .fetch_optional(conn)
        .await?;
    Ok((origin_key, known))
}

/// T1 and T5: the row of an order that did not exist. The caller writes its lines and totals, and then tells the customer
/// with [`announce`], where the table says so.
pub(crate) async fn begin(
    conn: &mut PgConnection,
    context: &Context<'_>,
    event: &Event,
    opening: &Opening<'_>,
) -> Result<(), Fault> {
    let effects = state::apply(None, event, context.now)?;
    let lifetime = TimeDelta::seconds(i64::from(context.settings.draft_ttl_s));
    let expires_at = (effects.to == State::Draft).then(|| context.now + lifetime);
    sqlx::query(
        "with placed as (insert into orders.orders (id, order_number, source, state, status_id, customer_id, \
          customer_name, customer_phone, customer_email, currency, subtotal_minor, total_minor, call_id, origin_key, \
          user_id, prepayment_minor, planned_on, expires_at, created_at, updated_at) \
          values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13, $14, $15, $16, $17, $18, $18) \
          returning id, state, status_id, version, created_at), \
         told as (insert into orders.order_status_history (order_id, status_id, state, changed_at, actor_subject) \
          select id, status_id, state, created_at, $19 from placed) \
         insert into orders.events (order_id, version, event, to_state, actor, idem_key, request_id, at) \
         select id, version, $20, state, $19, $21, $22, created_at from placed",
    )
    .bind(opening.id)
    .bind(opening.order_number)
    .bind(opening.source)
    .bind(effects.to.name())
    .bind(effects.to.status_id())
    .bind(opening.customer_id)
    .bind(opening.customer_name)
    .bind(opening.customer_phone)
    .bind(opening.customer_email)
    .bind(opening.currency)
    .bind(opening.subtotal)
    .bind(opening.call_id)
    .bind(opening.origin_key)
    .bind(opening.manager)
    .bind(opening.prepayment)
    .bind(opening.planned_on)
    .bind(expires_at)
    .bind(context.now)
    .bind(context.actor)
    .bind(event.name())
    .bind(context.key)
    .bind(context.request_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Tells the customer of an order that has just begun, once its lines are there.
pub(crate) async fn announce(
    conn: &mut PgConnection,
    context: &Context<'_>,
    event: &Event,
    order_id: Uuid,
) -> Result<(), Fault> {
    match state::apply(None, event, context.now)?.message {
        Some(template) => outbox::enqueue(conn, context, order_id, template).await,
        None => Ok(()),
    }
}

/// What a new order is made of, lines apart.
#[derive(Default)]
pub(crate) struct Opening<'a> {
    pub(crate) id: Uuid,
    pub(crate) order_number: &'a str,
    /// `ai_agent`, `website`, `crm`, `market` or `telegram`.
    pub(crate) source: &'a str,
    pub(crate) customer_id: Option<Uuid>,
    pub(crate) customer_name: Option<&'a str>,
    pub(crate) customer_phone: Option<&'a str>,
    pub(crate) customer_email: Option<&'a str>,
    pub(crate) currency: &'a str,
    pub(crate) subtotal: Amount,
    pub(crate) call_id: Option<&'a str>,
    pub(crate) origin_key: Option<&'a str>,
    /// The CRM's manager who made it.
    pub(crate) manager: Option<Uuid>,
    pub(crate) prepayment: Amount,
    pub(crate) planned_on: Option<NaiveDate>,
}

masked!(Opening<'a>);

#[cfg(test)]
mod walk_tests;
